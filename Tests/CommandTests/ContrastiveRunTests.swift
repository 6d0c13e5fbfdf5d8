import Foundation
import TestSupport
import Testing

/// Runs with `objective: contrastive`.
@Suite struct ContrastiveRunTests {
    private static let words = ["red", "blue", "sun", "sea", "dog", "cat", "day", "night"]
    /// The words' counterparts, by which positives say what anchors say.
    private static let others = ["rouge", "bleu", "soleil", "mer", "chien", "chat", "jour", "nuit"]

    /// A folder with models, and pairs and triplets of texts of two words each.
    static func folder(dropout: Double = 0) throws -> TrialFolder {
        let folder = try TrialFolder()
        try folder.writeWordModels(words + others, dropout: dropout)
        var (pairs, table, texts) = ("", "query\tanswer\tnegative\n", "")
        var random = SeededGenerator(seed: 4)
        for number in (0..<64).shuffled(using: &random) {
            let (first, second) = (number / 8, number % 8)
            let anchor = "\(words[first]) \(words[second])"
            let positive = "\(others[first]) \(others[second])"
            let negative = "\(others[first]) \(others[(second + 1) % 8])"
            pairs += "{\"anchor\": \"\(anchor)\", \"positive\": \"\(positive)\"}\n"
            table += "\(anchor)\t\(positive)\t\(negative)\n"
            texts += "{\"text\": \"\(anchor) \(positive)\"}\n"
        }
        try folder.write("pairs.jsonl", pairs)
        try folder.write("table.tsv", table)
        try folder.write("texts.jsonl", texts)
        try folder.write(
            "contrast.yaml",
            """
            stage: pt
            objective: contrastive
            model_name_or_path: bert
            train_from_scratch: true
            dataset: pairs.jsonl
            val_size: 0.25
            cutoff_len: 8
            per_device_train_batch_size: 12
            per_device_eval_batch_size: 6
            learning_rate: 2e-2
            max_steps: 48
            logging_steps: 1
            save_steps: 500
            output_dir: out
            threads_per_rank: 1
            peak_gflops: 50

            """)
        return folder
    }

    private func train(
        _ folder: TrialFolder, ranks: Int = 1, output: String = "out", _ settings: [String] = []
    ) throws -> LockstepRun {
        try folder.run(
            [
                "train", "contrast.yaml", "output_dir=\(output)",
                "per_device_train_batch_size=\(12 / ranks)",
            ] + settings, ranks: ranks)
    }

    private func trainToEnd(
        _ folder: TrialFolder, ranks: Int = 1, output: String = "out", _ settings: [String] = [],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let run = try train(folder, ranks: ranks, output: output, settings)
        try #require(
            run.status == 0, "\(run.messages) \(run.errors)", sourceLocation: sourceLocation)
    }

    private func figures(_ folder: TrialFolder, _ output: String) throws -> [String: Double] {
        let object = try JSONSerialization.jsonObject(
            with: folder.data(output + "/eval_results.json"))
        return (object as? [String: Any] ?? [:]).compactMapValues { $0 as? Double }
    }

    /// The vectors that `embed` makes of two texts.
    private func vectors(_ folder: TrialFolder, _ arguments: [String]) throws -> [[Double]] {
        try folder.write("two.jsonl", "{\"text\": \"red sun\"}\n{\"text\": \"rouge soleil\"}\n")
        let run = try folder.run(["embed", "--input", "two.jsonl"] + arguments)
        try #require(run.status == 0, "\(run.errors)")
        return try run.output.split(separator: "\n").map { line in
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
            return try #require((object as? [String: Any])?["embedding"] as? [Double])
        }
    }

    private static func sum(_ numbers: ArraySlice<Double>) -> Double { numbers.reduce(0, +) }

    private static func product(_ a: [Double], _ b: [Double]) -> Double {
        zip(a, b).reduce(0.0) { $0 + $1.0 * $1.1 }
    }

    private static let tries = ["do_train=true", "do_eval=true"]

    @Test(arguments: [
        ["dataset=pairs.jsonl"], ["dataset=table.tsv", "hard_negative_weight=0.5"],
        [
            "dataset=pairs.jsonl", "pooling_mode=cls", "contrastive_symmetric=true",
            "learning_rate=1e-2", "max_steps=96",
        ],
        ["dataset=pairs.jsonl", "model_name_or_path=small-llama", "pooling_mode=lasttoken"],
        ["dataset=table.tsv", "text_column_names=answer,query", "contrastive_temperature=0.1"],
    ])
    func positivesAreFound(_ settings: [String]) throws {
        let folder = try Self.folder()
        try trainToEnd(folder, Self.tries + settings)
        let found = try figures(folder, "out")
        // By chance one of sixteen is found.
        #expect(try #require(found["eval_cosine_accuracy@1"]) > 0.6, "\(found)")
        #expect(try #require(found["eval_cosine_mrr@10"]) > 0.7)
        #expect(
            found["eval_cosine_recall@3"] != nil && found["eval_cosine_ndcg@10"] != nil
                && found["eval_cosine_map@100"] != nil)
        // The folder that the run leaves makes the same vectors.
        try trainToEnd(
            folder, output: "again",
            settings.filter {
                !$0.hasPrefix("model") && !$0.hasPrefix("pooling") && !$0.hasPrefix("hard")
            } + [
                "model_name_or_path=out", "train_from_scratch=false", "do_train=false",
                "do_eval=true", "val_size=0.25",
            ] + settings.filter { $0.hasPrefix("hard") })
        let again = try figures(folder, "again")
        for (name, value) in found where name.hasPrefix("eval_cosine") {
            #expect(again[name] == value, "\(name)")
        }
        let (own, wanted) = (again["eval_loss"] ?? 0, found["eval_loss"] ?? 1)
        #expect(abs(own - wanted) < 1e-5)
        let vectors = try vectors(folder, ["--model", "out"])
        for vector in vectors { #expect(abs(Self.product(vector, vector) - 1) < 1e-5) }
        #expect(Self.product(vectors[0], vectors[1]) > 0.5)
        // So does a checkpoint of it, and what is exported of that.
        let checkpoint = try #require(folder.names("out").first { $0.hasSuffix(".h5") })
        #expect(
            try self.vectors(folder, ["--model", "out/\(checkpoint)"]) == vectors)
        let export = try folder.run([
            "export", "contrast.yaml", "model_name_or_path=out/\(checkpoint)",
            "export_dir=exported",
        ])
        try #require(export.status == 0, "\(export.errors)")
        #expect(try self.vectors(folder, ["--model", "exported"]) == vectors)
    }

    @Test func theFolderSaysHowVectorsAreMade() throws {
        let folder = try Self.folder()
        try trainToEnd(folder, ["max_steps=1", "pooling_mode=cls"])
        func text(_ name: String) throws -> String {
            String(decoding: try folder.data("out/" + name), as: UTF8.self)
        }
        #expect(try text("modules.json").contains("sentence_transformers.models.Pooling"))
        #expect(try text("1_Pooling/config.json").contains("\"pooling_mode_cls_token\": true"))
        #expect(try text("1_Pooling/config.json").contains("\"pooling_mode_mean_tokens\": false"))
        #expect(try text("sentence_bert_config.json").contains("\"max_seq_length\": 8"))
        #expect(try text("config.json").contains("\"BertModel\""))
    }

    // Texts that belong to themselves alone are told apart by dropout; there is nothing to retrieve.
    @Test func textsAloneAreLearned() throws {
        let folder = try Self.folder(dropout: 0.1)
        try trainToEnd(folder, Self.tries + ["dataset=texts.jsonl"])
        let losses = try folder.losses()
        #expect(Self.sum(losses.suffix(8)) < Self.sum(losses.prefix(8)), "\(losses)")
        let found = try figures(folder, "out")
        #expect(found["eval_loss"] != nil && found["eval_cosine_accuracy@1"] == nil)
        // Pairs may be held out all the same.
        try trainToEnd(
            folder, output: "pairs",
            Self.tries + ["dataset=texts.jsonl", "val_size=0", "eval_dataset=pairs.jsonl"])
        #expect(try figures(folder, "pairs")["eval_cosine_accuracy@1"] != nil)
    }

    @Test func lossesAreTheSameOnEveryNumberOfRanksInEveryChunkAndAfterResuming() throws {
        let folder = try Self.folder(dropout: 0.1)
        let flat = ["lr_scheduler_type=constant", "warmup_steps=0", "dataset=table.tsv"]
        try trainToEnd(folder, output: "one", flat + Self.tries + ["max_steps=12"])
        let (losses, figures) = (try folder.losses("one"), try figures(folder, "one"))
        let ways = [
            (1, 6), (1, 2), (2, 6), (2, 3), (3, 4), (3, 2), (4, 3), (4, 1),
        ]
        for (ranks, chunk) in ways {
            let output = "on\(ranks)-\(chunk)"
            try trainToEnd(
                folder, ranks: ranks, output: output,
                flat + Self.tries + [
                    "max_steps=12", "per_device_train_batch_size=\(chunk)",
                    "gradient_accumulation_steps=\(12 / ranks / chunk)",
                ])
            // Sums of gradients are divided in other places: rounding of some steps.
            #expect(
                largestDifference(try folder.losses(output), losses) < 2e-4,
                "\(ranks) ranks, \(chunk)")
            let found = try self.figures(folder, output)
            let (own, wanted) = (found["eval_loss"] ?? 0, figures["eval_loss"] ?? 1)
            #expect(abs(own - wanted) < 2e-4)
        }
        try trainToEnd(folder, output: "parts", flat + ["max_steps=5", "save_steps=5"])
        try trainToEnd(folder, ranks: 2, output: "parts", flat + ["max_steps=12"])
        #expect(largestDifference(try folder.losses("parts"), losses) < 2e-4)
    }

    @Test func stepsMayHoldTextsOfSimilarLength() throws {
        let folder = try Self.folder()
        let settings = ["dataset=table.tsv", "max_steps=3", "per_device_train_batch_size=4"]
        try trainToEnd(folder, output: "plain", settings)
        try trainToEnd(folder, output: "grouped", settings + ["group_by_length=true"])
        #expect(try folder.losses("plain") != folder.losses("grouped"))
    }

    // All passes over a text have its noise: those that measure the step's vectors, too.
    @Test func noiseOnEmbeddingsIsInTheFirstLossAndTheSameInEveryChunk() throws {
        let folder = try Self.folder()
        let settings = ["dataset=table.tsv", "max_steps=3"]
        let noise = settings + ["neftune_noise_alpha=20"]
        try trainToEnd(folder, output: "plain", settings)
        try trainToEnd(folder, output: "noise", noise)
        let (plain, losses) = (try folder.losses("plain"), try folder.losses("noise"))
        #expect(abs(plain[0] - losses[0]) > 1e-4, "\(plain) \(losses)")
        try trainToEnd(
            folder, ranks: 2, output: "chunks",
            noise + ["per_device_train_batch_size=2", "gradient_accumulation_steps=3"])
        #expect(largestDifference(try folder.losses("chunks"), losses) < 2e-4)
    }

    @Test func deterministicRunsHaveTheSameBits() throws {
        let folder = try Self.folder(dropout: 0.1)
        let settings = ["deterministic=true", "max_steps=6", "dataset=table.tsv"]
        var logs: [[Double]] = []
        for (ranks, chunk) in [(1, 4), (2, 2), (4, 1), (4, 2)] {
            let output = "on\(ranks)-\(chunk)"
            try trainToEnd(
                folder, ranks: ranks, output: output,
                settings + [
                    "per_device_train_batch_size=\(chunk)",
                    "gradient_accumulation_steps=\(8 / ranks / chunk)",
                ])
            logs.append(try folder.losses(output))
        }
        #expect(Set(logs).count == 1, "\(logs)")
    }

    @Test(arguments: [["finetuning_type=lora", "lora_rank=4"], ["finetuning_type=freeze"]])
    func otherMethodsTrainTheSameLoss(_ settings: [String]) throws {
        let folder = try Self.folder()
        try trainToEnd(folder, output: "base", ["max_steps=6"])
        try trainToEnd(
            folder,
            Self.tries + settings + [
                "model_name_or_path=base", "train_from_scratch=false", "max_steps=60",
            ])
        let losses = try folder.losses()
        #expect(Self.sum(losses.suffix(8)) < Self.sum(losses.prefix(8)), "\(losses)")
        let vectors = try vectors(folder, ["--model", "out"])
        let base = try self.vectors(folder, ["--model", "base"])
        #expect(vectors != base)
        guard settings[0].hasSuffix("lora") else { return }
        #expect(try self.vectors(folder, ["--model", "base", "--adapter", "out"]) == vectors)
        let export = try folder.run([
            "export", "contrast.yaml", "model_name_or_path=base", "adapter_name_or_path=out",
            "export_dir=exported",
        ])
        try #require(export.status == 0, "\(export.errors)")
        let merged = try self.vectors(folder, ["--model", "exported"])
        for (a, b) in zip(merged.joined(), vectors.joined()) { #expect(abs(a - b) < 1e-5) }
    }

    @Test func whatDoesNotFitIsSaidInOneLine() throws {
        let folder = try Self.folder()
        try folder.write("bad.jsonl", "{\"anchor\": \"red\", \"positive\": 3}\n")
        try folder.write("uneven.jsonl", "{\"anchor\": \"red\"}\n{\"text\": \"sun\"}\n")
        try folder.write("other.jsonl", "{\"body\": \"red\"}\n{\"body\": \"sun\"}\n")
        try folder.write("plain.txt", "red sun\n")
        try folder.write("dense/modules.json", "")
        for name in ["config.json", "tokenizer.json", "tokenizer_config.json"] {
            for target in ["dense", "prompted", "pooled"] {
                try folder.write("\(target)/\(name)", try folder.data("bert/\(name)"))
            }
        }
        let modules = [("", "Transformer"), ("1_Pooling", "Pooling")].map {
            "{\"path\": \"\($0.0)\", \"type\": \"x.\($0.1)\"}"
        }.joined(separator: ", ")
        try folder.write("prompted/modules.json", "[\(modules)]")
        try folder.write("prompted/1_Pooling/config.json", "{\"pooling_mode\": \"mean\"}")
        try folder.write(
            "prompted/config_sentence_transformers.json",
            "{\"prompts\": {\"q\": \"query: \"}, \"default_prompt_name\": \"q\"}")
        try folder.write("pooled/modules.json", "[\(modules)]")
        try folder.write("pooled/1_Pooling/config.json", "{\"pooling_mode\": \"max\"}")
        for (settings, words) in [
            (["dataset=bad.jsonl", "val_size=0"], "found positive: 3, expected a text"),
            (["dataset=uneven.jsonl", "val_size=0", "strict_data=true"], "line 2"),
            (["dataset=other.jsonl", "val_size=0"], "name them in text_column_names"),
            (["dataset=plain.txt", "val_size=0"], "expected .json, .jsonl, .csv"),
            (["dataset=none.jsonl"], "dataset none.jsonl: not in"),
            (["text_column_names=anchor,body"], "no body among anchor, positive"),
            (["dataset=pairs.jsonl,table.tsv"], "texts in one and"),
            (["hard_negative_weight=0.5"], "rows have an anchor and a positive alone"),
            (
                ["hard_negative_weight=0.5", "text_column_names=anchor,positive"],
                "only 2 columns are named"
            ),
            (["contrastive_temperature=0"], "contrastive_temperature"),
            (["pooling_mode=max"], "pooling_mode"),
            (["tokenized_path=tokens.bin"], "texts are encoded as the run starts"),
            (["packing=true"], "each text has its own row"),
            (["streaming=true"], "the order of all texts is drawn"),
            (["label_smoothing_factor=0.1"], "the loss of contrastive is not smoothed"),
            (["mlm_probability=0.3"], "it belongs to stage: pt with objective: mlm"),
            (["objective=mlm", "pooling_mode=cls"], "with objective: contrastive; leave it out"),
            (["do_predict=true"], "vectors are made by `lockstep embed`"),
            (["cutoff_len=2"], "of which cutoff_len leaves no token"),
            (["model_name_or_path=pooled"], "set pooling_mode"),
            (["model_name_or_path=prompted"], "put the prompt into the texts"),
            (["metric_for_best_model=accuracy"], "metric_for_best_model"),
        ] {
            let run = try train(folder, settings)
            #expect(run.status == 2, "\(settings): \(run.status) \(run.errors)")
            #expect(run.errors.contains(words), "\(settings): \(run.errors)")
            #expect(run.errors.split(separator: "\n").count == 1, "\(settings): \(run.errors)")
            #expect(!folder.exists("out"), "\(settings)")
        }
        let two = try train(folder, ranks: 2, ["dataset=bad.jsonl", "val_size=0"])
        #expect(two.status == 2 && two.errors.contains("found positive: 3"), "\(two.errors)")
        let prepare = try folder.run(["prepare", "contrast.yaml"])
        #expect(prepare.status == 2 && prepare.errors.contains("needs no preparing"))
    }

    @Test func theBestCheckpointMayBeTheOneThatFindsMost() throws {
        let folder = try Self.folder()
        try trainToEnd(
            folder,
            [
                "eval_strategy=steps", "eval_steps=12", "save_steps=12",
                "load_best_model_at_end=true", "metric_for_best_model=cosine_mrr@10",
            ])
        let state = String(decoding: try folder.data("out/trainer_state.json"), as: UTF8.self)
        #expect(state.contains("eval_cosine_mrr@10"))
    }
}
