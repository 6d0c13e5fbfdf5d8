import Foundation
import Testing
import TokenizerSupport
import Tokenizers

private let fixtures = SentencePieceFixtures()

@Suite struct GGUFTokenizerTests {
    private func parsed(_ vocabulary: GGUFTokenizer) throws -> any Tokenizer {
        let files = try vocabulary.files()
        #expect(files.keys.sorted() == ["tokenizer.json", "tokenizer_config.json"])
        return try TokenizerFolder.parse(
            text: try #require(files["tokenizer.json"]),
            configuration: files["tokenizer_config.json"])
    }

    @Test func sentencePieceScoresGiveTheIdsOfTheMergesTheyStandFor() throws {
        let ours = try parsed(fixtures.gguf())
        let theirs = try fixtures.tokenizer("legacy")
        for text in try fixtures.texts() {
            let ids = ours.encode(utf8: text, addSpecialTokens: true)
            #expect(ids == theirs.encode(utf8: text, addSpecialTokens: true))
            #expect(ours.decode(ids) == theirs.decode(ids))
        }
        #expect(ours.beginOfText == 1)
        #expect(ours.endOfText == 2)
        #expect(ours.unknown == 0)
        #expect(ours.padding == 3)
        #expect(ours.addsBeginOfText)
        #expect(!ours.addsEndOfText)
    }

    @Test func withoutASpacePrefixTextIsAsGemmaHasIt() throws {
        var vocabulary = try fixtures.gguf()
        vocabulary.addsSpacePrefix = false
        vocabulary.addsBeginOfText = false
        vocabulary.tokenTypes = vocabulary.tokenTypes?.map { $0 == 4 ? 1 : $0 }
        let ours = try parsed(vocabulary)
        let theirs = try fixtures.tokenizer("gemma")
        for text in try fixtures.texts() {
            let string = String(decoding: text, as: UTF8.self)
            if string.contains("<") { continue }  // the kinds' special tokens differ
            let ids = ours.encode(string, addSpecialTokens: true)
            #expect(ids == theirs.encode(string, addSpecialTokens: true))
            #expect(ours.decode(ids) == theirs.decode(ids))
        }
    }

    @Test func aUnigramVocabularyIsThatOfItsTokenizerJSON() throws {
        let pieces = try fixtures.unigramPieces()
        var vocabulary = GGUFTokenizer(
            model: "t5", tokens: pieces.map { $0[0] as! String } + ["<extra_id_0>", "<extra_id_1>"])
        vocabulary.scores = pieces.map { Float($0[1] as! Double) } + [0, 0]
        vocabulary.tokenTypes =
            pieces.indices.map { $0 == 2 ? 2 : $0 < 2 ? 3 : 1 } + [3, 3]
        vocabulary.precompiledMap = try fixtures.charsmap()
        vocabulary.endOfText = 1
        let ours = try parsed(vocabulary)
        let theirs = try fixtures.tokenizer("t5words")
        for text in try fixtures.texts() {
            let ids = ours.encode(utf8: text, addSpecialTokens: true)
            #expect(ids == theirs.encode(utf8: text, addSpecialTokens: true))
            #expect(ours.decode(ids) == theirs.decode(ids))
        }
    }

    /// The kinds of Tests/References/tokenizers that are the cuts of a `pre`.
    @Test(
        arguments: [
            ("gpt-2", "gpt2"), ("smollm", "smollm2"), ("qwen2", "qwen2"), ("llama-bpe", "llama3"),
            ("gpt-4o", "gpt4o"), ("tekken", "tekken"), ("deepseek-v3", "deepseek"),
            ("deepseek-llm", "deepseekllm"), ("deepseek-coder", "deepseekcoder"),
            ("qwen35", "qwen35"),
        ])
    func byteLevelCutsAreThoseOfThePre(_ pre: String, _ kind: String) throws {
        let shared = TokenizerFixtures()
        // The tokens in their order, which a dictionary would lose.
        let text = try shared.text("model.json")
        let model = try JSONSerialization.jsonObject(with: Data(text.utf8)) as! [String: Any]
        let reference = try shared.tokenizer("gpt2split")
        let size = (model["vocab"] as! [String: Any]).count
        let tokens = try (0..<Int32(size)).map { try #require(reference.token(of: $0)) }
        var vocabulary = GGUFTokenizer(model: "gpt2", pre: pre, tokens: tokens)
        vocabulary.merges = (model["merges"] as! [[String]]).map { $0.joined(separator: " ") }
        let ours = try parsed(vocabulary)
        let theirs = try shared.tokenizer(kind)
        let skipsWhole = pre == "tekken"  // which takes whole words, unlike the fixture
        for text in try shared.texts() {
            let string = String(decoding: text, as: UTF8.self)
            if string.contains("<") || (pre == "qwen35") { continue }
            if skipsWhole, ["Quixotry", "Жёлудь", "617"].contains(where: string.contains) {
                continue
            }
            #expect(
                ours.encode(string, addSpecialTokens: false)
                    == theirs.encode(string, addSpecialTokens: false), "\(string.debugDescription)")
        }
    }

    @Test func theConfigurationHoldsNamesAndTemplate() throws {
        var vocabulary = try fixtures.gguf()
        vocabulary.chatTemplate = "{{ messages }}\n\"x\""
        vocabulary.addsEndOfText = true
        let tokenizer = try parsed(vocabulary)
        let json = try #require(
            JSONSerialization.jsonObject(with: Data(tokenizer.configurationText.utf8))
                as? [String: Any])
        #expect(json["chat_template"] as? String == "{{ messages }}\n\"x\"")
        #expect(json["bos_token"] as? String == "<s>")
        #expect(json["eos_token"] as? String == "</s>")
        #expect(json["unk_token"] as? String == "<unk>")
        #expect(json["add_bos_token"] as? Bool == true)
        #expect(json["add_eos_token"] as? Bool == true)
        #expect(tokenizer.addsEndOfText)
        #expect(tokenizer.encode("", addSpecialTokens: true) == [1, 2])
    }

    // llama.cpp, llama-vocab.cpp, `llama_vocab::impl::load`: control, user-defined and unknown tokens.
    @Test func tokensOfAModelThatIsNamedPhi3TakeWhiteSpaceAlong() throws {
        var vocabulary = try fixtures.gguf()
        for (name, strips) in [("Phi-3 mini", true), ("my phi3", true), ("Phi 3", false)] {
            vocabulary.name = name
            let tokens = try parsed(vocabulary).addedTokens
            for token in ["</s>", "<pad>", "<user>"] {
                #expect(tokens.first { $0.content == token }?.stripsRight == strips, "\(token)")
            }
            for token in ["<unk>", "<s>"] {
                #expect(tokens.first { $0.content == token }?.stripsRight == false, "\(token)")
            }
        }
    }

    @Test func whatIsNotKnownIsRefusedByName() throws {
        func message(_ change: (inout GGUFTokenizer) -> Void) throws -> String {
            var vocabulary = try fixtures.gguf()
            change(&vocabulary)
            let error = #expect(throws: TokenizerError.self) { try vocabulary.files() }
            return try #require(error).description
        }
        #expect(
            try message { $0.model = "bert" }
                .hasPrefix("GGUF: tokenizer.ggml.model: bert is not supported, only gpt2, llama"))
        #expect(
            try message {
                $0.model = "gpt2"
                $0.pre = "superbpe"
            }.hasPrefix("GGUF: tokenizer.ggml.pre: superbpe is not supported, only gpt-2"))
        #expect(
            try message { $0.model = "gpt2" }
                .contains("tokenizer.ggml.pre: found nothing, expected the name of how the model"))
        #expect(
            try message {
                $0.model = "gpt2"
                $0.pre = "default"
            }.contains("tokenizer.ggml.pre: default is not supported"))
        #expect(
            try message {
                $0.model = "gpt2"
                $0.pre = "gpt-2"
                $0.addsSpacePrefix = true
            }.contains("tokenizer.ggml.add_space_prefix: true is not supported"))
        #expect(
            try message { $0.tokenTypes?[3] = 7 }
                .contains("tokenizer.ggml.token_type: found 7, expected 0 to 6"))
        #expect(
            try message { $0.scores = nil }
                .contains("tokenizer.ggml.scores: found nothing, expected a score for each token"))
        #expect(
            try message { $0.scores?.removeLast() }
                .contains("tokenizer.ggml.scores: found 559 entries, expected 560, as many as"))
        #expect(
            try message { $0.endOfText = 560 }
                .contains("tokenizer.ggml.eos_token_id: found 560, expected an id below 560"))
        #expect(
            try message { $0.tokens[9] = $0.tokens[8] }
                .contains("tokenizer.ggml.tokens: found <0x01> with the ids 8 and 9, expected"))
        #expect(
            try message {
                $0.model = "gpt2"
                $0.pre = "gpt-2"
                $0.merges = nil
            }.contains("model.merges: found nothing, expected an array of pairs"))
    }
}
