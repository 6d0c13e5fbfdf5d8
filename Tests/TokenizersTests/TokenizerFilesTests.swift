import Files
import Foundation
import TestSupport
import Testing
import Tokenizers

/// Folders whose files beside tokenizer.json change the ids: as transformers' AutoTokenizer has them.
@Suite struct TokenizerFilesTests {
    private struct Reference: Decodable {
        var texts: [String]
        var cases: [String: Case]
    }

    struct Case: Decodable {
        var size: Int
        var names: [String: String?]
        var ids: [[Int32]]
        var withSpecials: [Int32]
        var decoded: [String]
        var skipped: [String]
        var added: [[Entry]]

        enum CodingKeys: String, CodingKey {
            case size, names, ids, decoded, skipped, added
            case withSpecials = "with_specials"
        }

        /// An id or its token.
        enum Entry: Decodable {
            case id(Int32)
            case content(String)

            init(from decoder: any Decoder) throws {
                let container = try decoder.singleValueContainer()
                if let id = try? container.decode(Int32.self) {
                    self = .id(id)
                } else {
                    self = .content(try container.decode(String.self))
                }
            }
        }
    }

    private static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "References/tokenizer_folders")
    private static let data = try! Data(contentsOf: folder.appending(path: "folders.json"))
    private static let reference = try! JSONDecoder().decode(Reference.self, from: data)
    private static let object =
        try! JSONValue.read(String(decoding: data, as: UTF8.self), file: "folders.json")

    /// Writes a case's folder.
    private func write(_ name: String, to folder: String) throws {
        let entry = try #require(Self.object["cases"]?[name])
        var file = try #require(Self.object["bases"]?[entry["base"]?.string ?? ""])
        for member in entry["changes"]?.members ?? [] {
            file = file.setting(member.key, to: member.value)
        }
        for member in [(key: "tokenizer.json", value: file)]
            + (entry["files"]?.members ?? [])
        {
            try Data(member.value.text().utf8)
                .write(to: URL(filePath: folder).appending(path: member.key))
        }
    }

    private func check(_ tokenizer: any Tokenizer, _ expected: Case, _ name: String) {
        for (index, text) in Self.reference.texts.enumerated() {
            let ids = tokenizer.encode(text, addSpecialTokens: false)
            #expect(ids == expected.ids[index], "\(name): \(text)")
            #expect(tokenizer.decode(expected.ids[index]) == expected.decoded[index], "\(name)")
            #expect(
                tokenizer.decode(expected.ids[index], skipSpecialTokens: true)
                    == expected.skipped[index], "\(name)")
        }
        #expect(
            tokenizer.encode(Self.reference.texts[0], addSpecialTokens: true)
                == expected.withSpecials, "\(name)")
        #expect(tokenizer.vocabularySize == expected.size, "\(name)")
        let added = tokenizer.addedTokens.sorted { $0.id < $1.id }.map { "\($0.id) \($0.content)" }
        let wanted = expected.added.map { entry in
            entry.map { part in
                switch part {
                case .id(let id): "\(id)"
                case .content(let text): text
                }
            }.joined(separator: " ")
        }
        #expect(added == wanted, "\(name)")
        for (key, value) in expected.names {
            guard let value else { continue }
            let found: String? =
                switch key {
                case "bos_token": tokenizer.names.beginOfText
                case "eos_token": tokenizer.names.endOfText
                case "pad_token": tokenizer.names.padding
                default: tokenizer.names.unknown
                }
            #expect(found == value, "\(name): \(key)")
        }
    }

    @Test(arguments: TokenizerFilesTests.reference.cases.keys.sorted())
    func aFolderIsWhatAutoTokenizerMakesOfIt(name: String) throws {
        let folder = TestFolder()
        try write(name, to: folder.path)
        let expected = try #require(Self.reference.cases[name])
        check(try TokenizerFolder.load(folder.path), expected, name)
        // What checkpoints and exports keep makes the same tokenizer by itself.
        let files = try TokenizerFolder.files(of: folder.path)
        let kept = try TokenizerFolder.parse(
            text: try #require(files["tokenizer.json"]),
            configuration: files["tokenizer_config.json"])
        check(kept, expected, name + ", kept")
        #expect(kept.hash == (try TokenizerFolder.load(folder.path)).hash)
        // And so does what is written of it.
        try TokenizerFolder.write(kept, to: folder("written"))
        check(try TokenizerFolder.load(folder("written")), expected, name + ", written")
    }

    // MARK: Refusals

    /// As T5Tokenizer of transformers 5.23 does.
    @Test func otherSentinelsThanSoManyAreRefused() throws {
        let folder = TestFolder()
        try write("t5 with a map of sentinels", to: folder.path)
        folder.write(
            "special_tokens_map.json", #"{"additional_special_tokens": ["<extra_id_0>"]}"#)
        #expect(
            throws: TokenizerError.invalid(
                file: "tokenizer_config.json", key: "extra_ids", found: "2",
                expected: "1, the number of <extra_id_…> in additional_special_tokens")
        ) { _ = try TokenizerFolder.load(folder.path) }
    }

    private func message(_ files: [String: String], _ changes: [String: String] = [:]) throws
        -> String
    {
        let folder = TestFolder()
        try write("no files", to: folder.path)
        for (name, text) in files { folder.write(name, text) }
        var file = try JSONValue.read(
            String(decoding: folder.bytes("tokenizer.json"), as: UTF8.self), file: "")
        for (key, text) in changes {
            file = file.setting(key, to: try JSONValue.read(text, file: ""))
        }
        folder.write("tokenizer.json", file.text())
        do {
            _ = try TokenizerFolder.load(folder.path)
            return "read"
        } catch {
            #expect(!"\(error)".contains("\n"))
            return "\(error)".replacing(folder.path + "/", with: "")
        }
    }

    @Test(arguments: [
        (
            "tokenizer_config.json", #"{"split_tokens_by": "x"}"#,
            "tokenizer_config.json: unknown key 'split_tokens_by' (text \"x\"), which could change"
        ),
        (
            "tokenizer_config.json", #"{"fix_mistral_regex": true}"#,
            "tokenizer_config.json: 'fix_mistral_regex' is true; supported here: false"
        ),
        (
            "tokenizer_config.json", #"{"add_prefix_space": "yes"}"#,
            "tokenizer_config.json: add_prefix_space: found text \"yes\", expected true or false"
        ),
        (
            "tokenizer_config.json", #"{"tokenizer_class": "BarthezTokenizerFast"}"#,
            "tokenizer_config.json: tokenizer_class: BarthezTokenizer is not supported, only Llama"
        ),
        (
            "tokenizer_config.json", #"{"added_tokens_decoder": {"x": {"content": "a"}}}"#,
            "tokenizer_config.json: added_tokens_decoder.x: found an object of 1 keys, expected an id"
        ),
        (
            "tokenizer_config.json",
            #"{"added_tokens_decoder": {"1": {"content": "a", "bold": true}}}"#,
            "tokenizer_config.json: unknown key 'bold' (true)"
        ),
        (
            "tokenizer_config.json", #"{"eos_token": 5}"#,
            "tokenizer_config.json: eos_token: found 5, expected a token"
        ),
        (
            "tokenizer_config.json", #"{"extra_special_tokens": "a"}"#,
            "tokenizer_config.json: extra_special_tokens: found text \"a\", expected a list"
        ),
        (
            "special_tokens_map.json", #"{"end": "a"}"#,
            "special_tokens_map.json: unknown key 'end' (text \"a\")"
        ),
        (
            "added_tokens.json", #"{"a": "b"}"#,
            "added_tokens.json: a: found text \"b\", expected an id"
        ),
    ])
    func whatIsNotUsedIsRefusedByName(file: String, text: String, said: String) throws {
        let found = try message([file: text])
        #expect(found.hasPrefix(said), "\(found)")
    }

    @Test(arguments: [
        (
            "pre_tokenizer", #"{"type": "ByteLevel", "add_prefix_space": "no"}"#,
            "pre_tokenizer.add_prefix_space: found \"no\", expected true or false"
        ),
        (
            "pre_tokenizer", #"{"type": "ByteLevel", "pretokenizers": []}"#,
            "unknown key 'pre_tokenizer.pretokenizers' (an array of 0)"
        ),
        (
            "normalizer", #"{"type": "Sequence", "normalizers": [{"type": "NFC", "version": 9}]}"#,
            "unknown key 'normalizer.normalizers[0].version' (9)"
        ),
        ("decoder", #"{"type": "ByteLevel", "twice": true}"#, "unknown key 'decoder.twice' (true)"),
        ("shuffle", "true", "unknown key 'shuffle' (true)"),
        (
            "added_tokens", #"[{"id": 0, "content": "<|endoftext|>", "bold": true}]"#,
            "unknown key 'added_tokens.bold' (true)"
        ),
        (
            "post_processor", #"{"type": "BertProcessing", "sep": ["a", 9999], "cls": ["a", 0]}"#,
            "post_processor: found id 9999, expected the id of a token"
        ),
        (
            "post_processor", #"{"type": "BertProcessing", "sep": ["a", -1], "cls": ["a", 0]}"#,
            "post_processor: found id -1, expected the id of a token"
        ),
    ])
    func aKeyOfTokenizerJSONThatIsNotKnownIsRefused(
        key: String, text: String, said: String
    ) throws {
        let found = try message([:], [key: text])
        #expect(found.hasPrefix("tokenizer.json: " + said), "\(found)")
    }

    private func sequence(_ part: String, _ count: Int) -> String {
        #"{"type": "Sequence", "normalizers": ["#
            + [String](repeating: part, count: count).joined(separator: ", ") + "]}"
    }

    @Test func normalizersThatMakeATextWithoutEndAreRefused() throws {
        let double = #"{"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}"#
        let prefix = #"{"type": "Prepend", "prepend": "aaaaaaaaaaaaaaaa"}"#
        let run = #"{"type": "Replace", "pattern": {"Regex": " +"}, "content": "          "}"#
        for text in [
            sequence(double, 30), sequence("\(prefix), \(double)", 12), sequence(run, 5),
            #"{"type": "Prepend", "prepend": "\#(String(repeating: "a", count: 70_000))"}"#,
        ] {
            let found = try message([:], ["normalizer": text])
            #expect(
                found.hasPrefix("tokenizer.json: normalizer: a sequence that can make"), "\(found)")
        }
        #expect(try message([:], ["normalizer": sequence(double, 8)]) == "read")
        let many = try message([:], ["normalizer": sequence(#"{"type": "NFC"}"#, 300)])
        #expect(many.contains("normalizer.normalizers[255]: found more than 256 parts"))
    }

    @Test func decodersThatMakeATextWithoutEndAreRefused() throws {
        let double = #"{"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}"#
        let parts = [String](repeating: double, count: 30).joined(separator: ", ")
        let found = try message(
            [:],
            ["pre_tokenizer": "null", "decoder": #"{"type": "Sequence", "decoders": [\#(parts)]}"#])
        #expect(
            found.contains("decoder: a sequence that can make a text more than 256"), "\(found)")
    }

    @Test func idsWithHolesOfMillionsAreRefused() throws {
        for id in ["2147483648", "-1", "16000000", "1.5", "1e300"] {
            let model = #"{"type": "BPE", "vocab": {"a": 0, "b": \#(id)}, "merges": []}"#
            #expect(
                try message([:], ["model": model, "added_tokens": "[]"])
                    .hasPrefix("tokenizer.json: model.vocab: found b: "), "\(id)")
        }
    }

    @Test func sequencesDeepInOneAnotherAreRefused() throws {
        let open = #"{"type": "Sequence", "normalizers": ["#
        for depth in [50, 5000] {
            let text =
                String(repeating: open, count: depth) + String(repeating: "]}", count: depth)
            let folder = TestFolder()
            folder.write("tokenizer.json", "{\"normalizer\": \(text)}")
            #expect(throws: TokenizerError.self) { _ = try TokenizerFolder.load(folder.path) }
        }
    }

    @Test func aPipeIsNoTokenizer() throws {
        let folder = TestFolder()
        #expect(mkfifo(folder("tokenizer.json"), 0o600) == 0)
        #expect(
            throws: TokenizerError.unreadable(
                path: folder("tokenizer.json"),
                reason: "a pipe found, a file expected; write its content into a file first")
        ) { _ = try TokenizerFolder.load(folder.path) }
    }

    @Test func furtherTokensAreMatchedAndTakeTheNextIDs() throws {
        let folder = TestFolder()
        try write("plain", to: folder.path)
        let plain = try TokenizerFolder.load(folder.path)
        let more = try plain.withTokens(["<a>", "dog", "<|endoftext|>", "<a>"], special: false)
        #expect(more.vocabularySize == plain.vocabularySize + 2)
        #expect(more.id(of: "<a>") == 306 && more.id(of: "dog") == 307)
        #expect(more.encode("<a>dog", addSpecialTokens: false) == [306, 307])
        #expect(!more.isSpecial(306) && more.isSpecial(0))
        #expect(try more.withTokens(["dog"], special: false).hash == more.hash)
        let special = try more.withTokens(["dog"], special: true)
        #expect(special.isSpecial(307) && special.id(of: "dog") == 307)
        #expect(more.endOfText == 0)
        #expect(throws: TokenizerError.self) { _ = try plain.withTokens([""], special: true) }
    }
}
