import Autograd
import Configuration
import Distributed
import Foundation
import Kernels
import ModelFiles
import Models
import Objectives
import Optimizers
import Reports
import Training

/// A rank by itself, ready to step on random tokens.
final class PlanTrial {
    let setup: ModelSetup
    let store: ParameterStore
    let objective: any Objective
    let configuration: RunConfiguration
    let workspace: Workspace
    private let assembly: RunAssembly
    private let optimizer: Optimizer
    private let loop: TrainingLoop

    init(_ given: RunConfiguration, _ workspace: Workspace) throws(TrainingError) {
        self.workspace = workspace
        let source = try ofModelFiles { () throws(ModelFileError) in
            try ModelSource(path: given.model.modelNameOrPath ?? "")
        }
        let (setup, configuration) = try RunAssembly.setup(
            source, given, for: try ObjectiveCatalog.standard.purpose(of: given, source))
        self.setup = setup
        self.configuration = configuration
        objective = try ObjectiveCatalog.standard.stage(of: configuration, setup.model).objective
        // Alone every bucket is its own sum.
        assembly = try RunAssembly(
            configuration, setup, objective, for: .measurement,
            reducing: GradientReducer.Settings(
                bucketBytes: 1 << 20, overlaps: false, divides: false),
            in: workspace, over: SingleProcess())
        store = assembly.parameters
        guard store.count > 0 else { throw .user("nothing is trainable, so there is no step") }
        try assembly.drawOrFill()
        optimizer = assembly.optimizer()
        loop = assembly.loop(optimizer)
    }

    private func work(_ number: Int) -> any StepTask {
        objective.randomStep(
            rows: configuration.train.perDeviceTrainBatchSize,
            columns: configuration.data.cutoffLen, seeds: [UInt64(number * 1_000_003)])
    }

    /// Medians over the steps.
    func measure(steps: Int) throws(TrainingError) -> PlanConstants.Step {
        var seconds: [StepSeconds] = []
        let begun = ContinuousClock.now
        for number in 0...steps {
            let outcome = try loop.step(work(number), number: number + 1, learningRate: 1e-4)
            if number > 0 { seconds.append(outcome.seconds) }
            if seconds.count > 1, ContinuousClock.now - begun > .seconds(60) { break }
        }
        let clear = time { store.clearGradients() }
        let compute = seconds.map { $0.forward + $0.backward }
        let middle = median(compute)
        // The median of deviations bears single disturbances; 1.4826 makes it a normal's σ.
        let deviation = 1.4826 * median(compute.map { abs($0 - middle) }) / middle
        let tokens =
            configuration.train.perDeviceTrainBatchSize * configuration.data.cutoffLen
            * objective.sequencesOfSample
        return PlanConstants.Step(
            forward: max(1e-9, median(seconds.map(\.forward)) - clear),
            backward: median(seconds.map(\.backward)), clear: clear,
            norm: median(seconds.map(\.wait)), update: median(seconds.map(\.update)),
            copies: store.copies == nil ? 0 : time { store.refreshCopies() },
            deviation: deviation,
            operations: Double(tokens)
                * objective.operationsPerToken(length: configuration.data.cutoffLen),
            slots: slots(), tables: tables(),
            lookedUp: store.splitMasters == nil
                ? nil : slotsOfStep.indices.filter { slotsOfStep[$0].slot.parameter.isLookedUp })
    }

    /// One more backward, noting after which part of it each parameter's gradient is complete.
    private func readiness() -> [ObjectIdentifier: Double] {
        store.clearGradients()
        let (work, part) = (work(0), StepPart(microBatch: 0))
        let pass = ForwardPass(
            workspace: workspace, computeType: store.computeType, tape: Tape(),
            gradientScale: 1e-3,
            dropout: DropoutSource(seed: 1, sampleIDs: work.sampleIDs(of: part)),
            recomputing: assembly.recomputing, scratchGradients: store)
        let measures = work.measure(rowByRow: false) { _ in
            ForwardPass(workspace: workspace, computeType: store.computeType)
        }
        let loss = work.loss(of: part, given: measures, in: pass).loss
        var finished: [ObjectIdentifier: Double] = [:]
        let start = ContinuousClock.now
        pass.backward(from: loss) { parameter in
            finished[ObjectIdentifier(parameter)] = (ContinuousClock.now - start) / .seconds(1)
        }
        let whole = max((ContinuousClock.now - start) / .seconds(1), 1e-9)
        return finished.mapValues { min(1, $0 / whole) }
    }

    /// What has gradients in a step, with its padded size: of an optimizer that trains one block at a time
    /// that block.
    private var slotsOfStep: [(slot: ParameterStore.Slot, elements: Int)] {
        let ends = store.slots.dropFirst().map(\.offset) + [store.count]
        return zip(store.slots, ends).filter { $0.0.parameter.learns }.map { slot, end in
            (slot, end - slot.offset)
        }
    }

    private func slots() -> [BucketLayout.Slot] {
        let finished = readiness()
        return slotsOfStep.map { slot, elements in
            // What no op has touched is complete when the reducer finishes.
            BucketLayout.Slot(
                elements: elements, ready: finished[ObjectIdentifier(slot.parameter)] ?? 1)
        }
    }

    /// Tables of embeddings, as they are where lookups keep their gradients apart.
    private func tables() -> [BucketLayout.Table] {
        let all = setup.model.registry.embeddings.map(\.embedding.weight).filter(\.isTrainable)
        for table in all { table.rowGradients = RowGradients(width: table.shape.width) }
        let finished = readiness()
        for table in all { table.rowGradients = nil }
        return all.compactMap { table in
            guard let slot = slotsOfStep.firstIndex(where: { $0.slot.parameter === table })
            else { return nil }
            let ready = finished[ObjectIdentifier(table)] ?? 1
            return BucketLayout.Table(
                slot: slot, rows: table.shape.extents[0], width: table.shape.width,
                denseReady: table === setup.model.head ? ready : nil)
        }
    }

    /// The rank's memory so far.
    func memory(program: Int) -> MemoryWork {
        let copyBytes = store.copies == nil ? 0 : store.computeType.bytes
        let moments =
            Double(optimizer.rule.stateCount(of: setup.model.parameters))
            / Double(max(store.trainableCount, 1))
        let frozen = setup.model.parameters.reduce(0) { sum, parameter in
            guard !parameter.isTrainable else { return sum }
            if let quantized = parameter.quantized { return sum + quantized.bytes.count }
            return sum + parameter.count * parameter.value.type.bytes
        }
        let gradients = slotsOfStep.reduce(0) { $0 + $1.elements }
        let held =
            store.count * (4 + copyBytes) + gradients * 4 + Int(Double(store.count * 4) * moments)
            + frozen
        var work = MemoryWork(
            trainable: store.count, copyBytes: copyBytes, moments: moments, frozenBytes: frozen,
            activationBytes: max(0, Machine.peakMemory() - program - held),
            programBytes: program)
        if gradients < store.count { work.gradients = gradients }
        return work
    }

    private func time(_ body: () -> Void) -> Double {
        median(
            (0..<3).map { _ in
                var clock = LapClock()
                body()
                return clock.lap()
            })
    }

    private func median(_ values: [Double]) -> Double { BenchmarkReport.median(values) ?? 0 }
}
