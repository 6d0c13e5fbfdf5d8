import Autograd
import Foundation
import Kernels
import ModelFiles
import Models
import TestSupport
import Testing
import Tokenizers
import WeightFiles

/// The tokenizer inside an exported GGUF file gives the ids of the one that it was made from.
@Suite struct GGUFVocabularyTests {
    /// Writes a tiny model of some name with a tokenizer and reads the tokenizer back.
    private func roundTrip(
        _ files: [String: String], rows: Int, named name: String = "tiny"
    ) throws -> (tokenizer: any Tokenizer, metadata: [String: GGUFValue]) {
        let model = try ModelCatalog.model(
            configuration: """
                {"model_type": "llama", "vocab_size": \(rows), "hidden_size": 32,
                "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
                "_name_or_path": "\(name)"}
                """)
        let workspace = Workspace(threads: 1)
        _ = ParameterStore(
            model.parameters, computeType: .float32, training: false, in: workspace)
        for parameter in model.parameters {
            workspace.assign([Float](repeating: 0, count: parameter.count), to: parameter)
        }
        let place = FileManager.default.temporaryDirectory.appendingPathComponent(
            "lockstep-\(UUID().uuidString).gguf")
        defer { try? FileManager.default.removeItem(at: place) }
        try GGUFExport(model, format: .eightBits, tokenizerFiles: files, generation: nil)
            .write(to: place.path, in: workspace)
        let tokenizer = try #require(try ModelSource(path: place.path).tokenizer())
        return (tokenizer, try GGUFFile(path: place.path).metadata)
    }

    /// Lines with other than printable ASCII as %XX; some are not UTF-8.
    private func texts(_ topic: String) throws -> [[UInt8]] {
        try References.text("\(topic)/lines.txt").split(separator: "\n").map { line in
            var bytes: [UInt8] = []
            var rest = Array(line.utf8)[...]
            while let byte = rest.popFirst() {
                guard byte == UInt8(ascii: "%") else {
                    bytes.append(byte)
                    continue
                }
                let digits = String(decoding: rest.prefix(2), as: UTF8.self)
                bytes.append(try #require(UInt8(digits, radix: 16)))
                rest = rest.dropFirst(2)
            }
            return bytes
        }
    }

    private func object(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    private func text(_ object: [String: Any]) throws -> String {
        String(decoding: try JSONSerialization.data(withJSONObject: object), as: UTF8.self)
    }

    /// The tokenizer.json of a kind of Tests/References/tokenizers, all on byte-level BPE.
    ///
    /// - Parameter stripping: added tokens that take the white space after them along.
    func byteLevel(_ kind: String, stripping: [String] = []) throws -> String {
        var front = try #require(
            try References.object("tokenizers/kinds.json")[kind] as? [String: Any])
        var model = try References.text("tokenizers/model.json")
        for (key, value) in front.removeValue(forKey: "model") as? [String: Bool] ?? [:] {
            model = model.replacing("\"\(key)\":\(!value)", with: "\"\(key)\":\(value)")
        }
        front["version"] = "1.0"
        front["added_tokens"] = (front["added_tokens"] as? [[String: Any]] ?? []).map { token in
            stripping.contains(token["content"] as? String ?? "")
                ? token.merging(["rstrip": true]) { $1 } : token
        }
        front["decoder"] = ["type": "ByteLevel"]
        return try text(front).dropLast() + ",\"model\":\(model)}"
    }

    /// The tokenizer.json of a kind of Tests/References/sentencepiece.
    private func sentencePiece(_ kind: String) throws -> String {
        let charsmap = try References.text("sentencepiece/charsmap.txt")
        let kinds = try object(
            References.text("sentencepiece/kinds.json").replacing("CHARSMAP", with: charsmap))
        var front = try #require(kinds[kind] as? [String: Any])
        let base = try #require(front.removeValue(forKey: "base") as? String)
        let changes = front.removeValue(forKey: "model") as? [String: Any] ?? [:]
        // A dictionary would take tokens that Unicode calls equivalent for one.
        let model =
            try References.text("sentencepiece/\(base).json").dropLast() + ","
            + text(changes).dropFirst()
        return try text(front).dropLast() + ",\"model\":\(model)}"
    }

    private func expectSameIDs(
        _ file: String, configuration: String, texts: [[UInt8]], rows: Int
    ) throws {
        let original = try TokenizerFolder.parse(text: file, configuration: configuration)
        let (read, metadata) = try roundTrip(
            ["tokenizer.json": file, "tokenizer_config.json": configuration], rows: rows)
        try #require(texts.count > 100)
        var wrong: [String] = []
        for text in texts {
            let ids = original.encode(utf8: text, addSpecialTokens: true)
            let same =
                read.encode(utf8: text, addSpecialTokens: true) == ids
                && read.decode(ids) == original.decode(ids)
                && read.decode(ids, skipSpecialTokens: true)
                    == original.decode(ids, skipSpecialTokens: true)
            if !same { wrong.append(String(decoding: text, as: UTF8.self)) }
        }
        #expect(wrong.isEmpty, "\(wrong.count) of \(texts.count)")
        #expect(read.beginOfText == original.beginOfText)
        #expect(read.endOfText == original.endOfText)
        #expect(read.padding == original.padding)
        #expect(metadata["tokenizer.chat_template"] == .string("{{ bos_token }}"))
        guard case .array(let tokens) = metadata["tokenizer.ggml.tokens"] else {
            Issue.record("no tokens")
            return
        }
        #expect(tokens.count == rows, "rows beyond the vocabulary have a name too")
    }

    @Test(arguments: ["gpt2", "llama3", "qwen2", "smollm2"])
    func byteLevelTokenizersKeepTheirIDs(kind: String) throws {
        let file = try byteLevel(kind)
        let tokenizer = try TokenizerFolder.parse(text: file, configuration: nil)
        let names = try #require(
            try object(file)["added_tokens"] as? [[String: Any]]
        ).compactMap {
            $0["content"] as? String
        }
        let configuration = try text([
            "eos_token": names[0], "bos_token": names[kind == "llama3" ? 1 : 0],
            "pad_token": names[0],
            "chat_template": "{{ bos_token }}",
        ])
        try expectSameIDs(
            file, configuration: configuration, texts: try texts("tokenizers"),
            rows: tokenizer.vocabularySize + 5)
    }

    @Test(arguments: ["legacy", "gemma"])
    func sentencePieceTokenizersKeepTheirIDs(kind: String) throws {
        let file = try sentencePiece(kind)
        let tokenizer = try TokenizerFolder.parse(text: file, configuration: nil)
        let token = { (id: Int32) in tokenizer.token(of: id) ?? "" }
        let configuration = try text([
            "bos_token": token(1), "eos_token": token(2), "chat_template": "{{ bos_token }}",
        ])
        try expectSameIDs(
            file, configuration: configuration, texts: try texts("sentencepiece"),
            rows: tokenizer.vocabularySize)
    }

    @Test func aTemplateInAFileOfItsOwnIsTakenAlong() throws {
        let file = try byteLevel("gpt2")
        let rows = try TokenizerFolder.parse(text: file, configuration: nil).vocabularySize
        let (_, metadata) = try roundTrip(
            ["tokenizer.json": file, "chat_template.jinja": "{{ messages }}"], rows: rows)
        #expect(metadata["tokenizer.chat_template"] == .string("{{ messages }}"))
    }

    @Test func aUnigramVocabularyIsRefusedInOneLine() throws {
        let kinds = try References.object("sentencepiece/kinds.json")
        let kind = try #require(
            kinds.first { ($0.value as? [String: Any])?["base"] as? String == "unigram" }?.key)
        let error = #expect(throws: ModelFileError.self) {
            try roundTrip(["tokenizer.json": try sentencePiece(kind)], rows: 600)
        }
        let message = error.map { "\($0)" } ?? ""
        #expect(message.contains("a Unigram vocabulary is not written as GGUF here"), "\(message)")
    }

    /// What the format has no place for, by what it does to a text.
    @Test(arguments: ["lowercase", "rstrip", "single_word"])
    func whatWouldChangeIdsInSilenceIsRefused(kind: String) throws {
        let file = try byteLevel("gpt2")
        let changed: String
        switch kind {
        case "lowercase":
            changed = file.replacing(
                "\"pre_tokenizer\":",
                with: "\"normalizer\":{\"type\":\"Lowercase\"},\"pre_tokenizer\":")
        case "rstrip": changed = file.replacing("\"rstrip\":false", with: "\"rstrip\":true")
        default:
            changed = file.replacing("\"single_word\":false", with: "\"single_word\":true")
        }
        try #require(changed != file)
        let rows = try TokenizerFolder.parse(text: file, configuration: nil).vocabularySize
        _ = try roundTrip(["tokenizer.json": file], rows: rows)
        let error = #expect(throws: ModelFileError.self) {
            try roundTrip(["tokenizer.json": changed], rows: rows)
        }
        let message = error.map { "\($0)" } ?? ""
        #expect(message.contains("no place for") && !message.contains("\n"), "\(message)")
    }

    /// Steps of a normalizer or pre-tokenizer for which the format has no name, with the words of the
    /// refusal. The ids of many texts stay as they are without such a step.
    @Test(arguments: [
        (
            "smollm2", "\"individual_digits\":true", "\"individual_digits\":false",
            "pre_tokenizer: GGUF files have no place for Digits (individual_digits false), ByteLevel"
        ),
        (
            "gpt2", "\"use_regex\":true", "\"use_regex\":false",
            "pre_tokenizer: GGUF files have no place for ByteLevel"
        ),
        (
            "gpt2", "\"pre_tokenizer\":",
            "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Replace\","
                + "\"pattern\":{\"String\":\"’\"},\"content\":\"'\"},{\"type\":\"NFC\"}]},"
                + "\"pre_tokenizer\":",
            "normalizer: GGUF files have no place for Replace (pattern"
        ),
        (
            "llama3", "\"pre_tokenizer\":", "\"normalizer\":{\"type\":\"NFC\"},\"pre_tokenizer\":",
            "normalizer: GGUF files have no place for NFC, only for none with the cuts of llama-bpe"
        ),
        (
            "smollm2", "\"ignore_merges\":false", "\"ignore_merges\":true",
            "model.ignore_merges: GGUF files have no place for true"
        ),
    ])
    func aStepOfByteLevelThatHasNoNameIsRefusedByItsType(
        _ kind: String, _ old: String, _ new: String, _ words: String
    ) throws {
        let file = try byteLevel(kind)
        let changed = file.replacing(old, with: new)
        try #require(changed != file)
        try expectRefusal(of: changed, words)
    }

    @Test func aFurtherStepOfSentencePieceIsRefusedByItsType() throws {
        let file = try sentencePiece("legacy")
        let changed = file.replacing(
            "\"normalizers\":[",
            with: "\"normalizers\":[{\"type\":\"Replace\",\"pattern\":{\"String\":\"’\"},"
                + "\"content\":\"'\"},")
        try #require(changed != file)
        try expectRefusal(of: changed, "normalizer: GGUF files have no place for Replace (pattern")
    }

    // As transformers 5 saves Llama's tokenizers.
    @Test func metaspaceIsRefusedByItsPrependScheme() throws {
        try expectRefusal(
            of: try sentencePiece("llama"),
            "pre_tokenizer: GGUF files have no place for Metaspace (replacement \"\u{2581}\", "
                + "prepend_scheme \"first\"")
    }

    /// llama.cpp lets the special tokens of a model that is named phi-3 or phi3 take white space along.
    @Test(arguments: [
        ("Phi-3-mini", [], "Phi 3-mini"), ("phi3", [], "phi 3"), ("tiny", [], "tiny"),
        ("tiny", ["<|im_start|>", "<think>"], "tiny (phi3)"),
        ("my-Phi3", ["<|im_start|>", "<think>"], "my-Phi3"),
    ])
    func theNameSaysWhetherTokensTakeWhiteSpaceAlong(
        _ name: String, _ stripping: [String], _ written: String
    ) throws {
        let file = try byteLevel("qwen2", stripping: stripping)
        let original = try TokenizerFolder.parse(text: file, configuration: nil)
        let (read, metadata) = try roundTrip(
            ["tokenizer.json": file], rows: original.vocabularySize, named: name)
        #expect(metadata["general.name"] == .string(written))
        for text in ["a<|im_start|>  b <think>\n c", "<|endoftext|>  d"] {
            #expect(
                read.encode(text, addSpecialTokens: true)
                    == original.encode(text, addSpecialTokens: true), "\(text)")
        }
    }

    @Test(arguments: [
        (["<|im_start|>"], "the token '<think>' has no rstrip beside '<|im_start|>', which has it"),
        (["<|endoftext|>", "<|im_start|>", "<think>"], "the token '<|endoftext|>' has rstrip"),
    ])
    func aTokenThatWouldTakeWhiteSpaceAlongOtherwiseIsNamed(
        _ stripping: [String], _ words: String
    ) throws {
        try expectRefusal(of: try byteLevel("qwen2", stripping: stripping), words)
    }

    private func expectRefusal(of file: String, _ words: String) throws {
        let rows = try TokenizerFolder.parse(text: file, configuration: nil).vocabularySize
        let error = #expect(throws: ModelFileError.self) {
            try roundTrip(["tokenizer.json": file], rows: rows)
        }
        let message = error.map { "\($0)" } ?? ""
        #expect(message.contains(words) && !message.contains("\n"), "\(message)")
    }
}
