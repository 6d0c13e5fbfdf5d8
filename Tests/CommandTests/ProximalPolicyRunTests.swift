import Foundation
import TestSupport
import Testing

extension TrialFolder {
    /// A policy with a value head, of `model` or with `adapter`; judges `judge` (an adapter) and `score`.
    static func policies() throws -> TrialFolder {
        let folder = try TrialFolder.preferences()
        try folder.add("preference_rewards/score", as: "score")
        try folder.add("proximal_policies/judge", as: "judge")
        for name in ["model", "score"] {
            let text = String(decoding: try folder.data("\(name)/config.json"), as: UTF8.self)
            try folder.write(
                "\(name)/config.json",
                text.replacing(
                    "\"vocab_size\"", with: "\"summary_dropout_prob\": 0.0, \"vocab_size\""))
        }
        for name in ["model", "adapter"] {
            try folder.add(
                "proximal_policies/head/value_head.safetensors",
                as: "\(name)/value_head.safetensors")
        }
        try folder.write(
            "run.yaml",
            preferenceSettings.replacing("stage: dpo", with: "stage: ppo") + """
                dataset_info:
                  prompts: {file_name: alpaca.json, columns: {prompt: instruction, query: input, response: chosen}}
                reward_model: score
                reward_model_type: full
                ppo_epochs: 3
                do_sample: false
                max_new_tokens: 8

                """)
        return folder
    }
}

/// Runs with `stage: ppo` beside TRL 0.9.6's routines on PyTorch (scripts/references/proximal_policies.py).
/// Answers are the likeliest ones, so that both write the same.
@Suite struct ProximalPolicyRunTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let name: String
        let overrides: [String]
        var testDescription: String { name }

        static let lora = [
            "finetuning_type=lora", "adapter_name_or_path=adapter", "learning_rate=1e-2",
            "reward_model=judge", "reward_model_type=lora",
        ]
        static let all = [
            Case(name: "full", overrides: []),
            Case(name: "normalized", overrides: ["ppo_score_norm=true"]),
            Case(name: "lora", overrides: lora),
        ]
    }

    private static let prompts = ["dataset=prompts"]
    /// Answers are drawn.
    private static let drawing = [
        "do_sample=true", "temperature=1", "top_p=1", "top_k=0", "disable_shuffling=false",
    ]

    private func expect(
        _ folder: TrialFolder, _ run: Case, output: String = "out",
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let all = try References.object("proximal_policies/reference.json")
        let reference = try #require(all[run.name] as? [String: Any])
        func numbers(_ name: String) throws -> [Double] {
            let found = try #require(reference[name] as? [Double])
            try #require(found.count == 30)
            return found
        }
        // float32 sums in another order; advantages of a few units move by as much.
        #expect(
            largestDistance(try folder.losses(output), try numbers("losses")) < 1e-5,
            sourceLocation: sourceLocation)
        for name in [
            "reward", "objective/kl", "objective/kl_coef", "objective/entropy",
            "ppo/mean_non_score_reward", "ppo/mean_scores", "ppo/std_scores", "ppo/loss/policy",
            "ppo/loss/value", "ppo/policy/approxkl", "ppo/policy/clipfrac",
            "ppo/policy/entropy", "ppo/val/error",
            "ppo/returns/mean", "ppo/returns/var",
        ] {
            let expected = try numbers(name)
            let scale = max(1, expected.map { abs($0) }.max() ?? 1)
            #expect(
                largestDistance(try folder.figures(name, of: output), expected) < 2e-5 * scale,
                "\(name)", sourceLocation: sourceLocation)
        }
        let norms = try numbers("gradient_norms")
        #expect(
            largestDistance(try folder.log(output).compactMap(\.norm), norms)
                < 2e-5 * max(1, norms.max() ?? 1), sourceLocation: sourceLocation)
    }

    @Test(arguments: Case.all)
    func thirtyStepsFollowTheReference(_ run: Case) throws {
        let folder = try TrialFolder.policies()
        try folder.tuneToEnd(Self.prompts + run.overrides)
        try expect(folder, run)
        #expect(folder.exists("out/value_head.safetensors"))
        #expect(folder.exists("out/training_reward.svg"))
    }

    @Test(arguments: [0, 2])
    func ranksAndAccumulationDoNotCount(_ number: Int) throws {
        let run = Case.all[number]
        let folder = try TrialFolder.policies()
        for (ranks, batch, accumulation) in [(2, 1, 2), (4, 1, 1), (1, 4, 1)] {
            let output = "out-\(ranks)-\(batch)"
            try folder.tuneToEnd(
                output: output, ranks: ranks,
                Self.prompts + run.overrides + [
                    "per_device_train_batch_size=\(batch)",
                    "gradient_accumulation_steps=\(accumulation)", "zero_stage=\(ranks / 2 % 2)",
                ])
            try expect(folder, run, output: output)
        }
    }

    /// With draws, and rollouts of several steps that are dealt anew in each pass.
    @Test func drawnAnswersAreTheSameOnAnyRanks() throws {
        let folder = try TrialFolder.policies()
        let overrides =
            Self.prompts + Self.drawing + Case.lora + [
                "ppo_buffer_size=2", "ppo_epochs=2", "max_steps=8", "ppo_whiten_rewards=true",
                "learning_rate=1e-3",
            ]
        try folder.tuneToEnd(output: "one", overrides)
        for ranks in [2, 4] {
            try folder.tuneToEnd(
                output: "\(ranks)", ranks: ranks,
                overrides + [
                    "per_device_train_batch_size=1",
                    "gradient_accumulation_steps=\(4 / ranks)",
                ])
            // Rounding of sums in other orders; another answer would change rewards by far more.
            for name in ["loss", "reward", "objective/kl", "ppo/val/error"] {
                #expect(
                    largestDistance(
                        try folder.figures(name, of: "\(ranks)"),
                        try folder.figures(name, of: "one")) < 1e-4, "\(name) on \(ranks)")
            }
        }
    }

    @Test(arguments: [2, 4, 5])
    func aResumedRunEqualsTheUninterruptedOneBitForBit(_ step: Int) throws {
        let folder = try TrialFolder.policies()
        let overrides =
            Self.prompts + Self.drawing + Case.lora + [
                "ppo_buffer_size=2", "ppo_epochs=2", "ppo_score_norm=true", "max_steps=8",
                "lora_dropout=0.1",
            ]
        try folder.tuneToEnd(output: "whole", overrides + ["save_steps=\(step)"])
        try folder.rewind("whole", to: "out", step: step)
        let run = try folder.tuneToEnd(overrides)
        #expect(run.says("resuming from out/checkpoint-\(step).h5"))
        try expectSameFinetuning(folder, "out", "whole", step: 8)
        #expect(
            try folder.data("out/value_head.safetensors")
                == folder.data("whole/value_head.safetensors"))
        for name in ["reward", "objective/kl_coef", "ppo/mean_scores"] {
            #expect(try folder.figures(name, of: "out") == folder.figures(name, of: "whole"))
        }
    }

    @Test func twoRanksOfAWholeModelResumeBitForBitToo() throws {
        let folder = try TrialFolder.policies()
        let overrides =
            Self.prompts + Self.drawing + [
                "per_device_train_batch_size=1", "max_steps=7", "zero_stage=1",
            ]
        try folder.tuneToEnd(output: "whole", ranks: 2, overrides + ["save_steps=4"])
        try folder.rewind("whole", to: "out", step: 4)
        try folder.tuneToEnd(ranks: 2, overrides)
        try expectSameFinetuning(folder, "out", "whole", step: 7)
    }

    // MARK: Judge and reference

    @Test func anAdapterAndItsBaseJudgeAsOneModel() throws {
        let folder = try TrialFolder.policies()
        let overrides = Self.prompts + Case.lora + ["max_steps=6"]
        try folder.tuneToEnd(output: "own", overrides)
        try folder.tuneToEnd(
            output: "named",
            overrides + [
                "reward_model=model", "reward_model_type=full", "reward_model_adapters=judge",
            ])
        #expect(
            largestDistance(
                try folder.figures("reward", of: "named"), try folder.figures("reward", of: "own"))
                < 1e-5)
    }

    @Test(arguments: [1, 2]) func aServerMayJudge(_ ranks: Int) throws {
        let folder = try TrialFolder.policies()
        let server = try ScoreServer(in: folder)
        try folder.tuneToEnd(
            ranks: ranks,
            Self.prompts + [
                "max_steps=3", "reward_model=http://127.0.0.1:\(server.port)/v1/score/evaluation",
                "reward_model_type=api", "per_device_train_batch_size=\(2 / ranks)",
            ])
        // Whole texts with their special tokens, four in all.
        let requests = server.requests
        #expect(requests.count == ranks)
        #expect(
            requests.allSatisfy {
                $0.body.contains("\"model\": \"model\"") && $0.body.contains("<|im_start|>user")
            })
        let scores = requests.flatMap(\.scores)
        #expect(scores.count == 4)
        let reward = try folder.figures("reward")[0]
        #expect(abs(reward - scores.reduce(0, +) / 4) < 1e-6)
    }

    @Test func theReferenceIsTheModelWithItsAdapterOrAnother() throws {
        let folder = try TrialFolder.policies()
        let overrides = Self.prompts + Case.lora + ["max_steps=3"]
        try folder.tuneToEnd(output: "own", overrides)
        #expect(abs(try folder.figures("objective/kl", of: "own")[0]) < 1e-4)
        try folder.tuneToEnd(
            output: "named", overrides + ["ref_model=model", "ref_model_adapters=adapter"])
        #expect(abs(try folder.figures("objective/kl", of: "named")[0]) < 1e-4)
        try folder.tuneToEnd(output: "bare", overrides + ["ref_model=model"])
        #expect(abs(try folder.figures("objective/kl", of: "bare")[0]) > 1e-2)
    }

    // MARK: Evaluation

    @Test func heldOutPromptsAreScoredAlikeOnAnyRanks() throws {
        let folder = try TrialFolder.policies()
        let overrides =
            Self.prompts + Self.drawing + [
                "max_steps=6", "val_size=5", "eval_strategy=steps", "eval_steps=3",
                "eval_on_start=true", "metric_for_best_model=reward", "save_steps=3",
                "load_best_model_at_end=true", "learning_rate=1e-4",
            ]
        try folder.tuneToEnd(output: "one", overrides)
        try folder.tuneToEnd(
            output: "two", ranks: 2,
            overrides + ["per_device_train_batch_size=1", "per_device_eval_batch_size=2"])
        let one = try folder.figures("eval_reward", of: "one")
        #expect(one.count == 3)
        #expect(largestDistance(one, try folder.figures("eval_reward", of: "two")) < 1e-4)
        #expect(
            largestDistance(one, try folder.figures("eval_loss", of: "one").map { -$0 }) < 1e-12)
    }

    @Test func aPolicyIsTriedAsItIs() throws {
        let folder = try TrialFolder.policies()
        let run = try folder.tuneToEnd(
            Self.prompts + ["do_train=false", "do_eval=true", "val_size=5"])
        #expect(run.says("eval_reward") || folder.exists("out/eval_results.json"))
        let results = String(decoding: try folder.data("out/eval_results.json"), as: UTF8.self)
        #expect(results.contains("eval_reward") && !results.contains("perplexity"))
        #expect(!folder.exists("out/trainer_log.jsonl"))
    }

    @Test func theExampleOfLLaMAFactoryRunsUnchanged() throws {
        let folder = try TrialFolder.policies()
        try folder.add("llamafactory/data", as: "demo")
        let text = String(decoding: try folder.data("model/config.json"), as: UTF8.self)
        try folder.write(
            "model/config.json",
            text.replacing(
                "\"max_position_embeddings\": 256", with: "\"max_position_embeddings\": 4096"))
        let example = References.folder
            .appendingPathComponent("llamafactory/train_lora/llama3_lora_ppo.yaml").path
        // What it asks for but for paths; of so many tokens a slow build would need minutes.
        let run = try folder.run([
            "train", example, "output_dir=out", "model_name_or_path=model", "dataset_dir=demo",
            // The small tokenizer has no tokens of Llama 3's template.
            "template=qwen3_nothink", "reward_model=judge", "threads_per_rank=1", "peak_gflops=50",
            "logging_steps=1",
            "max_new_tokens=6", "max_steps=5",
        ])
        try #require(run.status == 0, "\(run.errors)")
        #expect(try folder.figures("reward").count == 5)
        #expect(folder.exists("out/adapter_model.safetensors"))
        #expect(folder.exists("out/value_head.safetensors"))
    }
}
