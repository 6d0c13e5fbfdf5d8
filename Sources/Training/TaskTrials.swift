import Configuration
import Evaluation
import Metrics
import ModelFiles
import Models
import Templates
import Tokenizers

/// Tasks that a run tries its model on with each evaluation (`eval_tasks`).
struct TaskTrials {
    private let tasks: [any EvaluationTask]
    private let groups: [HarnessGroup]
    private let tokenizer: any Tokenizer
    private let ends: Set<Int32>
    private let batch: Int

    /// - Returns: `nil` where none are named.
    /// - Throws: for tasks that are not known, and data that are missing or damaged.
    init?(
        _ configuration: RunConfiguration, _ text: RunTokenizer, _ model: any LanguageModel,
        _ readYAML: @escaping HarnessFile.Reading
    ) throws(TrainingError) {
        let names = configuration.tasks.duringTraining
        guard !names.isEmpty else { return nil }
        guard model.description.kind == .decoder, model.taskHead == nil else {
            throw .user(
                "eval_tasks: tasks are for decoders with a language head; leave the key out")
        }
        let tokenizer = try ofModelFiles { () throws(ModelFileError) in try text.tokenizer() }
        let encoder: (any ConversationEncoding)? =
            if configuration.data.template == nil { nil } else {
                try ofModelFiles { () throws(ModelFileError) in
                    try ModelTemplate.encoder(
                        try ModelTemplate.template(configuration, files: text.files, tokenizer),
                        tokenizer)
                }
            }
        var setting = TaskSetting(
            tokenizer, model.description, encoder: encoder, folder: configuration.tasks.folder,
            readYAML: readYAML)
        setting.language = configuration.tasks.language
        let named = setting
        let selection = try ofEvaluation { () throws(EvaluationError) in
            try TaskCatalog.selection(names, named)
        }
        (tasks, groups) = (selection.tasks, selection.groups)
        self.tokenizer = tokenizer
        ends = tokenizer.endOfText.map { [$0] } ?? []
        batch = configuration.evaluation.perDeviceEvalBatchSize
    }

    /// The figures of all tasks. Collective.
    ///
    /// - Returns: `nil` where a rank was asked to leave.
    func figures(
        of model: any LanguageModel, on evaluator: Evaluator, stepped: () -> Void,
        leaves: () -> Bool
    ) throws(EvaluationError) -> [Figure]? {
        let run = TaskRun(tasks, batch: batch, over: evaluator.communicator)
        let scorer = RequestScorer(
            model, tokenizer, ends: ends, computeType: evaluator.computeType,
            in: evaluator.workspace)
        guard let results = try run.results(by: scorer, stepped: stepped, leaves: leaves) else {
            return nil
        }
        let reports = results.compactMap(\.report)
        return results.flatMap(\.figures) + groups.flatMap { $0.figures(reports) }
    }
}
