import Files

/// The board's forms: LLaMA Board's fields, and some that its users asked for.
package enum BoardFields {
    /// LLaMA Board's names of the stages and the words of `stage`.
    static let stages: [(name: String, word: String)] = [
        ("Supervised Fine-Tuning", "sft"), ("Reward Modeling", "rm"), ("PPO", "ppo"),
        ("DPO", "dpo"), ("KTO", "kto"), ("GRPO", "grpo"), ("Pre-Training", "pt"),
    ]

    private static let preferenceStages = ["Reward Modeling", "DPO", "KTO"]

    /// Of all tabs.
    package static let top = BoardGroup(
        "model", "Model", "模型", folded: false,
        [
            BoardField(
                "top.model_path", .path, .string(""), key: "model_name_or_path", "Model folder",
                "模型路径"),
            BoardField(
                "top.finetuning_type", .choice(["full", "freeze", "lora"]), .string("lora"),
                key: "finetuning_type", "Finetuning method", "微调方法"),
            BoardField(
                "top.checkpoint_path", .path, .string(""), "Adapter or checkpoint", "检查点路径"),
            BoardField(
                "top.quantization_bit", .choice(["none", "8", "4"]), .string("none"),
                "Quantized base, bits", "量化等级"),
            BoardField(
                "top.template", .text, .string(""), key: "template", "Chat template", "对话模板"),
            BoardField(
                "top.rope_scaling", .choice(["none", "linear", "dynamic", "yarn", "llama3"]),
                .string("none"), key: "rope_scaling", "RoPE scaling", "RoPE 插值方法"),
        ])

    package static let train = [
        BoardGroup(
            "data", "Data and steps", "数据与步数", folded: false,
            [
                BoardField(
                    "train.training_stage", .choice(stages.map(\.name)),
                    .string("Supervised Fine-Tuning"), "Stage", "训练阶段"),
                BoardField(
                    "train.dataset_dir", .path, .string("data"), key: "dataset_dir",
                    "Data folder", "数据路径"),
                BoardField(
                    "train.dataset", .text, .string(""), key: "dataset", "Datasets", "数据集"),
                BoardField(
                    "train.learning_rate", .number, .string("5e-5"), key: "learning_rate",
                    "Learning rate", "学习率"),
                BoardField(
                    "train.num_train_epochs", .number, .string("3.0"), key: "num_train_epochs",
                    "Epochs", "训练轮数"),
                BoardField(
                    "train.max_steps", .number, .string(""), key: "max_steps", "Steps at most",
                    "最大步数"),
                BoardField(
                    "train.max_grad_norm", .number, .string("1.0"), key: "max_grad_norm",
                    "Gradient norm at most", "最大梯度范数"),
                BoardField(
                    "train.max_samples", .number, .string("100000"), key: "max_samples",
                    "Samples at most", "最大样本数"),
                BoardField(
                    "train.compute_type", .choice(["fp32", "bf16", "fp16", "pure_bf16"]),
                    .string("fp32"), "Compute type", "计算类型"),
                BoardField(
                    "train.cutoff_len", .number, .string("2048"), key: "cutoff_len",
                    "Cutoff length", "截断长度"),
                BoardField(
                    "train.batch_size", .number, .string("2"), key: "per_device_train_batch_size",
                    "Batch size of a rank", "批处理大小"),
                BoardField(
                    "train.gradient_accumulation_steps", .number, .string("8"),
                    key: "gradient_accumulation_steps", "Gradient accumulation", "梯度累积"),
                BoardField(
                    "train.lr_scheduler_type",
                    .choice([
                        "cosine", "linear", "constant", "constant_with_warmup",
                        "cosine_with_restarts", "cosine_with_min_lr", "polynomial",
                        "inverse_sqrt", "reduce_lr_on_plateau",
                    ]), .string("cosine"), key: "lr_scheduler_type", "Schedule", "学习率调节器"),
            ]),
        evaluation, extra, freeze, lora, preferences, proximalPolicy, groupPolicy, rollouts, galore,
        apollo, badam,
    ]

    private static let evaluation = BoardGroup(
        "evaluation", "Evaluation while training", "训练中评估",
        [
            BoardField("train.val_size", .number, .string("0"), "Held-out share", "验证集比例"),
            BoardField(
                "train.eval_dataset", .text, .string(""), key: "eval_dataset",
                "Evaluation datasets", "评估数据集"),
            BoardField(
                "train.eval_steps", .number, .string(""), "Evaluate every (steps)", "评估间隔"),
            BoardField(
                "train.load_best_model_at_end", .toggle, .bool(false), "Keep the best model",
                "保留最佳模型"),
            BoardField(
                "train.early_stopping_steps", .number, .string(""),
                "Stop after so many evaluations without a best", "早停评估次数"),
        ])

    private static let extra = BoardGroup(
        "extra", "Extra settings", "其它参数设置",
        [
            BoardField(
                "train.logging_steps", .number, .string("5"), key: "logging_steps",
                "Log every (steps)", "日志间隔"),
            BoardField(
                "train.save_steps", .number, .string("100"), key: "save_steps",
                "Save every (steps)", "保存间隔"),
            BoardField(
                "train.warmup_steps", .number, .string("0"), key: "warmup_steps", "Warm-up steps",
                "预热步数"),
            BoardField(
                "train.neftune_alpha", .number, .string("0"), "NEFTune α", "NEFTune 噪声参数"),
            BoardField("train.seed", .number, .string(""), key: "seed", "Seed", "随机种子"),
            BoardField(
                "train.optim", .text, .string("adamw_torch"), key: "optim", "Optimizer", "优化器"),
            BoardField("train.packing", .toggle, .bool(false), key: "packing", "Pack rows", "序列打包"),
            BoardField(
                "train.neat_packing", .toggle, .bool(false), key: "neat_packing",
                "Pack rows, attention apart", "使用无污染打包"),
            BoardField(
                "train.train_on_prompt", .toggle, .bool(false), key: "train_on_prompt",
                "Learn prompts, too", "学习提示词"),
            BoardField(
                "train.mask_history", .toggle, .bool(false), key: "mask_history",
                "Learn the last turn alone", "不学习历史对话"),
            BoardField(
                "train.resize_vocab", .toggle, .bool(false), key: "resize_vocab",
                "Resize the vocabulary", "更改词表大小"),
            BoardField(
                "train.use_llama_pro", .toggle, .bool(false), key: "use_llama_pro", "LLaMA Pro",
                "使用 LLaMA Pro"),
            BoardField(
                "train.report_to", .choice(["none", "tensorboard"]), .string("none"),
                key: "report_to", "Report to", "记录面板"),
            BoardField(
                "train.extra_args", .prose, .string("{}"), "Any other keys (JSON or YAML)",
                "额外参数"),
        ])

    private static let freeze = BoardGroup(
        "freeze", "Freeze tuning", "部分参数微调设置",
        when: .init(field: "top.finetuning_type", values: ["freeze"]),
        [
            BoardField(
                "train.freeze_trainable_layers", .number, .string("2"),
                key: "freeze_trainable_layers", "Trainable layers", "可训练层数"),
            BoardField(
                "train.freeze_trainable_modules", .text, .string("all"),
                key: "freeze_trainable_modules", "Trainable modules", "可训练模块"),
            BoardField(
                "train.freeze_extra_modules", .text, .string(""), key: "freeze_extra_modules",
                "Extra modules", "额外模块"),
        ])

    private static let lora = BoardGroup(
        "lora", "LoRA", "LoRA 参数设置",
        when: .init(field: "top.finetuning_type", values: ["lora"]),
        [
            BoardField(
                "train.lora_rank", .number, .string("8"), key: "lora_rank", "Rank", "LoRA 秩"),
            BoardField(
                "train.lora_alpha", .number, .string("16"), key: "lora_alpha", "α", "LoRA 缩放系数"),
            BoardField(
                "train.lora_dropout", .number, .string("0"), key: "lora_dropout", "Dropout",
                "LoRA 随机丢弃"),
            BoardField(
                "train.loraplus_lr_ratio", .number, .string("0"), "LoRA+ rate ratio",
                "LoRA+ 学习率比例"),
            BoardField(
                "train.create_new_adapter", .toggle, .bool(false), key: "create_new_adapter",
                "A new adapter on the chosen one", "新建适配器"),
            BoardField(
                "train.use_rslora", .toggle, .bool(false), key: "use_rslora", "rsLoRA",
                "使用 rslora"),
            BoardField("train.use_dora", .toggle, .bool(false), key: "use_dora", "DoRA", "使用 DoRA"),
            BoardField(
                "train.use_pissa", .toggle, .bool(false), key: "pissa_init", "PiSSA", "使用 PiSSA"),
            BoardField(
                "train.lora_target", .text, .string("all"), key: "lora_target", "Modules",
                "LoRA 作用模块"),
            BoardField(
                "train.additional_target", .text, .string(""), key: "additional_target",
                "Modules trained whole", "附加模块"),
        ])

    private static let preferences = BoardGroup(
        "rlhf", "Preferences", "RLHF 参数设置",
        when: .init(field: "train.training_stage", values: preferenceStages),
        [
            BoardField("train.pref_beta", .number, .string("0.1"), "β", "Beta 参数"),
            BoardField(
                "train.pref_ftx", .number, .string("0"), "Weight of the answer's loss", "Ftx gamma"),
            BoardField(
                "train.pref_loss",
                .choice(["sigmoid", "hinge", "ipo", "kto_pair", "orpo", "simpo"]),
                .string("sigmoid"), "Loss", "损失类型"),
        ])
}
