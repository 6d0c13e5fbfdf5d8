import Foundation
import Testing

/// generation_config.json, with which transformers' `generate` knows where to stop.
@Suite struct GenerationConfigurationTests {
    private static let name = "generation_config.json"

    private func object(_ folder: TrialFolder, _ file: String) throws -> [String: Any] {
        try #require(
            try JSONSerialization.jsonObject(with: folder.data(file)) as? [String: Any])
    }

    /// Exports `model` with `settings` and gives the file's object.
    private func exported(
        _ folder: TrialFolder, _ settings: [String] = []
    ) throws -> [String: Any] {
        try folder.write("export.yaml", "model_name_or_path: model\nexport_dir: made\n")
        let run = try folder.run(["export", "export.yaml"] + settings)
        try #require(run.status == 0, "\(run.errors)")
        return try object(folder, "made/" + Self.name)
    }

    private func change(_ folder: TrialFolder, _ file: String, _ key: String, _ value: Any?) throws
    {
        var keys = try object(folder, file)
        keys[key] = value
        try folder.write(file, try JSONSerialization.data(withJSONObject: keys))
    }

    @Test func thatOfTheBaseIsTakenOver() throws {
        let folder = try TrialFolder.finetuning()
        let text = """
            {"do_sample": true, "eos_token_id": [2, 5], "temperature": 0.6, "top_p": 0.95, \
            "bos_token_id": 0, "pad_token_id": 0}
            """
        try folder.write("model/" + Self.name, text)
        let made = try exported(folder)
        #expect(made["eos_token_id"] as? [Int] == [2, 5])
        #expect(made["bos_token_id"] as? Int == 0 && made["do_sample"] as? Bool == true)
        // Digits stay as they are written.
        let written = String(decoding: try folder.data("made/" + Self.name), as: UTF8.self)
        #expect(written.contains("\"temperature\": 0.6,\n  \"top_p\": 0.95\n"))
    }

    @Test func withoutOneTheIDsAreThoseOfTheModelAndItsTokenizer() throws {
        let folder = try TrialFolder.finetuning()
        try folder.remove("model/" + Self.name)
        let made = try exported(folder)
        #expect(made["eos_token_id"] as? Int == 2)
        #expect(made["bos_token_id"] as? Int == 0 && made["pad_token_id"] as? Int == 0)
        #expect(made["_from_model_config"] == nil)
    }

    @Test func furtherChatTemplatesAreTakenOver() throws {
        let folder = try TrialFolder.finetuning()
        try folder.write("model/chat_template.jinja", "plain")
        let name = "additional_chat_templates/tool_use.jinja"
        try folder.write("model/" + name, "tools")
        _ = try exported(folder)
        #expect(try folder.data("made/" + name) == folder.data("model/" + name))
        // Through a checkpoint and beside an adapter, too.
        try folder.tuneToEnd(["max_steps=1"])
        #expect(try folder.data("out/" + name) == folder.data("model/" + name))
        try folder.tuneToEnd(output: "full", ["finetuning_type=full", "max_steps=1"])
        #expect(try folder.data("full/" + name) == folder.data("model/" + name))
    }

    @Test func theTemplatesEndIsAddedToWhatEndedATextBefore() throws {
        let folder = try TrialFolder.finetuning()
        try change(folder, "model/tokenizer_config.json", "eos_token", "<|endoftext|>")
        try change(folder, "model/" + Self.name, "eos_token_id", 0)
        #expect(try exported(folder)["eos_token_id"] as? Int == 0)
        let made = try exported(folder, ["template=chatml"])
        #expect(made["eos_token_id"] as? [Int] == [2, 0])
        // With this mark transformers would take config.json's id alone.
        #expect(made["_from_model_config"] == nil)
        // A run that writes a model leaves the same beside it.
        try folder.tuneToEnd(["finetuning_type=full", "max_steps=1"])
        #expect(try object(folder, "out/" + Self.name)["eos_token_id"] as? [Int] == [2, 0])
        try folder.tuneToEnd(output: "adapter", ["max_steps=1"])
        #expect(!folder.exists("adapter/" + Self.name))
    }

    @Test(arguments: [
        (
            "{\"eos_token_id\": \"5\"}",
            "eos_token_id is \"5\", expected a token's id or a list of ids"
        ),
        (
            "{\"eos_token_id\": [[5]]}",
            "eos_token_id is [[5]], expected a token's id or a list of ids"
        ),
        ("{\"bos_token_id\": true}", "bos_token_id is true, expected a token's id"),
    ])
    func anIDThatIsNoneIsRefused(text: String, says: String) throws {
        let folder = try TrialFolder.finetuning()
        try folder.write("model/" + Self.name, text)
        let run = try folder.run(["generate", "--model", "model", "--prompt", "Red"])
        #expect(run.status == 2 && run.messages.first?.contains(says) == true, "\(run.errors)")
    }

    /// As transformers: config.json says it where there is no file.
    @Test func keysOfConfigurationCountWithoutTheFile() throws {
        let folder = try TrialFolder.finetuning()
        let generate = [
            "generate", "--model", "model", "--prompt", "Red", "--temperature", "0",
            "--max-new-tokens", "8",
        ]
        try folder.remove("model/" + Self.name)
        let plain = try folder.run(generate)
        try change(folder, "model/config.json", "repetition_penalty", 50.0)
        let other = try folder.run(generate)
        #expect(plain.status == 0 && other.status == 0, "\(other.errors)")
        #expect(plain.output != other.output)
        try change(folder, "model/config.json", "no_repeat_ngram_size", 2)
        let refused = try folder.run(generate)
        #expect(refused.status == 2 && refused.says("no_repeat_ngram_size"), "\(refused.errors)")
    }

    /// A file with ids as whole floats, which Python compares as equal.
    @Test func anEndAsAFloatEnds() throws {
        let folder = try TrialFolder.finetuning()
        try folder.write("model/" + Self.name, "{\"eos_token_id\": 2.0}")
        #expect(try exported(folder)["eos_token_id"] as? Double == 2)
    }

    @Test func generationStopsAtAnyOfItsTokens() throws {
        let folder = try TrialFolder.finetuning()
        let generate = [
            "generate", "--model", "model", "--prompt", "Red", "--temperature", "0",
            "--max-new-tokens", "5",
        ]
        let free = try folder.run(generate)
        #expect(free.status == 0 && free.output.count > 1, "\(free.errors)")
        try change(folder, "model/" + Self.name, "eos_token_id", Array(0..<384))
        let stopped = try folder.run(generate)
        #expect(stopped.status == 0 && stopped.output == "\n", "\(stopped.errors)")
    }

    private static let generate = [
        "generate", "--model", "model", "--prompt", "Red", "--max-new-tokens", "8",
    ]

    @Test func samplingFollowsTheFileWhereOptionsDoNotSay() throws {
        let folder = try TrialFolder.finetuning()
        let greedy = try folder.run(Self.generate + ["--temperature", "0"])
        let punished = try folder.run(
            Self.generate + ["--temperature", "0", "--repetition-penalty", "4"])
        try #require(greedy.status == 0 && greedy.output != punished.output)
        try change(folder, "model/" + Self.name, "do_sample", false)
        let plain = try folder.run(Self.generate)
        #expect(plain.status == 0 && plain.output == greedy.output)
        #expect(plain.messages == ["generation_config.json gives do_sample false"])
        try change(folder, "model/" + Self.name, "repetition_penalty", 4)
        #expect(try folder.run(Self.generate).output == punished.output)
        let told = try folder.run(Self.generate + ["--repetition-penalty", "1"])
        #expect(told.output == greedy.output)
    }

    @Test func lengthFollowsTheFileWhereOptionsDoNotSay() throws {
        let folder = try TrialFolder.finetuning()
        let greedy = ["generate", "--model", "model", "--prompt", "Red", "--temperature", "0"]
        func output(_ file: String, _ options: [String] = []) throws -> LockstepRun {
            try folder.write("model/" + Self.name, "{\"eos_token_id\": 2, \(file)}")
            return try folder.run(greedy + options)
        }
        let three = try output("\"use_cache\": true", ["--max-new-tokens", "3"])
        let five = try output("\"use_cache\": true", ["--max-new-tokens", "5"])
        try #require(three.status == 0 && three.output != five.output, "\(three.errors)")
        let new = try output("\"max_new_tokens\": 3, \"max_length\": 90")
        #expect(new.output == three.output)
        #expect(new.messages == ["generation_config.json gives max_new_tokens 3"])
        let told = try output("\"max_new_tokens\": 3", ["--max-new-tokens", "5"])
        #expect(told.output == five.output)
        // Prompt and text together: the prompt's tokens are told where they leave none.
        let full = try output("\"max_length\": 1")
        #expect(full.status == 2 && full.output.isEmpty)
        let words = try #require(full.messages.last).split(separator: " ")
        let place = try #require(words.firstIndex(of: "that"))
        let prompt = try #require(Int(words[place - 1]))
        #expect(
            full.messages.last
                == "--prompt: max_length of the model's generation_config.json is 1 and leaves no "
                + "token after the \(prompt) that are there; give --max-new-tokens")
        let whole = try output("\"max_length\": \(prompt + 3)")
        #expect(whole.output == three.output)
        #expect(whole.messages == ["generation_config.json gives max_length \(prompt + 3)"])
    }

    @Test(arguments: [
        ("max_new_tokens", "0"), ("max_length", "true"), ("constraints", "[1]"),
        ("force_words_ids", "[[5]]"), ("max_time", "2.5"), ("token_healing", "true"),
        ("bad_words_ids", "[[5]]"), ("begin_suppress_tokens", "[5]"),
        ("sequence_bias", "[[[5], 2]]"),
        ("exponential_decay_length_penalty", "[3, 1.1]"), ("forced_bos_token_id", "5"),
        ("penalty_alpha", "0.6"), ("guidance_scale", "2"), ("watermarking_config", "{\"bias\": 2}"),
        ("encoder_repetition_penalty", "2"), ("epsilon_cutoff", "0.1"), ("eta_cutoff", "0.1"),
        ("min_length", "3"), ("min_new_tokens", "3"), ("stop_strings", "[\"a\"]"),
        ("num_beam_groups", "2"), ("dola_layers", "\"low\""),
        ("num_beams", "0"), ("early_stopping", "3, \"num_beams\": 2"),
        ("no_repeat_ngram_size", "3"), ("suppress_tokens", "[5]"),
        ("typical_p", "0.9"), ("some_new_key", "true"), ("temperature", "-1"),
        ("do_sample", "\"false\""), ("renormalize_logits", "\"true\""),
        ("cache_implementation", "\"quantized\""),
        ("renormalize_logits", "true, \"num_beams\": 2, \"repetition_penalty\": 1.2"),
    ])
    func whatWouldGiveAnotherTextIsRefused(key: String, value: String) throws {
        let folder = try TrialFolder.finetuning()
        try folder.write("model/" + Self.name, "{\"eos_token_id\": 2, \"\(key)\": \(value)}")
        let run = try folder.run(Self.generate)
        #expect(run.status == 2 && run.output.isEmpty)
        #expect(run.messages.count == 1)
        #expect(run.messages.first?.hasPrefix("model/generation_config.json: ") == true)
        #expect(run.messages.first?.contains(key) == true)
        // Nothing is drawn here.
        try folder.write("ids.jsonl", "{\"ids\": [1, 2, 3]}\n")
        #expect(try folder.run(["score", "--model", "model", "--input", "ids.jsonl"]).status == 0)
    }

    @Test func aBrokenFileIsNamed() throws {
        let folder = try TrialFolder.finetuning()
        try folder.write("model/" + Self.name, "{\"eos_token_id\": ")
        try folder.write("export.yaml", "model_name_or_path: model\nexport_dir: made\n")
        let run = try folder.run(["export", "export.yaml"])
        #expect(run.status == 2)
        #expect(
            run.messages == [
                "generation_config.json: byte 17: found the end of the text, expected a value; the "
                    + "file is damaged or not JSON"
            ])
        #expect(!folder.exists("made"))
    }
}
