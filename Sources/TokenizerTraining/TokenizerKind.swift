package import Tokenizers

/// The kinds of tokenizers that can be trained.
package enum TokenizerKind: String, Sendable, CaseIterable {
    /// Byte-level byte-pair encoding.
    case bpe
    /// BERT's.
    case wordpiece
    /// SentencePiece's Unigram, with T5's special tokens.
    case unigram
    /// SentencePiece's BPE with byte fallback.
    case sentencePieceBPE = "sentencepiece-bpe"
}

/// What may be chosen beside kind and size; what a kind has no use for is refused.
package struct TokenizerOptions: Sendable, Equatable {
    /// How often a pair must occur to be merged.
    package var minimumFrequency: Int?
    /// The most frequent characters that become tokens.
    package var alphabetLimit: Int?
    /// Texts are made lower case, and accents go.
    package var lowercases: Bool?
    /// The share of all characters that become tokens.
    package var coverage: Double?
    /// Tokens `<extra_id_N>`.
    package var sentinels: Int?
    /// What is done to texts before they are cut.
    package var normalization: SentencePieceNormalization?

    package init() {}

    /// A trainer of a kind.
    ///
    /// - Throws: ``TokenizerError/training(setting:found:expected:)`` for an option of another kind, and
    ///   for what the trainer cannot work with.
    package func trainer(
        _ kind: TokenizerKind, vocabularySize: Int
    ) throws(TokenizerError) -> any TokenizerTrainer {
        let uses: [(option: String, isSet: Bool, kinds: [TokenizerKind])] = [
            ("--min-frequency", minimumFrequency != nil, [.bpe, .wordpiece]),
            ("--limit-alphabet", alphabetLimit != nil, [.wordpiece]),
            ("--lowercase", lowercases != nil, [.wordpiece]),
            ("--character-coverage", coverage != nil, [.unigram, .sentencePieceBPE]),
            ("--sentinels", sentinels != nil, [.unigram]),
            ("--normalization", normalization != nil, [.unigram, .sentencePieceBPE]),
        ]
        for use in uses where use.isSet && !use.kinds.contains(kind) {
            throw .training(
                setting: use.option, found: "it with --type \(kind.rawValue)",
                expected: "--type " + use.kinds.map(\.rawValue).joined(separator: " or "))
        }
        switch kind {
        case .bpe:
            return try BytePairTrainer(
                vocabularySize: vocabularySize, minimumFrequency: minimumFrequency ?? 0)
        case .wordpiece:
            return try WordPieceTrainer(
                vocabularySize: vocabularySize, minimumFrequency: minimumFrequency ?? 2,
                alphabetLimit: alphabetLimit, rules: BertRules(lowercases: lowercases ?? true))
        case .unigram:
            return try UnigramTrainer(
                vocabularySize: vocabularySize, sentinels: sentinels ?? 100,
                coverage: coverage ?? 0.9995, normalization: normalization ?? .nmtNFKC)
        case .sentencePieceBPE:
            return try SentencePieceTrainer(
                vocabularySize: vocabularySize, coverage: coverage ?? 0.9995,
                normalization: normalization ?? .nmtNFKC)
        }
    }
}
