package import Distributed
package import ModelFiles
package import TextData

/// Why a model is not evaluated.
package enum EvaluationError: Error, CustomStringConvertible {
    case communication(CommunicationError)
    case corpus(CorpusError)
    case modelFile(ModelFileError)
    /// A mistake of the user that concerns more than one file or section.
    case user(String)
    /// Answers or results cannot be written, as on a full disk.
    case unwritten(String)

    package var description: String {
        switch self {
        case .communication(let error): error.description
        case .corpus(let error): error.description
        case .modelFile(let error): error.description
        case .user(let message), .unwritten(let message): message
        }
    }
}
