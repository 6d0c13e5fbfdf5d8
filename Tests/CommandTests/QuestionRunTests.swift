import Foundation
import TestSupport
import Testing

/// Runs with `stage: cls` and `task_type: QUESTION_ANS`.
@Suite struct QuestionRunTests {
    private static let words = [
        "what", "is", "red", "blue", "green", "old", "house", "river", "tree", "the", "by", "and",
    ]

    /// A folder with a BERT, a Llama, their tokenizer of whole words, and questions with contexts.
    static func folder() throws -> TrialFolder {
        let folder = try TrialFolder()
        let pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + words
        for (model, configuration) in [
            (
                "bert",
                """
                {"model_type": "bert", "architectures": ["BertForMaskedLM"], "vocab_size": 17,
                 "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
                 "num_attention_heads": 2, "max_position_embeddings": 16, "initializer_range": 0.1,
                 "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
                """
            ),
            (
                "llama",
                """
                {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 17,
                 "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1,
                 "num_attention_heads": 2, "max_position_embeddings": 16, "eos_token_id": 3,
                 "initializer_range": 0.1}
                """
            ),
        ] {
            try folder.write("\(model)/config.json", configuration)
            let vocabulary = pieces.enumerated().map { "\"\($1)\": \($0)" }
            let special = pieces.prefix(5).enumerated().map {
                """
                {"id": \($0), "content": "\($1)", "single_word": false, "lstrip": false,
                 "rstrip": false, "normalized": false, "special": true}
                """
            }
            try folder.write(
                "\(model)/tokenizer.json",
                """
                {"version": "1.0", "truncation": null, "padding": null,
                 "added_tokens": [\(special.joined(separator: ","))],
                 "normalizer": {"type": "BertNormalizer", "clean_text": true,
                  "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
                 "pre_tokenizer": {"type": "BertPreTokenizer"},
                 "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
                 "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
                 "model": {"type": "WordPiece", "unk_token": "[UNK]",
                  "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                  "vocab": {\(vocabulary.joined(separator: ", "))}}}
                """)
            try folder.write(
                "\(model)/tokenizer_config.json", "{\"tokenizer_class\": \"BertTokenizer\"}")
        }
        try folder.write("squad.json", squad(count: 40))
        try folder.write(
            "answer.yaml",
            """
            stage: cls
            task_type: QUESTION_ANS
            model_name_or_path: bert
            train_from_scratch: true
            dataset: squad.json
            val_size: 0.25
            cutoff_len: 16
            doc_stride: 4
            per_device_train_batch_size: 12
            learning_rate: 2e-2
            max_steps: 60
            logging_steps: 1
            save_steps: 500
            eval_strategy: "no"
            output_dir: out
            threads_per_rank: 1
            peak_gflops: 50

            """)
        return folder
    }

    /// Paragraphs of several words; the answer is a colour with what has it, and every fourth context has
    /// none.
    private static func squad(count: Int) -> String {
        var random = SeededGenerator(seed: 5)
        let paragraphs = (0..<count).map { number -> String in
            let colour = ["Red", "Blue", "Green"][Int.random(in: 0..<3, using: &random)]
            let thing = ["house", "river"][Int.random(in: 0..<2, using: &random)]
            let before = String(repeating: "the old tree and ", count: number % 3)
            let answer = "\(colour) \(thing)"
            let isThere = number % 4 < 3
            // Longer than a window, so that some windows lack the answer.
            let context =
                before + "The \(isThere ? answer : "tree") by the old tree and by the tree"
            let answers =
                isThere
                ? "{\"text\": \"\(answer)\", \"answer_start\": \(before.count + 4)}" : ""
            return """
                {"context": "\(context)", "qas": [{"id": "q\(number)", "question": "what is \(thing)?",
                 "answers": [\(answers)], "is_impossible": \(!isThere)}]}
                """
        }
        return "{\"version\": \"v2.0\", \"data\": [{\"title\": \"t\", \"paragraphs\": ["
            + paragraphs.joined(separator: ",\n") + "]}]}"
    }

    private func train(
        _ folder: TrialFolder, ranks: Int = 1, output: String = "out", _ settings: [String] = []
    ) throws -> LockstepRun {
        try folder.run(
            [
                "train", "answer.yaml", "output_dir=\(output)",
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

    private func object(_ folder: TrialFolder, _ file: String) throws -> [String: Any] {
        try #require(JSONSerialization.jsonObject(with: folder.data(file)) as? [String: Any])
    }

    @Test(arguments: ["bert", "llama"])
    func answersAreLearnedWrittenAndTriedAgain(_ model: String) throws {
        let folder = try Self.folder()
        try trainToEnd(
            folder,
            [
                "model_name_or_path=\(model)", "version_2_with_negative=true", "do_train=true",
                "do_eval=true", "do_predict=true",
            ])
        let found = try object(folder, "out/eval_results.json")
        #expect(try #require(found["eval_f1"] as? Double) > 80, "\(found)")
        #expect(found["eval_total"] as? Double == 10)
        for name in ["HasAns_exact", "NoAns_f1", "best_exact", "best_f1_thresh"] {
            #expect(found["eval_" + name] != nil, "\(name)")
        }
        let answers = try object(folder, "out/predict_predictions.json")
        #expect(answers.count == 10)
        #expect(answers.keys.allSatisfy { $0.hasPrefix("q") })
        let evaluated = try object(folder, "out/eval_predictions.json")
        #expect(evaluated as? [String: String] == answers as? [String: String])
        let rivals = try object(folder, "out/predict_nbest_predictions.json")
        let first = try #require((rivals.values.first as? [[String: Any]])?.first)
        #expect(Set(first.keys) == ["text", "probability", "start_logit", "end_logit"])
        #expect(try object(folder, "out/predict_null_odds.json").count == 10)
        let text = String(decoding: try folder.data("out/config.json"), as: UTF8.self)
        #expect(text.contains("ForQuestionAnswering"))
        let tensors = try EditableTensors(folder.data("out/model.safetensors")).tensors
        #expect(tensors["qa_outputs.weight"] != nil)
        let body = model == "bert" ? "bert.embeddings.word_embeddings" : "transformer.embed_tokens"
        #expect(tensors[body + ".weight"] != nil, "\(tensors.keys.sorted())")
        try trainToEnd(
            folder, output: "again",
            [
                "model_name_or_path=out", "train_from_scratch=false",
                "version_2_with_negative=true",
                "do_eval=true",
            ])
        let again = try object(folder, "again/eval_results.json")
        for name in ["eval_exact", "eval_f1", "eval_best_f1"] {
            #expect(again[name] as? Double == found[name] as? Double, "\(name)")
        }
    }

    @Test func lossesAndAnswersAreTheSameOnEveryNumberOfRanksAndAfterResuming() throws {
        let folder = try Self.folder()
        let flat = [
            "lr_scheduler_type=constant", "warmup_steps=0", "max_steps=12",
            "version_2_with_negative=true",
        ]
        let tried = ["do_train=true", "do_eval=true"]
        try trainToEnd(folder, output: "one", flat + tried)
        let losses = try folder.losses("one")
        let figures = try object(folder, "one/eval_results.json")
        let answers = try object(folder, "one/eval_predictions.json") as? [String: String]
        for ranks in [2, 3] {
            let output = "on\(ranks)"
            try trainToEnd(folder, ranks: ranks, output: output, flat + tried)
            // Sums of gradients are divided among ranks in other places: rounding of some steps.
            #expect(largestDifference(try folder.losses(output), losses) < 1e-4, "\(ranks) ranks")
            let found = try object(folder, "\(output)/eval_results.json")
            #expect(found["eval_f1"] as? Double == figures["eval_f1"] as? Double)
            #expect(
                try object(folder, "\(output)/eval_predictions.json") as? [String: String]
                    == answers)
        }
        try trainToEnd(folder, output: "parts", flat + ["max_steps=5", "save_steps=5"])
        try trainToEnd(folder, output: "parts", flat + ["resume_from_checkpoint=true"])
        #expect(try folder.losses("parts") == losses)
    }

    @Test func aLoRAKeepsItsHeadAndFreezingTrains() throws {
        let folder = try Self.folder()
        try trainToEnd(folder, output: "base", ["max_steps=1"])
        var tensors = try EditableTensors(folder.data("base/model.safetensors"))
        for name in tensors.tensors.keys where name.hasPrefix("qa_outputs.") {
            tensors.tensors[name] = nil
        }
        try folder.write("base/model.safetensors", tensors.data())
        try folder.copy("bert/config.json", to: "base/bert.json")
        try folder.remove("base/config.json")
        try folder.copy("base/bert.json", to: "base/config.json")
        let beside = ["model_name_or_path=base", "train_from_scratch=false"]
        let bare = try train(folder, output: "bare", beside + ["do_predict=true"])
        #expect(bare.status == 2)
        #expect(bare.errors.contains("has no head for task_type: QUESTION_ANS"), "\(bare.errors)")
        let tried = ["max_steps=8", "do_train=true", "do_eval=true"]
        try trainToEnd(
            folder, output: "lora", beside + ["finetuning_type=lora", "lora_rank=4"] + tried)
        let kept = try EditableTensors(folder.data("lora/adapter_model.safetensors")).tensors
        #expect(kept["base_model.model.qa_outputs.weight"] != nil, "\(kept.keys.sorted())")
        let text = String(decoding: try folder.data("lora/adapter_config.json"), as: UTF8.self)
        #expect(text.contains("\"QUESTION_ANS\"") && text.contains("\"qa_outputs\""), "\(text)")
        try trainToEnd(
            folder, output: "again",
            beside + ["finetuning_type=lora", "adapter_name_or_path=lora", "do_eval=true"])
        let (first, second) = (
            try object(folder, "lora/eval_results.json"),
            try object(folder, "again/eval_results.json")
        )
        #expect(first["eval_exact_match"] as? Double == second["eval_exact_match"] as? Double)
        try trainToEnd(
            folder, output: "frozen",
            beside + ["finetuning_type=freeze", "freeze_trainable_layers=1"] + tried)
        #expect(try object(folder, "frozen/eval_results.json")["eval_f1"] != nil)
    }

    @Test func whatCannotBeAnsweredIsRefusedByName() throws {
        let folder = try Self.folder()
        try folder.write(
            "twice.jsonl",
            "{\"id\": 1, \"question\": \"a\", \"context\": \"b\", \"answers\": \"b\"}\n"
                + "{\"id\": 1, \"question\": \"a\", \"context\": \"b\", \"answers\": \"b\"}\n")
        try folder.write("texts.jsonl", "{\"text\": \"good\", \"label\": \"a\"}\n")
        for (settings, words) in [
            (
                ["val_size=0", "eval_dataset=twice.jsonl"],
                "found 1 twice, expected each once"
            ),
            (["dataset=texts.jsonl", "val_size=0"], "no row has question, context"),
            (["text_column_names=question"], "expected those of questions and contexts"),
            (["doc_stride=16"], "windows of 16 tokens cannot share 16"),
            (["null_score_diff_threshold=1"], "set version_2_with_negative to true"),
            (["n_best_size=0"], "n_best_size"), (["max_answer_length=0"], "max_answer_length"),
            (["do_regression=true"], "it belongs to task_type: SEQ_CLS"),
            (["task_type=TOKEN_CLS", "n_best_size=4"], "task_type: QUESTION_ANS; leave it out"),
        ] {
            let run = try train(folder, settings)
            #expect(run.status == 2, "\(settings): \(run.errors)")
            #expect(run.errors.contains(words), "\(settings): \(run.errors)")
            #expect(!folder.exists("out"), "\(settings)")
        }
    }
}
