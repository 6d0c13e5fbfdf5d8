import Foundation
import Testing
import TokenizerSupport
import Tokenizers

@Suite struct TokenizerEditingTests {
    private let fixtures = TokenizerFixtures()

    private func object(_ text: String) throws -> [String: Any] {
        try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    @Test func anotherEndOfTextOfTheVocabularyKeepsItsId() throws {
        let first = try fixtures.tokenizer("smollm2")
        let second = try first.withEndOfText("<|im_start|>")
        #expect(second.endOfText == first.id(of: "<|im_start|>"))
        #expect(second.vocabularySize == first.vocabularySize)
        #expect(second.fileText == first.fileText)
        #expect(try object(second.configurationText)["eos_token"] as? String == "<|im_start|>")
        #expect(second.beginOfText == first.beginOfText)
    }

    @Test func aNewEndOfTextTakesTheNextIdAndIsFoundInText() throws {
        let first = try fixtures.tokenizer("gpt2")
        let second = try first.withEndOfText("<|stop|>")
        let id = Int32(first.vocabularySize)
        #expect(second.endOfText == id)
        #expect(second.vocabularySize == first.vocabularySize + 1)
        #expect(second.encode("a<|stop|>", addSpecialTokens: false).last == id)
        #expect(second.isSpecial(id))
        #expect(second.token(of: id) == "<|stop|>")
        #expect(second.hash != first.hash)
        let again = try TokenizerFolder.parse(
            text: second.fileText, configuration: second.configurationText)
        #expect(again.endOfText == id)
        #expect(again.hash == second.hash)
        for text in try fixtures.texts().prefix(100) {
            #expect(
                first.encode(utf8: text, addSpecialTokens: true)
                    == second.encode(utf8: text, addSpecialTokens: true))
        }
    }

    @Test func aWordThatEndsATextBecomesSpecial() throws {
        let first = try fixtures.tokenizer("qwen2")
        let word = try #require(first.id(of: "the"))
        #expect(!first.isSpecial(word))
        let second = try first.withEndOfText("the")
        #expect(second.isSpecial(word) && second.endOfText == word)
        #expect(second.vocabularySize == first.vocabularySize)
        let third = try second.withEndOfText("the")
        #expect(third.fileText == second.fileText)
        #expect(third.configurationText == second.configurationText)
        #expect(throws: TokenizerError.self) { try first.withEndOfText("") }
    }

    @Test func whatIsPutAroundATextIsKnown() throws {
        let llama = try fixtures.tokenizer("llama3")
        #expect(llama.postProcessor.before == [llama.id(of: "<|begin_of_text|>")])
        #expect(llama.postProcessor.after.isEmpty)
        #expect(!llama.addsEndOfText)
        #expect(llama.token(of: -1) == nil)
        #expect(llama.token(of: Int32(llama.vocabularySize)) == nil)
    }

    /// As tokenizers 0.23.3 with `Sequence([Lowercase()] + …)` for its normalizer: tokens that are looked for
    /// in normalized text are found in any letters, others in their own alone
    /// (scripts/references/tokenizer_literals.py).
    @Test func textsAreLowercasedButNotAddedTokens() throws {
        for kind in ["gpt2", "smollm2"] {
            let first = try fixtures.tokenizer(kind).withTokens(["<|END|>"], special: true)
                .withTokens(["[Odd]"], special: false)
            let second = try first.lowercasingTexts()
            #expect(
                second.encode("The END<|END|>ÀB <|End|>", addSpecialTokens: false)
                    == first.encode("the end<|END|>àb <|end|>", addSpecialTokens: false))
            let odd = try #require(first.id(of: "[Odd]"))
            #expect(second.encode("[odd][ODD][Odd]", addSpecialTokens: false) == [odd, odd, odd])
            #expect(second.vocabularySize == first.vocabularySize)
            #expect(try second.lowercasingTexts().fileText == second.fileText)
        }
    }
}
