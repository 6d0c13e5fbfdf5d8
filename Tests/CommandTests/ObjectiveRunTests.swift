import Foundation
import TestSupport
import Testing

/// Runs of every objective of pretraining beside clm, and what each refuses.
@Suite struct ObjectiveRunTests {
    private static let words = [
        "don", "stop", "the", "friend", "story", "told", "twice", "unbelievable",
    ]

    /// A sentence of a few words.
    private static func sentence(_ number: Int) -> String {
        let own = (0..<3 + number % 6).map { words[($0 * 3 + number) % words.count] }
        return own.joined(separator: " ") + (number % 2 == 0 ? "." : ", a!")
    }

    /// Documents of a few sentences, one a line.
    private static func text() -> String {
        let documents = (0..<40).map { document in
            let lines = (0..<3 + document % 5).map { sentence(document + $0) }
            return lines.joined(separator: "\n") + "\n"
        }
        return documents.joined(separator: "\n")
    }

    private static func bert(_ type: String, _ more: String = "") -> String {
        """
        {"model_type": "\(type)", "vocab_size": 96, "hidden_size": 32, "intermediate_size": 64,
         "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 32\(more)}
        """
    }

    /// Models, tokenizers and a text.
    static func folder() throws -> TrialFolder {
        let folder = try TrialFolder()
        try folder.write("bert/config.json", bert("bert"))
        try folder.write("electra/config.json", bert("electra", ", \"embedding_size\": 16"))
        try folder.write("code/config.json", TrialFolder.llama(["vocab_size": 272]))
        try folder.write(
            "t5/config.json",
            """
            {"model_type": "t5", "vocab_size": 96, "d_model": 32, "d_kv": 8, "d_ff": 64,
             "num_layers": 2, "num_heads": 4, "feed_forward_proj": "gated-gelu",
             "tie_word_embeddings": false}
            """)
        try folder.write("text.txt", text())
        try folder.write("phrases.txt", "the friend\nunbelievable story\n\ntold twice the\n")
        let masks = try References.object("objectives/masks.json")["words"] as? [[String: Any]]
        let wordPiece = try #require(masks?.first?["tokenizer"] as? String)
        try folder.write("pieces/tokenizer.json", wordPiece)
        try folder.write(
            "pieces/tokenizer_config.json",
            """
            {"tokenizer_class": "PreTrainedTokenizerFast", "cls_token": "[CLS]", "sep_token": "[SEP]",
             "mask_token": "[MASK]", "pad_token": "[PAD]", "unk_token": "[UNK]"}
            """)
        let fim = try References.object("objectives/texts.json")["fim"] as? [String: Any]
        try folder.write("bytes/tokenizer.json", try #require(fim?["tokenizer"] as? String))
        try folder.write(
            "bytes/tokenizer_config.json",
            """
            {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>"}
            """)
        try folder.write(
            "glm/config.json",
            TrialFolder.gpt2(["block_position_embeddings": true, "vocab_size": 100]))
        try folder.write(
            "blanks/tokenizer.json",
            try String(decoding: folder.data("pieces/tokenizer.json"), as: UTF8.self)
                .replacingOccurrences(of: "\"told\"", with: "\"<|startofpiece|>\"")
                .replacingOccurrences(of: "\"twice\"", with: "\"<|endofpiece|>\"")
                .replacingOccurrences(of: "\"stop\"", with: "\"[gMASK]\""))
        try folder.copy("pieces/tokenizer_config.json", to: "blanks/tokenizer_config.json")
        let tokens = (0..<80).map { "\"w\($0)\": \($0)" }.joined(separator: ", ")
        let special = ["[NLG]", "[S2S]", "[NLU]"] + (0..<12).reversed().map { "<extra_id_\($0)>" }
        let added = special.enumerated().map { number, token in
            """
            {"id": \(80 + number), "content": "\(token)", "single_word": false, "lstrip": false,
             "rstrip": false, "normalized": false, "special": true}
            """
        }
        try folder.write(
            "t5/tokenizer.json",
            """
            {"version": "1.0", "added_tokens": [\(added.joined(separator: ","))],
             "normalizer": null, "pre_tokenizer": null, "post_processor": null, "decoder": null,
             "truncation": null, "padding": null,
             "model": {"type": "BPE", "dropout": null, "unk_token": null, "fuse_unk": false,
              "continuing_subword_prefix": null, "end_of_word_suffix": null, "byte_fallback": false,
              "vocab": {\(tokens)}, "merges": []}}
            """)
        try folder.write(
            "t5/tokenizer_config.json",
            "{\"tokenizer_class\": \"PreTrainedTokenizerFast\", \"eos_token\": \"w1\"}")
        return folder
    }

    static let pieces = [
        "model_name_or_path=bert", "tokenizer_name_or_path=pieces", "dataset=text.txt",
        "cutoff_len=32",
    ]
    static let code = [
        "model_name_or_path=code", "tokenizer_name_or_path=bytes", "dataset=text.txt",
        "cutoff_len=48",
    ]

    /// Settings of each objective's run; those with a text write shards of their own.
    static let objectives: [(name: String, settings: [String])] = [
        ("each_word", pieces + ["objective=mlm", "whole_word_mask=true"]),
        ("spans", pieces + ["objective=mlm", "mask_unit=span"]),
        (
            "phrases",
            pieces + ["objective=ernie", "phrase_file=phrases.txt", "phrase_rate=0.7"]
        ),
        ("pairs", pieces + ["objective=mlm+nsp"]),
        (
            "electra",
            pieces + ["objective=electra", "model_name_or_path=electra", "disc_weight=10"]
        ),
        ("fim", code + ["objective=fim", "fim_rate=0.9"]),
        ("prefix_lm", ["objective=prefix_lm"]),
        (
            "glm",
            [
                "objective=glm", "model_name_or_path=glm", "tokenizer_name_or_path=blanks",
                "cutoff_len=32", "gpt_rate=0.3",
            ]
        ),
        ("ul2", ["objective=ul2", "model_name_or_path=t5", "cutoff_len=24"]),
    ]

    /// Shards of the text, as the objective needs them.
    static func prepare(_ folder: TrialFolder, _ settings: [String]) throws -> [String] {
        guard settings.contains("dataset=text.txt") else { return settings }
        let prepared = settings + ["tokenized_path=shards"]
        let run = try folder.run(["prepare", "run.yaml"] + prepared)
        try #require(run.status == 0, "\(run.errors)")
        return prepared
    }

    @Test(arguments: objectives.map(\.name))
    func samplesAreTheSameOnEveryNumberOfRanksAndAfterResuming(_ name: String) throws {
        let folder = try Self.folder()
        let own = try #require(Self.objectives.first { $0.name == name }).settings
        let settings =
            try Self.prepare(folder, own) + [
                "max_steps=6", "learning_rate=3e-3", "lr_scheduler_type=constant", "warmup_steps=0",
                "val_size=5", "eval_strategy=steps", "eval_steps=6",
            ]
        try folder.trainToEnd(output: "one", settings)
        try folder.trainToEnd(ranks: 3, output: "three", settings)
        let (one, three) = (try folder.log("one"), try folder.log("three"))
        #expect(one.compactMap(\.loss).count == 6)
        // Sums of gradients are divided among ranks in other places: rounding of some steps.
        #expect(
            largestDifference(three.compactMap(\.loss), one.compactMap(\.loss)) < 1e-4)
        #expect(
            largestDifference(
                three.compactMap(\.evaluationLoss), one.compactMap(\.evaluationLoss)) < 1e-4)
        try folder.trainToEnd(output: "parts", settings + ["max_steps=3", "save_steps=3"])
        try folder.trainToEnd(output: "parts", settings + ["resume_from_checkpoint=true"])
        #expect(try folder.losses("parts") == folder.losses("one"))
    }

    @Test func bothOfElectrasModelsAreInTheFolder() throws {
        let folder = try Self.folder()
        let own = try #require(Self.objectives.first { $0.name == "electra" }).settings
        try folder.trainToEnd(output: "out", try Self.prepare(folder, own) + ["max_steps=2"])
        let names = folder.names("out/generator")
        #expect(names.contains("model.safetensors") && names.contains("tokenizer.json"))
        try folder.write(
            "in.jsonl", "{\"ids\": [2, 4, 9, 3], \"targets\": [-100, 8, -100, -100]}\n")
        let scored = try folder.run(["score", "--model", "out/generator", "--input", "in.jsonl"])
        #expect(scored.status == 0, "\(scored.errors)")
        let embedded = try folder.run(["embed", "--model", "out", "--input", "in.jsonl"])
        #expect(embedded.status == 0, "\(embedded.errors)")
        let model = ["--model", "out/checkpoint-2.h5"]
        for command in [
            ["score"] + model + ["--input", "in.jsonl"],
            ["generate"] + model + ["--prompt", "a [MASK]"],
        ] {
            let run = try folder.run(command)
            #expect(run.status == 2)
            #expect(
                run.errors.contains(
                    "give 'out', where the run puts the discriminator at its end, or 'out/generator', "
                        + "the generator"), "\(run.errors)")
        }
    }

    @Test func aFolderOfPairsIsScoredAndGoesOn() throws {
        let folder = try Self.folder()
        let settings = try Self.prepare(
            folder, try #require(Self.objectives.first { $0.name == "pairs" }).settings)
        try folder.trainToEnd(output: "out", settings + ["max_steps=2"])
        let configuration = String(decoding: try folder.data("out/config.json"), as: UTF8.self)
        #expect(configuration.contains("BertForPreTraining"))
        try folder.write(
            "in.jsonl", "{\"ids\": [2, 4, 9, 3], \"targets\": [-100, 8, -100, -100]}\n")
        let scored = try folder.run(["score", "--model", "out", "--input", "in.jsonl"])
        #expect(scored.status == 0, "\(scored.errors)")
        try folder.trainToEnd(
            output: "more",
            settings + ["max_steps=1", "model_name_or_path=out", "train_from_scratch=false"])
    }

    @Test func whatAnObjectiveLacksIsSaidInALine() throws {
        let folder = try Self.folder()
        let plain = try Self.prepare(folder, Self.pieces + ["objective=mlm"])
        let cases: [(settings: [String], words: String)] = [
            (plain + ["objective=mlm+nsp"], "do not say where sentences end"),
            (plain + ["whole_word_mask=true"], "do not say where words begin"),
            (
                plain + ["whole_word_mask=true", "mask_unit=span"],
                "whole_word_mask"
            ),
            (plain + ["max_predictions_per_seq=3"], "it limits what mask_unit: word hides"),
            (plain + ["objective=mlm", "fim_rate=0.3"], "objective: fim; leave it out"),
            (
                plain + [
                    "objective=electra", "model_name_or_path=electra", "train_from_scratch=false",
                ],
                "train_from_scratch: true"
            ),
            (plain + ["objective=electra"], "for replaced tokens: electra"),
            (
                plain + ["objective=mlm+nsp", "model_name_or_path=electra"],
                "for pairs of texts: bert"
            ),
            (["objective=fim"], "tokenizer"),
            (
                ["objective=fim", "tokenizer_name_or_path=pieces", "model_name_or_path=code"],
                "none of the known sets of tokens: <fim_prefix> <fim_suffix> <fim_middle>"
            ),
            (
                ["objective=ul2", "model_name_or_path=t5", "cutoff_len=2"],
                "expected at least 4 for an input with a mode"
            ),
            (
                ["objective=ul2", "model_name_or_path=t5", "ul2_rates=0.5,0.5"],
                "three parts from 0 to 1"
            ),
            (plain + ["objective=ernie"], "phrase_file"),
            (plain + ["objective=ernie", "phrase_file=none.txt"], "'none.txt' cannot be read"),
            (
                ["objective=glm", "tokenizer_name_or_path=blanks"],
                "block_position_embeddings: true"
            ),
            (
                ["objective=glm", "tokenizer_name_or_path=pieces", "model_name_or_path=glm"],
                "no token <|startofpiece|> or <sop> or [sop]"
            ),
            (["objective=ul2"], "objective: ul2 trains encoder-decoders"),
            (
                ["objective=mlm", "model_name_or_path=bert", "mask_unit=word"],
                "mask_unit: word hides words, but there is no tokenizer"
            ),
        ]
        for (settings, words) in cases {
            let run = try folder.train(settings)
            #expect(run.status == 2, "\(settings): \(run.errors)")
            #expect(run.errors.contains(words), "\(settings): \(run.errors)")
            #expect(!folder.exists("out"), "\(settings)")
        }
    }
}
