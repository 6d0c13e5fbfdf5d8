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
            ["generation_max_length", "generation_config", "max_length"]),
        // Of LLaMA-Factory's former `eval` command.
        .dormant([
            "task", "task_dir", "lang", "n_shot", "download_mode",
        ]))

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
