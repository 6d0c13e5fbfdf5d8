import Autograd
import Checkpoints
package import Distributed
import Foundation
import Kernels
import Models
import TextData

/// A run made ready: model, data, optimizer and ranks, at the step where it starts.
package final class TrainingSession {
    let configuration: RunConfiguration
    let communicator: any Communicator
    let workspace: Workspace
    let loop: TrainingLoop
    let dataset: TokenDataset
    let samples: TrainingSamples
    let evaluation: EvaluationBatches?
    let evaluationSamples: Int
    let plan: TrainingPlan
    let store: HDF5CheckpointStore
    let tokenizerFiles: [String: String]
    let heartbeat: Heartbeat
    /// Where the run starts; `nil` at step 0.
    let resumed: ResumePoint?
    /// Lines for the user about how the run was set up.
    let notes: [String]

    /// The name and version that checkpoints note.
    static let program = "lockstep \(ProgramVersion.text)"

    /// Sets a run up. Collective.
    ///
    /// Every mistake of the user is found here, before anything is written.
    package init(
        _ configuration: RunConfiguration, communicator: any Communicator
    ) throws(TrainingError) {
        self.configuration = configuration
        self.communicator = communicator
        var notes = configuration.notices
        let source = try RankAgreement.all(communicator) { () throws(TrainingError) in
            do throws(ConfigurationError) {
                try configuration.validateFiles()
            } catch {
                throw .configuration(error)
            }
            return try ModelSource(path: configuration.model.modelNameOrPath ?? "")
        }
        let threads = Self.threads(configuration, communicator)
        workspace = Workspace(threads: threads)
        let parts = try RankAgreement.all(communicator) { () throws(TrainingError) in
            let model = try source.model()
            try Self.check(configuration, fits: model)
            let data = try Self.openData(configuration, model: model)
            let files = try Self.tokenizerFiles(configuration)
            try Self.checkTokenizer(files, of: data.dataset, configuration)
            return (model, data, files)
        }
        let (model, data, files) = parts
        tokenizerFiles = files
        dataset = data.dataset
        samples = data.samples
        plan = TrainingPlan(
            samples: data.split.trainingCount, ranks: communicator.size,
            configuration: configuration)
        evaluationSamples = data.split.evaluationCount
        evaluation =
            data.split.evaluationCount > 0
            ? EvaluationBatches(
                dataset: data.dataset, split: data.split, rank: communicator.rank,
                ranks: communicator.size,
                batch: configuration.evaluation.perDeviceEvalBatchSize) : nil

        let type = configuration.computeType
        let parameters = ParameterStore(
            model.parameters, computeType: type, training: true, in: workspace)
        let reducer = GradientReducer(
            parameters, over: communicator,
            settings: configuration.reducerSettings(
                sharesCores: Self.sharesCores(threads: threads, communicator)))
        try Self.verifyAgreement(configuration, reducer, communicator)

        store = HDF5CheckpointStore(
            folder: configuration.output.outputDir ?? ".", program: Self.program)
        let resume = Resume(
            configuration: configuration, store: store, model: model, data: data,
            communicator: communicator)
        let found = try resume.find()
        notes += found.notes
        resumed = found.point
        let optimizer = Optimizer(
            configuration.optimizerSettings, store: parameters, ranges: reducer.ownedRanges,
            in: workspace)
        loop = TrainingLoop(
            model: model, store: parameters, optimizer: optimizer, reducer: reducer,
            workspace: workspace, communicator: communicator,
            settings: configuration.stepSettings(ranks: communicator.size),
            scaler: resumed?.scaler)
        if let resumed {
            try loop.restoreArrays(found.state, moments: true)
            optimizer.restore(steps: resumed.optimizerSteps)
        } else if configuration.model.trainFromScratch {
            parameters.initialize(seed: UInt64(configuration.train.seed))
        } else {
            let (model, workspace) = (model, workspace)
            try RankAgreement.all(communicator) { () throws(TrainingError) in
                try source.fill(model, in: workspace)
            }
        }
        try Self.agreeOnWeights(
            loop, drawn: resumed == nil && configuration.model.trainFromScratch)
        notes += Self.description(
            model: model, parameters: parameters, dataset: data.dataset, split: data.split,
            threads: threads, configuration: configuration, communicator: communicator)
        if communicator.size > 1 {
            let asked = configuration.compute.overlapCommunication
            let shares = Self.sharesCores(threads: threads, communicator)
            notes.append(
                asked && !shares
                    ? "gradients are summed while backward goes on"
                    : "gradients are summed after backward"
                        + (asked ? ": no processor is free for it before" : ""))
        }
        self.notes = notes
        do {
            heartbeat = try Heartbeat(
                communicator: communicator, settings: HeartbeatSettings())
        } catch {
            throw .communication(error)
        }
    }

    /// How the global batch is divided among ranks and micro-batches.
    var partition: BatchPartition {
        BatchPartition(
            rank: communicator.rank, ranks: communicator.size,
            samplesPerMicroBatch: configuration.train.perDeviceTrainBatchSize,
            microBatches: configuration.train.gradientAccumulationSteps)
    }

    /// Threads of this rank: as told, or its share of the processors it may use.
    static func threads(
        _ configuration: RunConfiguration, _ communicator: any Communicator
    ) -> Int {
        if let threads = configuration.compute.threadsPerRank { return threads }
        let allowed = Machine.allowedProcessors()
        // A rank that is bound has processors of its own; unbound ones share the machine.
        let isBound = allowed < ProcessInfo.processInfo.processorCount
        return max(1, isBound ? allowed : allowed / communicator.localSize)
    }

    /// Whether the communication thread has to share a processor with the step.
    static func sharesCores(threads: Int, _ communicator: any Communicator) -> Bool {
        threads * communicator.localSize >= ProcessInfo.processInfo.processorCount
            || Machine.allowedProcessors() <= threads
    }

    private static func verifyAgreement(
        _ configuration: RunConfiguration, _ reducer: GradientReducer,
        _ communicator: any Communicator
    ) throws(TrainingError) {
        guard communicator.size > 1 else { return }
        do {
            try StartupAgreement(
                rankCount: communicator.size, program: Fingerprint.ofRunningProgram(),
                library: communicator.libraryVersion,
                configuration: Fingerprint(String(configuration.hash)),
                layout: Fingerprint(reducer.layoutText)
            ).verify(on: communicator)
        } catch {
            throw .communication(error)
        }
    }

    /// Makes sure that all ranks hold the same weights.
    ///
    /// Drawn weights may differ in their last bits between hosts of different instruction sets;
    /// then all take rank 0's. Weights read from files must not differ.
    private static func agreeOnWeights(
        _ loop: TrainingLoop, drawn: Bool
    ) throws(TrainingError) {
        let (parameters, communicator) = (loop.store, loop.communicator)
        guard communicator.size > 1, let masters = parameters.masters else { return }
        let sum = loop.workspace.sumOfSquares(masters, count: parameters.count)
        var extremes = [sum, -sum]
        try loop.communicating { () throws(CommunicationError) in
            try communicator.maximum(&extremes)
        }
        // Weights that are no numbers are equal too; the first step names them. (maximum gives
        // infinity for NaN.)
        if extremes[0] == -extremes[1] || extremes.allSatisfy({ $0 == .infinity || $0.isNaN }) {
            return
        }
        guard drawn else {
            throw .user(
                "ranks read different weights (sums of squares \(-extremes[1]) to "
                    + "\(extremes[0])); give all hosts the same model files")
        }
        try loop.communicating { () throws(CommunicationError) in
            try loop.reducer.broadcast(masters, from: 0)
        }
        parameters.refreshCopies()
    }
}
