/// What a run leaves behind, and how often.
package struct OutputSection: Sendable {
    /// When something recurring happens.
    package enum Strategy: String, Sendable {
        case no, steps, epoch
        /// After each evaluation that is the best so far; for checkpoints only.
        case best
    }

    /// What a run starts from.
    package enum Resume: Sendable, Equatable {
        /// The newest complete checkpoint of output_dir if there is one, unless
        /// overwrite_output_dir is set.
        case automatic
        /// The newest complete checkpoint of output_dir; it is a mistake if there is none.
        case newest
        case checkpoint(path: String)
        /// Step 0, whatever output_dir holds.
        case never

        package var namesACheckpoint: Bool { if case .checkpoint = self { true } else { false } }
    }

    package let outputDir: String?
    package let overwriteOutputDir: Bool
    package let resume: Resume
    package let loggingStrategy: Strategy
    package let loggingSteps: StepCount
    package let loggingFirstStep: Bool
    package let saveStrategy: Strategy
    package let saveSteps: StepCount
    /// Checkpoints kept, at least 1; `nil` keeps all.
    package let saveTotalLimit: Int?
    package let saveOnlyModel: Bool
    package let plotLoss: Bool
    package let runName: String?
    /// Whether a run writes event files for TensorBoard.
    package let writesEvents: Bool
    /// Where they go; `nil` for a folder of their own in output_dir.
    package let loggingDir: String?
    /// Where the figures for Prometheus go, if anywhere.
    package let metricsFile: String?
    /// Whether a terminal gets plain lines instead of a progress bar.
    package let disableProgressBar: Bool

    /// What makes a stopped run go on: the same settings, unless they say where to begin.
    package var adviceToGoOn: String {
        switch resume {
        case .automatic, .newest: "run the same command again to go on"
        case .never where overwriteOutputDir:
            "run it again with overwrite_output_dir=false to go on"
        case .checkpoint, .never: "run it again with resume_from_checkpoint=true to go on"
        }
    }

    static let keys = ConfigurationKey.joined(
        [
            .text("output_dir", nil, [.train, .bench, .plan], isLocal: true),
            .boolean("overwrite_output_dir", false, [.train]),
            .switchOrText("resume_from_checkpoint", [.train], isLocal: true),
            .choice("logging_strategy", "steps", ["steps", "epoch", "no"], [.train]),
            .interval("logging_steps", 500, [.train]),
            .boolean("logging_first_step", false, [.train]),
            .choice("save_strategy", "steps", ["steps", "epoch", "no", "best"], [.train]),
            .interval("save_steps", 500, [.train]),
            .integer("save_total_limit", nil, .any, [.train]),
            .boolean("save_only_model", false, [.train]),
            .boolean("plot_loss", false, [.train]),
            .text("run_name", nil, [.train], isLocal: true),
            .boolean("disable_tqdm", false, [.train]),
            .list("report_to", ["none"], [.train]),
            .text("logging_dir", nil, [.train], isLocal: true),
            .text("metrics_file", nil, [.train], isLocal: true),
        ],
        .later(
            "copy output_dir where it should go after the run", ["push_to_hub"], [.train]),
        .later(
            "a resumed run goes on at the sample where it stopped", ["ignore_data_skip"], [.train]),
        .noEffect(
            "rank 0 writes files and lines for all ranks",
            [
                "log_on_each_node", "save_on_each_node", "log_level", "log_level_replica",
                "logging_nan_inf_filter", "restore_callback_states_from_checkpoint",
            ]),
        .noEffect(
            "checkpoints are HDF5 files written in the background",
            ["save_safetensors", "enable_jit_checkpoint"]),
        .noEffect(
            "every logged step states its tokens and tokens per second",
            [
                "include_num_input_tokens_seen", "include_tokens_per_second",
                "include_effective_tokens_per_second",
            ]),
        .noEffect(
            "reports are files in output_dir: trainer_log.jsonl, all_results.json and "
                + "training_loss.svg",
            [
                "project", "trackio_space_id", "trackio_bucket_id",
                "trackio_static_space_id", "use_swanlab", "swanlab_project",
                "swanlab_workspace", "swanlab_run_name", "swanlab_mode", "swanlab_api_key",
                "swanlab_logdir", "swanlab_lark_webhook_url", "swanlab_lark_secret",
                "hub_token", "hub_private_repo", "hub_model_id", "hub_strategy",
                "hub_always_push", "hub_revision",
            ]))

    init(_ settings: ConfigurationSettings) {
        outputDir = settings.optionalText("output_dir")
        overwriteOutputDir = settings.boolean("overwrite_output_dir")
        resume =
            switch settings["resume_from_checkpoint"] {
            case .boolean(true): .newest
            case .boolean(false): .never
            case .text(let path): .checkpoint(path: path)
            default: settings.boolean("overwrite_output_dir") ? .never : .automatic
            }
        loggingStrategy = settings.choice("logging_strategy")
        loggingSteps = StepCount(settings.number("logging_steps"))
        loggingFirstStep = settings.boolean("logging_first_step")
        saveStrategy = settings.choice("save_strategy")
        saveSteps = StepCount(settings.number("save_steps"))
        saveTotalLimit = settings.optionalInteger("save_total_limit").flatMap { $0 > 0 ? $0 : nil }
        saveOnlyModel = settings.boolean("save_only_model")
        plotLoss = settings.boolean("plot_loss")
        runName = settings.optionalText("run_name")
        writesEvents = !settings.reporters.isEmpty
        loggingDir = settings.optionalText("logging_dir")
        metricsFile = settings.optionalText("metrics_file")
        disableProgressBar = settings.boolean("disable_tqdm")
    }
}

extension OutputSection: ConfigurationSection {
    static func validate(with settings: ConfigurationSettings) throws(ConfigurationError) {
        if settings.choice("save_strategy", as: Strategy.self) == .best,
            settings.evalStrategy == .no
        {
            throw settings.contradiction(
                ["save_strategy", "eval_strategy"],
                "the best checkpoint is found by evaluations; set eval_strategy to steps or epoch")
        }
        if settings.boolean("overwrite_output_dir"),
            settings["resume_from_checkpoint"] == .boolean(true)
        {
            throw settings.contradiction(
                ["resume_from_checkpoint", "overwrite_output_dir"],
                "a run cannot both go on from output_dir and overwrite it; keep one")
        }
        try checkReporters(settings)
    }

    /// Words of `report_to`: Hugging Face's `all` is everything that there is, and `none` stands alone.
    private static func checkReporters(
        _ settings: ConfigurationSettings
    ) throws(ConfigurationError) {
        let key = "report_to"
        let words = settings.list(key)
        for word in words where !["none", "all", "tensorboard"].contains(word) {
            throw .notSupported(
                key: key, value: word,
                reason:
                    "nothing is sent to a service; set tensorboard for event files (other trackers "
                    + "read those, or trainer_log.jsonl), or none",
                place: settings.place(key))
        }
        if words.count > 1, words.contains("none") {
            throw settings.contradiction(
                [key],
                "none stands beside \(words.filter { $0 != "none" }.joined(separator: ", ")); keep one"
            )
        }
    }

    static func note(_ settings: inout ConfigurationSettings) {
        if settings.reporters.isEmpty {
            settings.noteUnused(["logging_dir"], since: "report_to does not name tensorboard")
        }
    }
}

extension ConfigurationSettings {
    /// What a run reports to besides the files in output_dir.
    fileprivate var reporters: [String] { list("report_to").filter { $0 != "none" } }
}
