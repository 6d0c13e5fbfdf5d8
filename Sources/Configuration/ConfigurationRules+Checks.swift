extension ConfigurationRules {
    /// Checks that values go together, and refuses combinations of later versions.
    static func check(_ settings: ConfigurationSettings) throws(ConfigurationError) {
        try checkData(settings)
        try checkMethod(settings)
        try checkEvaluation(settings)
        try checkRun(settings)
    }

    private static func contradiction(
        _ settings: ConfigurationSettings, _ keys: [String], _ reason: String
    ) -> ConfigurationError {
        let place = keys.map(settings.place).filter { $0 != .unknown }.max { $0.rank < $1.rank }
        return .contradiction(keys: keys, reason: reason, place: place ?? .unknown)
    }

    private static func checkData(_ settings: ConfigurationSettings) throws(ConfigurationError) {
        let heldOut = settings.number("val_size")
        if heldOut > 0, !settings.list("eval_dataset").isEmpty {
            throw contradiction(
                settings, ["val_size", "eval_dataset"],
                "held-out samples come from one of them; keep one")
        }
        if heldOut > 0, settings.list("dataset").isEmpty, settings["tokenized_path"] == .none {
            throw contradiction(
                settings, ["val_size"], "needs a dataset or tokenized_path to hold out from")
        }
        if settings.isGiven("interleave_probs"), settings.text("mix_strategy") == "concat" {
            throw contradiction(
                settings, ["interleave_probs", "mix_strategy"],
                "probabilities need interleaved mixing, but mix_strategy is concat")
        }
        try checkProbabilities(settings)
        if !settings.boolean("ignore_pad_token_for_loss") {
            throw .notSupported(
                key: "ignore_pad_token_for_loss", value: "false",
                reason: "padding is never a target here; leave it out",
                place: settings.place("ignore_pad_token_for_loss"))
        }
        if settings.boolean("streaming") {
            if settings.text("stage") == "sft", settings.isGiven("tokenized_path") {
                throw contradiction(
                    settings, ["streaming", "tokenized_path"],
                    "rows that are read as they are needed are not kept; keep one of the keys")
            }
            if settings.isGiven("max_samples") {
                throw contradiction(
                    settings, ["streaming", "max_samples"], "they do not go together; keep one")
            }
            if heldOut > 0, heldOut < 1 {
                throw contradiction(
                    settings, ["streaming", "val_size"],
                    "with streaming, val_size is a whole number of samples")
            }
            if settings.integer("max_steps") < 1 {
                throw contradiction(settings, ["streaming"], "needs max_steps")
            }
        }
        if settings.boolean("mask_history"), settings.boolean("train_on_prompt") {
            throw contradiction(
                settings, ["mask_history", "train_on_prompt"], "they do not go together; keep one")
        }
        guard settings.text("stage") == "pt" else { return }
        if settings.isGiven("dataset_info") {
            throw .notSupportedYet(
                key: "dataset_info", value: "a map of keys",
                advice: "with stage: pt put it into dataset_info.json in dataset_dir",
                place: settings.place("dataset_info"))
        }
        if settings.boolean("neat_packing") {
            throw contradiction(
                settings, ["neat_packing", "stage"],
                "separate attention per document is for sft; with stage: pt leave it out")
        }
        if settings.optionalBoolean("packing") == false {
            throw .notSupportedYet(
                key: "packing", value: "false",
                advice: "with stage: pt documents always fill samples; leave it out",
                place: settings.place("packing"))
        }
    }

    /// One number above 0 for each dataset.
    private static func checkProbabilities(
        _ settings: ConfigurationSettings
    ) throws(ConfigurationError) {
        let words = settings.list("interleave_probs")
        guard !words.isEmpty else { return }
        let numbers = words.compactMap(Double.init)
        let datasets = settings.list("dataset").count
        let held =
            settings.boolean("eval_on_each_dataset") ? 0 : settings.list("eval_dataset").count
        if held > 1, held != datasets {
            throw contradiction(
                settings, ["interleave_probs", "eval_dataset"],
                "eval_dataset is mixed by the same probabilities, but names \(held) datasets, not "
                    + "\(datasets); set eval_on_each_dataset: true")
        }
        guard numbers.count == words.count, numbers.allSatisfy({ $0 > 0 && $0 <= 1 }),
            numbers.count == datasets, abs(numbers.reduce(0, +) - 1) < 1e-6
        else {
            throw .outOfRange(
                key: "interleave_probs", found: "'\(words.joined(separator: ","))'",
                expected: "a number above 0 for each of the \(datasets) datasets, 1 in all",
                place: settings.place("interleave_probs"))
        }
    }

    /// Methods and what they need.
    private static func checkMethod(
        _ settings: ConfigurationSettings
    ) throws(ConfigurationError) {
        let type = settings.optionalText("finetuning_type") ?? "full"
        let isAdapter = type == "lora" || type == "adapter"
        if Set.training.contains(settings.command),
            let (keys, reason) = LossSection.contradiction(in: settings)
        {
            throw contradiction(settings, keys, reason)
        }
        guard settings.command == .train else { return }
        if isAdapter, settings.boolean("train_from_scratch") {
            throw contradiction(
                settings, ["finetuning_type", "train_from_scratch"],
                "an adapter needs a trained model under it; set finetuning_type: full")
        }
        if !isAdapter, settings.isGiven("adapter_name_or_path") {
            throw contradiction(
                settings, ["adapter_name_or_path", "finetuning_type"],
                "adapters go on with finetuning_type: lora or adapter, but it is \(type)")
        }
        if !isAdapter, settings.isGiven("quantization_bit") {
            throw contradiction(
                settings, ["quantization_bit", "finetuning_type"],
                "quantized weights cannot be trained; set finetuning_type: lora")
        }
        if settings.boolean("pissa_init"), settings.isGiven("quantization_bit") {
            throw contradiction(
                settings, ["pissa_init", "quantization_bit"],
                "PiSSA changes the base weights, so they cannot be quantized")
        }
        for key in ["use_dora", "use_rslora", "pissa_init", "loraplus_lr_ratio"]
        where settings.isChanged(key) && type != "lora" {
            throw contradiction(
                settings, [key, "finetuning_type"], "\(key) is a setting of LoRA")
        }
        if settings.integer("freeze_trainable_layers") == 0, type == "freeze" {
            throw contradiction(
                settings, ["freeze_trainable_layers"],
                "0 layers leaves nothing to train; give n for the last n, -n for the first n")
        }
        if settings.boolean("do_predict"), !settings.boolean("predict_with_generate") {
            throw contradiction(
                settings, ["do_predict", "predict_with_generate"],
                "predictions are generated; set predict_with_generate: true")
        }
        if settings.boolean("predict_with_generate"), settings.text("stage") == "pt" {
            throw contradiction(
                settings, ["predict_with_generate", "stage"],
                "running text has no prompts; set stage: sft")
        }
        if settings.boolean("do_predict"), settings.number("val_size") == 0,
            settings.list("eval_dataset").isEmpty
        {
            throw contradiction(
                settings, ["do_predict"], "needs held-out samples; set val_size or eval_dataset")
        }
    }

    private static func checkEvaluation(
        _ settings: ConfigurationSettings
    ) throws(ConfigurationError) {
        let strategy = settings.text("eval_strategy")
        let evaluates =
            strategy != "no" || settings.boolean("do_eval") || settings.boolean("eval_on_start")
        if evaluates, settings.number("val_size") == 0, settings.list("eval_dataset").isEmpty {
            let key =
                strategy != "no"
                ? "eval_strategy" : settings.boolean("eval_on_start") ? "eval_on_start" : "do_eval"
            throw contradiction(
                settings, [key], "evaluation needs held-out samples; set val_size or eval_dataset")
        }
        if let metric = settings.optionalText("metric_for_best_model"),
            let needed = key(ofMetric: metric), !settings.boolean(needed)
        {
            throw contradiction(
                settings, ["metric_for_best_model", needed],
                "\(metric) is computed with \(needed): true")
        }
        try checkEach(settings)
        try checkSchedule(settings)
        if settings.isGiven("early_stopping_steps"), strategy == "no" {
            throw contradiction(
                settings, ["early_stopping_steps", "eval_strategy"],
                "stopping early needs evaluations; set eval_strategy to steps or epoch")
        }
        if settings.text("save_strategy") == "best", strategy == "no" {
            throw contradiction(
                settings, ["save_strategy", "eval_strategy"],
                "the best checkpoint is found by evaluations; set eval_strategy to steps or epoch")
        }
        if settings.boolean("load_best_model_at_end") { try checkBest(settings, strategy) }
    }

    /// The best checkpoint can only be loaded if every evaluation that may be best has one.
    private static func checkBest(
        _ settings: ConfigurationSettings, _ strategy: String
    ) throws(ConfigurationError) {
        let saving = settings.text("save_strategy")
        guard strategy != "no", strategy == saving || saving == "best" else {
            throw contradiction(
                settings, ["load_best_model_at_end", "eval_strategy", "save_strategy"],
                "evaluations and checkpoints must come together, but eval_strategy is "
                    + "\(strategy) and save_strategy is \(saving)")
        }
        guard strategy == "steps", saving == "steps" else { return }
        let save = settings.number("save_steps")
        let evaluate = settings.number("eval_steps")
        let keys = ["load_best_model_at_end", "save_steps", "eval_steps"]
        guard (save < 1) == (evaluate < 1) else {
            throw contradiction(
                settings, keys,
                "save_steps \(plain(save)) and eval_steps \(plain(evaluate)) must both be "
                    + "numbers of steps or both be fractions")
        }
        // Fractions are compared in millionths, as transformers does.
        let scale = save < 1 ? 1e6 : 1
        let remainder = (save * scale).rounded()
            .truncatingRemainder(dividingBy: max(1, (evaluate * scale).rounded()))
        guard remainder == 0 else {
            throw contradiction(
                settings, keys,
                "save_steps \(plain(save)) must be a multiple of eval_steps \(plain(evaluate))")
        }
    }

    private static func checkRun(_ settings: ConfigurationSettings) throws(ConfigurationError) {
        if let stage = settings.optionalInteger("zero_stage"), stage > 1 {
            throw .notSupportedYet(
                key: "zero_stage", value: String(stage),
                advice: "use 0, or 1 to divide optimizer state among ranks",
                place: settings.place("zero_stage"))
        }
        try checkBeams(settings)
        try checkSizes(settings)
        try checkRopeScaling(settings)
        if settings.number("loss_scale_init") < settings.number("loss_scale_min") {
            throw contradiction(
                settings, ["loss_scale_init", "loss_scale_min"],
                "the scale cannot begin below its minimum")
        }
        if settings.boolean("deterministic"), settings.text("wire_precision") == "bf16" {
            throw contradiction(
                settings, ["deterministic", "wire_precision"],
                "bf16 rounds each rank's sum, so the bits depend on how many ranks there are; keep "
                    + "one")
        }
        if settings.boolean("overwrite_output_dir"),
            settings["resume_from_checkpoint"] == .boolean(true)
        {
            throw contradiction(
                settings, ["resume_from_checkpoint", "overwrite_output_dir"],
                "a run cannot both go on from output_dir and overwrite it; keep one")
        }
    }

    /// Adds a line for each setting that is accepted but has no say.
    static func note(_ settings: inout ConfigurationSettings) {
        let steps = settings.integer("max_steps")
        if steps > 0, settings.isChanged("num_train_epochs") {
            settings.note(
                "num_train_epochs: not used, since max_steps is \(steps)")
        }
        if settings.number("warmup_steps") > 0, settings.number("warmup_ratio") > 0 {
            settings.note(
                "warmup_ratio: not used, since warmup_steps is "
                    + plain(settings.number("warmup_steps")))
        }
        if steps > 0, settings.number("warmup_steps") > Double(steps) {
            settings.note(
                "warmup_steps: \(plain(settings.number("warmup_steps"))) of only \(steps) steps, "
                    + "so the rate never reaches learning_rate")
        }
        let scaling = [
            "loss_scale_init", "loss_scale_window", "loss_scale_hysteresis", "loss_scale_min",
        ].filter(settings.isChanged)
        if !scaling.isEmpty, settings.text("precision") != "fp16" {
            settings.note(
                scaling.joined(separator: ", ") + ": not used, since only fp16 scales losses")
        }
        if let name = settings.spelling("optim"), TrainSection.compactOptimizers[name] != nil {
            settings.note(
                "optim: \(name) runs as \(settings.text("optim")) with float32 state; 8-bit and "
                    + "paged states are for the memory of GPUs")
        }
        if settings.isGiven("average_tokens_across_devices"),
            !settings.boolean("average_tokens_across_devices")
        {
            settings.note(
                "average_tokens_across_devices: no effect here; losses are always divided by the "
                    + "targets of all ranks and micro-batches")
        }
        let reporters = settings.list("report_to").filter { $0 != "none" }
        if !reporters.isEmpty {
            settings.note(
                "report_to: \(reporters.joined(separator: ", ")) not available; reports are files "
                    + "in output_dir")
        }
        noteData(&settings)
        noteMetric(&settings)
        noteBeams(&settings)
        noteAdapter(&settings)
    }

    /// An adapter that goes on keeps the form that its own configuration gives it.
    private static func noteAdapter(_ settings: inout ConfigurationSettings) {
        guard settings.command == .train, !settings.boolean("create_new_adapter"),
            let folder = settings.list("adapter_name_or_path").last
        else { return }
        let unused = [
            "lora_rank", "lora_alpha", "lora_dropout", "lora_target", "additional_target",
            "use_rslora", "use_dora", "pissa_init", "adapter_config", "adapter_reduction_factor",
        ].filter(settings.isChanged)
        guard !unused.isEmpty else { return }
        settings.note(
            unused.joined(separator: ", ") + ": not used, since the adapter in \(folder) goes on "
                + "as its adapter_config.json says")
    }

    /// Keys about data that the stage or other keys leave without a say.
    private static func noteData(_ settings: inout ConfigurationSettings) {
        let isPretraining = settings.text("stage") == "pt"
        if isPretraining, settings.boolean("streaming") {
            settings.note("streaming: no effect here; shards are mapped, never loaded whole")
        }
        if isPretraining, settings.isGiven("max_samples"),
            !settings.preparesShards, settings.command != .prepare
        {
            settings.note("max_samples: not used, since the shards of tokenized_path are read")
        }
        guard settings.command == .train else { return }
        func note(_ keys: [String], _ reason: String) {
            let changed = keys.filter(settings.isChanged)
            if !changed.isEmpty {
                settings.note(changed.joined(separator: ", ") + ": not used, since " + reason)
            }
        }
        guard !isPretraining else {
            note(
                [
                    "template", "default_system", "tool_format", "train_on_prompt",
                    "mask_history", "strict_data",
                ], "with stage: pt text is not a conversation")
            return
        }
        note(["text_column"], "with stage: sft dataset_info.json names the columns")
        if !settings.boolean("streaming") {
            note(["buffer_size"], "streaming is false and all rows are shuffled")
        }
        if settings.optionalBoolean("packing") != true, !settings.boolean("neat_packing") {
            note(["preprocessing_batch_size"], "examples are not packed")
        }
        if !settings.boolean("predict_with_generate") {
            note(["segmentation_dictionary"], "predict_with_generate is false")
        } else if settings.text("eval_strategy") == "no", !settings.boolean("do_predict"),
            settings.optionalBoolean("do_eval") != true, !settings.boolean("eval_on_start")
        {
            note(["predict_with_generate"], "the run neither evaluates nor predicts")
        }
    }

    private static func plain(_ value: Double) -> String {
        Int(exactly: value).map(String.init) ?? String(value)
    }
}
