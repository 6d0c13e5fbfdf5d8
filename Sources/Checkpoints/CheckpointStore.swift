/// How many checkpoints stay: `save_total_limit`.
package struct Retention: Sendable, Equatable {
    /// At most so many, the best one included; at least 1.
    package var limit: Int
    /// The step that did best in evaluation and always stays.
    package var best: Int?

    package init(limit: Int, best: Int?) {
        precondition(limit >= 1, "Retention: limit \(limit) but at least the newest stays")
        self.limit = limit
        self.best = best
    }

    /// Which of `steps` (ascending) go: the oldest, never the newest and never the best.
    ///
    /// As in Hugging Face's Trainer, a limit of 1 keeps two where the best is not the newest.
    package func surplus(of steps: [Int]) -> [Int] {
        guard let newest = steps.last else { return [] }
        let protected = Set([newest] + (best.map { steps.contains($0) ? [$0] : [] } ?? []))
        let others = steps.filter { !protected.contains($0) }
        return Array(others.dropLast(max(0, limit - protected.count)))
    }
}

/// Where a run keeps its checkpoints.
package protocol CheckpointStore: Sendable {
    /// Steps with a checkpoint under its final name, ascending. A half-written file is never
    /// listed.
    func steps() throws(CheckpointError) -> [Int]
    /// Complete or absent: never half visible under its final name, and other checkpoints stay.
    func write(_ state: TrainingState) throws(CheckpointError)
    /// Verified in full.
    func read(step: Int) throws(CheckpointError) -> TrainingState
    /// Removes what `retention` no longer wants, once the newest has been found sound.
    /// - Returns: the steps removed.
    @discardableResult
    func prune(_ retention: Retention) throws(CheckpointError) -> [Int]
}

extension CheckpointStore {
    /// The newest checkpoint that can be read, and why newer ones could not.
    ///
    /// - Returns: no state where there is none or all are broken.
    /// - Throws: ``CheckpointError/unsupportedFormat(found:newest:file:)``, because going back
    ///   behind a newer program's checkpoint would silently lose its work, and what keeps the
    ///   folder from being listed.
    package func readNewest() throws(CheckpointError) -> (
        state: TrainingState?, rejected: [CheckpointError]
    ) {
        var rejected: [CheckpointError] = []
        for step in try steps().reversed() {
            do throws(CheckpointError) {
                return (try read(step: step), rejected)
            } catch {
                if case .content(.unsupportedFormat) = error { throw error }
                rejected.append(error)
            }
        }
        return (nil, rejected)
    }
}
