import Configuration
import Distributed
import Evaluation
import Kernels
import ModelFiles
import Objectives

/// What a session opens before it takes memory: the model's form, the data, the objective.
struct Opening {
    /// As given, with samples that the model has positions for.
    let configuration: RunConfiguration
    let source: ModelSource
    let setup: ModelSetup
    let objective: any Objective
    let data: StageData
    let tasks: TaskTrials?
    let threads: Int
    let workspace: Workspace
    /// Lines for the user.
    let notes: [String]

    /// Collective.
    init(
        _ given: RunConfiguration, _ objectives: ObjectiveCatalog,
        _ communicator: any Communicator, _ readYAML: @escaping HarnessFile.Reading
    ) throws(TrainingError) {
        let source = try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            do throws(ConfigurationError) {
                try given.validateFiles()
            } catch {
                throw .configuration(error)
            }
            return try ofModelFiles { () throws(ModelFileError) in
                try ModelSource(path: given.model.modelNameOrPath ?? "")
            }
        }
        self.source = source
        if !given.model.trainFromScratch { try source.agree(over: communicator) }
        threads = RunAssembly.threads(given, communicator)
        workspace = Workspace(threads: threads)
        let (setup, configuration) = try RankAgreement.onAllRanks(communicator) {
            () throws(TrainingError) in
            try RunAssembly.setup(source, given, for: try objectives.purpose(of: given, source))
        }
        self.setup = setup
        self.configuration = configuration
        var notes = configuration.notices
        let scaling = try ofModelFiles { () throws(ModelFileError) in
            try source.scalingNote(configuration)
        }
        if let scaling { notes.append(scaling) }
        if let line = try TrainingSession.prepareShards(configuration, communicator) {
            notes.append(line)
        }
        notes += try EvaluationCorpus.prepare(configuration, communicator)
        let text = try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            try ofModelFiles { () throws(ModelFileError) in try RunTokenizer(configuration) }
        }
        tasks = try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            try TaskTrials(configuration, text, setup.model, readYAML)
        }
        let stage = try RankAgreement.onAllRanks(communicator) { () throws(TrainingError) in
            try objectives.stage(of: configuration, setup.model)
        }
        objective = stage.objective
        data = try stage.open(
            StageContext(
                configuration: configuration, text: text, setup: setup, threads: threads,
                workspace: workspace, communicator: communicator))
        if let notice = data.predictor?.notice { notes.append(notice) }
        self.notes = notes
    }

    /// What to say of a loss of equally used experts that training leaves out.
    var balanceNotes: [String] {
        guard configuration.method.doTrain else { return [] }
        return [objective.balanceNote(setup.model.description)].compactMap { $0 }
    }

    /// What to say of the head that the model's files hold.
    func headNote() throws(TrainingError) -> String? {
        try ofModelFiles { () throws(ModelFileError) in try source.headNote(setup.model) }
    }
}
