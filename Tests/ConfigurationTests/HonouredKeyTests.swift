import Configuration
import Foundation
import Testing

/// Every key that is said to be honoured changes what a command is told.
@Suite struct HonouredKeyTests {
    typealias Contents = [String: ConfigurationValue.Content]

    /// What every key is changed beside.
    private static let base: Contents = [
        "model_name_or_path": .string("m"), "dataset": .string("a,b"), "output_dir": .string("o"),
        "export_dir": .string("e"), "val_size": .int(4), "max_steps": .int(50),
        "tokenized_path": .string("t"), "task": .string("mmlu_test"),
    ]

    /// Values where the kind alone does not give a good one.
    private static let values: Contents = [
        "stage": .string("pt"), "do_train": .bool(true), "do_eval": .bool(true),
        "finetuning_type": .string("freeze"), "resume_from_checkpoint": .bool(true),
        "quantization_bit": .int(4), "interleave_probs": .string("0.25,0.75"),
        "lr_scheduler_kwargs": .map(["num_cycles": .init(.double(2))]),
        "lr_scheduler_type": .string("cosine"), "eval_strategy": .string("steps"),
        "metric_for_best_model": .string("perplexity"), "gradient_checkpointing": .bool(true),
        "disable_gradient_checkpointing": .bool(false), "max_steps": .int(60),
        "save_strategy": .string("epoch"), "train_sampling_strategy": .string("sequential"),
        "zero_stage": .int(1), "rope_scaling": .string("yarn"), "precision": .string("bf16"),
        "val_size": .int(7),
        "top_p": .double(0.5), "adam_beta1": .double(0.5), "adam_beta2": .double(0.5),
        "lora_dropout": .double(0.5), "sgd_momentum": .double(0.5),
        "dataset_info": .map(["a": .init(.map(["file_name": .init(.string("x"))]))]),
        "metrics": .string("x"), "loss_scale_init": .int(1024), "warmup_ratio": .double(0.5),
        "objective": .string("mlm"), "mlm_probability": .double(0.5),
        "mask_replace_prob": .double(0.5), "random_replace_prob": .double(0.2),
        "fim_rate": .double(0.9), "phrase_rate": .double(0.9), "short_seq_prob": .double(0.5),
        "gpt_rate": .double(0.5),
        "gpt_min_ratio": .double(0.5),
        "generator_hidden_size": .double(0.5), "fim_spm_rate": .double(0.1),
        "mask_unit": .string("word"),
        "ul2_rates": .string("0.3,0.3,0.4"),
        "ia3_target": .string("q_proj"),
        "optim_args": .string("rank=4"), "muon_momentum": .double(0.5),
        "ld_alpha": .double(0.5), "temperature": .double(0.5), "peak_gflops": .int(9),
        "adapter_reduction_factor": .int(4), "report_to": .string("tensorboard"),
        "grpo_num_generations": .int(6), "fewshot_as_multiturn": .bool(false),
        "grpo_reward_weights": .string("2"), "reward_model_type": .string("full"),
    ]

    private static let labels: Contents = ["stage": .string("cls"), "tokenized_path": .null]

    private static let contrast: Contents = [
        "stage": .string("pt"), "objective": .string("contrastive"), "tokenized_path": .null,
    ]

    private static let pairs: Contents = ["stage": .string("dpo"), "tokenized_path": .null]

    private static let rewarded: Contents = [
        "stage": .string("grpo"), "tokenized_path": .null, "grpo_reward": .string("json"),
        "per_device_train_batch_size": .int(24),
    ]

    private static let policy: Contents = [
        "stage": .string("ppo"), "tokenized_path": .null, "reward_model": .string("r"),
        "finetuning_type": .string("lora"),
    ]

    private static let questions = labels.merging(
        ["task_type": .string("QUESTION_ANS"), "version_2_with_negative": .bool(true)]
    ) { $1 }

    private static let whole: Contents = ["finetuning_type": .string("full")]
    private static let muon: Contents = ["optim": .string("muon")]
    private static let projected: Contents = [
        "finetuning_type": .string("full"), "optim": .string("galore_adamw"),
        "optim_target_modules": .string("all-linear"),
    ]

    /// What a key needs beside it.
    private static let beside: [String: Contents] = [
        "balance": ["gradient_accumulation_steps": .int(2)],
        "pooling_mode": contrast, "contrastive_temperature": contrast,
        "contrastive_symmetric": contrast, "contrastive_mask_duplicates": contrast,
        "hard_negative_weight": contrast,
        "task_type": labels, "text_column_names": labels, "label_column_name": labels,
        "do_regression": labels,
        "label_all_tokens": labels.merging(["task_type": .string("TOKEN_CLS")]) { $1 },
        "doc_stride": questions, "null_score_diff_threshold": questions, "n_best_size": questions,
        "max_answer_length": questions,
        "version_2_with_negative": labels.merging(["task_type": .string("QUESTION_ANS")]) { $1 },
        "eval_tasks": ["eval_strategy": .string("steps")],
        "fewshot_as_multiturn": ["apply_chat_template": .bool(true)],
        "kto_chosen_weight": ["stage": .string("kto"), "tokenized_path": .null],
        "kto_rejected_weight": ["stage": .string("kto"), "tokenized_path": .null],
        "grpo_num_generations": rewarded, "grpo_beta": rewarded, "grpo_epsilon": rewarded,
        "grpo_epsilon_high": rewarded, "grpo_loss": rewarded, "grpo_scale_rewards": rewarded,
        "grpo_iterations": rewarded, "grpo_mask_truncated": rewarded, "grpo_reward": rewarded,
        "grpo_reward_weights": rewarded, "grpo_answer": rewarded,
        "grpo_log_completions": rewarded, "grpo_reward_timeout": rewarded,
        "pref_beta": pairs, "pref_ftx": pairs, "pref_bco_weight": pairs, "pref_loss": pairs,
        "dpo_label_smoothing": pairs, "ld_alpha": pairs, "ref_model": pairs,
        "simpo_gamma": pairs.merging(["pref_loss": .string("simpo")]) { $1 },
        "ref_model_adapters": pairs.merging(["ref_model": .string("x")]) { $1 },
        "ppo_buffer_size": policy, "ppo_epochs": policy, "ppo_score_norm": policy,
        "ppo_target": policy, "ppo_whiten_rewards": policy, "reward_model": policy,
        "reward_model_type": policy,
        "reward_model_adapters": policy.merging(["reward_model_type": .string("full")]) { $1 },
        "precompute_ref_batch_size": pairs, "precompute_ref_path": pairs,
        "adafactor_scale_parameter": ["optim": .string("adafactor")],
        "sgd_momentum": ["optim": .string("sgd")],
        "use_galore": whole, "use_apollo": whole, "use_muon": whole, "use_adam_mini": whole,
        "use_badam": whole,
        "muon_momentum": muon, "muon_adjust_lr_fn": muon, "muon_lr": muon,
        "optim_args": projected, "optim_target_modules": projected,
        "do_train": ["do_eval": .bool(true)], "do_predict": ["predict_with_generate": .bool(true)],
        "asft_alpha": ["use_asft_loss": .bool(true)], "eaft_alpha": ["use_eaft_loss": .bool(true)],
        "adapter_folder": ["adapter_name_or_path": .string("x")],
        "interleave_probs": ["mix_strategy": .string("interleave_under")],
        "lr_scheduler_kwargs": ["lr_scheduler_type": .string("cosine")],
        "eval_steps": ["eval_strategy": .string("steps")],
        "eval_delay": ["eval_strategy": .string("steps")],
        "early_stopping_steps": ["eval_strategy": .string("steps")],
        "load_best_model_at_end": [
            "eval_strategy": .string("steps"), "eval_steps": .int(5), "save_steps": .int(5),
        ],
        "greater_is_better": [
            "eval_strategy": .string("steps"), "metric_for_best_model": .string("loss"),
        ],
        "adapter_config": ["finetuning_type": .string("adapter")],
        "adapter_reduction_factor": ["finetuning_type": .string("adapter")],
        "num_train_epochs": ["max_steps": .int(-1)],
        "dataloader_drop_last": ["max_steps": .int(-1)],
        "train_from_scratch": ["finetuning_type": .string("full")],
        "eval_dataset": ["val_size": .int(0)],
        "buffer_size": ["streaming": .bool(true), "tokenized_path": .null],
        "streaming": ["tokenized_path": .null],
        "objective": ["stage": .string("pt")], "mlm_probability": ["stage": .string("pt")],
        "mean_noise_span_length": ["stage": .string("pt")],
        "mask_replace_prob": ["stage": .string("pt")],
        "random_replace_prob": ["stage": .string("pt")],
        "mask_unit": ["stage": .string("pt")], "whole_word_mask": ["stage": .string("pt")],
        "max_predictions_per_seq": ["stage": .string("pt"), "mask_unit": .string("word")],
        "fim_rate": ["stage": .string("pt")], "fim_spm_rate": ["stage": .string("pt")],
        "gpt_rate": ["stage": .string("pt")], "gpt_min_ratio": ["stage": .string("pt")],
        "phrase_file": ["stage": .string("pt")], "phrase_rate": ["stage": .string("pt")],
        "ul2_rates": ["stage": .string("pt")], "short_seq_prob": ["stage": .string("pt")],
        "disc_weight": ["stage": .string("pt")], "generator_hidden_size": ["stage": .string("pt")],
        "init_special_tokens": [
            "new_special_tokens_config": .map(["<a>": .init(.string("a"))])
        ],
        "num_beams": ["do_sample": .bool(false)], "eval_num_beams": ["do_sample": .bool(false)],
        "generation_num_beams": ["do_sample": .bool(false)],
    ]

    /// Keys with one supported value: another is refused, or told to have no effect.
    private static let fixed: Contents = [
        "quantization_method": .string("gptq"), "quantization_type": .string("fp4"),
        "ignore_pad_token_for_loss": .bool(false), "badam_mode": .string("ratio"),
        "encoder_reparameterization_type": .string("LSTM"),
    ]
    private static let told: Contents = [
        "precompute_ref_log_probs": .bool(false),
        "average_tokens_across_devices": .bool(false),
    ]

    private static let keys = ConfigurationKey.table.filter { $0.support == .full }

    private func run(
        _ contents: Contents, _ command: RunConfiguration.Command
    ) throws -> RunConfiguration {
        try RunConfiguration(
            values: contents.mapValues { ConfigurationValue($0) }, command: command)
    }

    /// Everything that a command is told.
    private func told(_ run: RunConfiguration) -> String {
        var text = ""
        // The sections; what else a configuration has repeats the keys as they were written.
        let other: Set = ["settings", "resolvedText", "hash", "notices", "caches", "command"]
        for part in Mirror(reflecting: run).children where !other.contains(part.label ?? "") {
            dump(part.value, to: &text)
        }
        let plan = TrainingPlan(samples: 1001, ranks: 1, configuration: run)
        let schedule = run.schedule(plan)
        text += "\(plan) \((0..<60).map { schedule.rate(step: $0) })"
        return text
            + "\(String(describing: run.bestMetric))\(String(describing: run.earlyStopping))"
    }

    private func other(than key: ConfigurationKey) -> ConfigurationValue.Content {
        if let value = Self.values[key.name] { return value }
        switch key.kind {
        case .boolean: return .bool(key.standard != .boolean(true))
        case .integer:
            if case .integer(let standard) = key.standard { return .int(standard + 1) }
            return .int(3)
        case .number:
            if case .number(let standard) = key.standard { return .double(standard * 2 + 0.125) }
            return .double(3)
        case .choice(let words, _, _):
            return .string(words.first { .text($0) != key.standard } ?? words[0])
        case .list, .text: return .string("other")
        case .interval, .amount: return .int(7)
        case .map: return .map(["x": .init(.int(1))])
        case .switchOrText: return .bool(true)
        case .anything: return .int(1)
        }
    }

    @Test func everyHonouredKeyChangesWhatSomeCommandIsTold() throws {
        var dead: [String] = []
        for key in Self.keys where Self.fixed[key.name] == nil && Self.told[key.name] == nil {
            let before = Self.base.merging(Self.beside[key.name] ?? [:]) { $1 }
            let after = before.merging([key.name: other(than: key)]) { $1 }
            let changes = key.readers.contains { command in
                guard let changed = try? told(run(after, command)),
                    let unchanged = try? told(run(before, command))
                else { return false }
                return changed != unchanged
            }
            if !changes { dead.append(key.name) }
        }
        #expect(dead.isEmpty)
        #expect(Self.keys.count > 110)
    }

    @Test func everyHonouredKeyIsInTheTextThatReadsBack() throws {
        for command in RunConfiguration.Command.allCases {
            var contents = Self.base
            if command == .prepare { contents["stage"] = .string("pt") }
            let lines = try run(contents, command).resolvedText.split(separator: "\n")
            let names = Set(lines.compactMap { $0.split(separator: ":").first.map(String.init) })
            for key in Self.keys {
                #expect(
                    names.contains(key.name) == key.readers.contains(command),
                    "\(key.name) of \(command)")
            }
        }
    }

    @Test func keysOfOneSupportedValueRefuseOthersByName() throws {
        for (name, content) in Self.fixed {
            let key = try #require(Self.keys.first { $0.name == name })
            let command = try #require(key.readers.min { $0.rawValue > $1.rawValue })
            do {
                _ = try run(Self.base.merging([name: content]) { $1 }, command)
                Issue.record("\(name) takes \(content)")
            } catch let error as ConfigurationError {
                #expect("\(error)".contains("\(name): "), "\(error)")
            }
        }
    }

    @Test func keysWithoutEffectAreTold() throws {
        for (name, content) in Self.told {
            let notices = try run(Self.base.merging([name: content]) { $1 }, .train).notices
            #expect(notices.contains { $0.hasPrefix(name + ": ") })
        }
        for key in ConfigurationKey.table {
            guard case .noEffect = key.support else { continue }
            let command: RunConfiguration.Command =
                [.train, .chat].first(where: key.readers.contains) ?? .eval
            let notices = try run(Self.base.merging([key.name: .string("x")]) { $1 }, command)
                .notices
            #expect(notices.contains { $0.contains(key.name) }, "\(key.name)")
        }
    }

    /// Whatever comes later or never is refused by its name.
    @Test func keysThatAreNotThereYetAreRefusedByName() {
        for key in ConfigurationKey.table {
            switch key.support {
            case .later, .never, .foreign: break
            default: continue
            }
            for command in key.readers {
                do {
                    _ = try run(Self.base.merging([key.name: .string("x")]) { $1 }, command)
                    Issue.record("\(key.name) is taken by \(command)")
                } catch {
                    let text = "\(error)"
                    #expect(text.contains(key.name) && text.count > key.name.count + 30)
                    #expect(!text.contains("\n"))
                }
            }
        }
    }
}
