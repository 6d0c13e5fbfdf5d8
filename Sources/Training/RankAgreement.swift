package import Distributed

/// All ranks succeed, or all fail with the same error.
package enum RankAgreement {
    /// Runs `body` on every rank; if it throws on any, all throw. Collective.
    @discardableResult
    package static func onAllRanks<Result>(
        _ communicator: any Communicator, _ body: () throws(TrainingError) -> Result
    ) throws(TrainingError) -> Result {
        let outcome: Swift.Result<Result, TrainingError>
        do throws(TrainingError) {
            outcome = .success(try body())
        } catch {
            outcome = .failure(error)
        }
        guard communicator.size > 1 else { return try outcome.get() }
        var message: String?
        if case .failure(let error) = outcome { message = error.description }
        do throws(CommunicationError) {
            try communicator.agree(on: message)
        } catch {
            throw .communication(error)
        }
        return try outcome.get()
    }
}
