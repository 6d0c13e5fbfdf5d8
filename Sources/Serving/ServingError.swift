/// Why a server does not start.
package enum ServingError: Error {
    case variable(String, found: String, expected: String)
}

extension ServingError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .variable(let name, let found, let expected):
            "the environment's \(name) is '\(found)'; expected \(expected)"
        }
    }
}
