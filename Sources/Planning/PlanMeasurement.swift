import Autograd
package import Configuration
package import Distributed
import Foundation
import Kernels
import ModelFiles
import Models
import Objectives
import Optimizers
import Reports
package import Training

/// Measures the constants of a plan on this machine, on random tokens.
package enum PlanMeasurement {
    /// Runs some steps of one micro-batch, each rank by itself but all at the same time, then tries
    /// the links. Collective; every rank gets the slowest rank's figures.
    /// - Parameter steps: at most, after one that is not counted; no more than a minute's worth.
    package static func run(
        _ configuration: RunConfiguration, steps: Int, on communicator: any Communicator
    ) throws(TrainingError) -> PlanConstants {
        let threads = RunAssembly.threads(configuration, communicator)
        let program = Machine.peakMemory()
        let workspace = Workspace(threads: threads)
        let trial = try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            try Trial(configuration, workspace)
        }
        try meet(communicator)
        var step = try trial.measure(steps: steps)
        let type = trial.store.computeType == .float16 ? .float32 : trial.store.computeType
        var rates = [
            MachineMeasurement.matrixProductPeak(type, in: workspace), copyRate(),
            reductionRate(),
        ]
        var memory = trial.memory(program: program)
        var sizes = [Double(memory.activationBytes), Double(memory.programBytes)]
        try slowest(&step, &rates, &sizes, communicator)
        memory.activationBytes = Int(sizes[0])
        memory.programBytes = Int(sizes[1])
        var constants = PlanConstants(
            host: communicator.hostName, processors: ProcessInfo.processInfo.processorCount,
            threads: threads, ranksOnHost: communicator.localSize, matrixPeak: rates[0],
            copyRate: rates[1], reductionRate: rates[2],
            work: work(of: configuration, trial.setup), step: step, memory: memory)
        try addLinks(to: &constants, communicator)
        return constants
    }

    /// What a configuration's step depends on.
    package static func work(
        of configuration: RunConfiguration
    ) throws(TrainingError) -> PlanConstants.Work {
        let setup = try ofModelFiles { () throws(ModelFileError) in
            try ModelSetup(
                ModelSource(path: configuration.model.modelNameOrPath ?? ""), configuration)
        }
        return work(of: configuration, setup)
    }

    private static func work(
        of configuration: RunConfiguration, _ setup: ModelSetup
    ) -> PlanConstants.Work {
        let parameters = setup.model.parameters
        return PlanConstants.Work(
            model: setup.model.description.type,
            parameters: parameters.reduce(0) { $0 + $1.count },
            trainable: parameters.reduce(0) { $0 + ($1.isTrainable ? $1.count : 0) },
            precision: configuration.compute.precision.rawValue,
            samples: configuration.train.perDeviceTrainBatchSize,
            length: configuration.data.cutoffLen,
            optimizer: configuration.train.optimizer.rawValue,
            recomputes: configuration.model.gradientCheckpointing,
            deterministic: configuration.compute.deterministic)
    }

    // MARK: ranks

    private static func meet(_ communicator: any Communicator) throws(TrainingError) {
        do {
            try communicator.barrier()
        } catch {
            throw .communication(error)
        }
    }

    /// The slowest rank's times and rates, the largest sizes, and everyone's slots: rank 0's.
    private static func slowest(
        _ step: inout PlanConstants.Step, _ rates: inout [Double], _ sizes: inout [Double],
        _ communicator: any Communicator
    ) throws(TrainingError) {
        var values = [
            step.forward, step.backward, step.clear, step.norm, step.update, step.copies,
            step.deviation,
        ]
        let times = values.count
        values += rates.map { -$0 } + sizes
        do {
            try communicator.maximum(&values)
        } catch {
            throw .communication(error)
        }
        (step.forward, step.backward, step.clear) = (values[0], values[1], values[2])
        (step.norm, step.update, step.copies) = (values[3], values[4], values[5])
        step.deviation = values[6]
        rates = values[times..<times + rates.count].map { -$0 }
        sizes = Array(values.suffix(sizes.count))
    }

    private static func addLinks(
        to constants: inout PlanConstants, _ communicator: any Communicator
    ) throws(TrainingError) {
        guard communicator.size > 1 else { return }
        do {
            let report = try LinkProbe.run(
                on: communicator, messageBytes: LinkModel.probeBytes, sumBytes: [])
            constants.within = slowest(report.links.filter(\.isSameHost))
            constants.between = slowest(report.links.filter { !$0.isSameHost })
        } catch {
            throw .communication(error)
        }
    }

    private static func slowest(_ links: [LinkReport.Link]) -> LinkModel? {
        links.compactMap { LinkModel(points: $0.points) }
            .min { $0.bytesPerSecond < $1.bytesPerSecond }
    }

    // MARK: rates of one thread

    /// Bytes a second of a copy too large for the caches.
    private static func copyRate() -> Double {
        let workspace = Workspace(threads: 1)
        let count = 16 << 20
        let (x, y) = (workspace.buffer(count, .float32), workspace.buffer(count, .float32))
        // Memory that no one has written is one page of zeros, read from the cache.
        workspace.fill(x, count: count, with: 1)
        return Double(count * 4) / best { workspace.convert(x, to: y, count: count) }
    }

    /// Bytes a second of float32 added to others, in pieces as sums over ranks have them.
    private static func reductionRate() -> Double {
        let workspace = Workspace(threads: 1)
        let count = Int(CommunicationModel.pieceBytes) / 16
        let (x, y) = (workspace.zeros(count, .float32), workspace.zeros(count, .float32))
        return Double(count * 4) / best { workspace.add(x, to: y, count: count) }
    }

    private static func best(_ body: () -> Void) -> Double {
        body()
        return (0..<5).map { _ in
            var clock = LapClock()
            body()
            return max(clock.lap(), 1e-9)
        }.min() ?? 1
    }
}

/// A rank by itself, ready to step on random tokens.
private final class Trial {
    let setup: ModelSetup
    let store: ParameterStore
    private let objective: any Objective
    private let assembly: RunAssembly
    private let configuration: RunConfiguration
    private let workspace: Workspace
    private let optimizer: Optimizer
    private let loop: TrainingLoop

    init(_ configuration: RunConfiguration, _ workspace: Workspace) throws(TrainingError) {
        self.configuration = configuration
        self.workspace = workspace
        let source = try ofModelFiles { () throws(ModelFileError) in
            try ModelSource(path: configuration.model.modelNameOrPath ?? "")
        }
        setup = try RunAssembly.setup(
            source, configuration,
            for: try ObjectiveCatalog.standard.purpose(of: configuration, source))
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
                ? nil : store.slots.indices.filter { store.slots[$0].parameter.isLookedUp })
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

    private func slots() -> [BucketLayout.Slot] {
        let finished = readiness()
        let ends = store.slots.dropFirst().map(\.offset) + [store.count]
        return zip(store.slots, ends).map { slot, end in
            // What no op has touched is complete when the reducer finishes.
            BucketLayout.Slot(
                elements: end - slot.offset,
                ready: finished[ObjectIdentifier(slot.parameter)] ?? 1)
        }
    }

    /// Tables of embeddings, as they are where lookups keep their gradients apart.
    private func tables() -> [BucketLayout.Table] {
        let all = setup.model.registry.embeddings.map(\.embedding.weight).filter(\.isTrainable)
        for table in all { table.rowGradients = RowGradients(width: table.shape.width) }
        let finished = readiness()
        for table in all { table.rowGradients = nil }
        return all.compactMap { table in
            guard let slot = store.slots.firstIndex(where: { $0.parameter === table })
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
        let held =
            store.count * (8 + copyBytes) + Int(Double(store.count * 4) * moments) + frozen
        return MemoryWork(
            trainable: store.count, copyBytes: copyBytes, moments: moments, frozenBytes: frozen,
            activationBytes: max(0, Machine.peakMemory() - program - held),
            programBytes: program)
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
