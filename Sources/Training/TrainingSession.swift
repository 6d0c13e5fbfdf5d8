import Checkpoints
package import Configuration
package import Distributed
package import Evaluation
import Files
import Foundation
import Kernels
import ModelFiles
import Models
package import Objectives
import Optimizers
import TextData

/// A run made ready: model, data, optimizer and ranks, at the step where it starts.
package final class TrainingSession {
    package let configuration: RunConfiguration
    let communicator: any Communicator
    let workspace: Workspace
    let loop: TrainingLoop
    package let objective: any Objective
    /// What is learned from and tried.
    package let stage: StageData
    /// Tasks that belong to its evaluations; `nil` where there are none.
    let tasks: TaskTrials?
    /// The model with what finetuning adds to it.
    let setup: ModelSetup
    let plan: TrainingPlan
    let store: HDF5CheckpointStore
    let heartbeat: Heartbeat
    /// What keeps output_dir this run's alone; on rank 0 of a run that has one.
    let lock: FolderLock?
    /// Where the run starts; `nil` at step 0.
    let resumed: ResumePoint?
    /// Lines for the user about how the run was set up.
    let notes: [String]

    /// The name and version that checkpoints note.
    static let program = "lockstep \(ProgramVersion.text)"

    /// Sets a run up. Collective.
    ///
    /// Every mistake of the user is found here, before anything is written.
    /// - Parameters:
    ///   - objectives: what a stage may be.
    ///   - heartbeat: which the caller stops where this throws.
    ///   - readYAML: what reads the files of tasks (`eval_tasks`).
    package init(
        _ given: RunConfiguration, objectives: ObjectiveCatalog = .standard,
        communicator: any Communicator, heartbeat: Heartbeat,
        readYAML: @escaping HarnessFile.Reading = TaskSetting.noReading
    ) throws(TrainingError) {
        self.communicator = communicator
        self.heartbeat = heartbeat
        heartbeat.enter(.loading, step: 0)
        let opening = try Opening(given, objectives, communicator, readYAML)
        let configuration = opening.configuration
        self.configuration = configuration
        (workspace, setup, stage) = (opening.workspace, opening.setup, opening.data)
        tasks = opening.tasks
        objective = opening.objective
        try TokenBytes.check(configuration.evaluation.metricForBestModel, of: objective)
        plan = try configuration.plan(
            samples: stage.data.trainingCount, ranks: communicator.size)
        let assembly = try RunAssembly(
            configuration, setup, objective, for: .run, in: workspace, over: communicator)
        try Self.verifyAgreement(configuration, assembly.reducer, communicator)
        lock = try Self.lockOutput(configuration, communicator)
        store = HDF5CheckpointStore(
            folder: configuration.output.outputDir ?? ".", program: Self.program)
        let found = try Resume(
            configuration: configuration, store: store, setup: setup, rule: assembly.rule,
            data: stage.data, communicator: communicator
        ).find()
        resumed = found.point
        let optimizer = assembly.optimizer()
        loop = assembly.loop(optimizer, scaler: resumed?.scaler)
        opening.objective.memory = resumed?.memory.objective ?? []
        try Self.fill(
            assembly, loop, optimizer, resumed, found.state, stage,
            stepped: { heartbeat.enter(.evaluate, step: 0) })
        var notes = opening.notes + opening.balanceNotes + found.notes
        if let reference = stage.reference { notes.append(reference.note) }
        if let note = try opening.headNote() { notes.append(note) }
        if let note = setup.growth?.note { notes.append(note) }
        if let note = setup.drawnNote { notes.append(note) }
        notes += setup.method.description(of: setup.model)
        notes += Self.description(
            model: setup.model, parameters: assembly.parameters, data: stage.data,
            threads: opening.threads, configuration: configuration, communicator: communicator)
        notes += [assembly.rule.summary, assembly.summingNote].compactMap { $0 }
        if communicator.size > 1, communicator.rank == 0, let line = SharedMemoryLeftovers().line {
            notes.append(line)
        }
        self.notes = notes
    }

    /// Gives the parameters the numbers that the run starts from. Collective.
    ///
    /// - Parameter stage: what it computes and opens is of the numbers that the run began with.
    private static func fill(
        _ assembly: RunAssembly, _ loop: TrainingLoop, _ optimizer: Optimizer,
        _ resumed: ResumePoint?, _ state: TrainingState?, _ stage: StageData,
        stepped: () -> Void
    ) throws(TrainingError) {
        let reference = stage.reference
        let (configuration, setup) = (assembly.configuration, assembly.setup)
        let begins = resumed == nil || reference?.isComplete == false
        if configuration.model.trainFromScratch {
            if begins {
                assembly.parameters.initialize(seed: UInt64(configuration.train.seed))
            }
        } else if begins || setup.model.parameters.contains(where: { !$0.isTrainable }) {
            // A checkpoint holds what is trained; what is frozen comes from the model's files.
            try RankAgreement.onAllRanks(loop.communicator) { () throws(TrainingError) in
                try ofModelFiles { () throws(ModelFileError) in
                    try setup.fill(in: assembly.workspace)
                }
            }
        }
        let isNew =
            configuration.model.trainFromScratch || setup.isAdapter || !setup.drawn.isEmpty
        if let reference, !reference.isComplete {
            try agreeOnWeights(loop, drawn: isNew)
            try reference.compute(
                setup.model, in: loop.workspace, loop.store.computeType, stepped: stepped)
        }
        try stage.begin(setup)
        if let resumed {
            optimizer.restore(steps: resumed.optimizerSteps)
            try loop.restoreArrays(state, moments: true)
        }
        try agreeOnWeights(loop, drawn: resumed == nil && isNew)
        assembly.reducer.releaseUnownedMasters()
    }

    /// Takes output_dir for this run, on rank 0. Collective.
    private static func lockOutput(
        _ configuration: RunConfiguration, _ communicator: any Communicator
    ) throws(TrainingError) -> FolderLock? {
        try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            guard communicator.rank == 0, let folder = configuration.output.outputDir else {
                return nil
            }
            try configuration.checkMonitors()
            return try FolderLock.taking(folder, as: "output_dir")
        }
    }

    package var data: SessionData { stage.data }

    /// How the global batch is divided among ranks and micro-batches, with the ranks' shares where they are not
    /// equal.
    func partition(_ shares: StepShares?) -> BatchPartition {
        configuration.partition(
            rank: communicator.rank, ranks: communicator.size, shares: shares)
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
        guard communicator.size > 1, parameters.count > 0 else { return }
        let sum = parameters.sumOfSquares()
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
        for masters in parameters.masterArrays {
            try loop.communicating { () throws(CommunicationError) in
                try loop.reducer.broadcast(masters, from: 0)
            }
        }
        parameters.refreshCopies()
    }
}
