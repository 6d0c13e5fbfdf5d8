import Files
package import Tokenizers

/// Learns a WordPiece tokenizer; as a set the vocabulary is that of Hugging Face's `WordPieceTrainer`,
/// whose choice among pairs that are equally frequent is random.
///
/// Google never published BERT's own trainer. This is byte-pair encoding over characters, of which
/// those within a word are tokens of their own; only the vocabulary is kept. Ids: special tokens,
/// characters by code point, the same within words, then tokens in the order of their merges.
package struct WordPieceTrainer: TokenizerTrainer {
    /// Tokens of the finished vocabulary, special ones included.
    package let vocabularySize: Int
    /// How often a pair must occur to be merged.
    package let minimumFrequency: Int
    /// The most frequent characters that are tokens; words with others become unknown.
    package let alphabetLimit: Int?
    package let rules: BertRules

    /// BERT's, in the order of their ids.
    package static let specialTokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]

    package var preTokenizer: PreTokenizer { .bert }
    package var normalizer: TextNormalizer { .bert(rules) }
    package var wordsEndAtBlanks: Bool { true }

    /// A trainer.
    ///
    /// - Throws: ``TokenizerError/training(setting:found:expected:)`` for a size that has no room for more
    ///   than special tokens, and an alphabet of no character.
    package init(
        vocabularySize: Int, minimumFrequency: Int = 2, alphabetLimit: Int? = nil,
        rules: BertRules = BertRules()
    ) throws(TokenizerError) {
        let least = Self.specialTokens.count + 2
        let most = 1 << 24
        guard (least...most).contains(vocabularySize) else {
            throw .training(
                setting: "vocabulary size", found: "\(vocabularySize)",
                expected: "\(least) (special tokens and a character) to \(most)")
        }
        if let alphabetLimit, alphabetLimit < 1 {
            throw .training(
                setting: "alphabet limit", found: "\(alphabetLimit)", expected: "1 or more")
        }
        self.vocabularySize = vocabularySize
        self.minimumFrequency = minimumFrequency
        self.alphabetLimit = alphabetLimit
        self.rules = rules
    }

    package func learn(_ words: WordCounter) throws(TokenizerError) -> TokenizerPipeline {
        let pieces = WordPieceRules()
        let alphabet = alphabet(words)
        var vocabulary = Vocabulary(tokens: [])
        for token in Self.specialTokens { vocabulary.append(token) }
        var first = ScalarValues<Int32>(-1)
        for scalar in alphabet.characters {
            first[scalar.value] = vocabulary.append(String(scalar))
        }
        var later = ScalarValues<Int32>(-1)
        for scalar in alphabet.characters where alphabet.later.contains(scalar.value) {
            later[scalar.value] = vocabulary.append(pieces.continuation + String(scalar))
        }
        guard vocabulary.count <= vocabularySize else {
            throw .training(
                setting: "vocabulary size", found: "\(vocabularySize)",
                expected: "at least \(vocabulary.count), for the texts have "
                    + "\(alphabet.characters.count) different characters; or limit the alphabet")
        }
        var symbols: [Int32] = []
        symbols.reserveCapacity(words.words.byteCount)
        var lengths: [Int] = []
        let bytes = words.words.bytes
        for number in words.counts.indices {
            let (range, start) = (words.words.range(of: number), symbols.count)
            var index = range.lowerBound
            while index < range.upperBound {
                let scalar = ScalarClasses.scalar(at: index, of: bytes)
                let token = index == range.lowerBound ? first[scalar] : later[scalar]
                if token >= 0 { symbols.append(token) }
                index += ScalarClasses.length(startingWith: bytes[index])
            }
            lengths.append(symbols.count - start)
        }
        var learner = MergeLearner(
            symbols: symbols, lengths: lengths, counts: words.counts,
            rules: BytePairRules(
                vocabulary, size: vocabularySize, minimumFrequency: minimumFrequency,
                mark: pieces.continuation))
        learner.learn()
        return tokenizer(learner.rules.vocabulary.tokens, pieces)
    }

    private func tokenizer(_ tokens: [String?], _ pieces: WordPieceRules) -> TokenizerPipeline {
        let special = Self.specialTokens
        let added = special.enumerated().map { AddedToken(id: Int32($0), content: $1) }
        var definition = TokenizerDefinition(
            tokens: tokens, merges: [], addedTokens: added, normalizer: normalizer,
            preTokenizer: preTokenizer, unknownToken: special[1], wordPieces: pieces,
            decoder: .wordPiece(pieces.continuation))
        definition.postProcessor = .bertTemplate((special[2], 2), (special[3], 3))
        var names = SpecialTokenNames(
            padding: special[0], unknown: special[1], classifier: special[2],
            separator: special[3], mask: special[4])
        names.className = "BertTokenizer"
        names.configuration =
            JSONValue.object([
                (key: "do_lower_case", value: .bool(rules.lowercases)),
                (key: "strip_accents", value: rules.stripsAccents.map { .bool($0) } ?? .null),
                (key: "tokenize_chinese_chars", value: .bool(rules.spacesIdeographs)),
            ]).fileText
        return TokenizerPipeline(
            definition, names: names,
            furtherFiles: [
                WordPieceVocabulary.file: Array(WordPieceVocabulary.text(tokens).utf8)
            ])
    }

    /// The characters that become tokens, by code point, and which of them stand within words.
    private func alphabet(
        _ words: WordCounter
    ) -> (characters: [Unicode.Scalar], later: Set<UInt32>) {
        var counts = ScalarValues(0)
        var isLater = ScalarValues(false)
        let bytes = words.words.bytes
        for number in words.counts.indices {
            let range = words.words.range(of: number)
            var index = range.lowerBound
            while index < range.upperBound {
                let scalar = ScalarClasses.scalar(at: index, of: bytes)
                counts[scalar] += words.counts[number]
                if index > range.lowerBound { isLater[scalar] = true }
                index += ScalarClasses.length(startingWith: bytes[index])
            }
        }
        var later: Set<UInt32> = []
        isLater.visit { scalar, isLater in
            if isLater { later.insert(scalar) }
        }
        var kept: [(key: UInt32, value: Int)] = []
        counts.visit { scalar, count in
            if count > 0 { kept.append((scalar, count)) }
        }
        kept.sort { $0.value != $1.value ? $0.value > $1.value : $0.key < $1.key }
        if let alphabetLimit, kept.count > alphabetLimit {
            kept.removeLast(kept.count - alphabetLimit)
        }
        return (kept.map(\.key).sorted().compactMap { Unicode.Scalar($0) }, later)
    }
}
