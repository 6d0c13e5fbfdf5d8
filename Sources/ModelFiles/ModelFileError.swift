package import Checkpoints
package import Configuration
package import Finetuning
package import Models
package import Templates
package import Tokenizers
package import WeightFiles

/// Why a model cannot be made of its files, or written to some.
package enum ModelFileError: Error, CustomStringConvertible {
    case tokenizer(TokenizerError)
    case checkpoint(CheckpointError)
    case weightFile(WeightFileError)
    case model(ModelError)
    case finetuning(FinetuningError)
    case template(TemplateError)
    case configuration(ConfigurationError)
    /// A mistake of the user that concerns more than one file.
    case user(String)

    package var description: String {
        switch self {
        case .tokenizer(let error): error.description
        case .checkpoint(let error): error.description
        case .weightFile(let error): error.description
        case .model(let error): error.description
        case .finetuning(let error): error.description
        case .template(let error): error.description
        case .configuration(let error): error.description
        case .user(let message): message
        }
    }

    /// What `body` gives; its problem as an error of this room.
    static func ofWeightFiles<Value>(
        _ body: () throws(WeightFileError) -> Value
    ) throws(ModelFileError) -> Value {
        do {
            return try body()
        } catch {
            throw .weightFile(error)
        }
    }

    /// What `body` gives; its problem as an error of this room.
    static func ofCheckpoints<Value>(
        _ body: () throws(CheckpointError) -> Value
    ) throws(ModelFileError) -> Value {
        do {
            return try body()
        } catch {
            throw .checkpoint(error)
        }
    }
}
