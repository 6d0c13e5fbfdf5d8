import Foundation
import TestSupport
import Testing

extension TrialFolder {
    /// A tiny model and prompts that it is to answer.
    static func rewarded() throws -> TrialFolder {
        let folder = try TrialFolder()
        try folder.add("finetuning/model", as: "model")
        try folder.add("policies/data", as: "data")
        try folder.add("preferences/adapter", as: "adapter")
        try folder.write("run.yaml", rewardSettings)
        return folder
    }

    static let rewardSettings = """
        stage: grpo
        finetuning_type: full
        model_name_or_path: model
        dataset: data/prompts.json
        template: chatml
        cutoff_len: 128
        disable_shuffling: true
        grpo_num_generations: 4
        grpo_reward: ["regex:[a-f]", "regex:[A-Z]", "regex:[0-9]", "regex:[n-z]{2}", length]
        grpo_reward_weights: [1.0, 0.5, -0.25, 0.75, 0.5]
        max_new_tokens: 12
        per_device_train_batch_size: 4
        gradient_accumulation_steps: 2
        learning_rate: 1e-3
        lr_scheduler_type: linear
        warmup_steps: 3
        max_steps: 30
        logging_steps: 1
        output_dir: out
        threads_per_rank: 1
        peak_gflops: 50

        """

    /// Lines of completions.jsonl.
    func completions(_ output: String = "out") throws -> [[String: Any]] {
        try String(decoding: data("\(output)/completions.jsonl"), as: UTF8.self)
            .split(separator: "\n").map {
                try #require(
                    JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
            }
    }
}

/// Runs with `stage: grpo` beside PyTorch written for the purpose (scripts/references/policies.py).
@Suite struct GroupPolicyRunTests {
    /// A run of the reference and how to ask for it here.
    struct Case: CustomTestStringConvertible, Sendable {
        let name: String
        let overrides: [String]
        var testDescription: String { name }

        static let all = [
            Case(name: "grpo", overrides: ["grpo_loss=grpo"]),
            Case(name: "bnpo", overrides: ["grpo_loss=bnpo"]),
            Case(name: "dr_grpo", overrides: ["grpo_loss=dr_grpo", "grpo_scale_rewards=none"]),
            Case(name: "dapo", overrides: []),
            Case(
                name: "dapo_kl",
                overrides: ["grpo_beta=0.2", "grpo_iterations=2", "temperature=0.8"]),
            Case(
                name: "masked",
                overrides: [
                    "grpo_loss=grpo", "grpo_scale_rewards=batch", "grpo_mask_truncated=true",
                    "grpo_iterations=3",
                ]),
            Case(name: "cispo", overrides: ["grpo_loss=cispo", "grpo_iterations=2"]),
            Case(
                name: "gspo", overrides: ["grpo_loss=gspo", "grpo_iterations=3", "grpo_beta=0.05"]),
            Case(
                name: "lora_kl",
                overrides: [
                    "finetuning_type=lora", "adapter_name_or_path=adapter", "learning_rate=1e-2",
                    "grpo_beta=0.1",
                ]),
        ]
    }

    @Test(arguments: Case.all)
    func thirtyStepsFollowTheReference(_ run: Case) throws {
        let folder = try TrialFolder.rewarded()
        try folder.tuneToEnd(run.overrides)
        let reference = try #require(
            References.object("policies/reference.json")[run.name] as? [String: Any])
        // Sums in another order, in float32, of log-probabilities that weights of 30 steps make.
        for (name, expected) in [("loss", "losses"), ("grad_norm", "gradient_norms")] {
            let wanted = try #require(reference[expected] as? [Double])
            try #require(wanted.count == 30)
            #expect(
                largestDistance(try folder.figures(name), wanted) < 1e-4
                    * max(1, wanted.max() ?? 1),
                "\(name)")
        }
        // Completions are the same, so rewards are but for float32.
        for name in ["reward", "reward_std"] {
            let wanted = try #require(reference[name] as? [Double])
            #expect(largestDistance(try folder.figures(name), wanted) < 1e-6, "\(name)")
        }
        if let wanted = reference["kl"] as? [Double] {
            #expect(largestDistance(try folder.figures("kl"), wanted) < 1e-4)
        }
    }

    @Test(arguments: [0, 4, 7])
    func ranksAndAccumulationDoNotCount(_ number: Int) throws {
        let run = Case.all[number]
        let folder = try TrialFolder.rewarded()
        let common =
            run.overrides + [
                "max_steps=6", "grpo_num_generations=2", "grpo_log_completions=2",
            ]
        let divisions = [(1, 8, 1), (1, 2, 4), (2, 1, 4), (4, 2, 1), (2, 4, 1)]
        for (ranks, batch, accumulation) in divisions {
            try folder.tuneToEnd(
                output: "out-\(ranks)-\(batch)", ranks: ranks,
                common + [
                    "per_device_train_batch_size=\(batch)",
                    "gradient_accumulation_steps=\(accumulation)", "zero_stage=\(ranks / 2 % 2)",
                ])
        }
        let losses = try folder.losses("out-1-8")
        let texts = try folder.completions("out-1-8").map { $0["completion"] as? String }
        let rewards = try folder.figures("reward", of: "out-1-8")
        for (ranks, batch, _) in divisions.dropFirst() {
            let output = "out-\(ranks)-\(batch)"
            #expect(largestDistance(try folder.losses(output), losses) < 1e-5, "\(output)")
            #expect(largestDistance(try folder.figures("reward", of: output), rewards) < 1e-6)
            #expect(try folder.completions(output).map { $0["completion"] as? String } == texts)
        }
    }

    @Test func threeRanksEqualOne() throws {
        let folder = try TrialFolder.rewarded()
        let common = ["max_steps=5", "grpo_num_generations=2", "disable_shuffling=false"]
        try folder.tuneToEnd(
            output: "one",
            common + ["per_device_train_batch_size=6", "gradient_accumulation_steps=1"])
        try folder.tuneToEnd(
            output: "three", ranks: 3, common + ["per_device_train_batch_size=1"])
        #expect(largestDistance(try folder.losses("three"), try folder.losses("one")) < 1e-5)
        #expect(
            largestDistance(
                try folder.figures("reward", of: "three"), try folder.figures("reward", of: "one"))
                < 1e-6)
    }

    @Test(arguments: [
        [], ["grpo_beta=0.1", "grpo_iterations=3"], ["grpo_loss=gspo", "grpo_iterations=2"],
        ["finetuning_type=lora", "lora_dropout=0.1", "grpo_beta=0.1"],
    ])
    func aResumedRunEqualsTheUninterruptedOneBitForBit(_ overrides: [String]) throws {
        let folder = try TrialFolder.rewarded()
        let overrides = overrides + ["disable_shuffling=false", "max_steps=9"]
        try folder.tuneToEnd(output: "whole", overrides + ["save_steps=1"])
        // With several steps a rollout some of these are within one.
        for step in [3, 4, 5] {
            let output = "from-\(step)"
            try folder.rewind("whole", to: output, step: step)
            let run = try folder.tuneToEnd(output: output, overrides + ["save_steps=1"])
            #expect(run.says("resuming from \(output)/checkpoint-\(step).h5"))
            try expectSameFinetuning(folder, output, "whole", step: 9)
        }
    }

    @Test func twoRanksResumeWithinARolloutToo() throws {
        let folder = try TrialFolder.rewarded()
        let overrides = [
            "max_steps=6", "grpo_iterations=3", "gradient_accumulation_steps=1", "zero_stage=1",
        ]
        try folder.tuneToEnd(output: "whole", ranks: 2, overrides + ["save_steps=1"])
        try folder.rewind("whole", to: "out", step: 4)
        try folder.tuneToEnd(ranks: 2, overrides)
        try expectSameFinetuning(folder, "out", "whole", step: 6)
    }

    @Test func ranksGiveTheSameBitsWhereThatIsAskedFor() throws {
        let folder = try TrialFolder.rewarded()
        let overrides = ["deterministic=true", "max_steps=3", "grpo_num_generations=2"]
        try folder.tuneToEnd(output: "one", overrides + ["gradient_accumulation_steps=4"])
        try folder.tuneToEnd(output: "two", ranks: 2, overrides)
        try expectSameFinetuning(folder, "two", "one", step: 3)
    }

    // MARK: What a run leaves

    @Test func aRunTellsItsRewardsAndItsTexts() throws {
        let folder = try TrialFolder.rewarded()
        try folder.tuneToEnd([
            "max_steps=4", "logging_steps=2", "grpo_log_completions=3",
            "grpo_reward=numeric,length",
            "grpo_reward_weights=1,1", "grpo_beta=0.1",
        ])
        let line = try #require(try folder.logLines().first)
        let names = [
            "reward", "reward_std", "rewards/numeric/mean", "rewards/numeric/std",
            "rewards/length/mean", "frac_reward_zero_std", "kl", "entropy",
            "clip_ratio/low_mean", "clip_ratio/high_mean", "clip_ratio/region_mean",
            "completions/mean_length", "completions/min_length", "completions/max_length",
            "completions/clipped_ratio", "seconds/rollout", "seconds/reward", "seconds/update",
        ]
        for name in names { #expect(line[name] is Double, "\(name)") }
        let texts = try folder.completions()
        #expect(texts.map { $0["step"] as? Int } == [2, 2, 2, 4, 4, 4])
        for text in texts {
            #expect((text["prompt"] as? String)?.contains("assistant") == true)
            #expect(text["completion"] is String && text["advantage"] is Double)
            let rewards = try #require(text["rewards"] as? [String: Any])
            #expect(Set(rewards.keys) == ["numeric", "length"])
        }
        // The second prompt, whose right answer is no number.
        #expect(texts.allSatisfy { $0["answer"] as? String != nil })
    }

    @Test func heldOutPromptsAreRewarded() throws {
        let folder = try TrialFolder.rewarded()
        let overrides = [
            "eval_dataset=data/prompts.json", "eval_strategy=steps", "eval_steps=2",
            "eval_on_start=true", "max_steps=2", "metric_for_best_model=reward",
            "load_best_model_at_end=true", "save_steps=2", "grpo_num_generations=2",
        ]
        try folder.tuneToEnd(output: "one", overrides + ["gradient_accumulation_steps=2"])
        try folder.tuneToEnd(output: "two", ranks: 2, overrides + ["gradient_accumulation_steps=1"])
        let rewards = try folder.figures("eval_reward", of: "one")
        #expect(rewards.count == 2)
        #expect(try folder.figures("eval_loss", of: "one") == rewards.map { -$0 })
        let other = try folder.figures("eval_reward", of: "two")
        #expect(abs(rewards[0] - other[0]) < 1e-9)
        #expect(try folder.figures("eval_completions/mean_length", of: "one").count == 2)
    }

    // MARK: Programs

    @Test(arguments: [1, 2])
    func aProgramRewardsWhatIsWritten(_ ranks: Int) throws {
        let folder = try TrialFolder.rewarded()
        try folder.write(
            "score.sh",
            """
            echo started >> started
            while read -r line; do
              case "$line" in *'"answer": "red"'*|*'"answer":"red"'*) echo null;; *) echo '{"score": 2}';; esac
            done
            """)
        try folder.tuneToEnd(
            ranks: ranks,
            [
                "grpo_reward=command:sh score.sh", "grpo_reward_weights=1", "max_steps=2",
                "gradient_accumulation_steps=\(2 / ranks)",
            ])
        #expect(try folder.figures("reward") == [2, 2])
        #expect(try folder.figures("rewards/command/mean") == [2, 2])
        // One process a rank lives as long as the run.
        let started = String(decoding: try folder.data("started"), as: UTF8.self)
        #expect(started.split(separator: "\n").count == ranks)
    }

    @Test(arguments: [1, 2])
    func aProgramThatCrashesIsToldWithItsRow(_ ranks: Int) throws {
        let folder = try TrialFolder.rewarded()
        try folder.write("score.sh", "read line; echo '{\"score\": 1}'; read line; exit 7\n")
        let run = try folder.tune(
            ranks: ranks,
            [
                "grpo_reward=command:sh score.sh", "grpo_reward_weights=1",
                "gradient_accumulation_steps=\(2 / ranks)",
            ])
        #expect(run.status == 1, "\(run.errors)")
        #expect(run.errors.contains("ended with status 7 at row "), "\(run.errors)")
        #expect(run.errors.contains("prompts.json line "), "\(run.errors)")
    }
}
