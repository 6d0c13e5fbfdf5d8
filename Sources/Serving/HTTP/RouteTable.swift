/// All endpoints of a server, and what is checked before any of them is asked.
struct RouteTable: Sendable {
    private let routes: [Route]
    private let key: SecretKey?
    private let pageToken: SecretKey?
    /// Whether only this machine can reach the server.
    private let isLocal: Bool

    init(_ routes: [Route], key: String?, pageToken: String?, isLocal: Bool) {
        self.routes = routes
        self.key = key.map(SecretKey.init)
        self.pageToken = pageToken.map(SecretKey.init)
        self.isLocal = isLocal
    }

    /// The name of the cookie that holds the pages' token.
    private static let cookie = "lockstep_token"

    /// The route that a request asks for, with what stands in its path.
    ///
    /// - Throws: ``ServerProblem``: 404, 405, or 403 for a page of another origin.
    func route(
        of request: ServerRequest
    ) throws(ServerProblem) -> (route: Route, parameters: [String: String]) {
        try checkOrigin(request)
        guard let parts = request.pathParts else {
            throw .invalid("the path \(request.path) has a percent sign without two digits")
        }
        var methods: [String] = []
        // HEAD is GET whose body is left out.
        let method = request.method == "HEAD" ? "GET" : request.method
        for route in routes {
            guard let parameters = route.parameters(of: parts) else { continue }
            if route.method.rawValue == method { return (route, parameters) }
            let others = route.method == .get ? ["GET", "HEAD"] : [route.method.rawValue]
            methods += others.filter { !methods.contains($0) }
        }
        guard methods.isEmpty else {
            throw ServerProblem(
                405,
                "\(request.path) answers \(methods.joined(separator: ", ")), not "
                    + request.method, code: "method_not_allowed", allowed: methods)
        }
        throw ServerProblem(
            404, "there is no \(request.method) \(request.path)", code: "unknown_url")
    }

    /// Checks that the client may ask.
    ///
    /// - Returns: a cookie for the answer, which spares the page's own requests the token.
    /// - Throws: ``ServerProblem`` 401.
    func admit(_ request: ServerRequest, to route: Route) throws(ServerProblem) -> String? {
        switch route.access {
        case .open: return nil
        case .key:
            guard let key else { return nil }
            // A page that was let in may use the API behind it.
            if let pageToken, let cookie = request.cookie(Self.cookie), pageToken.isSame(cookie) {
                return nil
            }
            guard let given = request.bearer, key.isSame(given) else {
                throw ServerProblem(
                    401, "Invalid API key. Send the server's key as Authorization: Bearer KEY.",
                    type: "invalid_request_error", code: "invalid_api_key")
            }
            return nil
        case .page:
            guard let pageToken else { return nil }
            if let cookie = request.cookie(Self.cookie), pageToken.isSame(cookie) { return nil }
            guard let given = request.query["token"] ?? request.bearer, pageToken.isSame(given)
            else {
                throw ServerProblem(
                    401,
                    "this page needs the token that the server printed: open the address "
                        + "with ?token=…", code: "invalid_token")
            }
            return "\(Self.cookie)=\(given); Path=/; HttpOnly; SameSite=Strict"
        }
    }

    /// Refuses what another site's page sends, and names that only a rebound DNS entry gives this
    /// machine.
    private func checkOrigin(_ request: ServerRequest) throws(ServerProblem) {
        let host = request.headers["host"] ?? ""
        if isLocal, !host.isEmpty, !Self.localNames.contains(Self.name(of: host)) {
            throw ServerProblem(
                403, "the host \(host) is not this machine's own name; use localhost or 127.0.0.1",
                code: "foreign_host")
        }
        guard let origin = request.headers["origin"] else { return }
        let parts = origin.split(separator: "/", omittingEmptySubsequences: true)
        guard parts.count == 2, parts[1] == host else {
            throw ServerProblem(
                403, "requests of pages from \(origin) are refused; open this server's own",
                code: "foreign_origin")
        }
    }

    private static let localNames: Set = ["localhost", "127.0.0.1", "[::1]"]

    /// A host without its port.
    private static func name(of host: String) -> String {
        guard let colon = host.lastIndex(of: ":"), !host.hasSuffix("]") else { return host }
        return String(host[..<colon])
    }
}

/// A secret that clients have to send.
struct SecretKey: Sendable {
    private let bytes: [UInt8]

    init(_ text: String) { bytes = Array(text.utf8) }

    /// Whether `text` is the secret; takes the same time wherever the two differ.
    func isSame(_ text: String) -> Bool {
        let other = Array(text.utf8)
        guard !bytes.isEmpty else { return false }
        var difference = bytes.count ^ other.count
        for (index, byte) in other.enumerated() {
            difference |= Int(byte ^ bytes[index % bytes.count])
        }
        return difference == 0
    }
}
