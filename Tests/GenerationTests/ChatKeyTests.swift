import Configuration
import Files
import Foundation
import Generation
import TestSupport
import Testing

/// Keys of `chat`: each of them is seen in what the model answers.
@Suite struct ChatKeyTests {
    typealias Contents = [String: ConfigurationValue.Content]

    /// All tokens may be drawn, so that answers follow every logit.
    private static let base: Contents = [
        "template": .string("chatml"), "temperature": .double(1), "top_k": .int(0),
        "top_p": .double(1), "max_new_tokens": .int(60),
    ]

    private func configuration(
        _ model: String, _ contents: Contents
    ) throws -> RunConfiguration {
        var all = Self.base.merging(contents) { $1 }
        all["model_name_or_path"] = .string(model)
        return try RunConfiguration(
            values: all.mapValues { ConfigurationValue($0) }, command: .chat)
    }

    private func answers(
        _ model: String, _ contents: Contents, _ questions: [String] = ["one two", "and on"]
    ) throws -> [String] {
        let chat = try ChatSession(configuration(model, contents), threads: 1)
        return try questions.map { question in
            var text = ""
            try chat.answer(question) {
                text += $0
                return true
            }
            return text
        }
    }

    @Test(
        arguments: [
            ([:], ["seed": .int(7)]), ([:], ["temperature": .double(0.2)]),
            ([:], ["do_sample": .bool(false)]), ([:], ["top_k": .int(2)]),
            ([:], ["top_p": .double(0.1)]), ([:], ["repetition_penalty": .double(5)]),
            ([:], ["max_new_tokens": .int(3)]), ([:], ["default_system": .string("You count.")]),
            ([:], ["template": .string("vicuna")]), ([:], ["quantization_bit": .int(4)]),
            ([:], ["infer_dtype": .string("bfloat16")]),
            (["template": .string("qwen3")], ["enable_thinking": .bool(false)]),
            ([:], ["rope_scaling": .string("linear"), "cutoff_len": .int(512)]),
            (
                ["rope_scaling": .string("linear"), "cutoff_len": .int(512)],
                ["cutoff_len": .int(1024)]
            ),
        ] as [(Contents, Contents)])
    func aKeyThatIsHonouredIsSeenInTheAnswers(_ beside: Contents, _ change: Contents) throws {
        let folder = try ModelFolder("model", in: "finetuning")
        let before = try answers(folder.path, beside)
        // What would be seen of every key if answers differed by themselves.
        #expect(try answers(folder.path, beside) == before)
        #expect(try answers(folder.path, beside.merging(change) { $1 }) != before, "\(change)")
    }

    /// `max_length` counts the conversation so far; a length that the configuration gives wins.
    @Test func theLengthOfAnswersMayBeTheModelsOwn() throws {
        let folder = try ModelFolder("model", in: "finetuning")
        func answer(_ file: String, _ length: ConfigurationValue.Content) throws -> String {
            try file.write(
                toFile: folder.path + "/generation_config.json", atomically: true, encoding: .utf8)
            return try answers(
                folder.path, ["temperature": .double(0), "max_new_tokens": length], ["one two"])[0]
        }
        let (three, ten) = try (answer("{}", .int(3)), answer("{}", .int(10)))
        try #require(three != ten)
        #expect(try answer("{\"max_new_tokens\": 3}", .null) == three)
        #expect(try answer("{\"max_new_tokens\": 3}", .int(10)) == ten)
        let error = #expect(throws: GenerationError.self) {
            _ = try answer("{\"max_length\": 2}", .null)
        }
        #expect(
            error?.description.hasPrefix(
                "the conversation: max_length of the model's generation_config.json is 2 and leaves "
                    + "no token after the ") == true)
    }

    /// LLaMA-Factory draws by default; transformers takes the likeliest where the file does not say do_sample.
    @Test func drawingByAFileThatDoesNotSaySoIsTold() throws {
        let folder = try ModelFolder("model", in: "finetuning")
        func tells(_ file: String, _ contents: Contents) throws -> Bool {
            try file.write(
                toFile: folder.path + "/generation_config.json", atomically: true, encoding: .utf8)
            let unset: Contents = ["temperature": .null, "top_k": .null, "top_p": .null]
            let chat = try ChatSession(
                configuration(folder.path, unset.merging(contents) { $1 }), threads: 1)
            return chat.notes.contains {
                $0.hasPrefix("generation_config.json does not say do_sample: tokens are drawn")
            }
        }
        let file = "{\"temperature\": 0.6, \"top_p\": 0.9}"
        #expect(try tells(file, [:]))
        #expect(try tells("{\"do_sample\": null, \"top_k\": 20}", [:]))
        #expect(try !tells(file, ["temperature": .double(0.5)]))
        #expect(try !tells(file, ["do_sample": .bool(true)]))
        #expect(try !tells(file, ["do_sample": .bool(false)]))
        #expect(try !tells("{\"do_sample\": true, \"temperature\": 0.6}", [:]))
        #expect(try !tells("{\"do_sample\": false, \"temperature\": 0.6}", [:]))
        #expect(try !tells("{\"top_k\": 1}", [:]))
        #expect(try !tells("{}", [:]))
    }

    /// Rounding to float16 is small: of each pair of answers about one in four has a token that it changes, so that
    /// none of 24 has one in a thousandth of all cases, and the seeds are fixed.
    @Test func weightsOfFloat16AreSeenInTheAnswersOfSomeSeed() throws {
        let folder = try ModelFolder("model", in: "finetuning")
        let isSeen = try (1...24).contains { seed in
            let seeded: Contents = ["seed": .int(seed)]
            let rounded = seeded.merging(["infer_dtype": .string("float16")]) { $1 }
            return try answers(folder.path, seeded) != answers(folder.path, rounded)
        }
        #expect(isSeen)
    }

    @Test func anAdapterIsSeenInTheAnswers() throws {
        let folder = try ModelFolder("model", in: "finetuning")
        let adapter = try ModelFolder("adapter", in: "predictions")
        let greedy: Contents = ["temperature": .double(0)]
        let with = try answers(
            folder.path, greedy.merging(["adapter_name_or_path": .string(adapter.path)]) { $1 })
        #expect(try answers(folder.path, greedy) != with)
    }

    @Test func specialTokensAreWrittenWhereAskedFor() throws {
        let folder = try ModelFolder("model", in: "finetuning")
        // Of 384 tokens two are special and end no text: one of some answers holds one.
        let isSeen = try (0..<12).contains { seed in
            let contents: Contents = ["seed": .int(seed), "max_new_tokens": .int(200)]
            let all = contents.merging(["skip_special_tokens": .bool(false)]) { $1 }
            let (without, with) = try (
                answers(folder.path, contents, ["a"])[0], answers(folder.path, all, ["a"])[0]
            )
            #expect(!without.contains("<|im_start|>") && !without.contains("<|endoftext|>"))
            return with != without
        }
        #expect(isSeen)
    }

    /// The model's positions as a config.json with the scaling written by hand has them.
    @Test func stretchedPositionsAreThoseOfAConfigurationWrittenByHand() throws {
        let folder = try ModelFolder("model", in: "finetuning")
        let stretched = try answers(
            folder.path, ["rope_scaling": .string("linear"), "cutoff_len": .int(512)])
        try folder.change([
            ("max_position_embeddings", .int(512)),
            (
                "rope_parameters",
                .object([
                    ("rope_type", .string("linear")), ("rope_theta", .double(10000)),
                    ("factor", .double(2)),
                ])
            ),
        ])
        #expect(try answers(folder.path, [:]) == stretched)
    }

    @Test(arguments: [RunConfiguration.Command.chat, .export])
    func stretchedPositionsNeedTheLengthOfTheRunThatTrained(
        _ command: RunConfiguration.Command
    ) throws {
        let contents: Contents = [
            "model_name_or_path": .string("m"), "export_dir": .string("e"),
            "rope_scaling": .string("linear"),
        ]
        let error = #expect(throws: ConfigurationError.self) {
            _ = try RunConfiguration(
                values: contents.mapValues { ConfigurationValue($0) }, command: command)
        }
        #expect(
            error.map { "\($0)" }?.contains(
                "rope_scaling: needs cutoff_len, as in the run that trained the adapter") == true)
    }

    /// Two letters change their ids in a copy of the tokenizer.
    @Test func aTokenizerOfItsOwnTakesThePlaceOfTheModels() throws {
        let folder = try ModelFolder("model", in: "finetuning")
        let other = try ModelFolder("model", in: "finetuning")
        let own = try answers(folder.path, [:])
        func with(_ place: String) throws -> [String] {
            try answers(folder.path, ["tokenizer_name_or_path": .string(place)])
        }
        #expect(try with(other.path) == own)
        let url = URL(fileURLWithPath: other.path + "/tokenizer.json")
        var text = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
        var model = try #require(text["model"] as? [String: Any])
        var ids = try #require(model["vocab"] as? [String: Int])
        (ids["o"], ids["n"]) = (ids["n"], ids["o"])
        model["vocab"] = ids
        text["model"] = model
        try JSONSerialization.data(withJSONObject: text).write(to: url)
        #expect(try with(other.path) != own)
        let missing = #expect(throws: GenerationError.self) { _ = try with(other.path + "/no") }
        #expect(missing?.description.contains(other.path + "/no") == true)
    }

    @Test func aTokenThatTheModelDoesNotHaveIsNamed() throws {
        let folder = try ModelFolder("model", in: "finetuning")
        let url = URL(fileURLWithPath: folder.path + "/tokenizer.json")
        var text = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
        var added = try #require(text["added_tokens"] as? [[String: Any]])
        added.append([
            "id": 384, "content": "<far>", "special": true, "single_word": false,
            "lstrip": false, "rstrip": false, "normalized": false,
        ])
        text["added_tokens"] = added
        try JSONSerialization.data(withJSONObject: text).write(to: url)
        #expect(try answers(folder.path, [:], ["one two"])[0].isEmpty == false)
        let error = #expect(throws: GenerationError.self) {
            _ = try answers(folder.path, [:], ["a <far>"])
        }
        #expect(
            error?.description
                == "the conversation: id 384 (<far>) is outside the model's vocabulary of 384")
    }
}
