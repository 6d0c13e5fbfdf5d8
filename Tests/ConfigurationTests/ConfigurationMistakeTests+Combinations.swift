import Configuration

extension Mistake {
    static let ofCombinations: [Mistake] = [
        Mistake(
            ["balance": .bool(true)],
            "run.yaml line 10: balance, gradient_accumulation_steps: whole micro-batches are divided "
                + "by speed, and 1 a rank leaves nothing to divide; set gradient_accumulation_steps "
                + "to 4 or more (and per_device_train_batch_size lower), or leave balance out"),
        Mistake(
            [
                "balance": .bool(true), "gradient_accumulation_steps": .int(4),
                "deterministic": .bool(true),
            ],
            "run.yaml line 12: balance, deterministic: sums in a fixed tree need ranks of equal "
                + "shares; keep one"),
        Mistake(
            ["eval_tasks": .string("core_small")],
            "run.yaml line 10: eval_tasks: tasks are tried with each evaluation, but there is none; "
                + "set eval_strategy and val_size or eval_dataset"),
        Mistake(
            [:], command: .eval,
            "task is missing: give names of tasks, such as mmlu_test, or task files"),
        Mistake(
            ["val_size": .double(0.1), "eval_dataset": .string("held.txt")],
            "run.yaml line 11: val_size, eval_dataset: held-out samples come from one of them; "
                + "keep one"),
        Mistake(
            ["report_to": .string("wandb")],
            "run.yaml line 10: report_to: wandb is not supported and will not be; nothing is sent to a "
                + "service; set tensorboard for event files (other trackers read those, or "
                + "trainer_log.jsonl), or none"),
        Mistake(
            ["report_to": .string("tensorboard,none")],
            "run.yaml line 10: report_to: none stands beside tensorboard; keep one"),
        Mistake(
            ["interleave_probs": .string("0.5,0.5")],
            "run.yaml line 10: interleave_probs, mix_strategy: probabilities need interleaved "
                + "mixing, but mix_strategy is concat"),
        Mistake(
            ["streaming": .bool(true), "max_steps": .int(5), "max_samples": .int(5)],
            "run.yaml line 12: streaming, max_samples: they do not go together; keep one"),
        Mistake(
            ["streaming": .bool(true)], "run.yaml line 10: streaming: needs max_steps"),
        Mistake(
            ["streaming": .bool(true), "max_steps": .int(5), "val_size": .double(0.1)],
            "run.yaml line 12: streaming, val_size: with streaming, val_size is a whole number of "
                + "samples"),
        Mistake(
            [
                "streaming": .bool(true), "max_steps": .int(5),
                "dataloader_drop_last": .bool(true),
            ],
            "run.yaml line 12: streaming, dataloader_drop_last: with streaming, steps are filled up "
                + "with the next epoch's rows; leave dataloader_drop_last out"),
        Mistake(
            ["deterministic": .bool(true), "wire_precision": .string("bf16")],
            "run.yaml line 11: deterministic, wire_precision: bf16 rounds each rank's sum, so the "
                + "bits depend on how many ranks there are; keep one"),
        Mistake(
            ["mask_history": .bool(true), "train_on_prompt": .bool(true)],
            "run.yaml line 11: mask_history, train_on_prompt: they do not go together; keep one"),
        Mistake(
            ["neat_packing": .bool(true)],
            "run.yaml line 10: neat_packing, stage: separate attention per document is for sft; "
                + "with stage: pt leave it out"),
        Mistake(
            ["finetuning_type": .string("lora")],
            "run.yaml line 10: finetuning_type, train_from_scratch: an adapter needs a trained "
                + "model under it; set finetuning_type: full"),
        Mistake(
            ["quantization_bit": .int(3)],
            "run.yaml line 10: quantization_bit: found the number 3, expected one of 4, 8"),
        Mistake(
            ["quantization_bit": .int(4)],
            "run.yaml line 10: quantization_bit, finetuning_type: quantized weights cannot be "
                + "trained; set finetuning_type: lora"),
        Mistake(
            ["adapter_name_or_path": .string("saves/lora")],
            "run.yaml line 10: adapter_name_or_path, finetuning_type: adapters go on with "
                + "their own finetuning_type (lora, oft, boft, ia3, adapter, prompt_tuning, "
                + "p_tuning, prefix_tuning), but it is full"),
        Mistake(
            ["use_dora": .bool(true)],
            "run.yaml line 10: use_dora, finetuning_type: use_dora is a setting of LoRA"),
        Mistake(
            ["save_strategy": .string("best")],
            "run.yaml line 10: save_strategy, eval_strategy: the best checkpoint is found by "
                + "evaluations; set eval_strategy to steps or epoch"),
        Mistake(
            ["group_by_length": .bool(true), "train_sampling_strategy": .string("random")],
            "run.yaml line 10: group_by_length, train_sampling_strategy: group_by_length is "
                + "true, but train_sampling_strategy is random; keep one"),
        Mistake(
            ["disable_shuffling": .bool(true), "group_by_length": .bool(true)],
            "run.yaml line 11: group_by_length, disable_shuffling: samples stay in the order of "
                + "their files or are grouped; keep one"),
        Mistake(
            ["disable_shuffling": .bool(false), "train_sampling_strategy": .string("sequential")],
            "run.yaml line 11: disable_shuffling, train_sampling_strategy: disable_shuffling is "
                + "false, but train_sampling_strategy is sequential; keep one"),
        Mistake(
            ["ignore_pad_token_for_loss": .bool(false)],
            "run.yaml line 10: ignore_pad_token_for_loss: false is not supported and will not be; "
                + "padding is never a target here; leave it out"),
        Mistake(
            ["dataset_info": .map([:])],
            "run.yaml line 10: dataset_info: a map of keys is not supported yet; with stage: pt "
                + "put it into dataset_info.json in dataset_dir"),
        Mistake(
            ["do_predict": .bool(true)],
            "run.yaml line 10: do_predict, predict_with_generate: predictions are generated; set "
                + "predict_with_generate: true"),
        Mistake(
            ["eval_strategy": .string("steps")],
            "run.yaml line 10: eval_strategy: evaluation needs held-out samples; set val_size or "
                + "eval_dataset"),
        Mistake(
            ["do_eval": .bool(true)],
            "run.yaml line 10: do_eval: evaluation needs held-out samples; set val_size or "
                + "eval_dataset"),
        Mistake(
            ["do_train": .bool(false)],
            "run.yaml line 10: do_train, do_eval: both are false, so there is nothing to do"),
        Mistake(
            ["early_stopping_steps": .int(3)],
            "run.yaml line 10: early_stopping_steps, eval_strategy: stopping early needs "
                + "evaluations; set eval_strategy to steps or epoch"),
        Mistake(
            ["load_best_model_at_end": .bool(true)],
            "run.yaml line 10: load_best_model_at_end, eval_strategy, save_strategy: evaluations "
                + "and checkpoints must come together, but eval_strategy is no and save_strategy "
                + "is steps"),
        Mistake(
            [
                "load_best_model_at_end": .bool(true), "eval_strategy": .string("steps"),
                "val_size": .int(8), "eval_steps": .int(200), "save_steps": .int(500),
            ],
            "run.yaml line 14: load_best_model_at_end, save_steps, eval_steps: save_steps 500 must "
                + "be a multiple of eval_steps 200"),
        Mistake(
            [
                "load_best_model_at_end": .bool(true), "eval_strategy": .string("steps"),
                "val_size": .int(8), "eval_steps": .double(0.1), "save_steps": .int(500),
            ],
            "run.yaml line 14: load_best_model_at_end, save_steps, eval_steps: save_steps 500 and "
                + "eval_steps 0.1 must both be numbers of steps or both be fractions"),
        Mistake(
            ["use_llama_pro": .bool(true)],
            "run.yaml line 10: use_llama_pro, finetuning_type: use_llama_pro spreads the layers that "
                + "finetuning_type: freeze trains"),
        Mistake(
            ["bf16": .bool(true), "fp16": .bool(true)],
            "run.yaml line 11: bf16, fp16: only one of them can be true"),
        Mistake(
            ["bf16": .bool(true), "precision": .string("fp32")],
            "run.yaml line 11: bf16, precision: bf16: true contradicts precision: fp32"),
        Mistake(
            ["bf16": .bool(false), "precision": .string("bf16")],
            "run.yaml line 11: bf16, precision: bf16: false contradicts precision: bf16"),
        Mistake(
            ["fp16": .bool(true), "pure_bf16": .bool(true)],
            "run.yaml line 11: fp16, pure_bf16: pure_bf16 contradicts it"),
        Mistake(
            [
                "gradient_checkpointing": .bool(true),
                "disable_gradient_checkpointing": .bool(true),
            ],
            "run.yaml line 11: gradient_checkpointing, disable_gradient_checkpointing: both are "
                + "true; keep one"),
        Mistake(
            ["loss_scale_min": .int(100_000)],
            "run.yaml line 10: loss_scale_init, loss_scale_min: the scale cannot begin below its "
                + "minimum"),
        Mistake(
            ["resume_from_checkpoint": .bool(true), "overwrite_output_dir": .bool(true)],
            "run.yaml line 11: resume_from_checkpoint, overwrite_output_dir: a run cannot both go "
                + "on from output_dir and overwrite it; keep one"),
        Mistake(
            ["lr_scheduler_type": .string("cosine_with_min_lr")],
            "lr_scheduler_type, lr_scheduler_kwargs: cosine_with_min_lr needs one of min_lr and "
                + "min_lr_rate, found neither"),
        Mistake(
            ["lr_scheduler_type": .string("polynomial"), "learning_rate": .double(1e-8)],
            "lr_scheduler_kwargs, learning_rate: lr_end 1e-07 must be smaller than learning_rate "
                + "1e-08"),
        Mistake(
            [
                "lr_scheduler_type": .string("polynomial"),
                "lr_scheduler_kwargs": .map(["pwer": ConfigurationValue(.int(2))]),
            ],
            "lr_scheduler_kwargs: found 'pwer', expected one of lr_end, power; did you mean "
                + "'power'?"),
        Mistake(
            [
                "lr_scheduler_type": .string("warmup_stable_decay"),
                "lr_scheduler_kwargs": .map(["num_decay_steps": ConfigurationValue(.int(-1))]),
            ],
            "lr_scheduler_kwargs.num_decay_steps: found the number -1, expected a whole number of "
                + "at least 0"),
    ]

    static let ofLaterVersions: [Mistake] = [
        Mistake(
            ["module_dropout": .double(0.1)],
            "run.yaml line 10: module_dropout: the number 0.1 is not supported yet; leave it out; "
                + "all blocks are always trained"),
        Mistake(
            ["quantization_method": .string("gptq")],
            "run.yaml line 10: quantization_method: 'gptq' is not supported yet; use 'bnb'"),
        Mistake(
            ["optim": .string("adagrad")],
            "run.yaml line 10: optim: 'adagrad' is not supported yet; use one of adamw_torch, "
                + "lion_32bit, sgd, adafactor, muon, adam_mini, galore_adamw, apollo_adamw, badam"),
        Mistake(
            ["zero_stage": .int(3)],
            "run.yaml line 10: zero_stage: 3 is not supported yet; use 0, or 1 to divide optimizer "
                + "state among ranks"),
        Mistake(
            ["packing": .bool(false)],
            "run.yaml line 10: packing: false is not supported yet; with stage: pt documents "
                + "always fill samples; leave it out"),
        Mistake(
            ["num_beams": .int(4), "do_sample": .bool(true)], command: .generate,
            "run.yaml line 10: num_beams, do_sample: drawing among beams is not supported; set "
                + "do_sample: false, or one beam"),
    ]
}
