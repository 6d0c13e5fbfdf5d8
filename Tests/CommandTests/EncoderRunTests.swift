import Foundation
import Testing

/// Runs of models that are no decoders.
@Suite struct EncoderRunTests {
    private static func bert(_ changes: [String: Any] = [:]) -> String {
        let keys: [String: Any] = [
            "model_type": "bert", "vocab_size": 96, "hidden_size": 32, "intermediate_size": 64,
            "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 32,
            "mask_token_id": 4, "cls_token_id": 2, "sep_token_id": 3,
        ]
        let all = keys.merging(changes) { $1 }.filter { !($0.value is NSNull) }
        let data = try? JSONSerialization.data(withJSONObject: all, options: .sortedKeys)
        return String(decoding: data ?? Data(), as: UTF8.self)
    }

    /// A folder with a BERT, and a T5 whose tokenizer has eight sentinels.
    private static func folder() throws -> TrialFolder {
        let folder = try TrialFolder()
        try folder.write("bert/config.json", bert())
        try folder.write(
            "t5/config.json",
            """
            {"model_type": "t5", "vocab_size": 96, "d_model": 32, "d_kv": 8, "d_ff": 64,
             "num_layers": 2, "num_heads": 4, "feed_forward_proj": "gated-gelu",
             "tie_word_embeddings": false}
            """)
        let words = (0..<88).map { "\"w\($0)\": \($0)" }.joined(separator: ", ")
        let sentinels = (0..<8).map {
            """
            {"id": \(95 - $0), "content": "<extra_id_\($0)>", "single_word": false, "lstrip": false,
             "rstrip": false, "normalized": false, "special": true}
            """
        }
        try folder.write(
            "t5/tokenizer.json",
            """
            {"version": "1.0", "added_tokens": [\(sentinels.reversed().joined(separator: ","))],
             "normalizer": null, "pre_tokenizer": null, "post_processor": null, "decoder": null,
             "truncation": null, "padding": null,
             "model": {"type": "BPE", "dropout": null, "unk_token": null, "fuse_unk": false,
              "continuing_subword_prefix": null, "end_of_word_suffix": null, "byte_fallback": false,
              "vocab": {\(words)}, "merges": []}}
            """)
        try folder.write(
            "t5/tokenizer_config.json",
            "{\"tokenizer_class\": \"PreTrainedTokenizerFast\", \"eos_token\": \"w1\"}")
        return folder
    }

    @Test(arguments: ["bert", "t5"])
    func masksAndLossesAreTheSameOnEveryNumberOfRanksAndAfterResuming(_ model: String) throws {
        let folder = try Self.folder()
        let settings = ["model_name_or_path=\(model)", "cutoff_len=32", "learning_rate=3e-3"]
        try folder.trainToEnd(output: "one", settings)
        let losses = try folder.losses("one")
        #expect(losses.count == 12 && losses[11] < losses[0])
        for ranks in [2, 3, 4] {
            let output = "on\(ranks)"
            try folder.trainToEnd(ranks: ranks, output: output, settings)
            // Sums of gradients are divided among ranks in other places: rounding of some steps.
            #expect(largestDifference(try folder.losses(output), losses) < 1e-4, "\(ranks) ranks")
        }
        let flat = settings + ["lr_scheduler_type=constant", "warmup_steps=0"]
        try folder.trainToEnd(output: "whole", flat)
        try folder.trainToEnd(output: "parts", flat + ["max_steps=5", "save_steps=5"])
        try folder.trainToEnd(output: "parts", flat + ["resume_from_checkpoint=true"])
        #expect(try folder.losses("parts") == folder.losses("whole"))
    }

    @Test func aModelIsTrainedForWhatItWasMadeFor() throws {
        let folder = try Self.folder()
        for (settings, words) in [
            (
                ["model_name_or_path=bert", "objective=clm"],
                "the model is a bert encoder; set objective: mlm"
            ),
            (["objective=mlm"], "the model is a llama decoder; set objective: clm"),
            (
                ["objective=span_corruption", "model_name_or_path=bert"],
                "objective: span_corruption trains encoder-decoders, but the model is a bert encoder"
            ),
            (["objective=contrastive"], "texts are encoded as the run starts"),
            (["mlm_probability=0.2", "objective=clm"], "mlm_probability"),
            (["mask_replace_prob=0.8", "random_replace_prob=0.3"], "come to 1.1"),
        ] {
            let run = try folder.train(settings)
            #expect(run.status == 2, "\(settings): \(run.errors)")
            #expect(run.errors.contains(words), "\(settings): \(run.errors)")
            #expect(!folder.exists("out"), "\(settings)")
        }
    }

    @Test func whatHidesATokenHasToBeKnown() throws {
        let folder = try Self.folder()
        try folder.write("bert/config.json", Self.bert(["mask_token_id": NSNull()]))
        let run = try folder.train(["model_name_or_path=bert"])
        #expect(run.status == 2)
        #expect(run.errors.contains("neither a tokenizer nor a mask_token_id"), "\(run.errors)")
    }

    @Test func aSampleHasNoMoreSpansThanThereAreSentinels() throws {
        let folder = try Self.folder()
        let run = try folder.train(["model_name_or_path=t5", "cutoff_len=256"])
        #expect(run.status == 2)
        #expect(run.errors.contains("has 8 tokens <extra_id_0>, <extra_id_1>, …"), "\(run.errors)")
    }

    @Test func whatIsTrainedIsScoredAndEmbedded() throws {
        let folder = try Self.folder()
        try folder.trainToEnd(output: "b", ["model_name_or_path=bert", "cutoff_len=32"])
        try folder.write(
            "in.jsonl", "{\"ids\": [2, 4, 9, 3], \"targets\": [-100, 8, -100, -100]}\n")
        let scored = try folder.run(["score", "--model", "b", "--input", "in.jsonl"])
        #expect(scored.status == 0, "\(scored.errors)")
        #expect(scored.output.contains("\"logprobs\": [null, -"), "\(scored.output)")
        #expect(scored.output.contains("\"tokens\": 1,"))
        let embedded = try folder.run(["embed", "--model", "b", "--input", "in.jsonl"])
        #expect(embedded.status == 0, "\(embedded.errors)")
        #expect(embedded.output.split(separator: ",").count == 32)
        for (line, words) in [
            ("{\"ids\": [2, 3]}", "expected a JSON object with \"ids\" and \"targets\""),
            (
                "{\"ids\": [2], \"targets\": [1, 2]}",
                "found 2 numbers, expected one for each of the 1 ids"
            ),
            ("{\"ids\": [2], \"targets\": [-1]}", "targets: found -1"),
            (
                "{\"ids\": [2], \"targets\": [1], \"labels\": [1]}",
                "labels is not used with an encoder"
            ),
            ("{\"ids\": [2], \"targets\": [1], \"token_types\": [5]}", "token type 5"),
            ("{\"ids\": [2], \"targets\": [1], \"mask\": [0]}", "mask: expected a 1"),
            ("{\"ids\": [2], \"targets\": [96]}", "outside the model's vocabulary of 96"),
        ] {
            try folder.write("bad.jsonl", line + "\n")
            let run = try folder.run(["score", "--model", "b", "--input", "bad.jsonl"])
            #expect(run.status == 2 && run.errors.contains(words), "\(line): \(run.errors)")
        }
        let chat = try folder.run(["chat", "--model", "b"], input: "hello\n")
        #expect(chat.status == 2 && chat.errors.contains("continued by decoders"), "\(chat.errors)")
    }

    @Test func anEncoderDecoderScoresTargets() throws {
        let folder = try Self.folder()
        try folder.trainToEnd(output: "t", ["model_name_or_path=t5", "cutoff_len=32"])
        try folder.write("in.jsonl", "{\"ids\": [5, 6, 95], \"target_ids\": [95, 7, 1]}\n")
        let scored = try folder.run(["score", "--model", "t", "--input", "in.jsonl"])
        #expect(scored.status == 0, "\(scored.errors)")
        #expect(scored.output.contains("\"ids\": [95, 7, 1], \"logprobs\": [-"), "\(scored.output)")
        #expect(scored.output.contains("\"tokens\": 3,"))
        try folder.write("bad.jsonl", "{\"ids\": [5, 6]}\n")
        let bad = try folder.run(["score", "--model", "t", "--input", "bad.jsonl"])
        #expect(bad.status == 2 && bad.errors.contains("\"target_ids\""), "\(bad.errors)")
    }
}
