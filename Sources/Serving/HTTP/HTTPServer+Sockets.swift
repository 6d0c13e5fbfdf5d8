import Foundation
import Hummingbird
import HummingbirdCore
import Synchronization

/// What of the server knows Hummingbird.
extension HTTPServer {
    /// Connections at the same time; further clients wait until one ends. A quarter of the descriptors
    /// that the process may have is for other things.
    private var connectionLimit: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 64 }
        let descriptors = Int(clamping: limit.rlim_cur)
        return max(1, min(768, descriptors / 4 * 3 / descriptorsPerClient))
    }

    /// Serves until `stops` ends.
    func listen(
        until stops: AsyncStream<Void>, _ listening: @escaping @Sendable (Int) -> Void
    ) async throws {
        // A connection that has no whole head counts as idle, however many bytes of one have come. A
        // body that stops is answered first.
        let idle = address.requestSeconds + 1
        let arrivals = Arrivals()
        var application = Application(
            responder: Dispatcher(server: self),
            server: HTTPServerBuilder { responder in
                CountedChannel(
                    base: HTTP1Channel(
                        responder: responder,
                        configuration: .init(idleTimeout: .seconds(Int64(idle)))),
                    arrivals: arrivals)
            },
            configuration: ApplicationConfiguration(
                address: address.bindAddress,
                availableConnectionsDelegate: Admission(arrivals, limit: connectionLimit)),
            onServerRunning: { channel in
                arrivals.begin(channel)
                listening(channel.localAddress?.port ?? 0)
            })
        // What clients do wrong is told to them; being asked to stop counts as an error there.
        application.logger.logLevel = .critical
        try await withThrowingTaskGroup(of: Void.self) { [application] group in
            group.addTask { try await application.run() }
            group.addTask {
                for await _ in stops {}
                await arrivals.end()
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}

/// A connection, as far as an answer has to do with it.
struct Connection: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// Closes it at once.
    let close: @Sendable () -> Void

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        let channel = source.channel
        close = { channel.close(mode: .all, promise: nil) }
    }
}

/// Turns Hummingbird's requests into the server's own, and its answers back.
private struct Dispatcher: HTTPResponder {
    typealias Context = Connection
    private typealias Field = HTTPFields.Element

    let server: HTTPServer

    func respond(to request: Request, context: Connection) async throws -> Response {
        let count = AnswerCount(server)
        var asking = Self.request(request)
        do throws(ServerProblem) {
            let asked = try server.asked(by: asking)
            let whole = try await body(of: request, asked.route.bodyLimit)
            asking.body = whole.bytes
            let answer = await answer(asking, asked, whole.request)
            return response(
                answer, to: whole.request, context, closes: asked.route.endsWithClient, count)
        } catch {
            // What is left of the body is not waited for.
            let hasBody =
                request.headers[.contentLength].map { $0 != "0" }
                ?? (request.headers[.transferEncoding] != nil)
            if hasBody { closeSoon(context) }
            let answer = HTTPServer.named(error.answer, asking)
            return response(answer, to: request, context, closes: hasBody, count)
        }
    }

    private static func request(_ request: Request) -> ServerRequest {
        var headers: [String: String] = [:]
        for field in request.headers {
            let name = field.name.canonicalName
            headers[name] = headers[name].map { "\($0), \(field.value)" } ?? field.value
        }
        headers["host"] = request.head.authority ?? ""
        return ServerRequest(
            request.method.rawValue, request.head.path ?? "/", headers: headers)
    }

    private func closeSoon(_ context: Connection) {
        Task {
            try? await Task.sleep(for: .seconds(1))
            context.close()
        }
    }

    /// The body, if it comes in time and is not too large.
    private func body(
        of request: Request, _ limit: Int
    ) async throws(ServerProblem) -> (request: Request, bytes: [UInt8]) {
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limit {
            throw HTTPServer.tooLarge(limit)
        }
        let late = ServerProblem(408, "the body did not come in time", code: "timeout")
        do {
            return try await withThrowingTaskGroup(of: (Request, [UInt8])?.self) { group in
                group.addTask {
                    var request = request
                    let buffer = try await request.collectBody(upTo: limit)
                    return (request, Array(buffer.readableBytesView))
                }
                group.addTask {
                    try await Task.sleep(for: .seconds(server.address.requestSeconds))
                    return nil
                }
                defer { group.cancelAll() }
                guard let first = try await group.next(), let whole = first else { throw late }
                return whole
            }
        } catch let problem as ServerProblem {
            throw problem
        } catch {
            throw HTTPServer.tooLarge(limit)
        }
    }

    /// Asks the route; where it says so, only as long as the client is there. A stream watches its client
    /// itself while it is written: a connection can be watched only once.
    private func answer(
        _ asking: ServerRequest, _ asked: HTTPServer.Asked, _ request: Request
    ) async -> ServerAnswer {
        let streams = (try? asking.json())?["stream"]?.bool == true
        guard asked.route.endsWithClient, !streams else {
            return await server.answer(asking, asked)
        }
        do {
            return try await request.body.consumeWithCancellationOnInboundClose { _ in
                await server.answer(asking, asked)
            }
        } catch {
            return ServerProblem(499, "the client hung up").answer
        }
    }

    // MARK: Answers

    private func response(
        _ answer: ServerAnswer, to request: Request, _ context: Connection, closes: Bool,
        _ count: AnswerCount
    ) -> Response {
        var headers = HTTPFields()
        for (name, value) in answer.headers {
            guard let name = Field.Name(name) else { continue }
            headers.append(Field(name: name, value: value))
        }
        if closes || answer.isStream { headers[.connection] = "close" }
        let status = HTTPResponse.Status(code: answer.status)
        switch answer.content {
        case .bytes(let bytes):
            // Counted until it is written, so that a server that stops waits for it.
            let body = ResponseBody(contentLength: bytes.count) { writer in
                defer { count.end() }
                try await writer.write(ByteBuffer(bytes: bytes))
                try await writer.finish(nil)
            }
            let response = Response(status: status, headers: headers, body: body)
            return request.method == .head ? response.createHeadResponse() : response
        case .events(let events, let endsWithServer):
            let body = body(
                events, endsWithServer: endsWithServer, request, context, count, \.bytes)
            let response = Response(status: status, headers: headers, body: body)
            return request.method == .head ? response.createHeadResponse() : response
        case .pieces(let pieces):
            let body = body(pieces, endsWithServer: false, request, context, count) { $0 }
            return Response(status: status, headers: headers, body: body)
        }
    }

    /// Writes events until they end, the client is gone, or the server stops.
    private func body<Event: Sendable>(
        _ events: AsyncStream<Event>, endsWithServer: Bool, _ request: Request,
        _ context: Connection, _ count: AnswerCount, _ bytes: @escaping @Sendable (Event) -> [UInt8]
    ) -> ResponseBody {
        ResponseBody { [server] writer in
            let (pieces, line) = AsyncStream.makeStream(of: [UInt8].self)
            let watch = WriteWatch(limit: .seconds(server.address.requestSeconds))
            let forwarding = Task {
                for await event in events {
                    let piece = bytes(event)
                    guard watch.add(piece.count) else {
                        context.close()
                        break
                    }
                    line.yield(piece)
                }
                line.finish()
            }
            let ticking = Task {
                while true {
                    try await Task.sleep(for: .seconds(Self.keepAliveSeconds))
                    if watch.isStuck { context.close() }
                    let piece = ServerEvent.comment("still here").bytes
                    if watch.add(piece.count) { line.yield(piece) }
                }
            }
            let number = endsWithServer ? server.remember { line.finish() } : nil
            defer {
                forwarding.cancel()
                ticking.cancel()
                number.map(server.forget)
                count.end()
            }
            try await request.body.consumeWithInboundCloseHandler { _ in
                for await piece in pieces {
                    watch.begin()
                    try await writer.write(ByteBuffer(bytes: piece))
                    watch.end(piece.count)
                }
            } onInboundClosed: {
                line.finish()
            }
            try await writer.finish(nil)
        }
    }

    /// Seconds after which a comment is sent where no event has come.
    private static let keepAliveSeconds = 15
}

/// Sees whether a client takes what is written to it.
private final class WriteWatch: Sendable {
    private struct State {
        /// When the write under way began.
        var begun: ContinuousClock.Instant?
        /// Bytes that are being written or wait for that.
        var waiting = 0
    }

    private let limit: Duration
    private let state = Mutex(State())

    /// Bytes that may wait when more come: what a thousand tokens with all their alternatives take.
    private static let mostWaiting = 4 << 20

    /// - Parameter limit: of one write.
    init(limit: Duration) { self.limit = limit }

    /// Takes note of bytes to be written. → whether there is room for them
    func add(_ count: Int) -> Bool {
        state.withLock { state in
            guard state.waiting <= Self.mostWaiting else { return false }
            state.waiting += count
            return true
        }
    }

    func begin() { state.withLock { $0.begun = .now } }

    /// So many bytes are written.
    func end(_ count: Int) {
        state.withLock { state in
            state.begun = nil
            state.waiting -= count
        }
    }

    /// Whether a write has waited for longer than the limit.
    var isStuck: Bool {
        state.withLock { $0.begun.map { ContinuousClock.now - $0 > limit } ?? false }
    }
}

/// Counts an answer as long as it is there.
private final class AnswerCount: Sendable {
    private let server: HTTPServer
    private let isOver = Mutex(false)

    init(_ server: HTTPServer) {
        self.server = server
        server.count(1)
    }

    deinit { end() }

    /// The answer is done; it is counted no more.
    func end() {
        let isFirst = isOver.withLock { isOver in
            defer { isOver = true }
            return !isOver
        }
        if isFirst { server.count(-1) }
    }
}
