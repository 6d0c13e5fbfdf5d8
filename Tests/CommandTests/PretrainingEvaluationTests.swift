import Foundation
import Testing

/// `eval_dataset` with `stage: pt`.
@Suite struct PretrainingEvaluationTests {
    private func results(_ folder: TrialFolder, _ file: String) throws -> [String: Double] {
        try JSONDecoder().decode([String: Double].self, from: folder.data(file))
    }

    /// Text to learn from, and two files to evaluate on.
    private func folder() throws -> TrialFolder {
        let folder = try TokenizerSample.prepared()
        for (name, seed) in [("near", 3), ("far", 9)] {
            let lines = TokenizerSample.documents(seed: UInt64(seed)).prefix(40)
            try folder.write(
                name + ".jsonl", lines.map { "{\"text\": \"\($0)\"}\n" }.joined())
        }
        return folder
    }

    private func train(
        _ folder: TrialFolder, _ output: String, ranks: Int = 1, _ settings: [String]
    ) throws -> LockstepRun {
        let run = try folder.run(
            ["train", "run.yaml", "output_dir=\(output)"] + settings, ranks: ranks)
        try #require(run.status == 0, "\(run.errors)")
        return run
    }

    @Test func theLossOfTheTextThatIsLearnedIsThatOfTraining() throws {
        let folder = try folder()
        // With a rate of 0, the mean of an epoch's losses is the loss of the whole text.
        _ = try train(
            folder, "out",
            [
                "eval_dataset=text.jsonl", "learning_rate=0", "max_steps=-1", "num_train_epochs=1",
                "per_device_train_batch_size=1", "do_train=true",
                "do_eval=true",
            ])
        let losses = try folder.losses()
        #expect(losses.count > 50)
        let all = try results(folder, "out/all_results.json")
        let mean = losses.reduce(0, +) / Double(losses.count)
        #expect(abs((all["eval_loss"] ?? 0) - mean) < 1e-5, "\(all)")
        #expect(abs((all["eval_perplexity"] ?? 0) - exp(mean)) < 1e-2)
        // Bits of all tokens over the bytes of all texts. The first token has no loss and the last sample
        // may be left out.
        let text = String(decoding: try folder.data("text.jsonl"), as: UTF8.self)
        let bytes = text.split(separator: "\n").reduce(0) {
            $0 + $1.utf8.count - #"{"text": ""}"#.utf8.count
        }
        let bits = mean * (all["num_input_tokens_seen"] ?? 0) / log(2) / Double(bytes)
        #expect(abs((all["eval_bits_per_byte"] ?? 0) / bits - 1) < 0.02, "\(all)")
    }

    @Test func bitsPerByteMayTellTheBestCheckpointWhereThereAreSome() throws {
        let folder = try folder()
        let settings = [
            "eval_dataset=near.jsonl", "eval_strategy=steps", "eval_steps=4", "save_strategy=best",
            "metric_for_best_model=bits_per_byte",
        ]
        _ = try train(folder, "best", settings)
        let losses = try folder.log("best").compactMap { line in
            line.evaluationLoss.map { (line.step, $0) }
        }
        let best = try #require(losses.min { $0.1 < $1.1 })
        #expect(folder.exists("best/checkpoint-\(best.0).h5"))
        let run = try folder.run(
            ["train", "run.yaml", "output_dir=none", "label_smoothing_factor=0.1"] + settings)
        #expect(run.status == 2 && run.says("metric_for_best_model: found eval_bits_per_byte"))
        #expect(!folder.exists("none/trainer_log.jsonl"))
    }

    @Test func theTextIsTokenizedWhetherOrNotWhatIsLearnedWas() throws {
        let folder = try folder()
        let settings = ["eval_strategy=steps", "eval_steps=4", "eval_dataset=far.jsonl"]
        let first = try train(folder, "shards-out", settings)
        #expect(first.says("far.jsonl: evaluated on "), "\(first.errors)")
        #expect(folder.exists("shards-out/tokenized_eval/dataset.json"))
        _ = try train(
            folder, "text-out", ranks: 2,
            settings + [
                "tokenized_path=", "per_device_train_batch_size=6",
            ])
        let (one, two) = (
            try folder.log("shards-out").compactMap(\.evaluationLoss),
            try folder.log("text-out").compactMap(\.evaluationLoss)
        )
        #expect(one.count == 3 && largestDifference(one, two) < 1e-5, "\(one) \(two)")
        let without = try train(folder, "without", [])
        #expect(!without.errors.contains("evaluated on"))
        #expect(try folder.losses("without") == folder.losses("shards-out"))
    }

    @Test func eachTextHasTheLossOfARunOfItsOwn() throws {
        let folder = try folder()
        let settings = ["eval_strategy=steps", "eval_steps=12"]
        _ = try train(
            folder, "each",
            settings + ["eval_dataset=near.jsonl,far.jsonl", "eval_on_each_dataset=true"])
        let each = try results(folder, "each/all_results.json")
        for name in ["near.jsonl", "far.jsonl"] {
            _ = try train(folder, "one", settings + ["eval_dataset=" + name])
            let one = try results(folder, "one/all_results.json")
            #expect(each["eval_\(name)_loss"] == one["eval_loss"])
            #expect(each["eval_\(name)_perplexity"] == one["eval_perplexity"])
            try folder.remove("one")
        }
        _ = try train(folder, "both", settings + ["eval_dataset=near.jsonl,far.jsonl"])
        #expect(folder.exists("each/tokenized_eval_2") && folder.exists("both/tokenized_eval"))
    }

    @Test func mistakesInTheTextAreNamedAndNothingIsWritten() throws {
        let folder = try folder()
        try folder.write("little.jsonl", "{\"text\": \"the cat\"}\n")
        for (name, message) in [
            ("nonsuch", "eval_dataset: 'nonsuch' is no file or folder"),
            ("little.jsonl", "tokens"),
        ] {
            let run = try folder.run(
                ["train", "run.yaml", "eval_dataset=\(name)", "eval_strategy=steps"])
            #expect(run.status == 2 && run.says(message), "\(run.errors)")
            #expect(run.messages.count == 1)
            #expect(!folder.names("out").contains { $0.hasPrefix("checkpoint") })
        }
    }

    @Test func otherTextInItsPlaceIsTokenizedAnew() throws {
        let folder = try folder()
        let settings = ["eval_strategy=steps", "eval_steps=12", "overwrite_output_dir=true"]
        _ = try train(folder, "out", settings + ["eval_dataset=near.jsonl"])
        let near = try folder.log().compactMap(\.evaluationLoss)
        _ = try train(folder, "out", settings + ["eval_dataset=far.jsonl"])
        let far = try folder.log().compactMap(\.evaluationLoss)
        #expect(near.count == 1 && far.count == 1 && near != far)
        _ = try train(folder, "fresh", settings + ["eval_dataset=far.jsonl"])
        #expect(try folder.log("fresh").compactMap(\.evaluationLoss) == far)
    }

    @Test func prepareSaysWhoTokenizesIt() throws {
        let folder = try folder()
        let run = try folder.run(["prepare", "run.yaml", "eval_dataset=near.jsonl"])
        #expect(run.status == 0)
        #expect(
            (run.output + run.errors).contains(
                "eval_dataset: not prepared; train tokenizes it, into output_dir/tokenized_eval"))
    }
}
