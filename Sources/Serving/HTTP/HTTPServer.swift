import Synchronization

/// The server: what clients ask goes to routes, by sockets or without.
package final class HTTPServer: Sendable {
    private struct State {
        var stop: (@Sendable () -> Void)?
        var isStopping = false
        /// Requests that are being answered.
        var answering = 0
        /// What ends streams that would go on for ever, by number.
        var endings: [Int: @Sendable () -> Void] = [:]
        var issued = 0
    }

    let address: ServerAddress
    let table: RouteTable
    /// Descriptors that a client's connection takes.
    let descriptorsPerClient: Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - pageToken: what pages ask for; `nil` for nothing.
    ///   - asksReplicas: whether a request may take a connection to a replica, too.
    package init(
        _ address: ServerAddress, routes: [Route], pageToken: String? = nil,
        asksReplicas: Bool = false
    ) {
        self.address = address
        descriptorsPerClient = asksReplicas ? 2 : 1
        table = RouteTable(
            routes, key: address.key, pageToken: pageToken, isLocal: address.isLocal)
    }

    // MARK: Requests

    /// What a client is told.
    package func respond(_ request: ServerRequest) async -> ServerAnswer {
        do throws(ServerProblem) {
            let asked = try asked(by: request)
            guard request.body.count <= asked.route.bodyLimit else {
                throw Self.tooLarge(asked.route.bodyLimit)
            }
            return await answer(request, asked)
        } catch {
            return Self.named(error.answer, request)
        }
    }

    /// A route, with what stands in the path and what is set with the answer.
    struct Asked {
        let route: Route
        let parameters: [String: String]
        let cookie: String?
    }

    /// The route that a request goes to, all checks passed but those of its body.
    func asked(by request: ServerRequest) throws(ServerProblem) -> Asked {
        let (route, parameters) = try table.route(of: request)
        let cookie = try table.admit(request, to: route)
        if state.withLock(\.isStopping), route.access != .open { throw Self.stopping }
        return Asked(route: route, parameters: parameters, cookie: cookie)
    }

    func answer(_ request: ServerRequest, _ asked: Asked) async -> ServerAnswer {
        var request = request
        request.parameters = asked.parameters
        do throws(ServerProblem) {
            var answer = try await asked.route.handle(request)
            if let cookie = asked.cookie { answer.headers.append(("set-cookie", cookie)) }
            return Self.named(answer, request)
        } catch {
            return Self.named(error.answer, request)
        }
    }

    /// The answer with the request's id, which clients show to their users.
    static func named(_ answer: ServerAnswer, _ request: ServerRequest) -> ServerAnswer {
        var answer = answer
        answer.headers += [("x-request-id", request.id), ("x-content-type-options", "nosniff")]
        return answer
    }

    static func tooLarge(_ limit: Int) -> ServerProblem {
        ServerProblem(413, "the body is larger than \(limit) bytes", code: "body_too_large")
    }

    private static let stopping = ServerProblem(
        503, "the server is stopping", code: "stopping", retryAfter: 5)

    // MARK: Life

    /// Serves until ``stop(within:)``.
    ///
    /// - Parameter listening: called with the port once clients can connect.
    /// - Throws: ``ServingError`` where the address cannot be had.
    package func run(listening: @escaping @Sendable (Int) -> Void) async throws(ServingError) {
        let (stops, signal) = AsyncStream.makeStream(of: Void.self)
        let isLate = state.withLock { state in
            state.stop = { signal.finish() }
            return state.isStopping
        }
        if isLate { return }
        do {
            try await listen(until: stops, listening)
        } catch {
            guard !state.withLock(\.isStopping) else { return }
            throw .address(address.host, port: address.port, problem: "\(error)")
        }
    }

    /// Ends ``run(listening:)``: answers in the making are finished, for so many seconds; requests
    /// that come meanwhile are refused with 503, and streams of pages are ended.
    package func stop(within seconds: Double = 10) async {
        let endings = state.withLock { state in
            state.isStopping = true
            return state.endings.values
        }
        for end in endings { end() }
        let end = ContinuousClock.now + .seconds(seconds)
        while state.withLock({ $0.answering > 0 }), ContinuousClock.now < end {
            try? await Task.sleep(for: .milliseconds(20))
        }
        state.withLock(\.stop)?()
    }

    /// Counts an answer that begins (1) or is done (−1).
    func count(_ change: Int) { state.withLock { $0.answering += change } }

    /// Remembers what ends a stream when the server stops. → its number.
    func remember(_ end: @escaping @Sendable () -> Void) -> Int {
        let (number, isLate) = state.withLock { state in
            state.issued += 1
            state.endings[state.issued] = end
            return (state.issued, state.isStopping)
        }
        if isLate { end() }
        return number
    }

    func forget(_ number: Int) { state.withLock { $0.endings[number] = nil } }
}
