package import Files

/// What a client is told.
package struct ServerAnswer: Sendable {
    enum Content: Sendable {
        case bytes([UInt8])
        case events(AsyncStream<ServerEvent>, endsWithServer: Bool)
        /// Bytes of events as another server writes them.
        case pieces(AsyncStream<[UInt8]>)
    }

    package var status: Int
    /// Further headers; content-type is among them.
    package var headers: [(name: String, value: String)]
    private(set) var content: Content

    private init(_ content: Content, type: String, status: Int) {
        self.content = content
        self.status = status
        headers = [("content-type", type)]
    }

    package static func json(_ value: JSONValue, status: Int = 200) -> ServerAnswer {
        let text = ServerEvent.compact(value)
        return ServerAnswer(.bytes(Array(text.utf8)), type: "application/json", status: status)
    }

    package static func text(
        _ text: String, type: String = "text/plain; charset=utf-8", status: Int = 200
    ) -> ServerAnswer {
        ServerAnswer(.bytes(Array(text.utf8)), type: type, status: status)
    }

    /// An answer as another server gave it.
    static func written(
        _ bytes: [UInt8], headers: [(name: String, value: String)], status: Int
    ) -> ServerAnswer {
        var answer = ServerAnswer(.bytes(bytes), type: "", status: status)
        answer.headers = headers
        return answer
    }

    package static func bytes(_ bytes: [UInt8], type: String) -> ServerAnswer {
        ServerAnswer(.bytes(bytes), type: type, status: 200)
    }

    /// A page whose script and style stand in it: nothing is fetched from elsewhere, and no other page
    /// may frame it.
    package static func page(_ html: String) -> ServerAnswer {
        var answer = text(html, type: "text/html; charset=utf-8")
        answer.headers += [
            (
                "content-security-policy",
                "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
                    + "img-src 'self' data:; connect-src 'self'; form-action 'self'; "
                    + "base-uri 'none'; frame-ancestors 'none'"
            ),
            ("referrer-policy", "no-referrer"), ("cache-control", "no-cache"),
        ]
        return answer
    }

    /// Server-sent events, as they come; a comment is sent where none has come for a while.
    ///
    /// - Parameter endsWithServer: whether the stream is ended when the server is to stop; otherwise it
    ///   is waited for, as for an answer.
    package static func events(
        _ events: AsyncStream<ServerEvent>, endsWithServer: Bool = true
    ) -> ServerAnswer {
        var answer = ServerAnswer(
            .events(events, endsWithServer: endsWithServer), type: "text/event-stream", status: 200)
        answer.headers += [("cache-control", "no-cache"), ("x-accel-buffering", "no")]
        return answer
    }

    /// Events as another server writes them; they are waited for, as an answer is.
    static func written(_ pieces: AsyncStream<[UInt8]>) -> ServerAnswer {
        var answer = ServerAnswer(.pieces(pieces), type: "text/event-stream", status: 200)
        answer.headers += [("cache-control", "no-cache"), ("x-accel-buffering", "no")]
        return answer
    }

    /// The answer; a stream keeps an object for as long as it is read.
    func keeping(_ object: some AnyObject & Sendable) -> ServerAnswer {
        var answer = self
        switch content {
        case .bytes: return self
        case .events(let events, let endsWithServer):
            answer.content = .events(
                Self.relayed(events, keeping: object), endsWithServer: endsWithServer)
        case .pieces(let pieces):
            answer.content = .pieces(Self.relayed(pieces, keeping: object))
        }
        return answer
    }

    private static func relayed<Element: Sendable>(
        _ elements: AsyncStream<Element>, keeping object: some AnyObject & Sendable
    ) -> AsyncStream<Element> {
        let (kept, line) = AsyncStream.makeStream(of: Element.self)
        let task = Task {
            for await element in elements { line.yield(element) }
            line.finish()
            withExtendedLifetime(object) {}
        }
        line.onTermination = { _ in task.cancel() }
        return kept
    }

    var isStream: Bool { if case .bytes = content { false } else { true } }

    /// The whole body, events one after another; what pages and tests ask for.
    package func body() async -> [UInt8] {
        switch content {
        case .bytes(let bytes): return bytes
        case .events(let events, _):
            var bytes: [UInt8] = []
            for await event in events { bytes += event.bytes }
            return bytes
        case .pieces(let pieces):
            var bytes: [UInt8] = []
            for await piece in pieces { bytes += piece }
            return bytes
        }
    }
}

/// One server-sent event.
package enum ServerEvent: Sendable {
    case data(JSONValue)
    /// An event with a name.
    case named(String, JSONValue)
    /// A line that clients pass over.
    case comment(String)
    /// The end of OpenAI's streams.
    case done

    /// Source: the HTML standard, section 9.2.
    var bytes: [UInt8] {
        switch self {
        case .data(let value): Array("data: \(Self.compact(value))\n\n".utf8)
        case .named(let name, let value):
            Array("event: \(name)\ndata: \(Self.compact(value))\n\n".utf8)
        case .comment(let text): Array(": \(text)\n\n".utf8)
        case .done: Array("data: [DONE]\n\n".utf8)
        }
    }

    /// JSON on one line without spaces.
    static func compact(_ value: JSONValue) -> String {
        var writer = JSONWriter()
        writer.itemSeparator = ","
        writer.keySeparator = ":"
        return writer.text(of: value)
    }
}
