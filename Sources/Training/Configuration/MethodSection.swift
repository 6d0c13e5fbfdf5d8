/// What is trained, and with which objective.
package struct MethodSection: Sendable {
    /// The objective.
    package enum Stage: String, Sendable {
        /// Pretraining: every next token of running text.
        case pretraining = "pt"
    }

    /// Which weights change.
    package enum FinetuningType: String, Sendable {
        case full
    }

    package let stage: Stage
    package let finetuningType: FinetuningType
    package let doTrain: Bool
    package let doEval: Bool

    static let keys = ConfigurationKey.joined(
        [
            .choice(
                "stage", "sft", ["pt"], later: ["sft", "rm", "ppo", "dpo", "kto"],
                [.train, .prepare, .bench, .plan]),
            .choice(
                "finetuning_type", nil, ["full"], later: ["lora", "oft", "freeze"], .training),
            .boolean("do_train", nil, [.train]),
            .boolean("do_eval", nil, [.train]),
        ],
        .later(
            "leave it out",
            [
                "do_predict", "use_galore", "use_apollo", "use_badam", "use_adam_mini", "use_muon",
                "use_llama_pro", "use_dft_loss", "use_asft_loss", "use_eaft_loss", "use_mca",
                "use_kt", "use_dora", "use_rslora", "pissa_init", "loraplus_lr_ratio",
            ]),
        .dormant([
            "lora_rank", "lora_alpha", "lora_dropout", "lora_target", "additional_target",
            "loraplus_lr_embedding", "pissa_iter", "pissa_convert", "create_new_adapter",
            "freeze_trainable_layers", "freeze_trainable_modules", "freeze_extra_modules",
            "oft_rank", "oft_block_size", "oft_target", "module_dropout",
            "asft_alpha", "eaft_alpha",
            "galore_target", "galore_rank", "galore_update_interval", "galore_scale",
            "galore_proj_type", "galore_layerwise",
            "apollo_target", "apollo_rank", "apollo_update_interval", "apollo_scale",
            "apollo_proj", "apollo_proj_type", "apollo_scale_type", "apollo_layerwise",
            "apollo_scale_front",
            "badam_mode", "badam_start_block", "badam_switch_mode", "badam_switch_interval",
            "badam_update_ratio", "badam_mask_mode", "badam_verbose",
            "kt_optimize_rule", "cpu_infer", "chunk_size", "mode", "kt_maxlen",
            "kt_use_cuda_graph", "kt_mode", "kt_force_think",
        ]))

    init(_ settings: ConfigurationSettings) {
        stage = Stage(rawValue: settings.text("stage")) ?? .pretraining
        finetuningType = FinetuningType(rawValue: settings.text("finetuning_type")) ?? .full
        doTrain = settings.optionalBoolean("do_train") ?? true
        doEval = settings.optionalBoolean("do_eval") ?? false
    }
}
