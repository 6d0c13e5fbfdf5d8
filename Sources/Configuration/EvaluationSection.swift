import Files
import Metrics

/// When the held-out samples are tried, and what the best is.
package struct EvaluationSection: Sendable {
    package let evalStrategy: OutputSection.Strategy
    package let evalSteps: StepCount
    package let perDeviceEvalBatchSize: Int
    package let evalOnStart: Bool
    /// Steps, or epochs where evaluations come by epochs, before the first evaluation.
    package let evalDelay: Double
    package let loadBestModelAtEnd: Bool
    /// Such as `eval_loss`; `nil` when no best checkpoint is kept.
    package let metricForBestModel: String?
    package let greaterIsBetter: Bool
    /// Evaluations without a new best after which the run ends; `nil` never ends it.
    package let earlyStoppingSteps: Int?
    /// Whether do_predict continues the prompts and compares the texts.
    package let predictWithGenerate: Bool
    package let computeAccuracy: Bool
    /// jieba's dict.txt, by which Chinese text is cut into words.
    package let segmentationDictionary: String?

    static let keys = ConfigurationKey.joined(
        [
            .choice(
                "eval_strategy", "no", ["no", "steps", "epoch"], [.train],
                aliases: ["evaluation_strategy"]),
            .interval("eval_steps", nil, [.train]),
            .integer(
                "per_device_eval_batch_size", 8, .from(1).within(1e6), .training,
                aliases: ["per_gpu_eval_batch_size"]),
            .boolean("eval_on_start", false, [.train]),
            .number("eval_delay", 0, .from(0), [.train]),
            .boolean("load_best_model_at_end", false, [.train]),
            .text("metric_for_best_model", nil, [.train]),
            .boolean("greater_is_better", nil, [.train]),
            .integer("early_stopping_steps", nil, .from(1), [.train]),
            .boolean("predict_with_generate", false, [.train]),
            .boolean("compute_accuracy", false, [.train]),
            .text("segmentation_dictionary", nil, [.train], isLocal: true),
        ],
        .noEffect(
            "evaluation keeps sums only",
            [
                "eval_accumulation_steps", "prediction_loss_only", "eval_do_concat_batches",
                "eval_use_gather_object", "include_for_metrics", "batch_eval_metrics",
                "include_inputs_for_metrics", "bf16_full_eval", "fp16_full_eval",
            ]),
        .noEffect(
            "max_new_tokens and cutoff_len say how long texts may be",
            ["generation_max_length", "generation_config", "max_length"]))

    init(_ settings: ConfigurationSettings) {
        evalStrategy = settings.choice("eval_strategy")
        evalSteps = StepCount(settings.number("eval_steps"))
        perDeviceEvalBatchSize = settings.integer("per_device_eval_batch_size")
        evalOnStart = settings.boolean("eval_on_start")
        evalDelay = settings.number("eval_delay")
        loadBestModelAtEnd = settings.boolean("load_best_model_at_end")
        metricForBestModel = settings.optionalText("metric_for_best_model")
        greaterIsBetter = settings.optionalBoolean("greater_is_better") ?? false
        earlyStoppingSteps = settings.optionalInteger("early_stopping_steps")
        predictWithGenerate = settings.boolean("predict_with_generate")
        computeAccuracy = settings.boolean("compute_accuracy")
        segmentationDictionary = settings.optionalText("segmentation_dictionary")
    }
}

extension EvaluationSection: ConfigurationSection {
    static func resolve(_ settings: inout ConfigurationSettings) throws(ConfigurationError) {
        if settings["eval_steps"] == .none {
            settings.resolve("eval_steps", settings["logging_steps"])
        }
        try resolveMetric(&settings)
    }

    private static let metricKey = "metric_for_best_model"
    /// Of held-out text, by the objectives that write it.
    private static let bits = "bits_per_byte"

    /// The metrics that a run may have, by their names in its log: of all that is held out, then of
    /// each dataset that is evaluated by itself.
    private static func metrics(_ settings: ConfigurationSettings) -> [String] {
        let isLabelling = settings.stage == .classification
        let task: LabelSection.Task = settings.choice("task_type")
        let ofLabels = task == .answers ? AnswerMetrics.names : LabelMetrics.names
        let ofText = settings.stage == .pretraining && !settings.isContrastive ? [bits] : []
        let others =
            settings.isContrastive
            ? RetrievalMetrics.names
            : settings.stage == .ranking
                ? Figure.rankings
                : settings.stage == .groupPolicy
                    ? GroupPolicySection.evaluationFigures(settings.list("grpo_reward"))
                    : settings.stage == .policy
                        ? ["reward"]
                        : settings.stage.learnsPreferences ? Figure.preferences : Figure.names
        let names =
            ["loss"] + (isCrossEntropy(settings) ? ["perplexity"] : []) + ofText
            + (isLabelling ? ofLabels : others)
        let each = settings.boolean("eval_on_each_dataset") ? settings.list("eval_dataset") : []
        return ([""] + each.map { $0 + "_" }).flatMap { part in names.map { "eval_\(part)\($0)" } }
    }

    /// Whether the loss of held-out samples is that of their tokens alone.
    private static func isCrossEntropy(_ settings: ConfigurationSettings) -> Bool {
        let objective: PretrainingSection.Objective? = settings.optionalChoice("objective")
        return switch (settings.stage, objective) {
        case (.supervised, _): true
        case (.pretraining, .contrastive), (.pretraining, .replacedTokens),
            (.pretraining, .maskedPairs):
            false
        case (.pretraining, _): true
        default: false
        }
    }

    /// Gives the metric its full name, and says whether a greater one is better.
    private static func resolveMetric(
        _ settings: inout ConfigurationSettings
    ) throws(ConfigurationError) {
        let keepsBest =
            settings.boolean("load_best_model_at_end")
            || settings["early_stopping_steps"] != .none
            || settings.choice("save_strategy", as: OutputSection.Strategy.self) == .best
            || settings.followsMetric
        let written = settings.optionalText(metricKey) ?? (keepsBest ? "eval_loss" : nil)
        guard let written else { return }
        let known = metrics(settings)
        guard let name = [written, "eval_" + written].first(where: known.contains) else {
            throw .notAChoice(
                key: metricKey, found: "'\(written)'", choices: known,
                suggestion: NearestName.find(written, among: known),
                place: settings.place(metricKey))
        }
        settings.resolve(metricKey, .text(name))
        // Hugging Face calls everything that does not end in "loss" better when greater, and so
        // would keep the worst perplexity.
        if settings["greater_is_better"] == .none {
            let lesser = [
                "_loss", "_perplexity", "_mse", bits, "rewards/rejected", "logps/rejected",
            ]
            let isLess = lesser.contains(where: name.hasSuffix)
            settings.resolve("greater_is_better", .boolean(!isLess))
        }
    }

    /// The key without which a metric is not computed.
    private static func key(ofMetric metric: String) -> String? {
        if ["_loss", "_perplexity", bits].contains(where: metric.hasSuffix) { return nil }
        return metric.hasSuffix("_accuracy") ? "compute_accuracy" : "predict_with_generate"
    }

    static func validate(with settings: ConfigurationSettings) throws(ConfigurationError) {
        let strategy = settings.evalStrategy
        let evaluates =
            strategy != .no || settings.boolean("do_eval") || settings.boolean("eval_on_start")
        if evaluates, settings.number("val_size") == 0, settings.list("eval_dataset").isEmpty {
            let key =
                strategy != .no
                ? "eval_strategy" : settings.boolean("eval_on_start") ? "eval_on_start" : "do_eval"
            throw settings.contradiction(
                [key],
                "evaluation needs held-out samples; set val_size or eval_dataset")
        }
        if let metric = settings.optionalText("metric_for_best_model"),
            settings.stage == .supervised || settings.stage == .pretraining,
            !settings.isContrastive,
            let needed = key(ofMetric: metric),
            !settings.boolean(needed)
        {
            throw settings.contradiction(
                ["metric_for_best_model", needed],
                "\(metric) is computed with \(needed): true")
        }
        try checkEach(settings)
        if settings.isGiven("early_stopping_steps"), strategy == .no {
            throw settings.contradiction(
                ["early_stopping_steps", "eval_strategy"],
                "stopping early needs evaluations; set eval_strategy to steps or epoch")
        }
        if settings.boolean("load_best_model_at_end") { try checkBest(settings) }
        guard settings.command == .train else { return }
        if settings.boolean("predict_with_generate"), settings.stage == .pretraining {
            throw settings.contradiction(
                ["predict_with_generate", "stage"],
                "running text has no prompts; set stage: sft")
        }
    }

    /// The best checkpoint can only be loaded if every evaluation that may be best has one.
    private static func checkBest(
        _ settings: ConfigurationSettings
    ) throws(ConfigurationError) {
        let strategy = settings.evalStrategy
        let saving: OutputSection.Strategy = settings.choice("save_strategy")
        guard strategy != .no, strategy == saving || saving == .best else {
            throw settings.contradiction(
                ["load_best_model_at_end", "eval_strategy", "save_strategy"],
                "evaluations and checkpoints must come together, but eval_strategy is "
                    + "\(strategy.rawValue) and save_strategy is \(saving.rawValue)")
        }
        guard strategy == .steps, saving == .steps else { return }
        let save = settings.number("save_steps")
        let evaluate = settings.number("eval_steps")
        let keys = ["load_best_model_at_end", "save_steps", "eval_steps"]
        guard (save < 1) == (evaluate < 1) else {
            throw settings.contradiction(
                keys,
                "save_steps \(settings.plain("save_steps")) and eval_steps "
                    + "\(settings.plain("eval_steps")) must both be numbers of steps or both be "
                    + "fractions")
        }
        // Fractions are compared in millionths, as transformers does.
        let scale = save < 1 ? 1e6 : 1
        let remainder = (save * scale).rounded()
            .truncatingRemainder(dividingBy: max(1, (evaluate * scale).rounded()))
        guard remainder == 0 else {
            throw settings.contradiction(
                keys,
                "save_steps \(settings.plain("save_steps")) must be a multiple of eval_steps "
                    + settings.plain("eval_steps"))
        }
    }

    /// Datasets that are evaluated by themselves are told apart by their names.
    private static func checkEach(_ settings: ConfigurationSettings) throws(ConfigurationError) {
        let names = settings.list("eval_dataset")
        guard settings.boolean("eval_on_each_dataset"), Set(names).count < names.count else {
            return
        }
        throw .contradiction(
            keys: ["eval_dataset", "eval_on_each_dataset"],
            reason: "a dataset is named twice, so its figures would be, too; name each once",
            place: settings.place("eval_dataset"))
    }

    static func note(_ settings: inout ConfigurationSettings) {
        if settings.boolean("eval_on_each_dataset"), settings.list("eval_dataset").isEmpty {
            settings.note("eval_on_each_dataset: not used, since eval_dataset names no datasets")
        }
        if settings.command == .prepare, settings.stage == .pretraining,
            !settings.list("eval_dataset").isEmpty
        {
            settings.note(
                "eval_dataset: not prepared; train tokenizes it, into output_dir/tokenized_eval")
        }
    }
}
