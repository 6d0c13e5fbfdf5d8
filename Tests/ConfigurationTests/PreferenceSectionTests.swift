import Configuration
import ConfigurationSupport
import Testing

/// The keys of preference training.
@Suite struct PreferenceSectionTests {
    private typealias Contents = KeyValuePairs<String, ConfigurationValue.Content>

    private func run(
        _ contents: Contents, command: RunConfiguration.Command = .train
    ) throws -> RunConfiguration {
        var all = values([
            "stage": .string("dpo"), "model_name_or_path": .string("models/tiny"),
            "dataset": .string("pairs"), "output_dir": .string("saves/tiny"),
            "template": .string("qwen"),
        ])
        for (key, content) in contents {
            all[key] = ConfigurationValue(content, place: .line(10, file: "run.yaml"))
        }
        return try RunConfiguration(values: all, command: command)
    }

    @Test func keysHaveLLaMAFactorysDefaults() throws {
        let section = try run([:]).preference
        #expect(section.loss == .sigmoid && section.beta == 0.1 && section.margin == 0.5)
        #expect(section.answerWeight == 0 && section.classifierWeight == 0)
        #expect(section.labelSmoothing == 0 && section.lengthWeight == nil)
    }

    @Test func whatDoesNotGoTogetherIsNamed() {
        let cases: [(Contents, String)] = [
            (
                ["pref_loss": .string("ipo"), "dpo_label_smoothing": .double(0.1)],
                "dpo_label_smoothing, pref_loss: it belongs to pref_loss: sigmoid"
            ),
            (
                ["pref_loss": .string("orpo"), "pref_bco_weight": .double(0.1)],
                "pref_bco_weight, pref_loss: it compares with a reference, which orpo does without"
            ),
            (
                ["dpo_label_smoothing": .double(0.6)],
                "expected a number of at least 0 and at most 0.5"
            ),
            (
                ["pref_loss": .string("dpo")],
                "pref_loss: found the text 'dpo', expected one of sigmoid, hinge"
            ),
            (["pref_beta": .double(0)], "pref_beta: found"),
            (["ld_alpha": .double(2)], "ld_alpha: found"),
            (["packing": .bool(true)], "packing, stage: it is not for stage: dpo"),
            (["neat_packing": .bool(true)], "neat_packing, stage"),
            (["streaming": .bool(true), "max_steps": .int(3)], "streaming, stage"),
            (["tokenized_path": .string("kept")], "tokenized_path, stage"),
            (["train_on_prompt": .bool(true)], "train_on_prompt, stage"),
            (["mask_history": .bool(true)], "mask_history, stage"),
            (["predict_with_generate": .bool(true), "val_size": .int(2)], "predict_with_generate"),
            (["do_predict": .bool(true), "val_size": .int(2)], "do_predict, stage"),
            (["label_smoothing_factor": .double(0.1)], "see dpo_label_smoothing"),
            (["use_dft_loss": .bool(true)], "it is a loss of answers; set stage: sft"),
            (["neftune_noise_alpha": .double(5)], "neftune_noise_alpha, stage"),
            (["ref_model_adapters": .string("x")], "ref_model_adapters, ref_model"),
            (["ref_model_quantization_bit": .int(4)], "ref_model_quantization_bit, stage"),
            (
                ["deterministic": .bool(true), "pref_loss": .string("kto_pair")],
                "deterministic, pref_loss: pref_loss has a mean over all ranks' answers"
            ),
            (
                ["deterministic": .bool(true), "pref_bco_weight": .double(1)],
                "deterministic, pref_bco_weight"
            ),
            (
                ["deterministic": .bool(true), "stage": .string("kto")],
                "deterministic, stage: stage: kto has a mean"
            ),
            (["stage": .string("kto"), "packing": .bool(true)], "it is not for stage: kto"),
            (
                ["metric_for_best_model": .string("accuracy"), "eval_strategy": .string("steps")],
                "metric_for_best_model: found 'accuracy', expected one of eval_loss"
            ),
            (
                [
                    "metric_for_best_model": .string("perplexity"),
                    "eval_strategy": .string("steps"),
                ],
                "metric_for_best_model: found 'perplexity', expected one of eval_loss, eval_rewards/"
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
            _ = try run(["tokenized_path": .string("x")], command: .prepare)
        } throws: {
            "\($0)".contains("stage: dpo needs no preparing")
        }
    }

    @Test func whatIsNotUsedOrOtherwiseThanElsewhereIsTold() throws {
        let cases: [(Contents, String)] = [
            (["pref_loss": .string("hinge")], "LLaMA-Factory with its own versions of TRL trains"),
            (["simpo_gamma": .double(1)], "simpo_gamma: not used, since pref_loss is sigmoid"),
            (["pref_loss": .string("simpo")], "its authors take 2.0 to 2.5"),
            (
                ["pref_loss": .string("orpo"), "ref_model": .string("x")],
                "ref_model: not used, since pref_loss: orpo has no reference"
            ),
            (
                ["adapter_name_or_path": .string("x"), "finetuning_type": .string("lora")],
                "the reference is the model with this adapter as it is now"
            ),
            (
                ["stage": .string("kto"), "pref_loss": .string("ipo"), "ld_alpha": .double(0.5)],
                "pref_loss, ld_alpha: not used, since stage is kto"
            ),
            (["kto_chosen_weight": .double(2)], "kto_chosen_weight: not used, since stage is dpo"),
            (["precompute_ref_log_probs": .bool(false)], "precompute_ref_log_probs: false has no"),
            (
                ["stage": .string("sft"), "pref_beta": .double(1)],
                "pref_beta: not used, since stage is sft"
            ),
            (
                ["compute_accuracy": .bool(true)],
                "compute_accuracy: not used, since with stage: dpo answers are compared"
            ),
        ]
        for (contents, notice) in cases {
            let notices = try run(contents).notices
            #expect(notices.contains { $0.contains(notice) }, "\(notices)")
        }
        #expect(try run([:]).notices.isEmpty)
        #expect(
            try !run([
                "adapter_name_or_path": .string("x"), "finetuning_type": .string("lora"),
                "create_new_adapter": .bool(true),
            ]).notices.contains { $0.contains("the reference is") })
    }

    @Test func theBestOfTheRewardsIsTheGreatestButForTheRejected() throws {
        func isGreater(_ metric: String) throws -> Bool? {
            try run([
                "metric_for_best_model": .string(metric), "eval_strategy": .string("steps"),
                "val_size": .int(3),
            ]).bestMetric?.greaterIsBetter
        }
        #expect(try isGreater("rewards/accuracies") == true)
        #expect(try isGreater("eval_rewards/margins") == true)
        #expect(try isGreater("rewards/rejected") == false)
        #expect(try isGreater("loss") == false)
    }
}
