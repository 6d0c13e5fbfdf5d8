/// Why a template could not be read or rendered. Lines count from 1.
package enum JinjaError: Error, Equatable, CustomStringConvertible {
    /// The text is no template.
    case syntax(line: Int, problem: String)
    /// A construct that Jinja has and that is not part of what is supported here.
    case unsupported(line: Int, construct: String)
    /// What Jinja itself would stop at: an undefined value that is used, a wrong type.
    case failed(line: Int, problem: String)
    /// The template called `raise_exception`.
    case raised(line: Int, message: String)
    /// More work, text or depth than a chat template needs.
    case limit(line: Int, what: String)

    package var description: String {
        switch self {
        case .syntax(let line, let problem): "line \(line): \(problem)"
        case .unsupported(let line, let construct): "line \(line): \(construct) is not supported"
        case .failed(let line, let problem): "line \(line): \(problem)"
        case .raised(let line, let message):
            "line \(line): the template refuses the conversation: \(message)"
        case .limit(let line, let what): "line \(line): \(what)"
        }
    }
}
