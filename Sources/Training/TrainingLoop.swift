package import Autograd
package import Distributed
import Foundation
package import Kernels
package import Objectives
package import Optimizers

/// What the step needs to know beyond the model.
package struct StepSettings: Sendable {
    /// Targets of a global batch if none is ignored: a constant divisor of losses, so that their
    /// gradients keep a sound size until the true count is known.
    package var nominalTargets: Double
    /// The largest global gradient norm; `nil` means gradients are not clipped.
    package var maxGradNorm: Double?
    /// What of the activations is computed again in backward.
    package var recomputing: Recomputing
    package var seed: UInt64
    /// Dynamic loss scaling, for fp16.
    package var lossScaling: DynamicLossScale.Options?
    /// Non-finite steps in a row after which a run without loss scaling stops.
    package var maxSkippedSteps: Int
    /// Whether samples are summed one by one in a fixed tree, the same on 1, 2, 4 and 8 ranks.
    package var sumsByTree: Bool
    /// NEFTune's α; 0 adds no noise to embeddings.
    package var embeddingNoise: Float

    package init(
        nominalTargets: Double, maxGradNorm: Double?, recomputing: Recomputing, seed: UInt64,
        lossScaling: DynamicLossScale.Options?, maxSkippedSteps: Int, sumsByTree: Bool = false,
        embeddingNoise: Float = 0
    ) {
        self.nominalTargets = nominalTargets
        self.maxGradNorm = maxGradNorm
        self.recomputing = recomputing
        self.seed = seed
        self.lossScaling = lossScaling
        self.maxSkippedSteps = maxSkippedSteps
        self.sumsByTree = sumsByTree
        self.embeddingNoise = embeddingNoise
    }
}

/// What a step came to; equal on all ranks but for the seconds.
package struct StepOutcome: Sendable {
    /// Mean loss over the targets of all ranks, or what else the loss is divided by.
    package var loss: Double
    package var targets: Double
    /// Means of what the objective tells besides, by name.
    package var figures: [(name: String, value: Double)] = []
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
    /// Joules that the hosts' processors have used since the step before; `nil` where none can tell.
    package var energy: Double?
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

    /// What a rank computes of its micro-batches, without others.
    package var passes: Double { forward + backward }
}

/// One optimizer step: accumulate, reduce, decide, update. It knows no model and no objective.
package final class TrainingLoop {
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
    /// Of this host, on one of its ranks.
    private var energyMeter: EnergyMeter?
    private var nonFinite: NonFinitePolicy
    private let settings: StepSettings

    package init(
        store: ParameterStore, optimizer: Optimizer,
        reducer: GradientReducer, workspace: Workspace, communicator: any Communicator,
        settings: StepSettings, scaler: DynamicLossScale.State? = nil
    ) {
        self.store = store
        self.optimizer = optimizer
        self.reducer = reducer
        self.workspace = workspace
        self.communicator = communicator
        self.settings = settings
        lossScale = settings.lossScaling.map { DynamicLossScale($0, resuming: scaler) }
        energyMeter = EnergyMeter(of: communicator)
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
        _ task: any StepTask, number step: Int, learningRate: Double,
        stopRequested: () -> Bool = { false }, cannotSave: Bool = false,
        leaves: (_ done: Int, _ total: Int) -> Bool = { _, _ in false }
    ) throws(TrainingError) -> StepOutcome {
        var clock = LapClock()
        var seconds = StepSeconds()
        let scale = lossScale?.scale
        let measures = try measures(of: task, &seconds, &clock)
        var sums = LossSums(task)
        optimizer.beginStep()
        reducer.prepare()
        if settings.sumsByTree {
            sums = accumulateByTree(task, measures, scale: scale, leaves, &seconds, &clock)
        } else {
            for index in 0..<task.microBatches {
                sums.isLeft = leaves(index, task.microBatches)
                if sums.isLeft { break }
                // While steps are being skipped, gradients are looked at before they are summed.
                let reports = index == task.microBatches - 1 && !isSuspicious
                sums.add(
                    accumulate(
                        StepPart(microBatch: index), of: task, measures, scale: scale,
                        ready: reports ? reducer.ready : nil, &seconds, &clock))
            }
        }
        let finding = isSuspicious ? localFinding(sums) : sums.finding
        try communicating { () throws(CommunicationError) in try reducer.finish() }
        let control = try exchange(
            sums, tokens: task.tokens,
            stopRequested: sums.isLeft || stopRequested(), cannotSave: cannotSave)
        seconds.wait += clock.lap()
        if control[.departures] > 0 {
            return StepOutcome(
                loss: 0, targets: 0, tokens: 0, gradientNorm: 0, learningRate: learningRate,
                isApplied: false, lossScale: scale, stopRequested: true, isAbandoned: true,
                cannotSave: control[.saveFailures] > 0, seconds: seconds)
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
            task.stepEnded(given: measures)
        }
        return StepOutcome(
            loss: control[.loss] / max(control[.targets], 1), targets: control[.targets],
            figures: control.figures.means, tokens: control[.tokens],
            gradientNorm: decision.norm, learningRate: learningRate,
            isApplied: decision.verdict == .apply, lossScale: scale,
            stopRequested: control[.stops] > 0, cannotSave: control[.saveFailures] > 0,
            energy: control[.energyMeters] > 0 ? control[.energy] : nil, seconds: seconds)
    }

    /// What the objective needs to know of the whole step before any backward pass. Collective where
    /// it asks for something.
    private func measures(
        of task: any StepTask, _ seconds: inout StepSeconds, _ clock: inout LapClock
    ) throws(TrainingError) -> Measures {
        guard !task.measureNames.isEmpty else { return Measures([]) }
        var measures = task.measure(rowByRow: settings.sumsByTree) { sampleIDs in
            ForwardPass(
                workspace: workspace, computeType: store.computeType,
                dropout: task.usesDropout
                    ? DropoutSource(
                        seed: settings.seed, sampleIDs: sampleIDs,
                        embeddingNoise: settings.embeddingNoise) : nil)
        }
        precondition(
            measures.names == task.measureNames,
            "measures: \(measures.names) in place of \(task.measureNames)")
        seconds.forward += clock.lap()
        try communicating { () throws(CommunicationError) in
            try communicator.sum(&measures.values)
            measures.table = try measures.table?.gathered(over: communicator)
        }
        seconds.wait += clock.lap()
        return measures
    }

    /// Forward and backward of one micro-batch or row; its gradients are added to the store's.
    private func accumulate(
        _ part: StepPart, of task: any StepTask, _ measures: Measures, scale: Double?,
        ready: ((Parameter) -> Void)?, _ seconds: inout StepSeconds, _ clock: inout LapClock
    ) -> ObjectiveLoss {
        let pass = ForwardPass(
            workspace: workspace, computeType: store.computeType, tape: Tape(),
            gradientScale: Float((scale ?? 1) / settings.nominalTargets),
            dropout: task.usesDropout
                ? DropoutSource(
                    seed: settings.seed, sampleIDs: task.sampleIDs(of: part),
                    embeddingNoise: settings.embeddingNoise) : nil,
            recomputing: settings.recomputing, scratchGradients: store)
        let outcome = task.loss(of: part, given: measures, in: pass)
        seconds.forward += clock.lap()
        pass.backward(from: outcome.loss, ready: ready)
        seconds.backward += clock.lap()
        return outcome
    }

    /// Forward and backward of each row by itself, summed as an aligned tree.
    private func accumulateByTree(
        _ task: any StepTask, _ measures: Measures, scale: Double?, _ leaves: (Int, Int) -> Bool,
        _ seconds: inout StepSeconds, _ clock: inout LapClock
    ) -> LossSums {
        var tree = GradientTree(store, in: workspace)
        var sums = LossSums(task)
        let parts = (0..<task.microBatches).flatMap { batch in
            (0..<task.rows(of: batch)).map { StepPart(microBatch: batch, row: $0) }
        }
        for (done, part) in parts.enumerated() {
            sums.isLeft = leaves(done, parts.count)
            if sums.isLeft { return sums }
            store.clearGradients()
            let outcome = accumulate(
                part, of: task, measures, scale: scale, ready: nil, &seconds, &clock)
            tree.add(loss: outcome.loss.sum)
            sums.add(outcome)
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
            for range in settings.sumsByTree ? [store.active] : reducer.measuredRanges {
                squares += workspace.sumOfSquares(
                    gradients.advanced(by: range.lowerBound), count: range.count)
            }
        }
        var message = ControlMessage(figures: sums.figures)
        message[.loss] = sums.loss
        message[.targets] = sums.targets
        message[.tokens] = Double(tokens)
        message[.squares] = squares
        message[.nonFinite] = sums.finding == nil ? 0 : 1
        message[.stops] = stopRequested ? 1 : 0
        message[.saveFailures] = cannotSave ? 1 : 0
        message[.departures] = sums.isLeft ? 1 : 0
        message[.energy] = energyMeter?.take() ?? 0
        message[.energyMeters] = energyMeter == nil ? 0 : 1
        try communicating { () throws(CommunicationError) in
            try communicator.sum(&message.numbers)
        }
        return message
    }

    /// Rank 0's decision on a step, the same on every rank.
    private func decide(
        _ control: ControlMessage, scale: Double
    ) throws(TrainingError) -> StepDecision {
        let unscaling = settings.nominalTargets / (scale * max(control[.targets], 1))
        let norm = control[.squares].squareRoot() * unscaling
        let isFinite = norm.isFinite && control[.loss].isFinite && control[.nonFinite] == 0
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
