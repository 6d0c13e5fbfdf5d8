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
            try PlanTrial(configuration, workspace)
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
            work: work(of: trial.configuration, trial.setup, trial.objective.sequencesOfSample),
            step: step, memory: memory)
        constants.rollout = try slowest(trial.measureRollout(), communicator)
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
        let fitted = try configuration.fitted(to: setup.model.description.maximumPositions)
        return work(of: fitted, setup, 1)
    }

    private static func work(
        of configuration: RunConfiguration, _ setup: ModelSetup, _ sequences: Int
    ) -> PlanConstants.Work {
        let parameters = setup.model.parameters
        return PlanConstants.Work(
            model: setup.model.description.type,
            parameters: parameters.reduce(0) { $0 + $1.count },
            trainable: parameters.reduce(0) { $0 + ($1.isTrainable ? $1.count : 0) },
            precision: configuration.compute.precision.rawValue,
            samples: configuration.train.perDeviceTrainBatchSize,
            length: configuration.data.cutoffLen, sequences: sequences > 1 ? sequences : nil,
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

    /// The slowest rank's.
    private static func slowest(
        _ rollout: PlanConstants.Rollout?, _ communicator: any Communicator
    ) throws(TrainingError) -> PlanConstants.Rollout? {
        guard var rollout else { return nil }
        var values = [rollout.seconds]
        do {
            try communicator.maximum(&values)
        } catch {
            throw .communication(error)
        }
        rollout.seconds = values[0]
        return rollout
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
