import Distributed
import TextData

/// This rank's micro-batches of completions, which the model writes with the weights that it has as a step
/// begins. One rollout serves one step or several.
///
/// It counts the completions that are learned from: a step takes the global batch. What a rollout holds
/// depends on its number alone, not on the rank.
final class RolloutSource<Batch: Sendable>: BatchSource {
    /// What becomes of completions, each in its turn. Every rank calls them, so that they may communicate.
    struct Uses {
        /// Rates them, one by one or against each other.
        var rate: ([Completion]) throws(TrainingError) -> [RatedCompletion]
        /// Adds what the model and others as they are now make of them: log-probabilities, values.
        var measure: ([RatedCompletion]) throws(TrainingError) -> [RatedCompletion] = { $0 }
        /// The micro-batches of one of the steps that learn from a rollout, counted from 0.
        var batches: (_ completions: [RatedCompletion], _ step: Int) -> [Batch]
        /// Takes what resuming within a rollout needs.
        var keep: ([Double]) -> Void
        /// Ends what has been begun for them.
        var stop: () -> Void = {}
    }

    private(set) var position: Int
    private(set) var seconds: [(name: String, value: Double)] = []
    private let writer: RolloutWriter
    private let uses: Uses
    private let globalBatch: Int
    private let communicator: any Communicator
    /// The rollout that steps learn from now, of this rank.
    private var held: RolloutRecord?

    /// - Parameters:
    ///   - globalBatch: completions of a step, over all ranks.
    ///   - position: completions learned from before.
    ///   - memory: what ``Uses/keep`` was given before, of a run that goes on.
    init(
        _ writer: RolloutWriter, _ uses: Uses, globalBatch: Int, position: Int, memory: [Double],
        over communicator: any Communicator
    ) {
        self.writer = writer
        self.uses = uses
        self.globalBatch = globalBatch
        self.position = position
        self.communicator = communicator
        guard let record = RolloutRecord(numbers: memory) else { return }
        let places = writer.plan.places(
            ofRollout: record.number, rank: writer.rank, ranks: writer.ranks)
        held = RolloutRecord(
            number: record.number,
            completions: record.completions.filter { places.contains($0.completion.position) })
    }

    func next() throws(CorpusError) -> [Batch] {
        let (number, step) = (position / globalBatch).quotientAndRemainder(
            dividingBy: writer.plan.stepsPerRollout)
        seconds = ["rollout", "reward", "scoring"].map { ($0, 0) }
        let completions: [RatedCompletion]
        if let held, held.number == number {
            completions = held.completions
        } else {
            do throws(TrainingError) {
                completions = try act(number)
            } catch {
                throw .rollout(error.description, isOfOneRank: false)
            }
        }
        position += globalBatch
        return uses.batches(completions, step)
    }

    func stop() { uses.stop() }

    /// Writes and rates a rollout. Collective.
    private func act(_ number: Int) throws(TrainingError) -> [RatedCompletion] {
        // A resumed run must not take an older one for this.
        held = nil
        var clock = LapClock()
        let written = writer.completions(ofRollout: number)
        seconds[0].value = clock.lap()
        let rated = try uses.rate(written)
        seconds[1].value = clock.lap()
        let completions = try uses.measure(rated)
        seconds[2].value = clock.lap()
        guard writer.plan.stepsPerRollout > 1 else { return completions }
        held = RolloutRecord(number: number, completions: completions)
        uses.keep(
            RolloutRecord(number: number, completions: try completions.gathered(over: communicator))
                .numbers)
        return completions
    }
}
