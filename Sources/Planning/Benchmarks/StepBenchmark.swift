import Autograd
package import Configuration
package import Distributed
import Foundation
import Kernels
import ModelFiles
import Objectives
import Optimizers
import Reports
package import Training

/// What a step of a configuration costs, on random tokens.
package struct StepBenchmark: Sendable, Codable {
    /// Over all ranks, by the median step.
    package var tokensPerSecond: Double
    package var medianStepSeconds: Double
    package var forwardSeconds: Double
    package var backwardSeconds: Double
    package var waitSeconds: Double
    /// Of a step's collectives on rank 0: seconds in which it had come and some other rank had not, and
    /// seconds in which all took part.
    package var peerSeconds: Double
    package var transferSeconds: Double
    package var updateSeconds: Double
    /// Matrix-product peak of a rank, FLOP/s: measured unless `peak_gflops` gives it.
    package var peak: Double
    /// Whether the machine was busy or uneven while the peak was measured.
    package var wasBusy: Bool
    /// Model FLOPs of a rank over its peak.
    package var mfu: Double
    /// Floating-point operations of the model for a token, backward included.
    package var operationsPerToken: Double
    /// Measured memory rate of a rank while all measure theirs, bytes a second.
    package var memoryRate: Double
    /// Of the rank that held most, bytes (VmHWM).
    package var peakMemory: Int
    /// From the start of set-up to the end of the first step.
    package var secondsToFirstStep: Double
    package var ranks: Int
    package var threads: Int
    package var lastLoss: Double
    /// How gradients were summed over ranks; `nil` on one rank.
    package var summing: String?
    /// Blocks of memory asked of the system in the steps after the second.
    package var lateAllocations: Int
    /// Where the counted steps' time went, the largest part first.
    package var parts: [Part]

    /// A kind of op in one direction, in one step.
    package struct Part: Sendable, Codable {
        package var name: String
        package var calls: Int
        package var seconds: Double
        /// Floating-point operations a second of its matrix products; 0 where it has none.
        package var rate: Double
        /// Bytes a second of the activations, gradients and moments that it reads and writes; above
        /// the memory's rate where they are still in a cache.
        package var bandwidth: Double
    }

    private static func parts(_ clock: OpClock, steps: Int, update: Part) -> [Part] {
        let ops = clock.entries.map { name, entry in
            Part(
                name: name, calls: entry.calls / steps, seconds: entry.seconds / Double(steps),
                rate: entry.operations / entry.seconds,
                bandwidth: Double(entry.bytes) / entry.seconds)
        }
        return (ops + [update]).sorted { $0.seconds > $1.seconds }
    }

    /// The optimizer's part: weights and moments are read and written, gradients read, the copies
    /// that kernels read written.
    private static func update(
        _ optimizer: Optimizer, of store: ParameterStore, elements: Int, seconds: Double
    ) -> Part {
        let copyBytes = store.copies?.type.bytes ?? 0
        let bytes = 2 * optimizer.stateBytes + elements * (3 * 4 + copyBytes)
        return Part(
            name: "\(optimizer.rule.name) update", calls: 1, seconds: seconds, rate: 0,
            bandwidth: seconds > 0 ? Double(bytes) / seconds : 0)
    }

    /// Runs `steps` steps after one that is not counted. Collective.
    package static func run(
        _ given: RunConfiguration, steps: Int, on communicator: any Communicator
    ) throws(TrainingError) -> StepBenchmark {
        let begun = ContinuousClock.now
        let threads = RunAssembly.threads(given, communicator)
        let workspace = Workspace(threads: threads)
        let (setup, configuration) = try RankAgreement.onAllRanks(communicator) {
            () throws(TrainingError) in
            let source = try ofModelFiles { () throws(ModelFileError) in
                try ModelSource(path: given.model.modelNameOrPath ?? "")
            }
            return try RunAssembly.setup(
                source, given, for: try ObjectiveCatalog.standard.purpose(of: given, source))
        }
        let objective = try ObjectiveCatalog.standard.stage(of: configuration, setup.model)
            .objective
        let assembly = try RunAssembly(
            configuration, setup, objective, for: .measurement, in: workspace, over: communicator)
        try assembly.drawOrFill()
        let (store, reducer) = (assembly.parameters, assembly.reducer)
        reducer.releaseUnownedMasters()
        let optimizer = assembly.optimizer()
        let counted = try CountedSteps(
            steps, of: objective, by: assembly.loop(optimizer), configuration,
            over: communicator, since: begun)
        // Before anything else is measured, which takes memory of its own.
        let peakMemory = try largest(Machine.peakMemory(), over: communicator)
        let (time, median) = counted.median
        let tokens =
            configuration.train.perDeviceTrainBatchSize
            * configuration.train.gradientAccumulationSteps * configuration.data.cutoffLen
            * objective.sequencesOfSample
        let type = store.computeType == .float16 ? .float32 : store.computeType
        let products =
            configuration.compute.peakGFLOPS.map {
                MachineMeasurement.ProductPeak(operations: $0 * 1e9, wasBusy: false)
            } ?? MachineMeasurement.matrixProducts(type, in: workspace)
        let peak = products.operations
        let work =
            Double(tokens) * objective.operationsPerToken(length: configuration.data.cutoffLen)
        let update = update(
            optimizer, of: store, elements: reducer.ownedRanges.reduce(0) { $0 + $1.count },
            seconds: counted.meanUpdate)
        return StepBenchmark(
            tokensPerSecond: Double(tokens * communicator.size) / time,
            medianStepSeconds: time, forwardSeconds: median.forward,
            backwardSeconds: median.backward, waitSeconds: median.wait,
            peerSeconds: counted.peerSeconds / Double(steps),
            transferSeconds: counted.transferSeconds / Double(steps),
            updateSeconds: median.update, peak: peak, wasBusy: products.wasBusy,
            mfu: work / time / peak,
            operationsPerToken: work / Double(tokens),
            memoryRate: MachineMeasurement.memoryRate(in: workspace), peakMemory: peakMemory,
            secondsToFirstStep: counted.secondsToFirstStep, ranks: communicator.size,
            threads: threads, lastLoss: counted.lastLoss, summing: assembly.summingNote,
            lateAllocations: counted.lateAllocations,
            parts: parts(counted.clock, steps: steps, update: update))
    }

    /// The largest of the ranks' numbers. Collective.
    private static func largest(
        _ number: Int, over communicator: any Communicator
    ) throws(TrainingError) -> Int {
        do {
            return try communicator.allGather("\(number)").compactMap { Int($0) }.max() ?? number
        } catch {
            throw .communication(error)
        }
    }
}

/// What steps on random tokens took, after one that is not counted.
private struct CountedSteps {
    /// Of each counted step, all in all and by what it did.
    private var times: [Double] = []
    private var seconds: [StepSeconds] = []
    let clock = OpClock()
    private(set) var lastLoss = 0.0
    private(set) var secondsToFirstStep = 0.0
    private(set) var lateAllocations = 0
    /// Over all counted steps; as in ``StepBenchmark``.
    private(set) var peerSeconds = 0.0
    private(set) var transferSeconds = 0.0

    /// Takes the steps. Collective.
    ///
    /// - Parameter begun: when set-up began.
    init(
        _ count: Int, of objective: any Objective, by loop: TrainingLoop,
        _ configuration: RunConfiguration, over communicator: any Communicator,
        since begun: ContinuousClock.Instant
    ) throws(TrainingError) {
        var allocations = 0
        var before = communicator.activity
        for step in 0...count {
            if step == 1 {
                loop.workspace.clock = clock
                before = communicator.activity
            }
            let work = objective.randomStep(
                rows: configuration.train.perDeviceTrainBatchSize,
                columns: configuration.data.cutoffLen,
                seeds: (0..<configuration.train.gradientAccumulationSteps).map { micro in
                    UInt64(step * 1_000_003 + micro * 1009 + communicator.rank)
                })
            let start = ContinuousClock.now
            let outcome = try loop.step(work, number: step + 1, learningRate: 1e-4)
            lastLoss = outcome.loss
            if step == 0 { secondsToFirstStep = (ContinuousClock.now - begun) / .seconds(1) }
            if step == 1 { allocations = loop.workspace.pool.systemAllocations }
            guard step > 0 else { continue }
            times.append((ContinuousClock.now - start) / .seconds(1))
            seconds.append(outcome.seconds)
        }
        let after = communicator.activity
        peerSeconds = after.secondsWaitingForPeers - before.secondsWaitingForPeers
        transferSeconds = after.secondsTransferring - before.secondsTransferring
        lateAllocations = loop.workspace.pool.systemAllocations - allocations
    }

    /// The step of median time.
    var median: (time: Double, seconds: StepSeconds) {
        let order = times.indices.sorted { times[$0] < times[$1] }
        let middle = order[order.count / 2]
        return (times[middle], seconds[middle])
    }

    /// Seconds of an update.
    var meanUpdate: Double { seconds.reduce(0) { $0 + $1.update } / Double(seconds.count) }
}
