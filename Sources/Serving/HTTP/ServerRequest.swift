package import Files
import Foundation

/// What a client asks.
package struct ServerRequest: Sendable {
    /// In capitals.
    package var method: String
    /// As it was sent, without the query.
    package var path: String
    /// Percent signs resolved; of a name that comes twice the last value.
    package var query: [String: String]
    /// What stands in the places of a route's names.
    package var parameters: [String: String] = [:]
    /// Names in small letters.
    package var headers: [String: String]
    package var body: [UInt8]
    /// Told to the client as x-request-id.
    package var id: String

    /// - Parameter target: path and query as a request's first line has them.
    package init(
        _ method: String, _ target: String, headers: [String: String] = [:], body: [UInt8] = [],
        id: String = "req-" + RandomName.make()
    ) {
        self.method = method
        let parts = target.split(
            separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = parts.first.map(String.init) ?? "/"
        query = parts.count > 1 ? Self.query(parts[1]) : [:]
        self.headers = headers
        self.body = body
        self.id = id
    }

    /// The body as JSON.
    ///
    /// - Throws: ``ServerProblem`` 400 where it is none.
    package func json() throws(ServerProblem) -> JSONValue {
        do {
            return try JSONValueReader.read(body[...])
        } catch {
            throw .invalid(
                "the body is no JSON: found \(error.found), expected \(error.expected)")
        }
    }

    /// The parts of the path between slashes, percent signs resolved; `nil` where they cannot be.
    var pathParts: [String]? {
        var parts: [String] = []
        for part in path.split(separator: "/") {
            guard let text = String(part).removingPercentEncoding else { return nil }
            parts.append(text)
        }
        return parts
    }

    /// The value of a cookie.
    func cookie(_ name: String) -> String? {
        for pair in (headers["cookie"] ?? "").split(separator: ";") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { continue }
            if parts[0].trimmingCharacters(in: .whitespaces) == name { return String(parts[1]) }
        }
        return nil
    }

    /// What follows `Bearer` in the authorization.
    var bearer: String? {
        let parts = (headers["authorization"] ?? "").split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return parts[1].trimmingCharacters(in: .whitespaces)
    }

    private static func query(_ text: Substring) -> [String: String] {
        var values: [String: String] = [:]
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let words = parts.map {
                $0.replacing("+", with: " ").removingPercentEncoding ?? String($0)
            }
            values[words[0]] = words.count > 1 ? words[1] : ""
        }
        return values
    }
}

/// Names that nobody else has.
package enum RandomName {
    /// 24 letters and digits.
    package static func make() -> String {
        let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789")
        var generator = SystemRandomNumberGenerator()
        return String((0..<24).map { _ in letters.randomElement(using: &generator) ?? "a" })
    }
}
