/// What `stage: cls` gives labels to, and where they stand.
package struct LabelSection: Sendable {
    /// What gets labels, named as PEFT's task types.
    package enum Task: String, CaseIterable, Sendable {
        /// A text, or a pair of texts.
        case sequence = "SEQ_CLS"
        /// Each word of a text.
        case tokens = "TOKEN_CLS"
        /// The answer to a question, a part of its context.
        case answers = "QUESTION_ANS"
    }

    package let task: Task
    /// The column of the text, or the two of a pair (of questions: question, context; of texts that belong
    /// together: anchor, positive and hard negatives); found by their usual names where there are none.
    package let textColumns: [String]
    package let labelColumn: String?
    /// Whether labels are numbers to come near to; told by their fractions where it is not given.
    package let regression: Bool?
    /// Whether all tokens of a word have its label, or the first alone.
    package let labelsAllTokens: Bool

    static let keys: [ConfigurationKey] = [
        .choice(
            "task_type", Task.sequence.rawValue, Task.allCases.map(\.rawValue),
            .training),
        .list("text_column_names", nil, .training),
        .text("label_column_name", nil, .training),
        .boolean("do_regression", nil, .training),
        .boolean("label_all_tokens", false, .training),
    ]

    init(_ settings: ConfigurationSettings) {
        task = settings.choice("task_type")
        textColumns = settings.list("text_column_names")
        labelColumn = settings.optionalText("label_column_name")
        regression = settings.optionalBoolean("do_regression")
        labelsAllTokens = settings.boolean("label_all_tokens")
    }
}

extension LabelSection: ConfigurationSection {
    /// Keys of conversations and of running text, with what to say of them.
    private static let refused: [(key: String, reason: String)] = [
        ("packing", "each text has its own row"), ("neat_packing", "each text has its own row"),
        ("streaming", "labels are known once all rows are read"),
        ("tokenized_path", "texts are encoded as the run starts"),
        ("predict_with_generate", "labels are predicted, with do_predict: true alone"),
        ("label_smoothing_factor", "it is a loss of tokens"),
    ]

    static func validate(with settings: ConfigurationSettings) throws(ConfigurationError) {
        guard Set.training.contains(settings.command) || settings.command == .prepare else {
            return
        }
        let isLabelling = settings.stage == .classification
        for key in keys.map(\.name) where !isLabelling && settings.isChanged(key) {
            if key == "text_column_names", settings.isContrastive { continue }
            throw settings.contradiction([key, "stage"], "it belongs to stage: cls; leave it out")
        }
        guard isLabelling else { return }
        guard settings.command != .prepare else {
            throw settings.contradiction(
                ["stage"], "stage: cls needs no preparing, its texts are encoded as the run starts")
        }
        for (key, reason) in refused where settings.isChanged(key) {
            throw settings.contradiction(
                [key, "stage"], "it is not for stage: cls, where \(reason); leave it out")
        }
        if settings.finetuningType == .adapter {
            throw settings.contradiction(
                ["finetuning_type", "stage"],
                "bottleneck adapters do not keep a task's head; set finetuning_type to lora, freeze "
                    + "or full")
        }
        let task: Task = settings.choice("task_type")
        let columns = settings.list("text_column_names")
        let most = task == .tokens ? 1 : 2
        guard columns.count <= most, task != .answers || columns.count != 1 else {
            throw settings.contradiction(
                ["text_column_names"],
                "found \(columns.count) columns, expected "
                    + (task == .answers ? "those of questions and contexts" : "at most \(most)")
                    + " with task_type: \(task.rawValue)")
        }
        for (key, wanted) in [("do_regression", Task.sequence), ("label_all_tokens", .tokens)]
        where settings.isChanged(key) && task != wanted {
            throw settings.contradiction(
                [key, "task_type"], "it belongs to task_type: \(wanted.rawValue); leave it out")
        }
    }

    static func note(_ settings: inout ConfigurationSettings) {
        guard settings.command == .train, settings.stage == .classification else { return }
        settings.noteUnused(
            [
                "template", "default_system", "tool_format", "train_on_prompt", "mask_history",
                "text_column", "compute_accuracy",
            ], since: "with stage: cls texts have labels, and accuracy is always computed")
    }
}
