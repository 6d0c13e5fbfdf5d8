/// Endpoints that belong together.
package protocol RouteGroup: Sendable {
    var routes: [Route] { get }
}

/// One endpoint: what it answers to, who may ask, and how it answers.
package struct Route: Sendable {
    package enum Method: String, Sendable {
        case get = "GET"
        case post = "POST"
        case put = "PUT"
        case delete = "DELETE"
    }

    /// Who may ask.
    package enum Access: Sendable {
        /// Anyone.
        case open
        /// Whoever sends the key, where one is set.
        case key
        /// Whoever has the token of the pages, where one is set.
        case page
    }

    package typealias Handler =
        @Sendable (ServerRequest) async throws(ServerProblem) -> ServerAnswer

    package let method: Method
    package let path: String
    let access: Access
    /// What an OpenAPI document says of it; `nil` where it says nothing.
    package let about: RouteDescription?
    let bodyLimit: Int
    let endsWithClient: Bool
    let handle: Handler
    private let segments: [Segment]

    private enum Segment: Sendable {
        case text(String)
        case parameter(String)
        /// All that follows, slashes included.
        case rest(String)
    }

    /// - Parameters:
    ///   - path: `/v1/models/{id}`: a name in braces takes one part of a path, `{name*}` the rest.
    ///   - bodyLimit: bytes of a request's body at most.
    ///   - endsWithClient: whether the handler's task is cancelled when the client hangs up. The
    ///     connection is closed after the answer then.
    ///   - about: what an OpenAPI document says of it.
    package init(
        _ method: Method, _ path: String, access: Access = .key, bodyLimit: Int = 32 << 20,
        endsWithClient: Bool = false, about: RouteDescription? = nil, _ handle: @escaping Handler
    ) {
        self.method = method
        self.path = path
        self.access = access
        self.bodyLimit = bodyLimit
        self.endsWithClient = endsWithClient
        self.about = about
        self.handle = handle
        segments = path.split(separator: "/").map { part in
            guard part.hasPrefix("{"), part.hasSuffix("}") else { return .text(String(part)) }
            let name = part.dropFirst().dropLast()
            return name.hasSuffix("*") ? .rest(String(name.dropLast())) : .parameter(String(name))
        }
    }

    /// The same route with another answer.
    func handled(by handle: @escaping Handler) -> Route {
        Route(
            method, path, access: access, bodyLimit: bodyLimit, endsWithClient: endsWithClient,
            about: about, handle)
    }

    /// The names in the path.
    var parameterNames: [String] {
        segments.compactMap {
            switch $0 {
            case .text: nil
            case .parameter(let name), .rest(let name): name
            }
        }
    }

    /// The parameters in the parts of a path; `nil` where the path is another one's.
    func parameters(of parts: [String]) -> [String: String]? {
        var parameters: [String: String] = [:]
        for (index, segment) in segments.enumerated() {
            if case .rest(let name) = segment {
                parameters[name] = parts.dropFirst(index).joined(separator: "/")
                return parameters
            }
            guard index < parts.count else { return nil }
            switch segment {
            case .text(let text): guard text == parts[index] else { return nil }
            case .parameter(let name): parameters[name] = parts[index]
            case .rest: break
            }
        }
        return parts.count == segments.count ? parameters : nil
    }
}
