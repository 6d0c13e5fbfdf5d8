/// Which model, and how its activations are kept.
package struct ModelSection: Sendable {
    /// A Hugging Face folder, a .gguf file or a checkpoint; required by every command that trains
    /// or runs a model.
    package let modelNameOrPath: String?
    /// Where the tokenizer is; the model's own place unless given.
    package let tokenizerNameOrPath: String?
    /// The tokenizer's place where it is given apart from the model's.
    package var tokenizerOfItsOwn: String? {
        tokenizerNameOrPath == modelNameOrPath ? nil : tokenizerNameOrPath
    }
    /// Whether weights are drawn anew from config.json alone.
    package let trainFromScratch: Bool
    /// Whether activations are computed again in the backward pass instead of being kept.
    package let gradientCheckpointing: Bool
    /// How rotary positions are stretched to cutoff_len; `nil` leaves them as the model has them.
    package let ropeScaling: RopeScalingKind?
    /// Tokens that the tokenizer gets, as text and as special ones.
    package let addTokens, addSpecialTokens: [String]
    /// What new special tokens stand for, by token.
    package let tokenDescriptions: [String: String]
    /// What the rows of new tokens begin with.
    package let newTokenRows: NewTokenRows
    /// Whether embedding and head get rows for all of the tokenizer's tokens, and a LoRA trains them.
    package let resizeVocab: Bool

    /// What the rows of new tokens begin with, by LLaMA-Factory's words.
    package enum NewTokenRows: String, Sendable, CaseIterable {
        /// The mean of all tokens' rows, and noise.
        case noise = "noise_init"
        /// The mean of the rows of their descriptions' tokens.
        case description = "desc_init"
        /// The same, and noise.
        case noisyDescription = "desc_init_w_noise"
    }

    /// Whether tokenizer or model may get more tokens than their files have.
    package var mayGrowVocabulary: Bool {
        resizeVocab || !addTokens.isEmpty || !addSpecialTokens.isEmpty
    }

    static let keys = ConfigurationKey.joined(
        [
            .text("model_name_or_path", nil, .all, isLocal: true),
            .text("tokenizer_name_or_path", nil, .all, isLocal: true),
            .boolean("train_from_scratch", false, .training),
            .boolean(
                "gradient_checkpointing", nil, .training, aliases: ["activation_checkpointing"]),
            .boolean("disable_gradient_checkpointing", nil, .training),
            .choice(
                "rope_scaling", nil, ["linear", "dynamic", "yarn", "llama3"],
                Set.training.union([.export, .chat, .eval])),
            .list("add_tokens", nil, .all),
            .list("add_special_tokens", nil, .all),
            .boolean("resize_vocab", false, .all),
            .map("new_special_tokens_config", .all),
            .choice(
                "init_special_tokens", "noise_init", NewTokenRows.allCases.map(\.rawValue),
                synonyms: [
                    "vocab_mean_noise": "noise_init", "description": "desc_init",
                    "description_noise": "desc_init_w_noise",
                ], .all),
        ],
        .later(
            "stages pt and sft take router_aux_loss_coef, with output_router_logits: true, from the model's config.json; "
                + "the losses of the others leave it out", ["moe_aux_loss_coef"]),
        .later("LongLoRA's shifted attention is not there yet; leave it out", ["shift_attn"]),
        .never(
            "a model converted to mixture of depths has layers that no other program reads; "
                + "leave it out, the model is trained as it is", ["mixture_of_depths"]),
        .later("leave it out", ["split_special_tokens"], .all),
        .dormant([
            "freeze_vision_tower",
            "freeze_multi_modal_projector", "freeze_language_model", "image_max_pixels",
            "image_min_pixels", "image_do_pan_and_scan", "crop_to_patches", "video_max_pixels",
            "video_min_pixels", "video_fps", "video_maxlen", "use_audio_in_video",
            "audio_sampling_rate", "media_dir",
        ]),
        .noEffect(
            "models and tokenizers are read from local files",
            [
                "trust_remote_code", "use_fast_tokenizer", "cache_dir", "model_revision",
                "hf_hub_token", "ms_hub_token", "om_hub_token", "low_cpu_mem_usage",
                "offload_folder",
            ]),
        .noEffect(
            "attention, losses and norms have one implementation, made for processors",
            [
                "flash_attn", "use_unsloth", "use_unsloth_gc", "enable_liger_kernel",
                "use_liger_kernel", "liger_kernel_config", "use_v1_kernels", "use_reentrant_gc",
                "gradient_checkpointing_kwargs", "activation_checkpointing_kwargs",
                "upcast_layernorm", "upcast_lmhead_output", "use_kv_cache", "use_cache",
                "print_param_status",
            ]))

    init(_ settings: ConfigurationSettings) {
        modelNameOrPath = settings.optionalText("model_name_or_path")
        tokenizerNameOrPath = settings.optionalText("tokenizer_name_or_path") ?? modelNameOrPath
        trainFromScratch = settings.boolean("train_from_scratch")
        gradientCheckpointing = settings.optionalBoolean("gradient_checkpointing") ?? false
        ropeScaling = settings.optionalText("rope_scaling").flatMap(RopeScalingKind.init)
        addTokens = settings.list("add_tokens")
        addSpecialTokens = settings.list("add_special_tokens")
        resizeVocab = settings.boolean("resize_vocab")
        tokenDescriptions = settings.map("new_special_tokens_config").mapValues(\.spelling)
        newTokenRows = settings.choice("init_special_tokens")
    }
}

extension ModelSection: ConfigurationSection {
    /// Activations are kept unless asked for: on processors, computing them again costs a third of
    /// the speed, and memory is seldom short. LLaMA-Factory's default is on.
    static func resolve(_ settings: inout ConfigurationSettings) throws(ConfigurationError) {
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
        try resolveTokens(&settings)
    }

    /// Where adapters are merged or talked to, the base's positions are stretched as in the run
    /// that made them.
    static func validate(with settings: ConfigurationSettings) throws(ConfigurationError) {
        guard settings["rope_scaling"] != .none else { return }
        let isTraining = Set.training.contains(settings.command)
        guard isTraining || settings.isGiven("cutoff_len") else {
            throw .contradiction(
                keys: ["rope_scaling"],
                reason: "needs cutoff_len, as in the run that trained the adapter",
                place: settings.place("rope_scaling"))
        }
    }
}
