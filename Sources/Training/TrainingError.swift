package import Checkpoints
package import Configuration
package import Datasets
package import Distributed
package import Files
package import Finetuning
package import ModelFiles
package import TextData
package import Tokenizers

/// Why a run ends before its time.
package enum TrainingError: Error, CustomStringConvertible {
    case communication(CommunicationError)
    case corpus(CorpusError)
    case tokenizer(TokenizerError)
    case checkpoint(CheckpointError)
    case finetuning(FinetuningError)
    case conversation(ConversationError)
    case configuration(ConfigurationError)
    case modelFile(ModelFileError)
    /// A mistake of the user that concerns more than one file or section.
    case user(String)
    /// Too many steps in a row were not finite.
    case diverged(step: Int, finding: String)
    /// Checkpoints could not be saved twice in a row.
    case cannotSave(step: Int, cause: String)
    /// All steps are done, but rank 0 could not write all that a finished run leaves.
    case cannotFinish(step: Int, cause: String, advice: String)
    /// What a command that learns nothing was to leave could not be written.
    case cannotWrite(String)
    /// A folder cannot be had for this run alone.
    case folder(FolderLockError)

    /// Whether the machine is at fault, as where a disk is full, not what a user named.
    package var isOfMachine: Bool {
        switch self {
        case .corpus(let error): error.isOfMachine
        case .tokenizer(let error): error.isOfMachine
        case .checkpoint(let error): error.isOfMachine
        case .finetuning(.weightFile(let error)): error.isOfMachine
        case .modelFile(.tokenizer(let error)): error.isOfMachine
        case .modelFile(.checkpoint(let error)): error.isOfMachine
        case .modelFile(.weightFile(let error)): error.isOfMachine
        case .modelFile(.finetuning(.weightFile(let error))): error.isOfMachine
        default: false
        }
    }

    package var description: String {
        switch self {
        case .communication(let error): error.description
        case .corpus(let error): error.description
        case .tokenizer(let error): error.description
        case .checkpoint(let error): error.description
        case .finetuning(let error): error.description
        case .conversation(let error): error.description
        case .configuration(let error): error.description
        case .modelFile(let error): error.description
        case .user(let message), .cannotWrite(let message): message
        case .diverged(let step, let finding):
            "step \(step): training diverged: \(finding); "
                + "lower learning_rate or resume from an earlier checkpoint"
        case .cannotSave(let step, let cause):
            "step \(step): checkpoints can no longer be saved: \(cause); "
                + "make room or choose another output_dir, then run again to resume"
        case .cannotFinish(let step, let cause, let advice):
            "step \(step), the last: not everything could be written: "
                + "\(cause.replacing("; the run goes on without it", with: "")); make room, then "
                + "\(advice) from the last checkpoint, which is kept"
        case .folder(let error): error.description
        }
    }
}

/// What `body` gives; its problem as an error of a run.
package func ofModelFiles<Value>(
    _ body: () throws(ModelFileError) -> Value
) throws(TrainingError) -> Value {
    do {
        return try body()
    } catch {
        throw .modelFile(error)
    }
}
