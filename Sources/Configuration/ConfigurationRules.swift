/// What keys ask of each other.
enum ConfigurationRules {
    /// Checks that the command has the keys without which it cannot start.
    static func requireKeys(_ settings: ConfigurationSettings) throws(ConfigurationError) {
        func require(_ name: String, _ reason: String) throws(ConfigurationError) {
            guard settings[name] == .none else { return }
            throw .missing(key: name, reason: reason)
        }
        switch settings.command {
        case .train:
            try require(
                "model_name_or_path",
                "give a Hugging Face folder or a .gguf file; with train_from_scratch: true a "
                    + "folder with config.json is enough")
            try require("output_dir", "give the folder for checkpoints and reports")
            if settings.text("stage") == "pt" {
                guard settings.list("dataset").isEmpty else { return }
                try require(
                    "tokenized_path",
                    "give the folder of shards that `lockstep prepare` wrote, or a token file")
            } else if !isEvaluationOnly(settings) || settings["eval_dataset"] == .none {
                try require(
                    "dataset", "give files, or names in dataset_info.json in dataset_dir")
            }
        case .prepare:
            if settings.isGiven("stage"), settings.text("stage") != "pt" {
                throw .contradiction(
                    keys: ["stage"],
                    reason: "found '\(settings.text("stage"))', but prepare writes shards of "
                        + "running text, stage: pt; with stage: sft, train encodes the "
                        + "instructions itself", place: settings.place("stage"))
            }
            if settings.text("stage") != "pt" {
                throw .missing(
                    key: "stage",
                    reason: "prepare writes shards of running text; set stage: pt (with stage: "
                        + "sft, train encodes the instructions itself)")
            }
            try require(
                "dataset",
                "give the text: files, folders, patterns, or names in "
                    + "dataset_info.json")
            try require("tokenized_path", "give the folder that the shards go to")
            if settings["model_name_or_path"] == .none {
                try require("tokenizer_name_or_path", "give the folder of the tokenizer")
            }
        case .generate, .chat, .score:
            try require(
                "model_name_or_path",
                "give a Hugging Face folder, a .gguf file or a checkpoint-N.h5")
        case .export:
            try require(
                "model_name_or_path",
                "give a Hugging Face folder, a .gguf file or a checkpoint-N.h5")
            try require("export_dir", "give the folder that the model goes to")
        case .plan:
            try require("model_name_or_path", "give the folder with the model's config.json")
        case .bench:
            break
        }
    }

    /// Whether the run learns nothing: it evaluates or predicts with the model as it is.
    private static func isEvaluationOnly(_ settings: ConfigurationSettings) -> Bool {
        let tries = settings.optionalBoolean("do_eval") == true || settings.boolean("do_predict")
        return !(settings.optionalBoolean("do_train") ?? !tries)
    }

    /// Fills in the values that follow from other keys.
    static func resolve(_ settings: inout ConfigurationSettings) throws(ConfigurationError) {
        try resolveMethod(&settings)
        try resolvePrecision(&settings)
        try resolveSampling(&settings)
        try resolveRecomputing(&settings)
        try resolveTokens(&settings)

        if settings.preparesShards, let folder = settings.optionalText("output_dir") {
            settings.resolve("tokenized_path", .text(folder + "/tokenized"))
        }
        if settings["eval_steps"] == .none {
            settings.resolve("eval_steps", settings["logging_steps"])
        }
        try resolveMetric(&settings)
        try resolveBeams(&settings)
    }

    private static func resolveMethod(
        _ settings: inout ConfigurationSettings
    ) throws(ConfigurationError) {
        if settings["finetuning_type"] == .none {
            // LLaMA-Factory's default; what is measured or foretold is the run itself.
            let adapts =
                Set.training.contains(settings.command)
                && !settings.boolean("train_from_scratch")
            settings.resolve("finetuning_type", .text(adapts ? "lora" : "full"))
        }
        let evaluates =
            settings.optionalBoolean("do_eval") ?? (settings.text("eval_strategy") != "no")
        let predicts = settings.boolean("do_predict")
        let trains = !isEvaluationOnly(settings)
        if !trains, !evaluates, !predicts {
            throw .contradiction(
                keys: ["do_train", "do_eval"], reason: "both are false, so there is nothing to do",
                place: settings.place("do_train"))
        }
        settings.resolve("do_train", .boolean(trains))
        settings.resolve("do_eval", .boolean(evaluates))
    }

    /// transformers' train_sampling_strategy says in one word what disable_shuffling says.
    private static func resolveSampling(
        _ settings: inout ConfigurationSettings
    ) throws(ConfigurationError) {
        let disabled = settings.optionalBoolean("disable_shuffling")
        let strategy = settings.optionalText("train_sampling_strategy")
        if let disabled, let strategy, disabled != (strategy == "sequential") {
            throw .contradiction(
                keys: ["disable_shuffling", "train_sampling_strategy"],
                reason: "disable_shuffling is \(disabled), but train_sampling_strategy is "
                    + "\(strategy); keep one",
                place: settings.place("train_sampling_strategy"))
        }
        if strategy == "group_by_length" {
            settings.note(
                "train_sampling_strategy: group_by_length has no effect here; batches are as long "
                    + "as their longest sample, in the order of the seed")
        }
        settings.resolve("disable_shuffling", .boolean(disabled ?? (strategy == "sequential")))
    }

    private static func resolvePrecision(
        _ settings: inout ConfigurationSettings
    ) throws(ConfigurationError) {
        let bf16 = settings.optionalBoolean("bf16")
        let fp16 = settings.optionalBoolean("fp16")
        let pure = settings.boolean("pure_bf16")
        func contradiction(_ keys: [String], _ reason: String) -> ConfigurationError {
            .contradiction(keys: keys, reason: reason, place: settings.place(keys[1]))
        }
        if fp16 == true, bf16 == true {
            throw contradiction(["bf16", "fp16"], "only one of them can be true")
        }
        if pure, fp16 == true || bf16 == false {
            throw contradiction(
                [fp16 == true ? "fp16" : "bf16", "pure_bf16"], "pure_bf16 contradicts it")
        }
        let isFP8 = settings.boolean("fp8")
        if isFP8, fp16 == true || bf16 == false {
            throw contradiction(
                [fp16 == true ? "fp16" : "bf16", "fp8"], "fp8: true runs in bf16 here")
        }
        let flagged = bf16 == true || pure || isFP8 ? "bf16" : fp16 == true ? "fp16" : "fp32"
        let precision = settings.optionalText("precision") ?? flagged
        if precision != flagged, flagged != "fp32" {
            throw contradiction(
                [pure ? "pure_bf16" : isFP8 && bf16 != true ? "fp8" : flagged, "precision"],
                "\(flagged): true contradicts precision: \(precision)")
        }
        for (flag, value) in [("bf16", bf16), ("fp16", fp16)] where value == false {
            guard precision == flag else { continue }
            throw contradiction(
                [flag, "precision"], "\(flag): false contradicts precision: \(precision)")
        }
        if isFP8 {
            settings.note(
                "fp8: runs in bf16, as bf16: true does; processors have no 8-bit products")
        }
        if pure { settings.note("pure_bf16: runs as bf16: true; master weights stay float32") }
        settings.resolve("precision", .text(precision))
        settings.resolve("bf16", .boolean(precision == "bf16"))
        settings.resolve("fp16", .boolean(precision == "fp16"))
        settings.resolve("pure_bf16", .boolean(false))
    }

    /// Off unless asked for: on processors, computing activations again costs a third of the
    /// speed, and memory is seldom short. LLaMA-Factory's default is on.
    private static func resolveRecomputing(
        _ settings: inout ConfigurationSettings
    ) throws(ConfigurationError) {
        let wanted = settings.optionalBoolean("gradient_checkpointing")
        let unwanted = settings.optionalBoolean("disable_gradient_checkpointing")
        if let wanted, let unwanted, wanted == unwanted {
            throw .contradiction(
                keys: ["gradient_checkpointing", "disable_gradient_checkpointing"],
                reason: "both are \(wanted); keep one",
                place: settings.place("disable_gradient_checkpointing"))
        }
        let recomputes = wanted ?? unwanted.map { !$0 } ?? false
        settings.resolve("gradient_checkpointing", .boolean(recomputes))
        settings.resolve("disable_gradient_checkpointing", .boolean(!recomputes))
    }
}

extension ConfigurationSettings {
    /// Whether a pretraining run turns its text into shards itself, below output_dir.
    package var preparesShards: Bool {
        command == .train && text("stage") == "pt" && !isGiven("tokenized_path")
            && !list("dataset").isEmpty
    }
}
