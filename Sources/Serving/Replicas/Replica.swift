import Files
import Foundation
package import Generation

/// The same model in another process, asked by HTTP as any client would.
package struct Replica: Sendable {
    /// How messages call it, such as `rank 1 on node-7`.
    package let name: String
    private let place: ServerConnection.Place
    private let key: String

    /// - Parameters:
    ///   - host: a name or an IPv4 address.
    ///   - key: what its server asks for.
    package init(name: String, host: String, port: Int, key: String) {
        self.name = name
        place = ServerConnection.Place(host: host, port: port)
        self.key = key
    }

    /// Headers of an answer that are handed on; the server in front sets the others itself.
    private static let handedOn: Set = [
        "content-type", "retry-after", "allow", "cache-control", "x-accel-buffering",
    ]

    /// What it says to a request, which ends with its client.
    ///
    /// - Throws: ``ServerProblem`` 502 where it says nothing.
    func answer(to request: ServerRequest) async throws(ServerProblem) -> ServerAnswer {
        let parts = send(request.method, request.path, body: request.body)
        var first = parts.makeAsyncIterator()
        guard case .head(let status, let headers)? = await first.next() else { throw lost }
        let kept = headers.filter { Self.handedOn.contains($0.key) }
            .map { (name: $0.key, value: $0.value) }.sorted { $0.name < $1.name }
        guard headers["content-type"]?.hasPrefix("text/event-stream") == true else {
            return .written(try await body(of: parts), headers: kept, status: status)
        }
        return .written(pieces(of: parts))
    }

    /// What its engines have done.
    ///
    /// - Throws: ``ServerProblem`` 502 where it does not say.
    package func figures() async throws(ServerProblem) -> EngineFigures {
        let answer = try await answer(to: ServerRequest("GET", ReplicaRoutes.figuresPath))
        guard answer.status == 200, case let bytes = await answer.body(),
            let value = try? JSONValueReader.read(bytes[...])
        else { throw lost }
        return EngineFigures(json: value)
    }

    /// Asks it to end.
    package func stop() async {
        _ = try? await answer(to: ServerRequest("POST", ReplicaRoutes.stopPath))
    }

    private func send(
        _ method: String, _ path: String, body: [UInt8]
    ) -> AsyncStream<AnswerReader.Part> {
        // A server that only its machine can reach asks for one of its own names.
        let head =
            "\(method) \(path) HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer \(key)\r\n"
            + "content-type: application/json\r\ncontent-length: \(body.count)\r\n"
            + "connection: close\r\n\r\n"
        return ServerConnection.send(Array(head.utf8) + body, to: place)
    }

    private func body(
        of parts: AsyncStream<AnswerReader.Part>
    ) async throws(ServerProblem) -> [UInt8] {
        var body: [UInt8] = []
        for await part in parts {
            switch part {
            case .head: break
            case .body(let bytes): body += bytes
            case .end: return body
            }
        }
        throw lost
    }

    /// The bytes of a stream as they come; where it breaks off, an event with the error.
    private func pieces(of parts: AsyncStream<AnswerReader.Part>) -> AsyncStream<[UInt8]> {
        let (pieces, line) = AsyncStream.makeStream(of: [UInt8].self)
        let task = Task {
            var isWhole = false
            for await part in parts {
                switch part {
                case .head: break
                case .body(let bytes): line.yield(bytes)
                case .end: isWhole = true
                }
            }
            if !isWhole { line.yield(ServerEvent.data(lost.json).bytes) }
            line.finish()
        }
        line.onTermination = { _ in task.cancel() }
        return pieces
    }

    private var lost: ServerProblem {
        ServerProblem(502, "the replica of \(name) hung up", code: "replica_lost")
    }
}
