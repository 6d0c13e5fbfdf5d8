import Files
import Foundation
import Serving
import Synchronization
import Testing

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// The server behind real sockets.
@Suite struct SocketTests {
    /// Runs `body` with the port of a server, and stops it.
    private func serving(
        _ sample: ServedSample, _ body: (Int) async throws -> Void
    ) async throws {
        let (ports, line) = AsyncStream.makeStream(of: Int.self)
        let server = sample.server
        let run = Task { try await server.run { line.yield($0) } }
        var opened = ports.makeAsyncIterator()
        let port = try #require(await opened.next())
        try await body(port)
        await server.stop(within: 2)
        try await run.value
    }

    private func request(_ port: Int, _ path: String, _ body: String? = nil) throws -> URLRequest {
        var request = URLRequest(
            url: try #require(URL(string: "http://127.0.0.1:\(port)\(path)")))
        request.timeoutInterval = 30
        if let body {
            request.httpMethod = "POST"
            request.httpBody = Data(body.utf8)
        }
        return request
    }

    @Test func answersAndStreamsGoOverTheWire() async throws {
        let sample = try ServedSample()
        try await serving(sample) { port in
            let question = "{\"messages\": [{\"role\": \"user\", \"content\": \"one\"}]"
            let (data, response) = try await URLSession.shared.data(
                for: request(port, "/v1/chat/completions", question + "}"))
            #expect((response as? HTTPURLResponse)?.statusCode == 200)
            let whole = try JSONValueReader.read(Array(data)[...])
            let text = whole["choices"]?.array?.first?["message"]?["content"]?.string
            let (streamed, _) = try await URLSession.shared.data(
                for: request(port, "/v1/chat/completions", question + ", \"stream\": true}"))
            let pieces = String(decoding: streamed, as: UTF8.self)
                .components(separatedBy: "\n\n").filter { $0.hasPrefix("data: {") }
                .compactMap { try? JSONValueReader.read(String($0.dropFirst(6))) }
                .compactMap { $0["choices"]?.array?.first?["delta"]?["content"]?.string }
            #expect(text?.isEmpty == false && pieces.joined() == text)
            let (_, health) = try await URLSession.shared.data(for: request(port, "/health"))
            #expect((health as? HTTPURLResponse)?.statusCode == 200)
        }
    }

    @Test func aClientThatHangsUpFreesItsSlot() async throws {
        let sample = try ServedSample(["max_new_tokens": .int(100_000)], slots: 1)
        // None of the tokens that would end the answer.
        let ends = sample.model.endTokens.union(sample.model.encoder?.stopTokens ?? [])
        let bias = ends.map { "\"\($0)\": -100" }.joined(separator: ", ")
        try await serving(sample) { port in
            for streams in [true, false] {
                let socket = try ClientSocket(port: port)
                let body =
                    "{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}], "
                    + "\"logit_bias\": {\(bias)}, \"stream\": \(streams)}"
                try socket.send(
                    "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n"
                        + "content-length: \(body.utf8.count)\r\n\r\n\(body)")
                try await wait { sample.model.engine.figures.running == 1 }
                let before = ContinuousClock.now
                socket.close()
                try await wait { sample.model.engine.figures.running == 0 }
                #expect(ContinuousClock.now - before < .seconds(1), "streams: \(streams)")
            }
        }
    }

    private func wait(_ condition: () -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(20)
        while !condition() {
            try #require(ContinuousClock.now < end, "it did not come to pass")
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    @Test func tooLargeABodyIsRefusedBeforeItCame() async throws {
        let sample = try ServedSample()
        try await serving(sample) { port in
            let socket = try ClientSocket(port: port)
            try socket.send(
                "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n"
                    + "content-length: 999999999999\r\n\r\n{")
            #expect(try socket.read().hasPrefix("HTTP/1.1 413"))
        }
    }

    @Test func anAddressThatIsTakenIsSaid() async throws {
        let sample = try ServedSample()
        try await serving(sample) { port in
            let other = HTTPServer(
                try ServerAddress(environment: ["API_PORT": "\(port)"]), routes: [])
            await #expect(throws: ServingError.self) { try await other.run { _ in } }
        }
    }
}
