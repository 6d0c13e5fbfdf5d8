import Optimizers

/// What spans sections: the keys that a command cannot do without, and products of sizes.
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
            if settings.readsRunningText {
                guard settings.list("dataset").isEmpty else { return }
                try require(
                    "tokenized_path",
                    "give the folder of shards that `lockstep prepare` wrote, or a token file")
            } else if settings["tokenized_path"] == .none,
                !settings.isEvaluationOnly || settings["eval_dataset"] == .none
            {
                try require(
                    "dataset", "give files, or names in dataset_info.json in dataset_dir")
            }
        case .prepare:
            guard settings.isGiven("stage") else {
                throw .missing(
                    key: "stage",
                    reason: "set stage: pt to prepare running text, or stage: sft for "
                        + "conversations")
            }
            switch settings.stage {
            // Said where its keys are checked.
            case .pretraining where settings.isContrastive: break
            case .pretraining:
                try require(
                    "dataset",
                    "give the text: files, folders, patterns, or names in "
                        + "dataset_info.json")
                try require("tokenized_path", "give the folder that the shards go to")
            // Their sections say that there is nothing to prepare.
            case .preference, .desirability, .ranking, .policy, .groupPolicy: break
            case .supervised, .classification:
                if settings["eval_dataset"] == .none {
                    try require(
                        "dataset",
                        "give files, or names in dataset_info.json in dataset_dir")
                }
                try require("tokenized_path", "give the folder that the examples go to")
            }
            if settings["model_name_or_path"] == .none {
                try require("tokenizer_name_or_path", "give the folder of the tokenizer")
            }
        case .generate, .chat, .score:
            try require(
                "model_name_or_path",
                "give a Hugging Face folder, a .gguf file or a checkpoint-N.h5")
        case .eval:
            try require(
                "model_name_or_path",
                "give a Hugging Face folder, a .gguf file or a checkpoint-N.h5")
            try require("task", "give names of tasks, such as mmlu_test, or task files")
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

    /// Samples of one step of one rank that can be counted for any number of ranks.
    static let mostSamples = 1_000_000_000
    /// Tokens of one micro-batch that 32 bits can number.
    static let mostTokens = 2_147_483_647

    /// Checks products of numbers that are each within their own limits.
    static func checkSizes(_ settings: ConfigurationSettings) throws(ConfigurationError) {
        let batch = settings.integer("per_device_train_batch_size")
        try check(
            settings, "per_device_train_batch_size", "gradient_accumulation_steps",
            product: (batch, settings.integer("gradient_accumulation_steps")),
            atMost: mostSamples, "samples a step on each rank")
        let length = settings.integer("cutoff_len")
        try check(
            settings, "per_device_train_batch_size", "cutoff_len", product: (batch, length),
            atMost: mostTokens, "tokens a micro-batch")
        try check(
            settings, "per_device_eval_batch_size", "cutoff_len",
            product: (settings.integer("per_device_eval_batch_size"), length), atMost: mostTokens,
            "tokens a micro-batch")
    }

    private static func check(
        _ settings: ConfigurationSettings, _ first: String, _ second: String,
        product: (Int, Int), atMost most: Int, _ unit: String
    ) throws(ConfigurationError) {
        let (value, overflows) = product.0.multipliedReportingOverflow(by: product.1)
        guard overflows || value > most else { return }
        throw settings.contradiction(
            [first, second],
            "\(product.0) times \(product.1) are too many \(unit), expected at most \(most)")
    }
}

extension ConfigurationSettings {
    /// Whether samples are cut from running text: of stage pt, unless its rows are texts that belong together.
    package var readsRunningText: Bool { stage == .pretraining && !isContrastive }

    /// Whether a pretraining run turns its text into shards itself, below output_dir.
    package var preparesShards: Bool {
        command == .train && readsRunningText && !isGiven("tokenized_path")
            && !list("dataset").isEmpty
    }

    /// Whether the run learns nothing: it evaluates or predicts with the model as it is.
    var isEvaluationOnly: Bool {
        let tries = optionalBoolean("do_eval") == true || boolean("do_predict")
        return !(optionalBoolean("do_train") ?? !tries)
    }

    /// Whether the learning rate follows the metric of evaluations.
    var followsMetric: Bool {
        choice("lr_scheduler_type", as: ScheduleKind.self) == .reduceLROnPlateau
    }
}
