package import Autograd
package import Distributed
import Foundation
package import Kernels
package import Models
package import TextData

/// What the step needs to know beyond the model.
package struct StepSettings: Sendable {
    /// Targets of a global batch if none is ignored: a constant divisor of losses, so that their
    /// gradients keep a sound size until the true count is known.
    package var nominalTargets: Double
    /// The largest global gradient norm; `nil` means gradients are not clipped.
    package var maxGradNorm: Double?
    /// Whether blocks are computed again in backward.
    package var recomputesBlocks: Bool
    package var seed: UInt64
    /// Dynamic loss scaling, for fp16.
    package var lossScaling: DynamicLossScale.Options?
    /// Non-finite steps in a row after which a run without loss scaling stops.
    package var maxSkippedSteps: Int
    /// Whether samples are summed one by one in a fixed tree, the same on 1, 2, 4 and 8 ranks.
    package var sumsByTree: Bool

    package init(
        nominalTargets: Double, maxGradNorm: Double?, recomputesBlocks: Bool, seed: UInt64,
        lossScaling: DynamicLossScale.Options?, maxSkippedSteps: Int, sumsByTree: Bool = false
    ) {
        self.nominalTargets = nominalTargets
        self.maxGradNorm = maxGradNorm
        self.recomputesBlocks = recomputesBlocks
        self.seed = seed
        self.lossScaling = lossScaling
        self.maxSkippedSteps = maxSkippedSteps
        self.sumsByTree = sumsByTree
    }
}

/// What a step came to; equal on all ranks but for the seconds.
package struct StepOutcome: Sendable {
    /// Mean loss over the targets of all ranks.
    package var loss: Double
    package var targets: Double
    /// Ids of all ranks' samples, those without loss included.
    package var tokens: Double
    /// Global gradient norm before clipping; infinite or NaN in a skipped step.
    package var gradientNorm: Double
    package var learningRate: Double
    /// Whether the parameters changed.
    package var isApplied: Bool
    /// The loss scale that the step ran with.
    package var lossScale: Double?
    /// Whether some rank has been asked to stop.
    package var stopRequested: Bool
    /// Whether the step was left unfinished for that, so that nothing has changed.
    package var isAbandoned = false
    /// Whether rank 0 has failed to save checkpoints too often.
    package var cannotSave: Bool
    package var seconds = StepSeconds()
}

/// Where a step's time went on this rank.
package struct StepSeconds: Sendable {
    package var forward = 0.0
    package var backward = 0.0
    /// For other ranks and for sums under way.
    package var wait = 0.0
    package var update = 0.0

    package init() {}
}

/// One optimizer step: accumulate, reduce, decide, update.
package final class TrainingLoop {
    package let model: any LanguageModel
    package let store: ParameterStore
    package let optimizer: Optimizer
    package let reducer: GradientReducer
    package let workspace: Workspace
    package let communicator: any Communicator
    package private(set) var lossScale: DynamicLossScale?
    /// Called on rank 0 before any rank changes what the optimizer keeps, or ends the run.
    package var willUpdate: (() -> Void)?
    /// Where the arrays of checkpoints lie, once it was looked for.
    var foundArrays: LiveArrays??
    private var nonFinite: NonFinitePolicy
    private let settings: StepSettings
    let recomputing: Recomputing
    /// One block of so many is computed again where the base is kept in few bits: who does that wants
    /// memory more than the last tenth of the speed.
    static let recomputedBlock = 3

    package init(
        model: any LanguageModel, store: ParameterStore, optimizer: Optimizer,
        reducer: GradientReducer, workspace: Workspace, communicator: any Communicator,
        settings: StepSettings, scaler: DynamicLossScale.State? = nil
    ) {
        self.model = model
        self.store = store
        self.optimizer = optimizer
        self.reducer = reducer
        self.workspace = workspace
        self.communicator = communicator
        self.settings = settings
        recomputing =
            settings.recomputesBlocks
            ? .blocks
            : model.parameters.contains { $0.quantized != nil }
                ? .cheap(blockOf: Self.recomputedBlock) : .nothing
        lossScale = settings.lossScaling.map { DynamicLossScale($0, resuming: scaler) }
        nonFinite = NonFinitePolicy(maxSkippedSteps: settings.maxSkippedSteps)
    }

    /// Makes one step on this rank's micro-batches.
    ///
    /// - Parameters:
    ///   - step: its number, from 1, for messages.
    ///   - stopRequested: whether this rank has been asked to stop.
    ///   - cannotSave: whether this rank has failed to save checkpoints too often.
    ///   - leaves: asked before each micro-batch (or sample, by tree) with how many of how many are
    ///     done: whether to leave the step unfinished. If one rank does, all do.
    /// - Throws: ``TrainingError/diverged(step:finding:)`` on every rank alike, before any
    ///   parameter changes.
    package func step(
        _ batches: [TokenBatch], number step: Int, learningRate: Double,
        stopRequested: () -> Bool = { false }, cannotSave: Bool = false,
        leaves: (_ done: Int, _ total: Int) -> Bool = { _, _ in false }
    ) throws(TrainingError) -> StepOutcome {
        var clock = LapClock()
        var seconds = StepSeconds()
        var sums = LossSums()
        let scale = lossScale?.scale
        reducer.prepare()
        if settings.sumsByTree {
            sums = accumulateByTree(batches, scale: scale, leaves, &seconds, &clock)
        } else {
            for (index, batch) in batches.enumerated() {
                sums.isLeft = leaves(index, batches.count)
                if sums.isLeft { break }
                // While steps are being skipped, gradients are looked at before they are summed.
                let reports = index == batches.count - 1 && !isSuspicious
                sums.add(
                    accumulate(
                        batch, scale: scale, ready: reports ? reducer.ready : nil, &seconds,
                        &clock))
            }
        }
        let finding = isSuspicious ? localFinding(sums) : sums.finding
        try communicating { () throws(CommunicationError) in try reducer.finish() }
        let control = try exchange(
            sums, tokens: batches.reduce(0) { $0 + $1.tokenCount },
            stopRequested: sums.isLeft || stopRequested(), cannotSave: cannotSave)
        seconds.wait = clock.lap()
        if control.departures > 0 {
            return StepOutcome(
                loss: 0, targets: 0, tokens: 0, gradientNorm: 0, learningRate: learningRate,
                isApplied: false, lossScale: scale, stopRequested: true, isAbandoned: true,
                cannotSave: control.saveFailures > 0, seconds: seconds)
        }

        let decision = try decide(control, scale: scale ?? 1)
        if decision.verdict == .stop { throw try divergence(step: step, finding: finding) }
        if decision.verdict == .apply {
            optimizer.update(
                learningRate: learningRate, gradientScale: decision.gradientScale)
            seconds.update = clock.lap()
            try communicating { () throws(CommunicationError) in
                try reducer.shareMasters(in: workspace)
            }
            seconds.wait += clock.lap()
        }
        return StepOutcome(
            loss: control.loss / max(control.targets, 1), targets: control.targets,
            tokens: control.tokens,
            gradientNorm: decision.norm, learningRate: learningRate,
            isApplied: decision.verdict == .apply, lossScale: scale,
            stopRequested: control.stops > 0, cannotSave: control.saveFailures > 0,
            seconds: seconds)
    }

    /// Forward and backward of one micro-batch; its gradients are added to the store's.
    private func accumulate(
        _ batch: TokenBatch, scale: Double?, ready: ((Parameter) -> Void)?,
        _ seconds: inout StepSeconds, _ clock: inout LapClock
    ) -> Loss {
        let pass = ForwardPass(
            workspace: workspace, computeType: store.computeType, tape: Tape(),
            gradientScale: Float((scale ?? 1) / settings.nominalTargets),
            dropout: DropoutSource(seed: settings.seed, sampleIDs: batch.sampleIDs),
            recomputing: recomputing, lender: store)
        let loss = model.loss(
            batch.ids, targets: batch.targets, batch: batch.rows, segments: batch.segments,
            in: pass)
        seconds.forward += clock.lap()
        pass.backward(from: loss, ready: ready)
        seconds.backward += clock.lap()
        return loss
    }

    /// Forward and backward of each sample by itself, summed as an aligned tree.
    private func accumulateByTree(
        _ batches: [TokenBatch], scale: Double?, _ leaves: (Int, Int) -> Bool,
        _ seconds: inout StepSeconds, _ clock: inout LapClock
    ) -> LossSums {
        var tree = GradientTree(store, in: workspace)
        var sums = LossSums()
        var done = 0
        let total = batches.reduce(0) { $0 + $1.rows }
        for batch in batches {
            for row in 0..<batch.rows {
                sums.isLeft = leaves(done, total)
                if sums.isLeft { return sums }
                done += 1
                store.clearGradients()
                let loss = accumulate(
                    batch.row(row), scale: scale, ready: nil, &seconds, &clock)
                tree.add(loss: loss.sum)
                sums.add(loss)
            }
        }
        sums.loss = tree.finish()
        return sums
    }

    /// Whether the last step was skipped, so that the next must be able to name the culprit.
    private var isSuspicious: Bool {
        settings.maxSkippedSteps == 1 || nonFinite.skippedSteps > 0
            || (lossScale?.state.skippedSteps ?? 0) > 0
    }

    /// What is wrong with this rank's loss or gradients before they are summed.
    private func localFinding(_ sums: LossSums) -> String? {
        if let parameter = store.firstNonFiniteGradient() {
            return "the gradient of \(parameter.name) is not finite"
        }
        return sums.finding
    }

    /// The packed all-reduce of the step.
    private func exchange(
        _ sums: LossSums, tokens: Int, stopRequested: Bool, cannotSave: Bool
    ) throws(TrainingError) -> ControlMessage {
        var squares = 0.0
        // Divided among ranks; by one rank alone where the sum must not depend on their number.
        let isMeasurer = !settings.sumsByTree || communicator.rank == 0
        if let gradients = store.gradients, isMeasurer {
            let whole = [0..<store.count]
            for range in settings.sumsByTree ? whole : reducer.measuredRanges {
                squares += workspace.sumOfSquares(
                    gradients.advanced(by: range.lowerBound), count: range.count)
            }
        }
        var message = ControlMessage(
            loss: sums.loss, targets: Double(sums.targets), tokens: Double(tokens),
            squares: squares,
            nonFinite: sums.finding == nil ? 0 : 1, stops: stopRequested ? 1 : 0,
            saveFailures: cannotSave ? 1 : 0, departures: sums.isLeft ? 1 : 0)
        try communicating { () throws(CommunicationError) in
            try communicator.sum(&message.numbers)
        }
        return message
    }

    /// Rank 0's decision on a step, the same on every rank.
    private func decide(
        _ control: ControlMessage, scale: Double
    ) throws(TrainingError) -> StepDecision {
        let unscaling = settings.nominalTargets / (scale * max(control.targets, 1))
        let norm = control.squares.squareRoot() * unscaling
        let isFinite = norm.isFinite && control.loss.isFinite && control.nonFinite == 0
        var decision = StepDecision(
            verdict: lossScale?.update(isFinite: isFinite) ?? nonFinite.update(isFinite: isFinite),
            gradientScale: unscaling, norm: norm)
        if let limit = settings.maxGradNorm, isFinite {
            // PyTorch's clip_grad_norm_: max / (norm + 1e-6), where that is below 1.
            decision.gradientScale *= min(1, limit / (norm + 1e-6))
        }
        // The others learn from rank 0 that they may update.
        if communicator.rank == 0, decision.verdict != .skip { willUpdate?() }
        try communicating { () throws(CommunicationError) in
            try communicator.broadcast(&decision.numbers, from: 0)
        }
        return decision
    }

    /// The error that names where non-finite numbers came from. Collective.
    private func divergence(step: Int, finding: String?) throws(TrainingError) -> TrainingError {
        let own = finding ?? ""
        var findings: [String] = []
        try communicating { () throws(CommunicationError) in
            findings = try communicator.allGather(own)
        }
        guard let rank = findings.firstIndex(where: { !$0.isEmpty }) else {
            return .diverged(step: step, finding: "the summed gradients are not finite")
        }
        return .diverged(
            step: step,
            finding: "on rank \(rank) (\(communicator.hostNames[rank])) \(findings[rank])")
    }

    /// Runs a collective and turns its error into the run's.
    func communicating(
        _ body: () throws(CommunicationError) -> Void
    ) throws(TrainingError) {
        do {
            try body()
        } catch {
            throw .communication(error)
        }
    }
}

/// This rank's losses of a step.
private struct LossSums {
    var loss = 0.0
    var targets = 0
    var finding: String?
    /// Whether the rank has left the step before its last micro-batch.
    var isLeft = false

    mutating func add(_ loss: Loss) {
        self.loss += loss.sum
        targets += loss.targets
        if !loss.sum.isFinite { finding = "the loss is \(loss.sum)" }
    }
}

/// What ranks tell each other in a step, packed into one all-reduce.
private struct ControlMessage {
    var numbers: [Double]

    init(
        loss: Double, targets: Double, tokens: Double, squares: Double, nonFinite: Double,
        stops: Double, saveFailures: Double, departures: Double
    ) {
        numbers = [
            loss, targets, squares, nonFinite, stops, saveFailures, tokens, departures,
        ]
    }

    var loss: Double { numbers[0] }
    var targets: Double { numbers[1] }
    /// Σ g² over all gradients.
    var squares: Double { numbers[2] }
    /// Ranks whose loss is not finite.
    var nonFinite: Double { numbers[3] }
    /// Ranks that have been asked to stop.
    var stops: Double { numbers[4] }
    var saveFailures: Double { numbers[5] }
    /// Ids of all ranks' samples.
    var tokens: Double { numbers[6] }
    /// Ranks that have left the step unfinished.
    var departures: Double { numbers[7] }
}

/// What rank 0 makes of a step's reduced values.
private struct StepDecision {
    var numbers: [Double]

    init(verdict: StepVerdict, gradientScale: Double, norm: Double) {
        numbers = [verdict == .apply ? 0 : verdict == .skip ? 1 : 2, gradientScale, norm]
    }

    var verdict: StepVerdict { numbers[0] == 0 ? .apply : numbers[0] == 1 ? .skip : .stop }
    /// Factor on the summed gradients: unscaling, division by the targets, clipping.
    var gradientScale: Double {
        get { numbers[1] }
        set { numbers[1] = newValue }
    }
    var norm: Double { numbers[2] }
}

/// Seconds since the last lap.
struct LapClock {
    private var last = ContinuousClock.now

    /// Seconds since the last lap.
    var seconds: Double { (ContinuousClock.now - last) / .seconds(1) }

    /// Seconds since the last call.
    mutating func lap() -> Double {
        let now = ContinuousClock.now
        defer { last = now }
        return (now - last) / .seconds(1)
    }
}
