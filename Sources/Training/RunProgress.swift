import Configuration

/// How far a run is.
struct RunProgress {
    private(set) var step: Int
    private(set) var samplesConsumed: Int
    private(set) var tokensSeen: Int
    /// Steps of this process.
    private(set) var steps = 0
    private(set) var lastStepSeconds = 0.0
    /// Joules of this process's steps; `nil` where no host measures them.
    private(set) var energy: Double?
    private var lossSum = 0.0
    private var lossCount = 0
    /// Where the counting of epochs starts.
    private let base: (epoch: Double, samples: Int)
    private let samplesPerEpoch: Double
    /// What to tell of epochs that are not those of the run before.
    private let change: String?

    init(_ resumed: ResumePoint?, _ plan: TrainingPlan) {
        step = resumed?.step ?? 0
        samplesConsumed = resumed?.samplesConsumed ?? 0
        tokensSeen = resumed?.tokensSeen ?? 0
        samplesPerEpoch = Double(plan.stepsPerEpoch) * Double(plan.globalBatch)
        let counted = Double(samplesConsumed) / samplesPerEpoch
        // A run of the same global batch counts from its first step, so that its numbers are those
        // of one that was never interrupted, bit for bit.
        guard let resumed, resumed.epoch != counted else {
            base = (0, 0)
            change = nil
            return
        }
        base = (resumed.epoch, resumed.samplesConsumed)
        // Where every step had as many samples as steps have now, the data have changed.
        let same = step.multipliedReportingOverflow(by: plan.globalBatch)
        let isBatch = same.overflow || same.partialValue != samplesConsumed
        change =
            isBatch
            ? "the global batch is \(plan.globalBatch) samples, another than in the run before"
            : "an epoch is \(plan.stepsPerEpoch) steps of \(plan.globalBatch) samples, other than in "
                + "the run before"
    }

    /// Passes over the data, from the samples that were consumed. Where a run goes on with another
    /// global batch, whose epochs end after another number of samples, it counts on from the
    /// checkpoint's.
    var epoch: Double { base.epoch + Double(samplesConsumed - base.samples) / samplesPerEpoch }

    /// What to tell where a run goes on with other epochs than it began with.
    var note: String? {
        change.map {
            "\($0): epochs are counted on from \(epoch) by the samples consumed, steps and the "
                + "learning rate by the steps made"
        }
    }

    mutating func advance(_ outcome: StepOutcome, samples: Int, seconds: Double) {
        step += 1
        steps += 1
        samplesConsumed = samples
        tokensSeen += Int(outcome.tokens)
        lastStepSeconds = seconds
        if let joules = outcome.energy { energy = (energy ?? 0) + joules }
        guard outcome.loss.isFinite else { return }
        lossSum += outcome.loss
        lossCount += 1
    }

    /// Mean of the steps' losses in this process.
    var meanLoss: Double { lossCount == 0 ? 0 : lossSum / Double(lossCount) }
}
