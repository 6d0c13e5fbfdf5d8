import Foundation
import Testing
import TokenizerSupport
import Tokenizers

private let fixtures = TokenizerFixtures()

@Suite struct TokenizerFolderTests {
    /// A kind's folder: tokenizer.json and the other files given.
    private func load(_ kind: String, _ files: [String: String]) throws -> any Tokenizer {
        var result: (any Tokenizer)?
        try fixtures.withFolder { folder in
            let all = files.merging(["tokenizer.json": try fixtures.file(kind)]) { _, new in new }
            for (name, text) in all {
                try text.write(
                    to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
            }
            result = try TokenizerFolder.load(folder.path)
        }
        return try #require(result)
    }

    @Test func aFileAndItsFolderAreTheSameTokenizer() throws {
        try fixtures.withFolder { folder in
            let file = folder.appendingPathComponent("tokenizer.json")
            try fixtures.file("gpt2").write(to: file, atomically: true, encoding: .utf8)
            let fromFolder = try TokenizerFolder.load(folder.path)
            #expect(try TokenizerFolder.load(file.path).hash == fromFolder.hash)
        }
    }

    @Test func configurationNamesBeginAndEndUnlessTheOlderMapDoes() throws {
        let tokenizer = try load(
            "qwen2",
            [
                "tokenizer_config.json":
                    #"{"eos_token": {"content": "<|im_start|>"}, "bos_token": null, "#
                    + #""pad_token": "<|endoftext|>", "chat_template": "x"}"#,
                "special_tokens_map.json": #"{"pad_token": "<think>", "bos_token": "<think>"}"#,
            ])
        #expect(tokenizer.endOfText == tokenizer.id(of: "<|im_start|>"))
        #expect(tokenizer.beginOfText == tokenizer.id(of: "<think>"))
        #expect(tokenizer.padding == tokenizer.id(of: "<think>"))
        #expect(tokenizer.configurationText.contains(#""chat_template": "x""#))
        #expect(tokenizer.configurationText.contains(#""eos_token": "<|im_start|>""#))
    }

    @Test func generationConfigurationNamesThemByIds() throws {
        let id = try #require(try fixtures.tokenizer("llama3").id(of: "<|begin_of_text|>"))
        let tokenizer = try load(
            "llama3",
            ["generation_config.json": #"{"bos_token_id": \#(id), "eos_token_id": [5, 6]}"#])
        #expect(tokenizer.beginOfText == id)
        #expect(tokenizer.endOfText == 5)
    }

    @Test func endoftextIsTheEndWhereNothingNamesOne() throws {
        let tokenizer = try load("gpt2", [:])
        #expect(tokenizer.endOfText == tokenizer.id(of: "<|endoftext|>"))
        #expect(try load("deepseek", [:]).endOfText == nil)
    }

    @Test func aCheckpointsTextsGiveTheTokenizerBack() throws {
        let first = try load("qwen2", ["tokenizer_config.json": #"{"eos_token": "<think>"}"#])
        let second = try TokenizerFolder.parse(
            text: first.fileText, configuration: first.configurationText)
        #expect(second.hash == first.hash)
        #expect(second.endOfText == first.id(of: "<think>"))
        #expect(second.configurationText == first.configurationText)
    }

    @Test func theHashFollowsContentAndNotLayout() throws {
        let hash = try fixtures.tokenizer("gpt2").hash
        let text = try fixtures.file("gpt2")
        func parsed(_ text: String) throws -> UInt64 {
            try TokenizerFolder.parse(text: text, configuration: nil).hash
        }
        let spaced = text.replacingOccurrences(
            of: ",\"model\":{", with: " ,\n\t\"model\" : { ")
        #expect(spaced != text)
        #expect(try parsed(spaced) == hash)

        let model = try #require(
            JSONSerialization.jsonObject(with: Data(try fixtures.text("model.json").utf8))
                as? [String: Any])
        let pairs = try #require(model["merges"] as? [[String]])
        let head = text[..<(try #require(text.range(of: #""merges":"#))).upperBound]
        func merges(_ list: [Any]) throws -> String {
            let data = try JSONSerialization.data(withJSONObject: list)
            return head + String(decoding: data, as: UTF8.self) + "}}"
        }
        #expect(try parsed(merges(pairs.map { $0.joined(separator: " ") })) == hash)
        #expect(try parsed(merges(pairs.dropLast())) != hash)

        let changes = [
            (#""lstrip":false"#, #""lstrip":true"#), (#""use_regex":true"#, #""use_regex":false"#),
            (#""ignore_merges":false"#, #""ignore_merges":true"#),
        ]
        for (old, new) in changes {
            let changed = text.replacingOccurrences(of: old, with: new)
            #expect(changed != text, "\(old)")
            #expect(try parsed(changed) != hash, "\(old)")
        }
        #expect(try fixtures.tokenizer("gpt2split").hash != hash)
    }

    @Test func writtenFilesAreThoseOfHuggingFace() throws {
        let tokenizer = try fixtures.tokenizer("gpt2")
        try fixtures.withFolder { folder in
            let inner = folder.appendingPathComponent("a/b")
            try TokenizerFolder.write(tokenizer, to: inner.path)
            let names = try FileManager.default.contentsOfDirectory(atPath: inner.path)
            #expect(names.sorted() == ["tokenizer.json", "tokenizer_config.json"])
            let data = try Data(contentsOf: inner.appendingPathComponent("tokenizer_config.json"))
            let json = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
            #expect(json["tokenizer_class"] as? String == "PreTrainedTokenizerFast")
            #expect(json["eos_token"] as? String == "<|endoftext|>")
            #expect(json["model_max_length"] as? Double == 1e30)
        }
    }

    @Test func aFileInTheWayCannotBecomeAFolder() throws {
        let tokenizer = try fixtures.tokenizer("gpt2")
        try fixtures.withFolder { folder in
            let file = folder.appendingPathComponent("file")
            try "x".write(to: file, atomically: true, encoding: .utf8)
            let error = #expect(throws: TokenizerError.self) {
                try TokenizerFolder.write(tokenizer, to: file.appendingPathComponent("x").path)
            }
            guard case .cannotWrite = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
    }
}
