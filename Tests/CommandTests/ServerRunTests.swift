import Foundation
import Testing

/// `lockstep api` as a process of its own, over real sockets.
@Suite struct ServerRunTests {
    private static let chat = "POST /v1/chat/completions"

    private func object(_ text: Substring) throws -> [String: Any] {
        try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    private func choice(_ text: Substring, _ member: String) throws -> String? {
        let choices = try object(text)["choices"] as? [[String: Any]]
        return (choices?.first?[member] as? [String: Any])?["content"] as? String
    }

    @Test func answersAndStreamsGoOverTheWire() throws {
        let server = try TrialServer()
        let question =
            "{\"messages\": [{\"role\": \"user\", \"content\": \"one\"}], \"seed\": 3, "
            + "\"max_tokens\": 20"
        let whole = try server.answer(Self.chat, question + "}")
        #expect(whole.hasPrefix("HTTP/1.1 200"))
        let body = try #require(whole.range(of: "\r\n\r\n"))
        let content = try choice(whole[body.upperBound...], "message")
        let streamed = try server.answer(Self.chat, question + ", \"stream\": true}")
            .split(whereSeparator: \.isNewline)
        let pieces = try streamed.filter { $0.hasPrefix("data: {") }
            .compactMap { try choice($0.dropFirst(6), "delta") }
        #expect(content?.isEmpty == false && pieces.count > 3 && pieces.joined() == content)
        #expect(streamed.contains("data: [DONE]"))
        let run = try server.stop()
        #expect(run.status == 0, "\(run.errors)")
    }

    /// A server that saw it only by its keep-alive comments, 15 seconds apart, would compute tens of
    /// thousands of tokens of this model first; one that never saw it, all 60,000.
    @Test(arguments: [true, false]) func aClientThatHangsUpFreesItsSlot(streams: Bool) throws {
        let server = try TrialServer()
        let socket = try server.open(
            Self.chat, TrialServer.asking(60_000, "\"stream\": \(streams)"))
        #expect(server.comes { (try? server.figure("requests_processing")) == 1 })
        let before = try #require(try server.figure("tokens_predicted_total"))
        socket.close()
        #expect(server.comes { (try? server.figure("requests_processing")) == 0 })
        #expect(try server.figure("requests_finished_total") == 1)
        let tokens = try #require(try server.figure("tokens_predicted_total"))
        #expect(tokens > 0 && tokens - before < 5000)
        _ = try server.stop()
    }

    /// Its answer piles up until there is no more room for it, long before it is cut off for the time
    /// that it takes; others are answered meanwhile.
    @Test func aClientThatReadsNothingIsCutOffAndHoldsNobody() throws {
        let server = try TrialServer(["API_REQUEST_TIMEOUT": "3600", "MAX_CONCURRENT": "2"])
        let socket = try server.open(
            Self.chat,
            TrialServer.asking(
                60_000, "\"stream\": true, \"logprobs\": true, \"top_logprobs\": 20"))
        #expect(server.comes { (try? server.figure("requests_processing")) == 1 })
        let other = try server.answer(Self.chat, TrialServer.asking(40))
        #expect(other.contains("\"finish_reason\":\"length\"") && other.contains("[DONE]"))
        #expect(server.comes { (try? server.figure("requests_finished_total")) == 2 })
        let tokens = try #require(try server.figure("tokens_predicted_total"))
        #expect(tokens < 60_000)
        socket.close()
        _ = try server.stop()
    }

    /// With 64 descriptors 48 connections are open at once, or one less while one is being let in; the
    /// next client has its answer when one of them has ended.
    @Test func connectionsAreBounded() throws {
        let server = try TrialServer(shell: "ulimit -n 64")
        let health = "GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
        let first = try ClientSocket(port: server.port)
        var sockets = [first]
        var late: ClientSocket?
        while late == nil, sockets.count < 60 {
            let socket = try ClientSocket(port: server.port)
            try socket.send(health)
            // Far longer than an answer takes.
            for _ in 0..<200 where !socket.hasAnswer {
                try first.send(health)
                #expect(try first.readAnswer().hasPrefix("HTTP/1.1 200"))
            }
            if socket.hasAnswer { sockets.append(socket) } else { late = socket }
        }
        #expect((40...48).contains(sockets.count), "\(sockets.count)")
        sockets.removeLast().close()
        #expect(try #require(late).read().hasPrefix("HTTP/1.1 200"))
        for socket in sockets { socket.close() }
        _ = try server.stop()
    }

    @Test func tooLargeABodyIsRefusedBeforeItCame() throws {
        let server = try TrialServer()
        let socket = try ClientSocket(port: server.port)
        try socket.send(
            "\(Self.chat) HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 999999999999\r\n\r\n{")
        #expect(try socket.read().hasPrefix("HTTP/1.1 413"))
        _ = try server.stop()
    }

    /// A head whose bytes come one by one, and that never ends.
    @Test func aHeadThatIsTooLateIsCutOff() throws {
        let server = try TrialServer(["API_REQUEST_TIMEOUT": "1"])
        let socket = try ClientSocket(port: server.port)
        try socket.send("GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: ")
        var isCut = false
        for _ in 0..<10_000 where !isCut {
            usleep(10_000)
            // What the server has closed takes a byte or two more before it says so.
            isCut = (try? socket.send("a")) == nil
        }
        #expect(isCut)
        _ = try server.stop()
    }

    /// A body whose bytes come one by one.
    @Test func aBodyThatIsTooLateIsRefused() throws {
        let server = try TrialServer(["API_REQUEST_TIMEOUT": "1"])
        let socket = try ClientSocket(port: server.port)
        try socket.send(
            "\(Self.chat) HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 100000\r\n\r\n{")
        let answer = try socket.read()
        #expect(answer.hasPrefix("HTTP/1.1 408"), "\(answer)")
        #expect(try server.answer("GET /health").hasPrefix("HTTP/1.1 200"))
        _ = try server.stop()
    }

    /// Neither as it stands nor with percent signs does a path lead out of the routes.
    @Test(arguments: [
        "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/v1/models/../../etc/passwd",
        "/v1/models/%2fetc%2fpasswd", "//etc/passwd", "/v1/models/..%5c..%5cserve.yaml",
    ])
    func noPathLeadsToAFile(path: String) throws {
        let server = try TrialServer()
        let answer = try server.answer("GET \(path)")
        #expect(answer.hasPrefix("HTTP/1.1 40"), "\(answer)")
        #expect(!answer.contains("root:") && !answer.contains("model_name_or_path"))
        _ = try server.stop()
    }

    /// Its library's log would say that waiting was cancelled.
    @Test func aServerThatIsAskedToStopFinishesItsAnswersAndSaysNothing() throws {
        let server = try TrialServer()
        let idle = try ClientSocket(port: server.port)
        try idle.send("GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        #expect(try idle.read().hasPrefix("HTTP/1.1 200"))
        let socket = try server.open(
            Self.chat,
            TrialServer.asking(300))
        #expect(server.comes { (try? server.figure("requests_processing")) == 1 })
        let run = try server.stop()
        let answer = try socket.readToEnd()
        #expect(answer.contains("\"finish_reason\":\"length\"") && answer.contains("[DONE]"))
        #expect(run.status == 0)
        let lines = run.errors.split(separator: "\n")
        #expect(lines.allSatisfy { $0.hasPrefix("lockstep: ") }, "\(run.errors)")
    }

    @Test func adaptersAreChosenByName() throws {
        let server = try TrialServer(["API_ADAPTERS": "poet=lora_start,other=dora_start"])
        let names = try object(
            server.answer("GET /v1/models").split(separator: "\r\n\r\n")[1])
        let ids = (names["data"] as? [[String: Any]])?.compactMap { $0["id"] as? String }
        #expect(ids == ["model", "poet", "other"])
        for (model, status) in [("poet", "200"), ("model", "200"), ("baker", "404")] {
            let answer = try server.answer(
                "POST /v1/completions",
                "{\"model\": \"\(model)\", \"prompt\": \"one\", \"max_tokens\": 2}")
            #expect(answer.hasPrefix("HTTP/1.1 \(status)"), "\(answer)")
        }
        _ = try server.stop()
    }

    @Test(arguments: [
        ["API_ADAPTERS": "poet"], ["API_ADAPTERS": "a=lora_start,a=dora_start"],
        ["API_ADAPTERS": "a=nowhere"], ["API_REQUEST_TIMEOUT": "0"], ["MAX_CONCURRENT": "many"],
        ["API_PORT": "70000"],
    ])
    func aVariableThatCannotBeIsSaidInOneLine(environment: [String: String]) throws {
        let folder = try TrialFolder.finetuning()
        try folder.write("serve.yaml", "model_name_or_path: model\ntemplate: chatml\n")
        let run = try folder.run(["api", "serve.yaml"], environment: environment)
        #expect(run.status == 2 && run.messages.count == 1, "\(run.errors)")
    }

    @Test func anAddressThatIsTakenIsSaid() throws {
        let server = try TrialServer()
        let second = try server.folder.run(
            ["api", "serve.yaml"], environment: ["API_PORT": "\(server.port)"])
        #expect(second.status == 2 && second.messages.count == 1, "\(second.errors)")
        #expect(second.messages[0].hasPrefix("cannot listen at 127.0.0.1 port \(server.port)"))
        _ = try server.stop()
    }
}
