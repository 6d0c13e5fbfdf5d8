import Foundation
import Testing
import Tokenizers

private let fixtures = SentencePieceFixtures()

@Suite struct SentencePieceTests {
    /// Every kind's ids, and the text they decode to, equal those of Hugging Face tokenizers.
    @Test(arguments: try SentencePieceFixtures.rows("ids.txt"))
    func idsAndTextEqualHuggingFace(_ row: String) throws {
        try fixtures.expectIdsAndText(row)
    }

    /// Byte tokens in any order and special tokens anywhere decode as Hugging Face's decoders do.
    @Test(arguments: try SentencePieceFixtures.rows("decoded.txt"))
    func anyIdsDecodeAsHuggingFaceDecodes(_ row: String) throws {
        let fields = row.split(separator: " ").map(String.init)
        let tokenizer = try fixtures.tokenizer(fields[0])
        let lists = fixtures.randomIDs(size: tokenizer.vocabularySize)
        for (ids, expected) in zip(lists, fields.dropFirst()) {
            let text = tokenizer.decode(ids)
            #expect(
                fixtures.digest(text) == expected, "\(fields[0]): \(text.debugDescription): \(ids)")
        }
    }

    @Test func wordsMetBeforeHaveTheIdsOfNewOnes() throws {
        for kind in ["legacy", "crossing", "t5", "xlmr"] {
            let tokenizer = try fixtures.tokenizer(kind)
            let texts = try fixtures.texts()
            let first = texts.map { tokenizer.encode(utf8: $0, addSpecialTokens: false) }
            let second = texts.map { tokenizer.encode(utf8: $0, addSpecialTokens: false) }
            #expect(first == second)
        }
    }

    @Test func aLongTextWithoutSpacesTakesNoQuadraticTime() throws {
        let tokenizer = try fixtures.tokenizer("legacy")
        let text = String(repeating: "thelanguagemodel", count: 60_000)
        let ids = tokenizer.encode(text, addSpecialTokens: false)
        #expect(tokenizer.decode(ids) == text)
    }

    @Test func byteTokensBecomeBytesAndBrokenOnesReplacementCharacters() throws {
        let tokenizer = try fixtures.tokenizer("legacy")
        let bytes = ["<0xF0>", "<0x9D>", "<0x84>", "<0x9E>"].compactMap { tokenizer.id(of: $0) }
        #expect(bytes.count == 4)
        #expect(tokenizer.decode(bytes) == "𝄞")
        #expect(tokenizer.decode(bytes.dropLast()) == "\u{FFFD}\u{FFFD}\u{FFFD}")
        #expect(tokenizer.decodeBytes(bytes.dropLast()) == [0xF0, 0x9D, 0x84])
    }

    @Test func damagedModelsAreNamed() throws {
        func message(_ kind: String, _ change: (inout [String: Any]) -> Void) throws -> String {
            let text = try fixtures.file(kind) { front in
                var model = front["model"] as! [String: Any]
                change(&model)
                front["model"] = model
            }
            let error = #expect(throws: TokenizerError.self) {
                try TokenizerFolder.parse(text: text, configuration: nil)
            }
            return try #require(error).description
        }
        #expect(
            try message("t5") { $0["unk_id"] = NSNull() }
                .contains("model.unk_id: found null, expected the id of a piece"))
        #expect(
            try message("t5") { $0["vocab"] = [["a", "b"]] }
                .contains("model.vocab[0]: found an array of 2, expected a piece and its score"))
        #expect(
            try message("t5") { $0["vocab"] = [["a", 1], ["a", 2]] }
                .contains("model.vocab[1]: found a once more, expected each piece once"))
        #expect(
            try message("llama") { $0["dropout"] = 0.5 }
                .contains("model.dropout: 0.5 is not supported"))
    }
}
