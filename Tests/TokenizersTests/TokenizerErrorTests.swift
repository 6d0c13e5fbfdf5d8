import Foundation
import Testing
import TokenizerSupport
import Tokenizers

private let fixtures = TokenizerFixtures()

@Suite struct TokenizerErrorTests {
    /// The message that a changed gpt2 tokenizer.json is refused with.
    private func refusal(
        replacing old: String = "", with new: String = "",
        front change: (inout [String: Any]) -> Void = { _ in }
    ) throws -> String {
        var text = try fixtures.file("gpt2", change: change)
        if !old.isEmpty {
            let range = try #require(text.range(of: old), "\(old)")
            text.replaceSubrange(range, with: new)
        }
        let error = #expect(throws: TokenizerError.self) {
            try TokenizerFolder.parse(text: text, configuration: nil)
        }
        let message = try #require(error).description
        #expect(!message.contains("\n"))
        return message
    }

    @Test func anUnknownPatternIsNamed() throws {
        let message = try refusal { front in
            front["pre_tokenizer"] = [
                "type": "Sequence",
                "pretokenizers": [
                    [
                        "type": "Split", "pattern": ["Regex": #"\w+|\d"#], "behavior": "Isolated",
                        "invert": false,
                    ],
                    ["type": "ByteLevel", "use_regex": false, "add_prefix_space": false],
                ],
            ]
        }
        let expected =
            #"tokenizer.json: pre_tokenizer.pattern: the regular expression \w+|\d is not "#
            + "supported, only those of GPT-2, Llama 3, GPT-4, Qwen, GPT-4o, Tekken and DeepSeek; "
            + "use another tokenizer or train one with `lockstep tokenizer train`"
        #expect(message == expected)
    }

    @Test func otherModelsAreNamed() throws {
        let message = try refusal(replacing: #""type":"BPE""#, with: #""type":"WordLevel""#)
        #expect(message.hasPrefix("tokenizer.json: model.type: WordLevel is not supported, only"))
        #expect(
            try refusal(replacing: #""byte_fallback":false"#, with: #""byte_fallback":true"#)
                .hasPrefix("tokenizer.json: model.byte_fallback: true with ByteLevel is not"))
        #expect(
            try refusal(
                replacing: #""end_of_word_suffix":null"#, with: #""end_of_word_suffix":"</w>""#
            )
            .hasPrefix("tokenizer.json: model.end_of_word_suffix: \"</w>\" is not supported"))
    }

    @Test func unsupportedPartsAreNamed() throws {
        #expect(
            try refusal { $0["normalizer"] = ["type": "ByteLevel"] }
                .contains("normalizer: ByteLevel is not supported"))
        #expect(
            try refusal { $0["normalizer"] = ["type": "Strip", "strip_left": 1] }
                .contains("normalizer.strip_left: found 1, expected true or false"))
        #expect(
            try refusal {
                $0["normalizer"] = [
                    "type": "Replace", "pattern": ["Regex": "a+"], "content": "b",
                ]
            }.contains("normalizer: Replace of a+ is not supported"))
        #expect(
            try refusal { $0["normalizer"] = ["type": "Precompiled", "precompiled_charsmap": "A"] }
                .contains("normalizer.precompiled_charsmap: found \"A\", expected SentencePiece's"))
        #expect(
            try refusal { $0["pre_tokenizer"] = ["type": "UnicodeScripts"] }
                .contains("pre_tokenizer: UnicodeScripts is not supported"))
        #expect(
            try refusal { $0["pre_tokenizer"] = NSNull() }
                .contains("pre_tokenizer: null under a ByteLevel decoder is not supported"))
        #expect(
            try refusal { $0["pre_tokenizer"] = ["type": "Digits"] }
                .contains("one without ByteLevel under a ByteLevel decoder is not supported"))
        #expect(
            try refusal { $0["decoder"] = ["type": "Fuse"] }
                .contains("pre_tokenizer: ByteLevel with another decoder is not supported"))
        #expect(
            try refusal {
                $0["decoder"] = ["type": "Strip", "content": " ", "start": 0, "stop": 1]
            }.contains("decoder: Strip at the end of a text is not supported"))
        #expect(
            try refusal { $0["decoder"] = ["type": "CTC"] }
                .contains("decoder: CTC is not supported"))
        #expect(
            try refusal { $0["post_processor"] = ["type": "Custom"] }
                .contains("post_processor: Custom is not supported"))
    }

    @Test func anInvertedSplitByAStringIsNamedByTheInversion() throws {
        let message = try refusal { front in
            front["pre_tokenizer"] = [
                "type": "Split", "pattern": ["String": "-"], "behavior": "Isolated", "invert": true,
            ]
        }
        #expect(
            message.contains(
                "pre_tokenizer.invert: true with the string \"-\" is not supported, only false"))
    }

    @Test func contradictionsAreNamed() throws {
        #expect(
            try refusal(replacing: #""merges":[["#, with: #""merges":[["a","never seen"],["#)
                .contains("model.merges[0]: found a never seen, expected two tokens"))
        #expect(
            try refusal(replacing: #""merges":[["#, with: #""merges":["a b c",["#)
                .contains(#"model.merges[0]: found "a b c", expected a pair of tokens"#))
        #expect(
            try refusal(replacing: #""vocab":{"#, with: #""vocab":{"x y":0,"#)
                .contains("model.vocab: found a token or an id listed twice"))
        #expect(
            try refusal(replacing: #""vocab":{"#, with: #""vocab":{"x y":-1,"#)
                .contains("model.vocab: found x y: -1, expected an id from 0"))
        let message = try refusal { front in
            front["added_tokens"] = [["id": 9_999, "content": "<s>", "special": true]]
        }
        #expect(message.contains("added_tokens: found <s> with id 9999, expected id "))
    }

    @Test func damagedTextIsNamedByItsPlace() throws {
        func message(_ text: String) throws -> String {
            let error = #expect(throws: TokenizerError.self) {
                try TokenizerFolder.parse(text: text, configuration: nil)
            }
            return try #require(error).description
        }
        #expect(try message("").hasPrefix("tokenizer.json: byte 0: found the end of the text"))
        #expect(try message(#"{"model": tru}"#).contains("byte 10: found 't', expected a value"))
        #expect(try message(#"{"model": {}"#).contains("expected ',' or '}'"))
        #expect(try message(#"{"a": "\ud800x"}"#).contains("second half of a surrogate pair"))
        #expect(try message(#"{"a": [1 2]}"#).contains("byte 9: found '2', expected ',' or ']'"))
        #expect(try message(#"{} é"#).contains("byte 3: found 'é', expected the end of the text"))
        #expect(try message("{\"a\": \"\n\"}").contains("a control character written as an escape"))
        #expect(try message(String(repeating: "[", count: 1000)).contains("at most 128 levels"))
        #expect(try message("{}").contains("model: found nothing, expected a BPE vocabulary"))
    }

    @Test func escapesAreRead() throws {
        let tokenizer = try TokenizerFolder.parse(
            text: #"{"model":{"type":"BPE","vocab":{"a\u00e9\ud83d\ude00\"\\\/\n":0,"a":1},"#
                + #""merges":[]},"pre_tokenizer":{"type":"ByteLevel"},"#
                + #""decoder":{"type":"ByteLevel"}}"#,
            configuration: nil)
        #expect(tokenizer.id(of: "aé😀\"\\/\n") == 0)
        #expect(tokenizer.vocabularySize == 2)
    }

    @Test func aPathWithoutATokenizerIsRefused() throws {
        #expect(throws: TokenizerError.notFound(path: "no-such-folder")) {
            try TokenizerFolder.load("no-such-folder")
        }
        try fixtures.withFolder { folder in
            #expect(throws: TokenizerError.notFound(path: folder.path)) {
                try TokenizerFolder.load(folder.path)
            }
            let file = folder.appendingPathComponent("tokenizer.json")
            try Data([0x7B, 0xFF, 0x7D]).write(to: file)
            #expect(
                throws: TokenizerError.unreadable(path: file.path, reason: "it is not UTF-8 text")
            ) { try TokenizerFolder.load(folder.path) }
        }
    }
}
