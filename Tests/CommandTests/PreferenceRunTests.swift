import Foundation
import TestSupport
import Testing

/// Runs with `stage: dpo` beside PyTorch written for the purpose (scripts/references/preferences.py).
@Suite struct PreferenceRunTests {
    /// A run of the reference and how to ask for it here.
    struct Case: CustomTestStringConvertible, Sendable {
        let name: String
        let overrides: [String]
        var testDescription: String { name }

        static let lora = [
            "finetuning_type=lora", "adapter_name_or_path=adapter", "learning_rate=1e-2",
        ]
        static let all = [
            Case(name: "sigmoid", overrides: []),
            Case(name: "smoothed", overrides: ["dpo_label_smoothing=0.2"]),
            Case(name: "hinge", overrides: ["pref_loss=hinge", "pref_beta=0.3"]),
            Case(name: "ipo", overrides: ["pref_loss=ipo", "pref_beta=0.2"]),
            Case(name: "kto_pair", overrides: ["pref_loss=kto_pair", "pref_beta=0.5"]),
            Case(name: "orpo", overrides: ["pref_loss=orpo"]),
            Case(
                name: "simpo", overrides: ["pref_loss=simpo", "pref_beta=2", "simpo_gamma=1"]),
            Case(name: "ftx", overrides: ["pref_ftx=0.5"]),
            Case(name: "bco", overrides: ["pref_bco_weight=0.5"]),
            Case(name: "ld_alpha", overrides: ["ld_alpha=0.4"]),
            Case(name: "lora", overrides: lora),
            Case(name: "lora_ipo", overrides: lora + ["pref_loss=ipo"]),
        ]
    }

    /// Steps that are compared: float32 sums in another order move a loss of 25 by 1e-5.
    private func expect(
        _ folder: TrialFolder, _ run: Case, output: String = "out",
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let all = try References.object("preferences/reference.json")
        let reference = try #require(all[run.name] as? [String: Any])
        let losses = try #require(reference["losses"] as? [Double])
        try #require(losses.count == 30)
        let scale = max(1, losses[0])
        #expect(
            largestDistance(try folder.losses(output), losses) < 2e-5 * scale,
            sourceLocation: sourceLocation)
        for name in ["rewards/chosen", "rewards/rejected", "rewards/accuracies"] {
            let expected = try #require(reference[name] as? [Double])
            // Rewards are 0 but for rounding until the rate is not: none is greater.
            let first = name == "rewards/accuracies" ? 2 : 0
            #expect(
                largestDistance(
                    Array(try folder.figures(name, of: output).dropFirst(first)),
                    Array(expected.dropFirst(first))) < 1e-4,
                "\(name)", sourceLocation: sourceLocation)
        }
        let norms = try #require(reference["gradient_norms"] as? [Double])
        #expect(
            largestDistance(try folder.log(output).compactMap(\.norm), norms)
                < 1e-4 * max(1, norms.max() ?? 1), sourceLocation: sourceLocation)
    }

    @Test(arguments: Case.all)
    func thirtyStepsFollowTheReference(_ run: Case) throws {
        let folder = try TrialFolder.preferences()
        try folder.tuneToEnd(run.overrides)
        try expect(folder, run)
    }

    @Test(arguments: [0, 4, 8, 10])
    func ranksAndAccumulationDoNotCount(_ number: Int) throws {
        let run = Case.all[number]
        let folder = try TrialFolder.preferences()
        for (ranks, batch, accumulation) in [(2, 1, 2), (4, 1, 1), (1, 4, 1), (1, 1, 4)] {
            let output = "out-\(ranks)-\(batch)"
            try folder.tuneToEnd(
                output: output, ranks: ranks,
                run.overrides + [
                    "per_device_train_batch_size=\(batch)",
                    "gradient_accumulation_steps=\(accumulation)", "zero_stage=\(ranks / 2 % 2)",
                ])
            try expect(folder, run, output: output)
        }
    }

    @Test func threeRanksEqualOne() throws {
        let folder = try TrialFolder.preferences()
        let overrides = ["max_steps=8", "disable_shuffling=false"]
        try folder.tuneToEnd(
            output: "one",
            overrides + ["per_device_train_batch_size=6", "gradient_accumulation_steps=1"])
        try folder.tuneToEnd(
            output: "three", ranks: 3, overrides + ["per_device_train_batch_size=1"])
        #expect(largestDistance(try folder.losses("three"), try folder.losses("one")) < 1e-5)
    }

    /// β scales a distance that is 0 while the policy is its reference.
    @Test(arguments: [
        ("sigmoid", log(2)), ("hinge", 1), ("ipo", 25), ("kto_pair", 0.5),
    ])
    func theFirstLossIsThatOfNoDistance(_ loss: String, _ expected: Double) throws {
        for overrides in [[], Case.lora] {
            let folder = try TrialFolder.preferences()
            try folder.tuneToEnd(overrides + ["pref_loss=\(loss)", "max_steps=1"])
            #expect(abs(try folder.losses()[0] - expected) < 1e-6 * expected)
        }
    }

    @Test(arguments: [
        [], ["pref_bco_weight=0.5"], ["pref_loss=kto_pair"], ["pref_loss=orpo"], Case.lora,
        ["precision=bf16"],
    ])
    func aResumedRunEqualsTheUninterruptedOneBitForBit(_ overrides: [String]) throws {
        let folder = try TrialFolder.preferences()
        let overrides = overrides + ["disable_shuffling=false", "max_steps=12"]
        try folder.tuneToEnd(output: "whole", overrides + ["save_steps=5"])
        try folder.rewind("whole", to: "out", step: 5)
        // The reference is computed anew from the weights that the run began with.
        let run = try folder.tuneToEnd(overrides)
        #expect(run.says("resuming from out/checkpoint-5.h5"))
        try expectSameFinetuning(folder, "out", "whole", step: 12)
    }

    @Test func twoRanksResumeBitForBitToo() throws {
        let folder = try TrialFolder.preferences()
        let overrides = [
            "disable_shuffling=false", "max_steps=10", "per_device_train_batch_size=1",
            "pref_bco_weight=0.5", "zero_stage=1",
        ]
        try folder.tuneToEnd(output: "whole", ranks: 2, overrides + ["save_steps=4"])
        try folder.rewind("whole", to: "out", step: 4)
        try folder.tuneToEnd(ranks: 2, overrides)
        try expectSameFinetuning(folder, "out", "whole", step: 10)
    }

    @Test func ranksGiveTheSameBitsWhereThatIsAskedFor() throws {
        let folder = try TrialFolder.preferences()
        let overrides = ["deterministic=true", "max_steps=4"]
        try folder.tuneToEnd(output: "one", overrides)
        try folder.tuneToEnd(
            output: "two", ranks: 2, overrides + ["per_device_train_batch_size=1"])
        #expect(
            try folder.data("one/model.safetensors") == folder.data("two/model.safetensors"))
    }

    // MARK: The reference

    @Test func theReferenceIsKeptForOtherLosses() throws {
        let folder = try TrialFolder.preferences()
        let kept = "precompute_ref_path=kept"
        let first = try folder.tuneToEnd([kept, "max_steps=2"])
        #expect(first.says("the log-probabilities of 36 of 36 answers were computed ahead"))
        #expect(folder.names("kept").count == 1)
        let other = try folder.tuneToEnd(
            output: "ipo", [kept, "max_steps=2", "pref_loss=ipo", "pref_beta=0.3"])
        #expect(other.says("the log-probabilities of 36 of 36 answers were in kept/reference-"))
        try folder.tuneToEnd(
            output: "anew", ["max_steps=2", "pref_loss=ipo", "pref_beta=0.3"])
        #expect(try folder.losses("ipo") == folder.losses("anew"))
        // A shorter cutoff makes other answers; so does another reference.
        let cut = try folder.tuneToEnd(output: "cut", [kept, "max_steps=2", "cutoff_len=48"])
        #expect(cut.says("answers were computed ahead of the first step, the others read"))
        try folder.tuneToEnd(output: "lora", Case.lora + [kept, "max_steps=2"])
        #expect(folder.names("kept").count == 2)
    }

    @Test func aReferenceThatBeginsWithDrawnNumbersIsNotAnothers() throws {
        let folder = try TrialFolder.preferences()
        let kept = ["precompute_ref_path=kept", "max_steps=1", "cutoff_len=128"]
        try folder.tuneToEnd(output: "prompt", kept + ["finetuning_type=prompt_tuning"])
        let full = try folder.tuneToEnd(output: "full", kept)
        #expect(full.says("the log-probabilities of 36 of 36 answers were computed ahead"))
        #expect(abs(try folder.losses("full")[0] - log(2)) < 1e-5)
        // A new LoRA begins as what is trained whole.
        let lora = try folder.tuneToEnd(output: "lora", kept + ["finetuning_type=lora"])
        #expect(lora.says("the log-probabilities of 36 of 36 answers were in kept/reference-"))
    }

    @Test func anotherModelMayBeTheReference() throws {
        let folder = try TrialFolder.preferences()
        // With the adapter on it, the model itself.
        let overrides = Case.lora + ["max_steps=6"]
        try folder.tuneToEnd(output: "own", overrides)
        try folder.tuneToEnd(
            output: "named", overrides + ["ref_model=model", "ref_model_adapters=adapter"])
        #expect(largestDistance(try folder.losses("named"), try folder.losses("own")) < 1e-6)
        // Without it, as LLaMA-Factory has it, the adapter has gone some way already.
        let bare = try folder.tuneToEnd(output: "bare", overrides + ["ref_model=model"])
        #expect(abs(try folder.losses("bare")[0] - log(2)) > 1e-3)
        #expect(!bare.says("the reference is the model with this adapter"))
        let own = try folder.tune(output: "own2", overrides)
        #expect(own.says("the reference is the model with this adapter as it is now"))
    }

    @Test func aDamagedReferenceIsNamed() throws {
        let folder = try TrialFolder.preferences()
        try folder.tuneToEnd(["max_steps=1", "precompute_ref_path=kept"])
        let name = "kept/" + folder.names("kept")[0]
        let text = String(decoding: try folder.data(name), as: UTF8.self)
        try folder.write(name, text.replacing("\"logp\": -", with: "\"logp\": x"))
        let run = try folder.tune(output: "other", ["precompute_ref_path=kept"])
        #expect(run.status == 2)
        expectMessage(
            run,
            "\(name) line 1: found no log-probability of an answer, expected {\"answer\": \"…\", "
                + "\"logp\": …}; remove the file, and the run computes them anew", ranks: 1)
    }

    // MARK: Evaluation and reports

    @Test(arguments: [[], ["pref_loss=kto_pair"]])
    func heldOutPairsAreEvaluatedAlikeOnAnyRanks(_ overrides: [String]) throws {
        let folder = try TrialFolder.preferences()
        let overrides =
            overrides + [
                "max_steps=6", "eval_dataset=sharegpt", "eval_strategy=steps", "eval_steps=3",
                "eval_on_start=true",
            ]
        try folder.tuneToEnd(output: "one", overrides)
        try folder.tuneToEnd(
            output: "two", ranks: 2,
            overrides + ["per_device_train_batch_size=1", "per_device_eval_batch_size=5"])
        for name in [
            "eval_loss", "eval_rewards/chosen", "eval_rewards/margins", "eval_rewards/accuracies",
            "eval_logps/chosen", "eval_logps/rejected",
        ] {
            let (one, two) = try (
                folder.figures(name, of: "one"), folder.figures(name, of: "two")
            )
            #expect(one.count == 3, "\(name)")
            // Rewards are 0 but for rounding before the first step.
            let first = name == "eval_rewards/accuracies" ? 1 : 0
            #expect(
                largestDistance(Array(one.dropFirst(first)), Array(two.dropFirst(first))) < 1e-4,
                "\(name)")
        }
        #expect(try folder.figures("eval_rewards/accuracies", of: "one")[2] > 0.5)
        #expect(try folder.figures("accuracy", of: "one").count == 6)
        #expect(folder.exists("one/training_loss.svg"))
        #expect(folder.exists("one/training_rewards_accuracies.svg"))
    }

    /// The reference is the model itself, so that nothing is better.
    @Test(arguments: [["stage=dpo"], ["stage=kto", "eval_dataset=kto"], ["stage=rm"]])
    func aModelIsTriedAsItIs(_ overrides: [String]) throws {
        let folder = try TrialFolder.preferences()
        try folder.add(
            "preference_rewards/head/value_head.safetensors", as: "model/value_head.safetensors")
        let run = try folder.tuneToEnd(
            ["eval_dataset=sharegpt", "do_train=false", "do_eval=true"] + overrides)
        #expect(folder.exists("out/eval_results.json") && !folder.exists("out/trainer_log.jsonl"))
        let results = String(decoding: try folder.data("out/eval_results.json"), as: UTF8.self)
        #expect(results.contains("eval_loss") && !results.contains("perplexity"))
        #expect(overrides[0] != "stage=dpo" || run.says("loss 0.6931"), "\(run.errors)")
    }

    @Test func theBestModelMayBeThatOfMostPairsRight() throws {
        let folder = try TrialFolder.preferences()
        try folder.tuneToEnd([
            "max_steps=6", "val_size=6", "eval_strategy=steps", "eval_steps=2", "save_steps=2",
            "load_best_model_at_end=true", "metric_for_best_model=rewards/accuracies",
        ])
        #expect(folder.exists("out/model.safetensors"))
    }

    @Test func droppedElementsAreKept() throws {
        let folder = try TrialFolder.preferences()
        let lora = ["finetuning_type=lora", "lora_rank=4", "max_steps=4"]
        try folder.tuneToEnd(output: "none", lora)
        try folder.tuneToEnd(output: "dropout", lora + ["lora_dropout=0.5"])
        #expect(try folder.losses("none") == folder.losses("dropout"))
    }
}
