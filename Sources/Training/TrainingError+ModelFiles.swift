package import ModelFiles

extension TrainingError {
    /// The same error, as a run has it.
    package init(_ error: ModelFileError) {
        self =
            switch error {
            case .tokenizer(let error): .tokenizer(error)
            case .checkpoint(let error): .checkpoint(error)
            case .model(let error): .model(error)
            case .finetuning(let error): .finetuning(error)
            case .conversation(let error): .conversation(error)
            case .configuration(let error): .configuration(error)
            case .user(let message): .user(message)
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
        throw TrainingError(error)
    }
}
