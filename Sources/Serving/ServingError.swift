/// Why a server does not start.
package enum ServingError: Error {
    case variable(String, found: String, expected: String)
    /// The address cannot be listened at.
    case address(String, port: Int, problem: String)
}

extension ServingError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .variable(let name, let found, let expected):
            "the environment's \(name) is '\(found)'; expected \(expected)"
        case .address(let host, let port, let problem):
            "cannot listen at \(host) port \(port) (\(problem)); set API_HOST and API_PORT to an "
                + "address of this machine that is free"
        }
    }
}
