import Foundation
import Masking
import TestSupport
import Testing
import TextData
import Tokenizers
import Training

/// Where words begin by a tokenizer's own tokens, beside transformers (scripts/references/objectives.py).
@Suite struct WordTableTests {
    private struct Reference: Decodable {
        struct Case: Decodable {
            struct Row: Decodable {
                let text: String
                let ids: [Int32]
                let starts: [Int]
            }

            let name, tokenizer: String
            let rows: [Row]
        }

        let words: [Case]
    }

    private func cases() throws -> [String: (any Tokenizer, [Reference.Case.Row])] {
        let data = Data(try References.text("objectives/masks.json").utf8)
        return try JSONDecoder().decode(Reference.self, from: data).words.reduce(into: [:]) {
            $0[$1.name] = (
                try TokenizerFolder.parse(text: $1.tokenizer, configuration: nil), $1.rows
            )
        }
    }

    @Test func whiteSpaceParts() throws {
        let (tokenizer, rows) = try #require(try cases()["bytes"])
        let table = WordTable(tokenizer)
        // Transformers also parts the bytes of one character, and joins what a tab or a line's end parts.
        let plain = rows.filter { $0.text.allSatisfy { $0.isASCII && $0 != "\t" && $0 != "\n" } }
        #expect(plain.count == 3)
        for row in plain {
            #expect(tokenizer.encode(row.text, addSpecialTokens: false) == row.ids)
            #expect(table.words(in: row.ids[...], special: []).map(\.lowerBound) == row.starts)
        }
    }

    @Test func markedTextsOfAVocabularyWithoutWhiteSpaceAreThoseOfTransformers() throws {
        let (tokenizer, rows) = try #require(try cases()["bert"])
        let size = tokenizer.vocabularySize
        let table = WordTable(spacedBelow: size)
        for row in rows {
            let ids = SpacedText(vocabulary: size).ids(Array(row.text.utf8)) {
                tokenizer.encode(utf8: $0, addSpecialTokens: false)
            }
            #expect(table.plain(ids[...]) == row.ids, "\(row.text)")
            let words = table.words(in: ids[...], special: [])
            #expect(words.map(\.lowerBound) == row.starts, "\(row.text)")
        }
    }

    @Test func piecesJoinTheirHead() throws {
        let (tokenizer, rows) = try #require(try cases()["bert"])
        let row = try #require(rows.first { $0.text.hasPrefix("The unbelievable") })
        let words = WordTable(tokenizer).words(in: row.ids[...], special: [])
        let tokens = words.map { word in word.map { tokenizer.token(of: row.ids[$0]) ?? "" } }
        #expect(tokens.prefix(3) == [["the"], ["un", "##believ", "##able"], ["story"]])
        #expect(tokens.contains(["("]) && tokens.contains(["h", "##e", "##r", "##e"]) == false)
    }
}
