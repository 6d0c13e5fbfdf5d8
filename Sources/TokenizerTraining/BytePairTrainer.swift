package import Tokenizers

/// Learns a byte-level BPE tokenizer; the merges equal those of Hugging Face's `BpeTrainer`.
///
/// The vocabulary is the special tokens, the 256 bytes in the order of their stand-ins, then one
/// token for each merge. The most frequent pair merges next; of equals the one with the smaller
/// ids.
package struct BytePairTrainer: TokenizerTrainer {
    /// Tokens of the finished vocabulary, special ones included.
    package let vocabularySize: Int
    /// How often a pair must occur to be merged.
    package let minimumFrequency: Int
    /// Tokens that stand for no text, in the order of their ids.
    package let specialTokens: [String]
    package let preTokenizer: PreTokenizer
    package let normalizer: TextNormalizer

    /// A trainer.
    ///
    /// - Throws: ``TokenizerError/training(setting:found:expected:)`` for a size that has no room
    ///   for bytes and special tokens, and for special tokens that are empty or alike.
    package init(
        vocabularySize: Int, minimumFrequency: Int = 0,
        specialTokens: [String] = ["<|endoftext|>"], preTokenizer: PreTokenizer = .gpt2,
        normalizer: TextNormalizer = .none
    ) throws(TokenizerError) {
        let least = 256 + specialTokens.count
        let most = 1 << 24
        guard (least...most).contains(vocabularySize) else {
            throw .training(
                setting: "vocabulary size", found: "\(vocabularySize)",
                expected: "\(least) (bytes and special tokens) to \(most)")
        }
        let spellings = Set(specialTokens.map { Array($0.utf8) })
        guard !spellings.contains([]), spellings.count == specialTokens.count else {
            throw .training(
                setting: "special tokens", found: specialTokens.joined(separator: ", "),
                expected: "different ones, none of them empty")
        }
        self.vocabularySize = vocabularySize
        self.minimumFrequency = minimumFrequency
        self.specialTokens = specialTokens
        self.preTokenizer = preTokenizer
        self.normalizer = normalizer
    }

    package func learn(_ words: WordCounter) throws(TokenizerError) -> TokenizerPipeline {
        let alphabet = ByteAlphabet()
        var vocabulary = Vocabulary(tokens: [])
        for token in specialTokens { vocabulary.append(token) }
        for scalar in alphabet.scalars.sorted(by: { $0.value < $1.value }) {
            vocabulary.append(String(scalar))
        }
        let bytes = alphabet.scalars.map { vocabulary.id(of: String($0)) ?? -1 }
        var learner = MergeLearner(
            symbols: words.words.bytes.map { bytes[Int($0)] },
            lengths: words.counts.indices.map { words.words.range(of: $0).count },
            counts: words.counts,
            rules: BytePairRules(
                vocabulary, size: vocabularySize, minimumFrequency: minimumFrequency))
        learner.learn()
        vocabulary = learner.rules.vocabulary
        let added = specialTokens.compactMap { token in
            vocabulary.id(of: token).map { AddedToken(id: $0, content: token) }
        }
        let definition = TokenizerDefinition(
            tokens: vocabulary.tokens, merges: learner.rules.distinctMerges, addedTokens: added,
            normalizer: normalizer,
            preTokenizer: preTokenizer)
        return TokenizerPipeline(definition, names: names)
    }

    /// The parts that well-known special tokens play.
    private var names: SpecialTokenNames {
        func first(_ candidates: [String]) -> String? {
            candidates.first { specialTokens.contains($0) }
        }
        return SpecialTokenNames(
            beginOfText: first(["<s>", "<|begin_of_text|>", "<|endoftext|>"]),
            endOfText: first(["<|endoftext|>", "</s>", "<|end_of_text|>", "<|im_end|>"]),
            padding: first(["<pad>", "<|pad|>", "<|endoftext|>"]),
            unknown: first(["<unk>", "<|endoftext|>"]))
    }
}
