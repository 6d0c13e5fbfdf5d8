import Foundation
import TestSupport
import Testing

/// Runs with `stage: rm` beside PyTorch (scripts/references/preference_rewards.py): a value head as
/// LLaMA-Factory keeps it, and transformers' class with a score.
@Suite struct RankingRunTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let name: String
        let overrides: [String]
        var testDescription: String { name }

        static let all = [
            Case(name: "full", overrides: []),
            Case(name: "lora", overrides: PreferenceRunTests.Case.lora),
            Case(name: "score", overrides: ["model_name_or_path=score"]),
        ]
    }

    /// The folder of preferences; `model` has no dropout before its head, and the reference's head.
    private static func folder() throws -> TrialFolder {
        let folder = try TrialFolder.preferences()
        try folder.add("preference_rewards/score", as: "score")
        let text = String(decoding: try folder.data("model/config.json"), as: UTF8.self)
        try folder.write(
            "model/config.json",
            text.replacing("\"vocab_size\"", with: "\"summary_dropout_prob\": 0.0, \"vocab_size\""))
        for name in ["model", "adapter"] {
            try folder.add(
                "preference_rewards/head/value_head.safetensors",
                as: "\(name)/value_head.safetensors")
        }
        return folder
    }

    private static let rm = ["stage=rm"]

    private func reference(_ name: String) throws -> [String: Any] {
        try #require(
            References.object("preference_rewards/reference.json")[name] as? [String: Any])
    }

    private func expect(
        _ folder: TrialFolder, _ run: Case, output: String = "out",
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let reference = try reference(run.name)
        for (found, name) in [
            (try folder.losses(output), "losses"),
            (try folder.figures("accuracy", of: output), "accuracy"),
            (try folder.log(output).compactMap(\.norm), "gradient_norms"),
        ] {
            let expected = try #require(reference[name] as? [Double])
            try #require(expected.count == 30)
            // float32 sums in another order.
            #expect(
                largestDistance(found, expected) < 1e-4, "\(name)", sourceLocation: sourceLocation)
        }
    }

    @Test(arguments: Case.all)
    func thirtyStepsFollowTheReference(_ run: Case) throws {
        let folder = try Self.folder()
        try folder.tuneToEnd(Self.rm + run.overrides)
        try expect(folder, run)
    }

    @Test(arguments: [0, 1])
    func ranksAndAccumulationDoNotCount(_ number: Int) throws {
        let run = Case.all[number]
        let folder = try Self.folder()
        for (ranks, batch, accumulation) in [(2, 1, 2), (4, 1, 1), (1, 4, 1)] {
            let output = "out-\(ranks)-\(batch)"
            try folder.tuneToEnd(
                output: output, ranks: ranks,
                Self.rm + run.overrides + [
                    "per_device_train_batch_size=\(batch)",
                    "gradient_accumulation_steps=\(accumulation)", "zero_stage=\(ranks / 2 % 2)",
                ])
            try expect(folder, run, output: output)
        }
    }

    @Test(arguments: [[], PreferenceRunTests.Case.lora, ["model_name_or_path=score"]])
    func aResumedRunEqualsTheUninterruptedOneBitForBit(_ overrides: [String]) throws {
        let folder = try Self.folder()
        let overrides = Self.rm + overrides + ["disable_shuffling=false", "max_steps=10"]
        try folder.tuneToEnd(output: "whole", overrides + ["save_steps=4"])
        try folder.rewind("whole", to: "out", step: 4)
        try folder.tuneToEnd(overrides)
        try expectSameFinetuning(folder, "out", "whole", step: 10)
    }

    /// Scores of the reference's pairs after training.
    private func scores(
        _ folder: TrialFolder, _ model: String, adapter: String? = nil
    ) throws -> [Double] {
        let pairs = try #require(
            References.object("preference_rewards/reference.json")["pairs"] as? [[[Int]]])
        let lines = [0, 1].flatMap { side in
            pairs.map { "{\"ids\": [\($0[side].map(String.init).joined(separator: ", "))]}" }
        }
        try folder.write("texts.jsonl", lines.joined(separator: "\n"))
        let run = try folder.run(
            ["score", "--model", model, "--input", "texts.jsonl"]
                + (adapter.map { ["--adapter", $0] } ?? []))
        try #require(run.status == 0, "\(run.errors)")
        return try run.output.split(separator: "\n").map { line in
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return try #require(object?["score"] as? Double)
        }
    }

    @Test(arguments: Case.all)
    func scoreReadsWhatARunLeaves(_ run: Case) throws {
        let folder = try Self.folder()
        try folder.tuneToEnd(Self.rm + run.overrides)
        let expected = try #require(reference(run.name)["scores"] as? [[Double]]).flatMap { $0 }
        let isLoRA = run.name == "lora"
        let found =
            isLoRA ? try scores(folder, "model", adapter: "out") : try scores(folder, "out")
        // PyTorch moves the bias by the rounding of a gradient that is 0, and with it all scores.
        let moved = run.name == "score" ? 0 : found[0] - expected[0]
        #expect(largestDistance(found.map { $0 - moved }, expected) < 1e-4)
        if run.name != "score" { #expect(folder.exists("out/value_head.safetensors")) }
        guard isLoRA else { return }
        // The same merged, and in the other class but for the bias, which moves all alike.
        for head in ["", "export_reward_head=score"] {
            let merged = try folder.run(
                [
                    "export", "-", "model_name_or_path=model", "adapter_name_or_path=out",
                    "export_dir=merged\(head.count)",
                ] + [head].filter { !$0.isEmpty })
            try #require(merged.status == 0, "\(merged.errors)")
            let again = try scores(folder, "merged\(head.count)")
            let shift = again[0] - found[0]
            #expect(abs(shift) < (head.isEmpty ? 1e-5 : 1))
            #expect(largestDistance(again.map { $0 - shift }, found) < 1e-4)
            #expect(folder.exists("merged\(head.count)/value_head.safetensors") == head.isEmpty)
        }
    }

    @Test func aScoreBecomesAValueHead() throws {
        let folder = try Self.folder()
        let run = try folder.run([
            "export", "-", "model_name_or_path=score", "export_dir=head",
            "export_reward_head=value_head",
        ])
        try #require(run.status == 0, "\(run.errors)")
        let text = String(decoding: try folder.data("head/config.json"), as: UTF8.self)
        #expect(text.contains("LlamaForCausalLM") && !text.contains("LABEL_0"))
        #expect(
            largestDistance(try scores(folder, "head"), try scores(folder, "score")) < 1e-5)
        let none = try folder.run([
            "export", "-", "model_name_or_path=head", "export_dir=x", "export_reward_head=score",
        ])
        #expect(none.status == 0)
        try folder.remove("model/value_head.safetensors")
        let other = try folder.run([
            "export", "-", "model_name_or_path=model", "export_dir=y", "export_reward_head=score",
        ])
        #expect(other.status == 2 && other.says("so it is no reward model; leave it out"))
    }

    @Test func olderFilesOfHeadsAreReadToo() throws {
        let folder = try Self.folder()
        let before = try scores(folder, "model")
        try folder.remove("model/value_head.safetensors")
        try folder.add("preference_rewards/head/value_head.bin", as: "model/value_head.bin")
        #expect(try scores(folder, "model") == before)
    }

    @Test func heldOutPairsAreScored() throws {
        let folder = try Self.folder()
        let overrides =
            Self.rm + [
                "max_steps=6", "eval_dataset=sharegpt", "eval_strategy=steps", "eval_steps=6",
                "do_train=true", "do_predict=true",
            ]
        try folder.tuneToEnd(output: "one", overrides)
        try folder.tuneToEnd(
            output: "two", ranks: 2,
            overrides + ["per_device_train_batch_size=1", "per_device_eval_batch_size=5"])
        for name in ["eval_loss", "eval_accuracy"] {
            let (one, two) = try (
                folder.figures(name, of: "one"), folder.figures(name, of: "two")
            )
            #expect(one.count == 1 && largestDistance(one, two) < 1e-5, "\(name)")
        }
        let file = "generated_predictions.jsonl"
        let lines = String(decoding: try folder.data("one/\(file)"), as: UTF8.self)
            .split(separator: "\n")
        #expect(lines.count == 18)
        var right = 0
        for line in lines {
            let object = try #require(
                JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Double])
            let (chosen, rejected) = (
                try #require(object["chosen"]), try #require(object["rejected"])
            )
            #expect(abs(chosen * 100 - (chosen * 100).rounded()) < 1e-6)
            right += chosen > rejected ? 1 : 0
        }
        #expect(
            abs(Double(right) / 18 - (try folder.figures("eval_accuracy", of: "one")[0])) < 0.12)
    }

    @Test func aHeadThatIsMissingIsNoRewardModel() throws {
        let folder = try Self.folder()
        try folder.remove("model/value_head.safetensors")
        let run = try folder.tune(
            Self.rm + ["do_train=false", "do_eval=true", "eval_dataset=sharegpt"])
        #expect(run.status == 2)
        expectMessage(
            run,
            "stage: rm with do_train: false tries a reward model, but 'model' has no "
                + "value_head.safetensors and is no …ForSequenceClassification with one label; give "
                + "one that stage: rm has trained", ranks: 1)
        // One that is trained begins with drawn numbers, the same for a seed.
        let new = try folder.tuneToEnd(output: "new", Self.rm + ["max_steps=2"])
        #expect(new.says("v_head.summary.weight, v_head.summary.bias: not in the model's files"))
        try folder.tuneToEnd(output: "again", Self.rm + ["max_steps=2"])
        #expect(try folder.losses("new") == folder.losses("again"))
    }

    @Test func aDamagedHeadIsNamed() throws {
        let folder = try Self.folder()
        var file = try EditableTensors(folder.data("model/value_head.safetensors"))
        file.tensors["v_head.summary.bias"] = nil
        try folder.write("model/value_head.safetensors", try file.data())
        let run = try folder.tune(Self.rm)
        #expect(run.status == 2 && run.says("v_head.summary.bias"), "\(run.errors)")
    }
}
