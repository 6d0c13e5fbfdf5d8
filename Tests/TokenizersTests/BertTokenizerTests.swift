import Files
import Foundation
import Testing
import Tokenizers

private let fixtures = BertFixtures()

@Suite struct BertTokenizerTests {
    /// Ids of every kind, and the text they decode to, equal those of Hugging Face tokenizers.
    @Test(arguments: try BertFixtures.rows("ids.txt"))
    func idsAndTextEqualHuggingFace(_ row: String) throws {
        try fixtures.expectIdsAndText(row)
    }

    /// What is dropped, spaced, stripped, lowered and cut off, scalar by scalar.
    @Test(arguments: try BertFixtures.rows("scalars.txt"))
    func everyScalarIsNormalizedAndCutAsInHuggingFace(_ row: String) throws {
        let fields = row.split(separator: " ").map(String.init)
        let tokenizer = try fixtures.byteTokenizer(fields[0])
        for field in fields.dropFirst() {
            let start = try #require(UInt32(field.prefix { $0 != ":" }, radix: 16))
            var text: [UInt8] = []
            for value in start..<(start + 4096) {
                guard let scalar = Unicode.Scalar(value) else { continue }
                text += "a\(scalar)b".utf8
            }
            let ids = tokenizer.encode(utf8: text, addSpecialTokens: false)
            let hash = fixtures.digest(ids.map(String.init).joined(separator: " "))
            #expect("\(String(start, radix: 16)):\(hash)" == field, "\(fields[0])")
        }
    }

    /// Google's examples, by Hugging Face's program: no final sigma, Hangul in its parts.
    @Test func accentsGoAndHangulFallsApart() throws {
        let tokenizer = try fixtures.byteTokenizer("uncased")
        func normalized(_ text: String) -> String {
            let ids = tokenizer.encode(text, addSpecialTokens: false)
            return tokenizer.decode(ids).replacing("▁", with: " ")
        }
        #expect(normalized("Ünïcödé İstanbul ΟΔΟΣ") == " unicode istanbul οδοσ")
        #expect(
            normalized("北京a한").unicodeScalars.map(\.value)
                == " 北 京 a\u{1112}\u{1161}\u{11AB}".unicodeScalars.map(\.value))
    }

    @Test func lowerCaseWithoutStrippingKeepsTheDot() throws {
        let tokenizer = try fixtures.byteTokenizer("accents")
        let ids = tokenizer.encode("İ", addSpecialTokens: false)
        #expect(tokenizer.decode(ids) == "▁i\u{307}")
    }

    @Test func marksThatStayChangePlacesAsInTheCanonicalOrder() throws {
        // A tone mark of class 224 comes after a voicing mark of class 8, which stripping takes.
        let tokenizer = try fixtures.byteTokenizer("uncased")
        let ids = tokenizer.encode("A\u{302E}\u{3099}\u{1D165}\u{302F}", addSpecialTokens: false)
        #expect(tokenizer.decode(ids) == "▁a\u{1D165}\u{302E}\u{302F}")
    }

    @Test func aWordThatDoesNotFitIsOneUnknownToken() throws {
        let text = """
            {"pre_tokenizer": {"type": "BertPreTokenizer"}, "model": {"type": "WordPiece",
            "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 5, "vocab": {"[UNK]": 0, "un": 1, "##aff": 2, "##ab": 3,
            "##a": 4, "unaffa": 5, "é": 6, "##é": 7}}}
            """
        let tokenizer = try TokenizerFolder.parse(text: text, configuration: nil)
        func ids(_ text: String) -> [Int32] { tokenizer.encode(text, addSpecialTokens: false) }
        #expect(ids("unaff unab una unx un") == [1, 2, 1, 3, 1, 4, 0, 1])
        #expect(ids("unaffa") == [0])
        #expect(ids("ééééé éééééé") == [6, 7, 7, 7, 7, 0])
        #expect(tokenizer.decode([1, 2, 1, 0]) == "un ##aff un [UNK]")
    }

    @Test func tokensComeOneByOneAsInTheWholeText() throws {
        let tokenizer = try fixtures.tokenizer("uncased")
        for text in try fixtures.texts().prefix(60) {
            let ids = tokenizer.encode(utf8: text, addSpecialTokens: true)
            var stream = TokenTextStream(tokenizer, skipsSpecialTokens: false)
            var joined = ""
            for id in ids { joined += stream.append(id) }
            #expect(joined + stream.finish() == tokenizer.decode(ids))
        }
    }

    @Test func aTokenizerIsWrittenAndReadBackAlike() throws {
        for row in try BertFixtures.rows("ids.txt") {
            let kind = String(row.prefix { $0 != " " })
            let tokenizer = try fixtures.tokenizer(kind)
            // A token that is new has the file written anew.
            let edited = try tokenizer.withTokens(["<new>"], special: false)
            for text in try fixtures.texts().prefix(30) {
                #expect(
                    edited.encode(utf8: text, addSpecialTokens: true)
                        == tokenizer.encode(utf8: text, addSpecialTokens: true))
            }
        }
    }
}
