package import Datasets
package import Files

/// Which text, and how it becomes samples.
package struct DataSection: Sendable {
    /// The order of samples (`train_sampling_strategy`).
    package enum SamplingStrategy: String, CaseIterable, Sendable {
        case random, sequential
        case groupByLength = "group_by_length"
    }

    /// Paths, globs or names in dataset_info.json.
    package let dataset: [String]
    package let evalDataset: [String]
    /// Whether each of them is evaluated by itself.
    package let evaluatesEach: Bool
    /// Entries of dataset_info.json that stand in the configuration itself.
    package let datasetInfo: JSONValue?
    /// The folder of dataset_info.json.
    package let datasetDir: String
    /// The column of a .jsonl file that holds the text.
    package let textColumn: String
    /// The folder of shards, or a token file.
    package let tokenizedPath: String?
    /// Targets per sample; a sample holds one token more.
    package let cutoffLen: Int
    /// Only this many documents are read of each dataset.
    package let maxSamples: Int?
    /// Whether shards that are there already are written anew.
    package let overwriteCache: Bool
    /// Threads of each rank while preparing; as many as its processors unless given.
    package let preprocessingNumWorkers: Int?
    package let disableShuffling: Bool
    /// Whether the samples of a step are of similar length.
    package let groupsByLength: Bool
    /// Whether a run may go on from a checkpoint of other data.
    package let allowChangedData: Bool
    /// Whether an epoch's last batch is left out where it would not be full.
    package let dropLast: Bool
    /// 0, a fraction below 1, or a whole number of samples held out for evaluation.
    package let valSize: Double
    /// The chat template by name.
    package let template: String?
    package let defaultSystem: String?
    package let enableThinking: Bool
    /// Whether thoughts of earlier turns stay in a conversation.
    package let preserveThinking: Bool
    /// The form of tool calls; the template's own unless given.
    package let toolFormat: String?
    /// Whether one wrong row ends the run.
    package let strictData: Bool
    package let packing: Bool
    /// Packed examples do not see each other.
    package let neatPacking: Bool
    package let streaming: Bool
    package let trainOnPrompt: Bool
    package let maskHistory: Bool
    package let bufferSize: Int
    package let preprocessingBatchSize: Int
    /// How several datasets become one.
    package let mixStrategy: InstructionSettings.Mixing
    package let interleaveProbabilities: [Double]

    static let keys = ConfigurationKey.joined(
        [
            .list("dataset", nil, .samples, isLocal: true),
            .list("eval_dataset", nil, .samples, isLocal: true),
            .boolean("eval_on_each_dataset", false, [.train, .prepare]),
            .map("dataset_info", .samples),
            .text("dataset_dir", "data", .samples, isLocal: true),
            .text("text_column", "text", .samples),
            .text("tokenized_path", nil, .samples, isLocal: true),
            .integer(
                "cutoff_len", 2048, .from(2).within(16_777_216),
                .samplesAndInference.union([.export])),
            .integer("max_samples", nil, .from(1), Set.samples.union([.eval])),
            .boolean("overwrite_cache", false, [.prepare, .train]),
            .integer(
                "preprocessing_num_workers", nil, .from(1).within(4096), [.prepare, .train],
                isLocal: true),
            .boolean("disable_shuffling", nil, .training),
            .boolean("allow_changed_data", false, [.train]),
            .choice(
                "train_sampling_strategy", nil, SamplingStrategy.allCases.map(\.rawValue),
                .training),
            .boolean("group_by_length", nil, .training),
            .boolean("dataloader_drop_last", false, .training),
            .boolean("ignore_pad_token_for_loss", true, .training),
            .amount("val_size", 0, .samples),
            .boolean("packing", nil, .samples),
            .boolean("neat_packing", false, .samples),
            .boolean("streaming", false, .training),
            .boolean("train_on_prompt", false, .samples),
            .boolean("mask_history", false, .samples),
            .boolean("strict_data", false, .samples),
            .integer("buffer_size", 16384, .from(1), .training),
            .integer("preprocessing_batch_size", 1000, .from(1), .samples),
            .choice(
                "mix_strategy", "concat",
                ["concat", "interleave_under", "interleave_over", "interleave_once"], .samples),
            .list("interleave_probs", nil, .samples),
            .text("template", nil, .inference.union([.train, .prepare, .export, .bench])),
            .text("default_system", nil, [.train, .prepare, .chat, .export, .bench, .eval]),
            .text("tool_format", nil, [.train, .prepare, .chat, .bench]),
            .boolean("enable_thinking", true, [.train, .prepare, .chat, .bench, .eval]),
            .boolean("preserve_thinking", false, [.train, .prepare, .chat, .bench]),
        ],
        .noEffect(
            "samples are read from mapped shards by one thread",
            [
                "dataloader_num_workers", "dataloader_pin_memory",
                "dataloader_persistent_workers", "dataloader_prefetch_factor",
                "dataloader_multiprocessing_context", "dataloader_in_order",
                "data_shared_file_system", "remove_unused_columns", "label_names",
                "length_column_name",
            ]),
        .noEffect(
            "batches are as long as their longest sample, in the order of the seed",
            ["sortish_sampler"]))

    init(_ settings: ConfigurationSettings) {
        dataset = settings.list("dataset")
        evalDataset = settings.list("eval_dataset")
        evaluatesEach = settings.boolean("eval_on_each_dataset")
        let info = settings.map("dataset_info")
        datasetInfo = info.isEmpty ? nil : ConfigurationValue(.map(info)).json
        datasetDir = settings.text("dataset_dir")
        textColumn = settings.text("text_column")
        tokenizedPath = settings.optionalText("tokenized_path")
        cutoffLen = settings.integer("cutoff_len")
        maxSamples = settings.optionalInteger("max_samples")
        overwriteCache = settings.boolean("overwrite_cache")
        preprocessingNumWorkers = settings.optionalInteger("preprocessing_num_workers")
        disableShuffling = settings.optionalBoolean("disable_shuffling") ?? false
        groupsByLength = settings.optionalBoolean("group_by_length") ?? false
        dropLast = settings.boolean("dataloader_drop_last")
        allowChangedData = settings.boolean("allow_changed_data")
        valSize = settings.number("val_size")
        template = settings.optionalText("template")
        defaultSystem = settings.optionalText("default_system")
        enableThinking = settings.boolean("enable_thinking")
        preserveThinking = settings.boolean("preserve_thinking")
        toolFormat = settings.optionalText("tool_format")
        strictData = settings.boolean("strict_data")
        neatPacking = settings.boolean("neat_packing")
        packing = settings.optionalBoolean("packing") ?? neatPacking
        streaming = settings.boolean("streaming")
        trainOnPrompt = settings.boolean("train_on_prompt")
        maskHistory = settings.boolean("mask_history")
        bufferSize = settings.integer("buffer_size")
        preprocessingBatchSize = settings.integer("preprocessing_batch_size")
        mixStrategy = settings.choice("mix_strategy")
        interleaveProbabilities = settings.list("interleave_probs").compactMap(Double.init)
    }
}

extension DataSection: ConfigurationSection {
    static func resolve(_ settings: inout ConfigurationSettings) throws(ConfigurationError) {
        let disabled = settings.optionalBoolean("disable_shuffling")
        let strategy: SamplingStrategy? = settings.optionalChoice("train_sampling_strategy")
        if let disabled, let strategy, disabled != (strategy == .sequential) {
            throw .contradiction(
                keys: ["disable_shuffling", "train_sampling_strategy"],
                reason: "disable_shuffling is \(disabled), but train_sampling_strategy is "
                    + "\(strategy.rawValue); keep one",
                place: settings.place("train_sampling_strategy"))
        }
        let grouped = settings.optionalBoolean("group_by_length")
        if let grouped, let strategy, grouped != (strategy == .groupByLength) {
            throw .contradiction(
                keys: ["group_by_length", "train_sampling_strategy"],
                reason: "group_by_length is \(grouped), but train_sampling_strategy is "
                    + "\(strategy.rawValue); keep one",
                place: settings.place("group_by_length"))
        }
        let groups = grouped ?? (strategy == .groupByLength)
        if groups, disabled == true {
            throw .contradiction(
                keys: ["group_by_length", "disable_shuffling"],
                reason: "samples stay in the order of their files or are grouped; keep one",
                place: settings.place("group_by_length"))
        }
        let hasEqualSamples = settings.stage == .pretraining && !settings.isContrastive
        if groups, hasEqualSamples || settings.boolean("streaming") {
            settings.note(
                "group_by_length has no effect "
                    + (hasEqualSamples
                        ? "with stage: pt; its samples are equally long"
                        : "with streaming; lengths of rows are not known ahead"))
        }
        settings.resolve("group_by_length", .boolean(groups))
        settings.resolve("disable_shuffling", .boolean(disabled ?? (strategy == .sequential)))
        if settings.preparesShards, let folder = settings.optionalText("output_dir") {
            settings.resolve("tokenized_path", .text(folder + "/tokenized"))
        }
    }

    static func validate(with settings: ConfigurationSettings) throws(ConfigurationError) {
        let heldOut = settings.number("val_size")
        if heldOut > 0, !settings.list("eval_dataset").isEmpty {
            throw settings.contradiction(
                ["val_size", "eval_dataset"],
                "held-out samples come from one of them; keep one")
        }
        if heldOut > 0, settings.list("dataset").isEmpty, settings["tokenized_path"] == .none {
            throw settings.contradiction(
                ["val_size"], "needs a dataset or tokenized_path to hold out from")
        }
        if settings.isGiven("interleave_probs"),
            settings.choice("mix_strategy", as: InstructionSettings.Mixing.self) == .concat
        {
            throw settings.contradiction(
                ["interleave_probs", "mix_strategy"],
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
            if settings.isGiven("max_samples") {
                throw settings.contradiction(
                    ["streaming", "max_samples"], "they do not go together; keep one")
            }
            if heldOut > 0, heldOut < 1 {
                throw settings.contradiction(
                    ["streaming", "val_size"],
                    "with streaming, val_size is a whole number of samples")
            }
            if settings.integer("max_steps") < 1 {
                throw settings.contradiction(["streaming"], "needs max_steps")
            }
            if settings.boolean("dataloader_drop_last") {
                throw settings.contradiction(
                    ["streaming", "dataloader_drop_last"],
                    "with streaming, steps are filled up with the next epoch's rows; leave "
                        + "dataloader_drop_last out")
            }
        }
        if settings.boolean("mask_history"), settings.boolean("train_on_prompt") {
            throw settings.contradiction(
                ["mask_history", "train_on_prompt"], "they do not go together; keep one")
        }
        guard settings.readsRunningText else { return }
        if settings.isGiven("dataset_info") {
            throw .notSupportedYet(
                key: "dataset_info", value: "a map of keys",
                advice: "with stage: pt put it into dataset_info.json in dataset_dir",
                place: settings.place("dataset_info"))
        }
        if settings.boolean("neat_packing") {
            throw settings.contradiction(
                ["neat_packing", "stage"],
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
            throw settings.contradiction(
                ["interleave_probs", "eval_dataset"],
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

    /// Keys that the stage or other keys leave without a say.
    static func note(_ settings: inout ConfigurationSettings) {
        guard !settings.isContrastive else { return }
        let isPretraining = settings.stage == .pretraining
        let isKept = settings["tokenized_path"] != .none
        if settings.boolean("streaming"), isPretraining || isKept {
            settings.note(
                "streaming: no effect here; \(isPretraining ? "shards" : "prepared examples") are "
                    + "mapped, never loaded whole")
        }
        if isPretraining, settings.isGiven("max_samples"),
            !settings.preparesShards, settings.command != .prepare
        {
            settings.note("max_samples: not used, since the shards of tokenized_path are read")
        }
        // What prepare makes of conversations, a run trains on.
        guard settings.command == .train || settings.command == .prepare && !isPretraining else {
            return
        }
        guard !isPretraining else {
            settings.noteUnused(
                [
                    "template", "default_system", "tool_format", "train_on_prompt",
                    "mask_history", "strict_data",
                ], since: "with stage: pt text is not a conversation")
            return
        }
        settings.noteUnused(
            ["text_column"], since: "with stage: sft dataset_info.json names the columns")
        if !settings.boolean("streaming") || isKept {
            settings.noteUnused(
                ["buffer_size"],
                since: isKept
                    ? "the order of all prepared examples is drawn"
                    : "streaming is false and all rows are shuffled")
        }
        if settings.optionalBoolean("packing") != true, !settings.boolean("neat_packing") {
            settings.noteUnused(["preprocessing_batch_size"], since: "examples are not packed")
        }
        if !settings.boolean("predict_with_generate") {
            settings.noteUnused(
                ["segmentation_dictionary"], since: "predict_with_generate is false")
        } else if settings.evalStrategy == .no, !settings.boolean("do_predict"),
            settings.optionalBoolean("do_eval") != true, !settings.boolean("eval_on_start")
        {
            settings.noteUnused(
                ["predict_with_generate"], since: "the run neither evaluates nor predicts")
        }
    }
}
