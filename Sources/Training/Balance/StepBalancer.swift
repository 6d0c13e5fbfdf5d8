import Configuration
import Distributed
import TextData

/// Divides steps' micro-batches among ranks by the speed that they show (`balance: true`).
///
/// A step's samples stay the same, and losses and gradients are sums that are divided once by the counts of
/// all ranks, so means are exact whatever the shares. Speeds are measured anew by each process; a checkpoint
/// keeps no shares.
final class StepBalancer {
    /// Steps of a window, over which a rank's speed is measured.
    static let windowSteps = 5

    /// What sources of batches ask.
    let shares: StepShares
    private let communicator: any Communicator
    private let globalBatch: Int
    /// Decides; on rank 0, whose decision holds for all.
    private var rule: ShareRule
    private var counts: [Int]
    /// Of the window under way, on this rank.
    private var (steps, tokens, seconds) = (0, 0, 0.0)

    /// `nil` where ranks take equal shares.
    init?(_ configuration: RunConfiguration, over communicator: any Communicator) {
        guard configuration.compute.balance, communicator.size > 1 else { return nil }
        self.communicator = communicator
        let train = configuration.train
        counts = Array(repeating: train.gradientAccumulationSteps, count: communicator.size)
        globalBatch = train.globalBatch(ranks: communicator.size)
        rule = ShareRule(counts)
        shares = StepShares(counts)
    }

    /// A line for the user as the run starts; `nil` where nothing is to be divided by speed.
    static func note(
        _ configuration: RunConfiguration, over communicator: any Communicator
    ) -> String? {
        guard configuration.compute.balance, configuration.method.doTrain else { return nil }
        guard communicator.size > 1 else { return "balance: one rank computes every micro-batch" }
        let each = configuration.train.gradientAccumulationSteps
        return "balance: the \(each * communicator.size) micro-batches of a step are divided among "
            + "ranks by their speed, \(each) each at first"
    }

    /// Takes note of a finished step. Collective at the end of a window.
    ///
    /// - Parameters:
    ///   - step: its number.
    ///   - tokens: ids of this rank's micro-batches.
    ///   - seconds: of their forward and backward passes.
    ///   - position: where the next step begins.
    /// - Returns: a line for the user where shares change, the same on all ranks.
    func stepEnded(
        _ step: Int, tokens: Int, seconds: Double, at position: Int
    ) throws(TrainingError) -> String? {
        steps += 1
        self.tokens += tokens
        self.seconds += seconds
        guard steps == Self.windowSteps else { return nil }
        var speeds = Array(repeating: 0.0, count: communicator.size)
        speeds[communicator.rank] = self.seconds > 0 ? Double(self.tokens) / self.seconds : 0
        (steps, self.tokens, self.seconds) = (0, 0, 0)
        var decided = counts.map(Double.init)
        do throws(CommunicationError) {
            try communicator.sum(&speeds)
            // Unlike processors need not divide alike, so one decides.
            if communicator.rank == 0 {
                rule.take(speeds)
                decided = rule.counts.map(Double.init)
            }
            try communicator.broadcast(&decided, from: 0)
        } catch {
            throw .communication(error)
        }
        let found = decided.map { Int($0) }
        guard found != counts else { return nil }
        defer { counts = found }
        let ahead = BatchStream.stepsAhead
        shares.set(found, from: position + ahead * globalBatch)
        return ShareChange(
            step: step + 1 + ahead, before: counts, after: found, speeds: speeds,
            hosts: communicator.hostNames
        ).line
    }
}
