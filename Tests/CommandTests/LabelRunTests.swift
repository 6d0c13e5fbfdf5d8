import Foundation
import TestSupport
import Testing

/// Runs with `stage: cls`.
@Suite struct LabelRunTests {
    private static let words = [
        "good", "fine", "nice", "bad", "poor", "sad", "day", "night", "food", "sea",
    ]

    /// A folder with a BERT, a Llama, their tokenizer of whole words, and texts whose labels follow from
    /// them.
    private static func folder() throws -> TrialFolder {
        let folder = try TrialFolder()
        try folder.writeWordModels(words)
        var random = SeededGenerator(seed: 3)
        var (texts, pairs, table, tagged, numbers) = ("", "", "text\tlabel\n", "", "")
        for number in 0..<96 {
            let isGood = Bool.random(using: &random)
            let word = words[Int.random(in: isGood ? 0..<3 : 3..<6, using: &random)]
            let other = words[Int.random(in: 6..<10, using: &random)]
            let label = isGood ? "positive" : "negative"
            texts += "{\"text\": \"\(word) \(other)\", \"label\": \"\(label)\"}\n"
            pairs +=
                "{\"sentence1\": \"\(word)\", \"sentence2\": \"\(other) \(other)\", "
                + "\"label\": \(isGood ? 1 : 0)}\n"
            table += "\(word) \"\(other)\t\(label)\n"
            tagged += "\(word) B-WORD\n\(other) I-WORD\n\(words[number % 3 + 6]) O\n\n"
            numbers += "{\"text\": \"\(word) \(other)\", \"label\": \(isGood ? 1.5 : -0.5)}\n"
        }
        try folder.write("texts.jsonl", texts)
        try folder.write("pairs.jsonl", pairs)
        try folder.write("table.tsv", table)
        try folder.write("tags.conll", "-DOCSTART- O\n\n" + tagged)
        try folder.write("numbers.jsonl", numbers)
        try folder.write(
            "lists.json",
            "["
                + (0..<32).map {
                    "{\"text\": \"\(words[$0 % 6])\", \"label\": [\($0 % 6 < 3 ? "\"up\"" : "")]}"
                }.joined(separator: ",") + "]")
        try folder.write(
            "label.yaml",
            """
            stage: cls
            model_name_or_path: bert
            train_from_scratch: true
            dataset: texts.jsonl
            val_size: 0.25
            cutoff_len: 16
            per_device_train_batch_size: 12
            learning_rate: 2e-2
            max_steps: 36
            logging_steps: 1
            save_steps: 500
            eval_strategy: "no"
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
                "train", "label.yaml", "output_dir=\(output)",
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

    private func figures(_ folder: TrialFolder, _ file: String) throws -> [String: Double] {
        let object = try JSONSerialization.jsonObject(with: folder.data(file))
        return (object as? [String: Any] ?? [:]).compactMapValues { $0 as? Double }
    }

    @Test(arguments: [
        ["dataset=texts.jsonl"], ["dataset=pairs.jsonl"], ["dataset=table.tsv"],
        ["dataset=texts.jsonl", "model_name_or_path=small-llama"],
        ["dataset=tags.conll", "task_type=TOKEN_CLS"],
        ["dataset=tags.conll", "task_type=TOKEN_CLS", "model_name_or_path=small-llama"],
        ["dataset=texts.jsonl", "model_name_or_path=small-t5"],
        // It has to learn from nothing where words stand.
        [
            "dataset=tags.conll", "task_type=TOKEN_CLS", "model_name_or_path=small-t5",
            "max_steps=150",
        ],
    ])
    func labelsAreLearned(_ settings: [String]) throws {
        let folder = try Self.folder()
        try trainToEnd(folder, settings + ["do_train=true", "do_eval=true", "do_predict=true"])
        let found = try figures(folder, "out/eval_results.json")
        let accuracy = try #require(found["eval_accuracy"])
        #expect(accuracy > 0.9, "\(found)")
        #expect(try #require(found["eval_f1"]) > 0.8)
        let predicted = try figures(folder, "out/predict_results.json")
        #expect(predicted["predict_accuracy"] == accuracy)
        let isTagging = settings.contains("task_type=TOKEN_CLS")
        let lines = String(
            decoding: try folder.data(
                isTagging ? "out/predictions.txt" : "out/predict_results.txt"),
            as: UTF8.self
        ).split(separator: "\n")
        #expect(lines.count == (isTagging ? 24 : 25))
        let configuration = String(decoding: try folder.data("out/config.json"), as: UTF8.self)
        #expect(
            configuration.contains(
                isTagging ? "ForTokenClassification" : "ForSequenceClassification"))
        // The trained folder is tried as it is, with labels in its own order.
        try trainToEnd(
            folder, output: "again",
            settings.filter { !$0.hasPrefix("model") } + [
                "model_name_or_path=out", "train_from_scratch=false", "do_eval=true",
            ])
        let again = try figures(folder, "again/eval_results.json")
        #expect(again["eval_accuracy"] == accuracy)
        #expect(abs(try #require(again["eval_loss"]) - (found["eval_loss"] ?? 0)) < 1e-5)
    }

    @Test func numbersAndListsOfLabelsAreLearned() throws {
        let folder = try Self.folder()
        try trainToEnd(folder, ["dataset=numbers.jsonl", "do_train=true", "do_eval=true"])
        let found = try figures(folder, "out/eval_results.json")
        #expect(try #require(found["eval_pearson"]) > 0.9, "\(found)")
        #expect(try #require(found["eval_mse"]) < 0.2)
        #expect(found["eval_combined_score"] != nil && found["eval_spearmanr"] != nil)
        try trainToEnd(
            folder, output: "lists", ["dataset=lists.json", "do_train=true", "do_eval=true"])
        #expect(try #require(try figures(folder, "lists/eval_results.json")["eval_f1"]) > 0.9)
        let text = String(decoding: try folder.data("lists/config.json"), as: UTF8.self)
        #expect(text.contains("\"multi_label_classification\""))
    }

    @Test func lossesAreTheSameOnEveryNumberOfRanksAndAfterResuming() throws {
        let folder = try Self.folder()
        let flat = ["lr_scheduler_type=constant", "warmup_steps=0", "max_steps=12"]
        try trainToEnd(folder, output: "one", flat + ["do_train=true", "do_eval=true"])
        let losses = try folder.losses("one")
        let figures = try figures(folder, "one/eval_results.json")
        for ranks in [2, 3] {
            let output = "on\(ranks)"
            try trainToEnd(
                folder, ranks: ranks, output: output, flat + ["do_train=true", "do_eval=true"])
            // Sums of gradients are divided among ranks in other places: rounding of some steps.
            #expect(largestDifference(try folder.losses(output), losses) < 1e-4, "\(ranks) ranks")
            let found = try self.figures(folder, "\(output)/eval_results.json")
            #expect(found["eval_accuracy"] == figures["eval_accuracy"])
        }
        try trainToEnd(folder, output: "parts", flat + ["max_steps=5", "save_steps=5"])
        try trainToEnd(folder, output: "parts", flat + ["resume_from_checkpoint=true"])
        #expect(try folder.losses("parts") == losses)
    }

    @Test func aLoRAKeepsItsHead() throws {
        let folder = try Self.folder()
        try trainToEnd(folder, output: "base", ["max_steps=1"])
        // A base without a head for labels.
        var tensors = try EditableTensors(folder.data("base/model.safetensors"))
        for name in tensors.tensors.keys
        where name.hasPrefix("classifier.") || name.contains("pooler") {
            tensors.tensors[name] = nil
        }
        try folder.write("base/model.safetensors", tensors.data())
        try folder.copy("bert/config.json", to: "base/bert.json")
        try folder.remove("base/config.json")
        try folder.copy("base/bert.json", to: "base/config.json")
        let bare = try train(
            folder, output: "bare",
            ["model_name_or_path=base", "train_from_scratch=false", "do_predict=true"])
        #expect(bare.status == 2)
        #expect(bare.errors.contains("has no head for task_type: SEQ_CLS"), "\(bare.errors)")
        let lora = [
            "model_name_or_path=base", "train_from_scratch=false", "finetuning_type=lora",
            "lora_rank=4", "learning_rate=1e-2", "max_steps=80",
        ]
        try trainToEnd(folder, output: "lora", lora + ["do_train=true", "do_eval=true"])
        let accuracy = try #require(
            try figures(folder, "lora/eval_results.json")["eval_accuracy"])
        #expect(accuracy > 0.9)
        let kept = try EditableTensors(folder.data("lora/adapter_model.safetensors")).tensors
        // What the base lacks goes with the adapter: the head, and the pooler before it.
        for name in ["classifier.weight", "classifier.bias", "bert.pooler.dense.weight"] {
            #expect(kept["base_model.model." + name] != nil, "\(name): \(kept.keys.sorted())")
        }
        let text = String(decoding: try folder.data("lora/adapter_config.json"), as: UTF8.self)
        #expect(text.contains("\"SEQ_CLS\""), "\(text)")
        try trainToEnd(
            folder, output: "again",
            [
                "model_name_or_path=base", "train_from_scratch=false", "finetuning_type=lora",
                "adapter_name_or_path=lora", "do_eval=true",
            ])
        #expect(try figures(folder, "again/eval_results.json")["eval_accuracy"] == accuracy)
        // Merged, the base has the head, with the labels' names.
        let merge = try folder.run([
            "export", "label.yaml", "model_name_or_path=base", "adapter_name_or_path=lora",
            "export_dir=merged",
        ])
        try #require(merge.status == 0, "\(merge.errors)")
        let configuration = String(
            decoding: try folder.data("merged/config.json"), as: UTF8.self)
        #expect(configuration.contains("BertForSequenceClassification"))
        #expect(configuration.contains("\"0\": \"negative\""), "\(configuration)")
        try trainToEnd(
            folder, output: "of-merged",
            ["model_name_or_path=merged", "train_from_scratch=false", "do_eval=true"])
        #expect(try figures(folder, "of-merged/eval_results.json")["eval_accuracy"] == accuracy)
        try folder.write("lora/labels.json", "{\"id2label\": {\"0\": \"a\"}}")
        let wrong = try folder.run([
            "export", "label.yaml", "model_name_or_path=base", "adapter_name_or_path=lora",
            "export_dir=other",
        ])
        #expect(wrong.status == 2 && wrong.errors.contains("labels.json"), "\(wrong.errors)")
        #expect(!folder.exists("other"))
    }

    @Test func aBaseOfAGGUFFileGetsAHead() throws {
        let folder = try Self.folder()
        try folder.add("gguf_models/llama/model.gguf", as: "llama.gguf")
        let base = [
            "model_name_or_path=llama.gguf", "tokenizer_name_or_path=small-llama",
            "train_from_scratch=false", "finetuning_type=lora",
        ]
        try trainToEnd(
            folder, output: "lora",
            base + ["lora_rank=8", "max_steps=80", "do_train=true", "do_eval=true"])
        let accuracy = try #require(
            try figures(folder, "lora/eval_results.json")["eval_accuracy"])
        #expect(accuracy > 0.9)
        try trainToEnd(
            folder, output: "again", base + ["adapter_name_or_path=lora", "do_eval=true"])
        #expect(try figures(folder, "again/eval_results.json")["eval_accuracy"] == accuracy)
    }

    @Test func aT5NeedsTextsThatEnd() throws {
        let folder = try Self.folder()
        let text = String(decoding: try folder.data("small-t5/config.json"), as: UTF8.self)
        try folder.write(
            "small-t5/config.json",
            text.replacing("\"eos_token_id\": 3", with: "\"eos_token_id\": 4"))
        let run = try train(folder, ["model_name_or_path=small-t5"])
        #expect(run.status == 2 && run.errors.contains("token 4 (eos_token_id"), "\(run.errors)")
        #expect(!folder.exists("out"))
    }

    @Test func whatCannotBeLabelledIsRefusedByName() throws {
        let folder = try Self.folder()
        try folder.write("one.jsonl", "{\"text\": \"good\", \"label\": \"a\"}\n")
        try folder.write("none.jsonl", "{\"sentence\": \"good\"}\n")
        try folder.write(
            "kinds.jsonl", "{\"text\": \"a\", \"label\": [1]}\n{\"text\": \"a\", \"label\": 1}\n")
        try folder.write("uneven.conll", "good A\nbad\n")
        for (settings, words) in [
            (
                ["dataset=one.jsonl", "val_size=0"],
                "found only \"a\", expected at least 2 different ones"
            ),
            (["dataset=none.jsonl", "val_size=0"], "found no label, expected a label"),
            (["dataset=kinds.jsonl", "val_size=0"], "lists of labels in 1 of 2 rows"),
            (["dataset=uneven.conll", "val_size=0", "task_type=TOKEN_CLS"], "the line 'bad'"),
            (["text_column_names=body"], "no row has body; columns found: text, label"),
            (["label_column_name=stars"], "no row has stars"),
            (["do_regression=true"], "expected a number, with do_regression: true"),
            (["packing=true"], "it is not for stage: cls"),
            (["tokenized_path=t"], "texts are encoded as the run starts"),
            (["finetuning_type=adapter"], "bottleneck adapters do not keep a task's head"),
            (["doc_stride=4"], "it belongs to stage: cls with task_type: QUESTION_ANS"),
            (["label_all_tokens=true"], "it belongs to task_type: TOKEN_CLS"),
            (["stage=sft", "do_regression=true"], "it belongs to stage: cls"),
        ] {
            let run = try train(folder, settings)
            #expect(run.status == 2, "\(settings): \(run.errors)")
            #expect(run.errors.contains(words), "\(settings): \(run.errors)")
            #expect(!folder.exists("out"), "\(settings)")
        }
        let prepared = try folder.run(["prepare", "label.yaml", "tokenized_path=t"])
        #expect(
            prepared.status == 2 && prepared.errors.contains("stage: cls"), "\(prepared.errors)")
    }

    @Test func rowsWithoutLabelsArePredictedButNotTried() throws {
        let folder = try Self.folder()
        try folder.write("bare.jsonl", "{\"text\": \"good day\"}\n{\"text\": \"sad sea\"}\n")
        try folder.write("words.jsonl", "{\"tokens\": [\"good\", \"day\", \"sea\"]}\n")
        for (data, rows, file, lines) in [
            ("texts.jsonl", "bare.jsonl", "predict_results.txt", 3),
            ("tags.conll", "words.jsonl", "predictions.txt", 1),
        ] {
            let task = "task_type=" + (data == "tags.conll" ? "TOKEN_CLS" : "SEQ_CLS")
            let base = "base-\(task)"
            try trainToEnd(folder, output: base, ["dataset=\(data)", task])
            let beside = [
                task, "model_name_or_path=\(base)", "train_from_scratch=false", "dataset=",
                "val_size=0", "eval_dataset=\(rows)",
            ]
            try trainToEnd(folder, output: "said-\(task)", beside + ["do_predict=true"])
            let text = String(
                decoding: try folder.data("said-\(task)/\(file)"), as: UTF8.self)
            #expect(text.split(separator: "\n").count == lines, "\(text)")
            if data == "tags.conll" {
                #expect(text.split(separator: " ").count == 3, "\(text)")
            } else {
                #expect(text.contains("0\tpositive") && text.contains("1\tnegative"), "\(text)")
            }
            let found = try figures(folder, "said-\(task)/predict_results.json")
            #expect(found["predict_loss"] == nil && found["predict_accuracy"] == nil)
            let tried = try train(folder, output: "tried", beside + ["do_eval=true"])
            #expect(tried.status == 2)
            #expect(tried.errors.contains("no label in the rows held out"), "\(tried.errors)")
        }
    }

    @Test func labelsOfATrainedModelAreItsOwn() throws {
        let folder = try Self.folder()
        try trainToEnd(folder, ["max_steps=1"])
        try folder.write("other.jsonl", "{\"text\": \"good\", \"label\": \"neutral\"}\n")
        let run = try train(
            folder, output: "other",
            [
                "model_name_or_path=out", "train_from_scratch=false", "dataset=other.jsonl",
                "val_size=0",
            ])
        #expect(run.status == 2)
        #expect(
            run.errors.contains("found label \"neutral\", expected one of negative, positive"),
            "\(run.errors)")
    }
}
