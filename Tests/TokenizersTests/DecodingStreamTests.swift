import Testing
import TokenizerSupport
import Tokenizers

@Suite struct DecodingStreamTests {
    private static let fixtures = SentencePieceFixtures()

    /// What a stream gives, piece by piece.
    private func streamed(
        _ ids: [Int32], _ tokenizer: any Tokenizer, skips: Bool = false
    ) -> [String] {
        var stream = TokenTextStream(tokenizer, skipsSpecialTokens: skips)
        var pieces = ids.map { stream.append($0) }
        pieces.append(stream.finish())
        return pieces
    }

    @Test(arguments: ["llama", "gemma", "legacy", "never", "fused", "t5", "xlmr", "unsplit"])
    func theStreamGivesTheTextThatDecodingGives(_ kind: String) throws {
        let tokenizer = try Self.fixtures.tokenizer(kind)
        for text in try Self.fixtures.texts() {
            let ids = tokenizer.encode(utf8: text, addSpecialTokens: true)
            for skips in [false, true] {
                #expect(
                    streamed(ids, tokenizer, skips: skips).joined()
                        == tokenizer.decode(ids, skipSpecialTokens: skips))
            }
        }
    }

    @Test(arguments: ["gpt2", "llama3", "qwen2"])
    func byteLevelTokensStreamToo(_ kind: String) throws {
        let tokenizer = try TokenizerFixtures().tokenizer(kind)
        for text in try TokenizerFixtures().texts().prefix(200) {
            let ids = tokenizer.encode(utf8: text, addSpecialTokens: true)
            #expect(streamed(ids, tokenizer).joined() == tokenizer.decode(ids))
        }
    }

    @Test func aCharacterComesWhenItIsWhole() throws {
        let tokenizer = try Self.fixtures.tokenizer("legacy")
        let names = ["▁", "<0xF0>", "<0x9D>", "<0x84>", "<0x9E>", "<0xF0>", "a", "<0xE2>"]
        let ids = names.compactMap { tokenizer.id(of: $0) }
        #expect(ids.count == names.count)
        #expect(
            streamed(ids, tokenizer) == ["", "", "", "", "𝄞", "", "\u{FFFD}a", "", "\u{FFFD}"])
    }

    @Test func onlyTheFirstSpaceOfATextGoes() throws {
        let tokenizer = try Self.fixtures.tokenizer("legacy")
        let mark = try #require(tokenizer.id(of: "▁"))
        let letter = try #require(tokenizer.id(of: "a"))
        #expect(streamed([mark, mark, letter, mark], tokenizer) == ["", " ", "a", " ", ""])
        #expect(streamed([letter, mark, letter], tokenizer) == ["a", " ", "a", ""])
        #expect(tokenizer.decodeBytes([mark, letter, mark]) == Array("a ".utf8))
    }
}
