import Files

extension ConfigurationKey {
    /// The known name that a wrong one probably means: what other programs call a setting, else
    /// the name nearest to it, first among the keys that are obeyed, then among those that are
    /// merely recognised.
    static func suggestion(for name: String) -> String? {
        let folded = name.lowercased().map { $0 == "-" || $0 == " " ? "_" : $0 }
        if let key = keysByOtherName[String(folded)] { return key }
        let obeyed = table.filter { $0.support == .full }.map(\.name)
        return NearestName.find(name, among: obeyed)
            ?? NearestName.find(name, among: table.filter { $0.support != .dormant }.map(\.name))
    }

    /// The key that a name of another command's key means in a file for training.
    static func otherwiseMeant(_ name: String) -> String? { keysByOtherName[name] }

    private static let keysByOtherName: [String: String] = Dictionary(
        otherNames.flatMap { key, others in others.map { ($0, key) } },
        uniquingKeysWith: { first, _ in first })

    /// Short names, and names of other programs, by the key that means the same.
    private static let otherNames: [String: [String]] = [
        "model_name_or_path": [
            "model", "model_path", "model_name", "model_dir", "base_model", "pretrained_model",
        ],
        "tokenizer_name_or_path": ["tokenizer", "tokenizer_path", "tokenizer_name"],
        "adapter_name_or_path": ["adapter", "adapter_path", "lora_path", "adapters"],
        "finetuning_type": ["peft_type", "tuner_type", "train_type", "sft_type", "method"],
        "train_from_scratch": ["from_scratch"],
        "gradient_checkpointing": [
            "grad_checkpointing", "grad_checkpoint", "recompute", "checkpoint_activations",
        ],
        "quantization_bit": ["load_in_4bit", "load_in_8bit", "quant_bits", "bits"],
        "dataset": [
            "data", "datasets", "train_dataset", "train_data", "train_file", "data_path",
            "train_path",
        ],
        "eval_dataset": [
            "val_dataset", "valid_dataset", "validation_dataset", "val_data", "eval_data",
            "eval_file", "validation_file", "test_dataset",
        ],
        "dataset_dir": ["data_dir", "data_folder"],
        "text_column": ["text_field", "dataset_text_field"],
        "cutoff_len": [
            "seq_len", "seq_length", "sequence_length", "sequence_len", "max_seq_len",
            "max_seq_length", "block_size", "context_length", "context_len", "max_len",
            "model_max_length",
        ],
        "val_size": ["val_split", "val_ratio", "eval_split", "test_size", "validation_split"],
        "template": ["chat_template", "prompt_template", "template_type"],
        "default_system": ["system", "system_prompt"],
        "disable_shuffling": ["shuffle", "no_shuffle"],
        "preprocessing_num_workers": ["num_workers", "num_proc", "workers"],
        "output_dir": [
            "output", "out", "out_dir", "output_path", "output_folder", "save_path",
            "save_dir",
        ],
        "run_name": ["name", "experiment_name"],
        "resume_from_checkpoint": ["resume", "resume_from", "resume_checkpoint"],
        "save_steps": ["save_every", "save_interval", "checkpoint_interval", "save_freq"],
        "logging_steps": ["log_every", "log_interval", "log_steps", "logging_interval"],
        "eval_steps": ["eval_every", "eval_interval", "eval_freq", "val_interval"],
        "per_device_train_batch_size": [
            "bs", "batch", "batch_size", "train_batch_size", "micro_batch_size", "micro_batch",
            "per_device_batch_size",
        ],
        "per_device_eval_batch_size": ["eval_batch_size", "val_batch_size"],
        "gradient_accumulation_steps": [
            "ga", "grad_accum", "grad_acc", "grad_accum_steps", "grad_acc_steps",
            "gradient_accumulation", "accumulation_steps", "accumulate_grad_batches",
            "iter_size",
        ],
        "learning_rate": ["lr", "rate", "max_lr", "peak_lr"],
        "num_train_epochs": ["epochs", "epoch", "num_epochs", "n_epochs", "max_epochs"],
        "max_steps": [
            "steps", "num_steps", "total_steps", "train_steps", "iters", "max_iters",
            "num_iters", "num_train_steps",
        ],
        "lr_scheduler_type": ["scheduler", "lr_scheduler", "lr_schedule", "schedule"],
        "warmup_steps": ["warmup", "num_warmup_steps", "warmup_iters"],
        "optim": ["optimizer", "optimiser", "optimizer_name", "opt"],
        "adam_beta1": ["beta1", "b1"], "adam_beta2": ["beta2", "b2"],
        "adam_epsilon": ["eps", "epsilon", "adam_eps"], "sgd_momentum": ["momentum"],
        "weight_decay": ["wd", "decay"],
        "max_grad_norm": [
            "grad_clip", "clip", "clip_grad", "gradient_clip", "gradient_clipping", "max_norm",
        ],
        "seed": ["random_seed", "rng_seed"],
        "early_stopping_steps": ["patience", "early_stopping_patience"],
        "lora_rank": ["rank", "r", "lora_r"], "lora_alpha": ["alpha"],
        "lora_dropout": ["dropout"],
        "lora_target": ["target_modules", "lora_target_modules", "lora_modules"],
        "additional_target": ["modules_to_save"],
        "max_new_tokens": ["max_tokens", "max_gen_len"], "temperature": ["temp"],
        "repetition_penalty": ["rep_penalty"],
        "precision": ["dtype", "torch_dtype"],
        "threads_per_rank": ["threads", "num_threads", "n_threads", "cpu_threads"],
        "zero_stage": ["zero"],
    ]
}
