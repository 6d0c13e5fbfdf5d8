import Files
import Metrics
import Optimizers

/// The metric that evaluations are compared by, and the schedule that follows it.
extension ConfigurationRules {
    private static let metricKey = "metric_for_best_model"

    /// The metrics that a run may have, by their names in its log: of all that is held out, then of
    /// each dataset that is evaluated by itself.
    private static func metrics(_ settings: ConfigurationSettings) -> [String] {
        let names = ["loss", "perplexity"] + Figure.names
        let each = settings.boolean("eval_on_each_dataset") ? settings.list("eval_dataset") : []
        return ([""] + each.map { $0 + "_" }).flatMap { part in names.map { "eval_\(part)\($0)" } }
    }

    /// Gives the metric its full name, and says whether a greater one is better.
    static func resolveMetric(
        _ settings: inout ConfigurationSettings
    ) throws(ConfigurationError) {
        let keepsBest =
            settings.boolean("load_best_model_at_end")
            || settings["early_stopping_steps"] != .none
            || settings.text("save_strategy") == "best" || followsMetric(settings)
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
            let isLess = name.hasSuffix("_loss") || name.hasSuffix("_perplexity")
            settings.resolve("greater_is_better", .boolean(!isLess))
        }
    }

    /// The key without which a metric is not computed.
    static func key(ofMetric metric: String) -> String? {
        if metric.hasSuffix("_loss") || metric.hasSuffix("_perplexity") { return nil }
        return metric.hasSuffix("_accuracy") ? "compute_accuracy" : "predict_with_generate"
    }

    private static func followsMetric(_ settings: ConfigurationSettings) -> Bool {
        settings.text("lr_scheduler_type") == ScheduleKind.reduceLROnPlateau.rawValue
    }

    /// Datasets that are evaluated by themselves are told apart by their names.
    static func checkEach(_ settings: ConfigurationSettings) throws(ConfigurationError) {
        let names = settings.list("eval_dataset")
        guard settings.boolean("eval_on_each_dataset"), Set(names).count < names.count else {
            return
        }
        throw .contradiction(
            keys: ["eval_dataset", "eval_on_each_dataset"],
            reason: "a dataset is named twice, so its figures would be, too; name each once",
            place: settings.place("eval_dataset"))
    }

    /// A schedule that follows evaluations needs some.
    static func checkSchedule(_ settings: ConfigurationSettings) throws(ConfigurationError) {
        guard settings.command == .train, followsMetric(settings) else { return }
        if settings.isGiven("loraplus_lr_ratio"),
            settings.map("lr_scheduler_kwargs")["min_lr"] != nil
        {
            throw .contradiction(
                keys: ["lr_scheduler_kwargs", "loraplus_lr_ratio"],
                reason: "a min_lr for two rates is not supported; leave one of them out",
                place: settings.place("loraplus_lr_ratio"))
        }
        guard settings.text("eval_strategy") == "no" else { return }
        throw .contradiction(
            keys: ["lr_scheduler_type", "eval_strategy"],
            reason: "reduce_lr_on_plateau follows evaluations; set eval_strategy to steps or epoch",
            place: settings.place("lr_scheduler_type"))
    }

    /// Keys that have no say beside others.
    static func noteMetric(_ settings: inout ConfigurationSettings) {
        if followsMetric(settings) {
            let warmup = ["warmup_steps", "warmup_ratio"].filter(settings.isChanged)
            if !warmup.isEmpty {
                settings.note(
                    warmup.joined(separator: ", ")
                        + ": not used, since reduce_lr_on_plateau begins at learning_rate")
            }
        }
        if settings.boolean("eval_on_each_dataset"), settings.list("eval_dataset").isEmpty {
            settings.note("eval_on_each_dataset: not used, since eval_dataset names no datasets")
        }
        if settings.command == .prepare, !settings.list("eval_dataset").isEmpty {
            settings.note(
                "eval_dataset: not prepared; train tokenizes it, into output_dir/tokenized_eval")
        }
    }
}
