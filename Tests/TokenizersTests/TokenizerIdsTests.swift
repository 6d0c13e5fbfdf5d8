import Foundation
import Testing
import TokenizerSupport
import Tokenizers

private let fixtures = TokenizerFixtures()

@Suite struct TokenizerIdsTests {
    /// Every kind's ids equal those of Hugging Face tokenizers, on texts that are hard to cut.
    @Test(arguments: try fixtures.text("ids.txt").split(separator: "\n").map(String.init))
    func idsEqualHuggingFace(_ row: String) throws {
        let fields = row.split(separator: " ").map(String.init)
        let tokenizer = try fixtures.tokenizer(fields[0])
        let texts = try fixtures.texts()
        #expect(texts.count == fields.count - 1)
        for (text, expected) in zip(texts, fields.dropFirst()) {
            let ids = tokenizer.encode(utf8: text, addSpecialTokens: true)
            let hash = fixtures.hash(ids.map(String.init).joined(separator: " ")) & 0xFFFF_FFFF
            #expect(
                "\(ids.count):\(String(hash, radix: 16))" == expected,
                "\(fields[0]): \(String(decoding: text, as: UTF8.self).debugDescription): \(ids)")
        }
    }

    @Test func aStringHasTheIdsOfItsBytes() throws {
        let tokenizer = try fixtures.tokenizer("qwen2")
        for text in try fixtures.texts() {
            let string = String(decoding: text, as: UTF8.self)
            #expect(
                tokenizer.encode(string, addSpecialTokens: false)
                    == tokenizer.encode(utf8: text, addSpecialTokens: false))
        }
    }

    @Test(arguments: ["gpt2", "llama3", "smollm2", "deepseek", "gpt4o"])
    func decodingGivesTheBytesBack(_ kind: String) throws {
        let tokenizer = try fixtures.tokenizer(kind)
        for text in try fixtures.texts() {
            let valid = Array(String(decoding: text, as: UTF8.self).utf8)
            let ids = tokenizer.encode(utf8: valid, addSpecialTokens: false)
            #expect(tokenizer.decodeBytes(ids) == valid)
        }
    }

    @Test func invalidPartsBecomeReplacementCharacters() throws {
        let tokenizer = try fixtures.tokenizer("gpt2")
        // One for each maximal part that is no UTF-8 (Unicode 16, section 3.9, table 3-8).
        let bytes: [UInt8] = [0x61, 0xF1, 0x80, 0x80, 0xE1, 0x80, 0xC2, 0x62, 0x80, 0xC0, 0xAF]
        let ids = tokenizer.encode(utf8: bytes, addSpecialTokens: false)
        #expect(tokenizer.decode(ids) == "a\u{FFFD}\u{FFFD}\u{FFFD}b\u{FFFD}\u{FFFD}\u{FFFD}")
    }

    @Test func specialTokensInTheTextCountAsSuch() throws {
        let tokenizer = try fixtures.tokenizer("llama3")
        let end = try #require(tokenizer.id(of: "<|endoftext|>"))
        let begin = try #require(tokenizer.id(of: "<|begin_of_text|>"))
        let ids = tokenizer.encode("a<|endoftext|>a", addSpecialTokens: true)
        let letter = try #require(tokenizer.id(of: "a"))
        #expect(ids == [begin, letter, end, letter])
        #expect(tokenizer.decode(ids) == "<|begin_of_text|>a<|endoftext|>a")
        #expect(tokenizer.decode(ids, skipSpecialTokens: true) == "aa")
    }

    @Test func wholeWordsAreTakenWhereMergesAreIgnored() throws {
        let word = "ĠQuixotry"
        let llama = try fixtures.tokenizer("llama3")
        #expect(llama.encode(" Quixotry", addSpecialTokens: false) == [llama.id(of: word)])
        let gpt = try fixtures.tokenizer("gpt2")
        #expect(gpt.encode(" Quixotry", addSpecialTokens: false).count > 1)
    }

    @Test func idsOutsideTheVocabularyDecodeToNothing() throws {
        let tokenizer = try fixtures.tokenizer("gpt2")
        let letter = try #require(tokenizer.id(of: "a"))
        #expect(tokenizer.decode([-1, letter, Int32(tokenizer.vocabularySize), .max]) == "a")
    }

    @Test func aCutCharacterDecodesToReplacementCharacters() throws {
        let tokenizer = try fixtures.tokenizer("gpt2")
        let first = try #require(tokenizer.id(of: "ä"))  // byte E4
        #expect(tokenizer.decode([first]) == "\u{FFFD}")
        #expect(tokenizer.decodeBytes([first]) == [0xE4])
    }

    @Test func threadsSharingATokenizerGetTheSameIds() throws {
        let tokenizer = try fixtures.tokenizer("qwen2")
        let texts = try fixtures.texts()
        let expected = texts.map { tokenizer.encode(utf8: $0, addSpecialTokens: false) }
        DispatchQueue.concurrentPerform(iterations: 4) { _ in
            let ids = texts.map { tokenizer.encode(utf8: $0, addSpecialTokens: false) }
            #expect(ids == expected)
        }
    }

    @Test func aWordKeepsItsIdsWhenTheMemoryOfWordsOverflows() throws {
        let tokenizer = try fixtures.tokenizer("gpt2")
        let before = tokenizer.encode("the first words", addSpecialTokens: false)
        let many = (0..<140_000).map { " \(String($0, radix: 36).uppercased())x" }.joined()
        let ids = tokenizer.encode(many, addSpecialTokens: false)
        #expect(tokenizer.decode(ids) == many)
        #expect(tokenizer.encode("the first words", addSpecialTokens: false) == before)
    }

    @Test func anAddedTokenOfNormalizedTextDecodesAsItWasFound() throws {
        let tokenizer = try fixtures.tokenizer("nfd")
        let id = try #require(tokenizer.id(of: "Mixed Case"))
        #expect(tokenizer.encode("MIXED Case  ", addSpecialTokens: false) == [id])
        #expect(tokenizer.decode([id]) == "mixed case")
        #expect(tokenizer.token(of: id) == "Mixed Case")
    }

    @Test func noTextGivesNoIds() throws {
        for kind in ["gpt2", "roberta", "replaced"] {
            let tokenizer = try fixtures.tokenizer(kind)
            #expect(tokenizer.encode("", addSpecialTokens: false).isEmpty)
        }
        #expect(try fixtures.tokenizer("roberta").encode("", addSpecialTokens: true).count == 2)
    }
}
