package import Files

/// Why a request is not answered, in the shape of OpenAI's errors.
package struct ServerProblem: Error, Sendable, Equatable {
    /// Of HTTP.
    package let status: Int
    package let message: String
    package let type: String
    /// The field of the request that is meant.
    package let param: String?
    package let code: String?
    /// Seconds after which to try again.
    package let retryAfter: Int?
    /// Methods that the path answers, where it is asked with another.
    package let allowed: [String]

    package init(
        _ status: Int, _ message: String, type: String? = nil, param: String? = nil,
        code: String? = nil, retryAfter: Int? = nil, allowed: [String] = []
    ) {
        self.status = status
        self.message = message
        self.type = type ?? Self.usualType(of: status)
        self.param = param
        self.code = code
        self.retryAfter = retryAfter
        self.allowed = allowed
    }

    private static func usualType(of status: Int) -> String {
        switch status {
        case 401: "authentication_error"
        case 403: "permission_error"
        case 404: "not_found_error"
        case 429: "rate_limit_error"
        case 500...: "server_error"
        default: "invalid_request_error"
        }
    }

    /// A mistake in the request.
    package static func invalid(
        _ message: String, param: String? = nil, code: String? = nil
    ) -> ServerProblem {
        ServerProblem(400, message, param: param, code: code)
    }

    /// {error: {message, type, param, code}}
    package var json: JSONValue {
        let inner: [JSONValue.Member] = [
            ("message", .string(message)), ("type", .string(type)),
            ("param", param.map { .string($0) } ?? .null),
            ("code", code.map { .string($0) } ?? .null),
        ]
        return .object([("error", .object(inner))])
    }

    /// The problem as an answer.
    var answer: ServerAnswer {
        var answer = ServerAnswer.json(json, status: status)
        if let retryAfter { answer.headers.append(("retry-after", "\(retryAfter)")) }
        if !allowed.isEmpty {
            answer.headers.append(("allow", allowed.joined(separator: ", ")))
        }
        if status == 401 { answer.headers.append(("www-authenticate", "Bearer")) }
        return answer
    }
}
