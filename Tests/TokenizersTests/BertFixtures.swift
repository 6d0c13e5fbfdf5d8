import Files
import Foundation
import Testing
import TokenizerSupport
import Tokenizers

/// Reads Tests/References/bert (see the README.md there).
struct BertFixtures: ReferenceFixtures {
    static let shared = TokenizerFixtures(folder: "bert")

    /// Every second text of Tests/References/tokenizers.
    func texts() throws -> [[UInt8]] {
        try TokenizerFixtures().texts().enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
    }

    func tokens() throws -> [String] {
        try Self.shared.text("vocab.txt").utf8.split(separator: 0x0A)
            .map { String(decoding: $0, as: UTF8.self) }
    }

    /// The tokenizer.json of a kind.
    func file(_ kind: String, change: (inout JSONValue) -> Void = { _ in }) throws -> JSONValue {
        let kinds = try JSONValue.read(Self.shared.text("kinds.json"), file: "kinds.json")
        var front = try #require(kinds[kind])
        var model = JSONValue.object([
            (key: "type", value: .string("WordPiece")),
            (key: "unk_token", value: .string("[UNK]")),
            (key: "continuing_subword_prefix", value: .string("##")),
            (key: "max_input_chars_per_word", value: .int(100)),
        ])
        for member in front["model"]?.members ?? [] {
            model = model.setting(member.key, to: member.value)
        }
        let vocabulary = try tokens().enumerated().map { (key: $1, value: JSONValue.int($0)) }
        model = model.setting("vocab", to: .object(vocabulary))
        front = front.setting("model", to: model)
        change(&front)
        return front
    }

    func tokenizer(_ kind: String) throws -> any Tokenizer {
        try tokenizer(kind) { _ in }
    }

    func tokenizer(
        _ kind: String, change: (inout JSONValue) -> Void
    ) throws -> any Tokenizer {
        try TokenizerFolder.parse(text: file(kind, change: change).text(), configuration: nil)
    }

    /// A tokenizer that shows a text's bytes after BERT's normalizer, and where words begin.
    func byteTokenizer(_ kind: String) throws -> any Tokenizer {
        func hexadecimal(_ byte: Int) -> String {
            let digits = String(byte, radix: 16, uppercase: true)
            return "<0x\(byte < 16 ? "0" : "")\(digits)>"
        }
        let names = (0..<256).map(hexadecimal) + ["▁", "<unk>"]
        let vocabulary = names.enumerated().map { (key: $1, value: JSONValue.int($0)) }
        let normalizer = try #require(file(kind)["normalizer"]).text()
        let text = """
            {"normalizer": \(normalizer), "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "BertPreTokenizer"}, {"type": "Metaspace", "replacement": "▁",
            "prepend_scheme": "always", "split": false}]}, "decoder": {"type": "Sequence",
            "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]}, "model": {"type": "BPE",
            "byte_fallback": true, "unk_token": "<unk>", "merges": [],
            "vocab": \(JSONValue.object(vocabulary).text())}}
            """
        return try TokenizerFolder.parse(text: text, configuration: nil)
    }
}
