import Configuration
import ConfigurationSupport
import Testing

/// The keys of `stage: ppo`.
@Suite struct ProximalPolicySectionTests {
    private typealias Contents = KeyValuePairs<String, ConfigurationValue.Content>

    private func run(
        _ contents: Contents, command: RunConfiguration.Command = .train
    ) throws -> RunConfiguration {
        var all = values([
            "stage": .string("ppo"), "model_name_or_path": .string("models/tiny"),
            "dataset": .string("prompts"), "output_dir": .string("saves/tiny"),
            "template": .string("qwen"), "reward_model": .string("saves/reward"),
            "temperature": .int(1), "top_p": .int(1), "top_k": .int(0),
        ])
        for (key, content) in contents {
            all[key] = ConfigurationValue(content, place: .line(10, file: "run.yaml"))
        }
        return try RunConfiguration(values: all, command: command)
    }

    @Test func keysHaveLLaMAFactorysDefaults() throws {
        let run = try run([:])
        let section = run.proximalPolicy
        #expect(section.bufferSize == 1 && section.epochs == 4 && section.target == 6)
        #expect(!section.normalizesScores && !section.whitensRewards)
        #expect(run.reward.kind == .adapter && run.reward.adapters.isEmpty)
        #expect(run.notices.isEmpty, "\(run.notices)")
    }

    @Test func whatDoesNotGoTogetherIsNamed() {
        let cases: [(Contents, String)] = [
            (["reward_model": .null], "reward_model is missing: give what scores answers"),
            (
                ["finetuning_type": .string("full")],
                "lora puts the reward model's adapter on the run's base, which finetuning_type: full"
            ),
            (
                ["reward_model_adapters": .string("x")],
                "reward_model_adapters, reward_model_type: adapters are put on a whole reward model"
            ),
            (["reward_model_quantization_bit": .int(4)], "reward_model_quantization_bit"),
            (
                ["reward_model_type": .string("api")],
                "found 'saves/reward', expected an address http://HOST:PORT/PATH"
            ),
            (
                ["reward_model": .string("https://judge/v1"), "reward_model_type": .string("api")],
                "https is not spoken"
            ),
            (
                ["reward_model": .string("http://judge/v1")],
                "expected a folder; set reward_model_type: api"
            ),
            (
                ["reward_model_type": .string("oft")],
                "found the text 'oft', expected one of lora, full, api"
            ),
            (["ppo_epochs": .int(0)], "ppo_epochs: found the number 0"),
            (["ppo_buffer_size": .int(0)], "ppo_buffer_size: found the number 0"),
            (["ppo_target": .double(0)], "ppo_target: found the number 0"),
            (["packing": .bool(true)], "packing, stage: it is not for stage: ppo"),
            (["neat_packing": .bool(true)], "neat_packing, stage"),
            (["streaming": .bool(true), "max_steps": .int(3)], "streaming, stage"),
            (["tokenized_path": .string("kept")], "tokenized_path, stage"),
            (["train_on_prompt": .bool(true)], "train_on_prompt, stage"),
            (["mask_history": .bool(true)], "mask_history, stage"),
            (["predict_with_generate": .bool(true), "val_size": .int(2)], "predict_with_generate"),
            (["do_predict": .bool(true), "val_size": .int(2)], "do_predict, stage"),
            (["label_smoothing_factor": .double(0.1)], "label_smoothing_factor"),
            (["neftune_noise_alpha": .double(5)], "neftune_noise_alpha, stage"),
            (["deterministic": .bool(true)], "deterministic, stage"),
            (
                ["balance": .bool(true), "gradient_accumulation_steps": .int(4)],
                "balance, stage: it is not for stage: ppo"
            ),
            (["group_by_length": .bool(true)], "it is not for stage: ppo"),
            (["train_from_scratch": .bool(true)], "train_from_scratch"),
            (["num_beams": .int(2), "do_sample": .bool(false)], "num_beams, stage"),
            (
                ["finetuning_type": .string("adapter"), "reward_model_type": .string("full")],
                "adapter does not keep a value head"
            ),
            (["ref_model_adapters": .string("x")], "ref_model_adapters, ref_model"),
            (
                [
                    "metric_for_best_model": .string("accuracy"),
                    "eval_strategy": .string("steps"),
                ],
                "metric_for_best_model: found 'accuracy', expected one of eval_loss"
            ),
        ]
        for (contents, message) in cases {
            #expect {
                _ = try run(contents)
            } throws: {
                let text = "\($0)"
                if !text.contains(message) { print(text) }
                return text.contains(message) && !text.contains("\n")
            }
        }
        #expect {
            _ = try run([:], command: .prepare)
        } throws: {
            "\($0)".contains("stage: ppo needs no preparing")
        }
    }

    @Test func whatIsNotUsedOrOtherwiseThanElsewhereIsTold() throws {
        let cases: [(Contents, String)] = [
            (["top_p": .double(0.9)], "answers are drawn otherwise than the policy's own"),
            (["do_sample": .bool(false)], "each prompt has one answer"),
            (
                ["stage": .string("sft"), "ppo_epochs": .int(2)],
                "ppo_epochs: not used, since stage is sft"
            ),
            (["stage": .string("sft")], "reward_model: not used, since stage is sft"),
            (["pref_beta": .double(1)], "pref_beta: not used, since stage is ppo"),
            (["compute_accuracy": .bool(true)], "compute_accuracy: not used"),
        ]
        for (contents, notice) in cases {
            let notices = try run(contents).notices
            #expect(notices.contains { $0.contains(notice) }, "\(notices)")
        }
        #expect(try run(["ref_model": .string("x")]).notices.isEmpty)
    }

    @Test func theBestModelMayBeThatOfTheGreatestReward() throws {
        let run = try run([
            "metric_for_best_model": .string("reward"), "eval_strategy": .string("steps"),
            "val_size": .int(3),
        ])
        #expect(run.bestMetric?.greaterIsBetter == true)
    }
}
