package import Evaluation

extension TrainingError {
    /// The same error, as a run has it.
    package init(_ error: EvaluationError) {
        self =
            switch error {
            case .communication(let error): .communication(error)
            case .corpus(let error): .corpus(error)
            case .modelFile(let error): .modelFile(error)
            case .user(let message): .user(message)
            case .unwritten(let message): .cannotWrite(message)
            }
    }
}

/// What `body` gives; its problem as an error of a run.
package func ofEvaluation<Value>(
    _ body: () throws(EvaluationError) -> Value
) throws(TrainingError) -> Value {
    do {
        return try body()
    } catch {
        throw TrainingError(error)
    }
}
