import Foundation
package import Tokenizers

/// Learns SentencePiece's BPE with byte fallback; pieces, scores and ids are those of its trainer with
/// `model_type=bpe, byte_fallback=true` and all else as it is without a word.
///
/// Ids: `<unk>` 0, `<s>` 1, `</s>` 2, the 256 bytes, merged pieces in the order of their merges, then
/// characters, the most frequent first. What is learned is written as tokenizer.model, too.
package struct SentencePieceTrainer: TokenizerTrainer {
    /// Tokens of the finished vocabulary, special ones and bytes included.
    package let vocabularySize: Int
    /// The share of all characters that are pieces; the rest become bytes.
    package let coverage: Double
    package let normalizer: TextNormalizer
    package var sentences: SentenceRules? { SentenceRules(longest: Self.longestLine) }
    package var wordsEndAtBlanks: Bool { true }
    package let preTokenizer = PreTokenizer(
        stages: [
            .metaspace(Metaspace(replacement: Metaspace.mark, prepends: .never, splits: true))
        ], isByteLevel: false)

    private let normalization: SentencePieceNormalization
    private let table: [UInt8]

    /// SentencePiece's settings: bytes of a line, characters of a piece.
    private static let (longestLine, longestPiece) = (4192, 16)
    private static let special = ["<unk>", "<s>", "</s>"]
    private static let bytes = (0..<256).map { String(format: "<0x%02X>", $0) }

    /// A trainer.
    ///
    /// - Throws: ``TokenizerError/training(setting:found:expected:)`` for a size that has no room for
    ///   more than special tokens and bytes, and an impossible share.
    package init(
        vocabularySize: Int, coverage: Double = 0.9995,
        normalization: SentencePieceNormalization = .nmtNFKC
    ) throws(TokenizerError) {
        let least = Self.special.count + Self.bytes.count + 1
        let most = 1 << 24
        guard (least...most).contains(vocabularySize) else {
            throw .training(
                setting: "vocabulary size", found: "\(vocabularySize)",
                expected: "\(least) (special tokens, bytes and a character) to \(most)")
        }
        guard coverage > 0, coverage <= 1 else {
            throw .training(
                setting: "character coverage", found: "\(coverage)",
                expected: "a share above 0, at most 1")
        }
        self.vocabularySize = vocabularySize
        self.coverage = coverage
        self.normalization = normalization
        table = normalization.table()
        normalizer = normalization.normalizer(table)
    }

    package func learn(_ words: WordCounter) throws(TokenizerError) -> TokenizerPipeline {
        let special = SpecialPieces(Self.special + Self.bytes)
        var alphabet = FrequentCharacters()
        var scalars: [UInt32] = []
        scalars.reserveCapacity(words.words.byteCount)
        var lengths: [Int] = []
        lengths.reserveCapacity(words.counts.count)
        let bytes = words.words.bytes
        for number in words.counts.indices {
            let start = scalars.count
            special.append(bytes, words.words.range(of: number), to: &scalars)
            for place in start..<scalars.count {
                alphabet.add(scalars[place], words.counts[number])
            }
            lengths.append(scalars.count - start)
        }
        let characters = alphabet.required(coverage: coverage).map(\.scalar)
        let room = vocabularySize - Self.special.count - Self.bytes.count - characters.count
        guard room >= 0 else {
            throw .training(
                setting: "vocabulary size", found: "\(vocabularySize)",
                expected: "at least \(vocabularySize - room), for the texts have "
                    + "\(characters.count) frequent characters; or a smaller character coverage")
        }
        var symbols = ScalarValues<Int32>(-1)
        for (symbol, scalar) in characters.enumerated() { symbols[scalar] = Int32(symbol) }
        var learner = MergeLearner(
            symbols: scalars.map { symbols[$0] }, lengths: lengths, counts: words.counts,
            rules: PieceRules(
                characters: characters, scripts: Scripts(), longest: Self.longestPiece, most: room))
        learner.learn()
        let learned =
            learner.rules.merged + characters.map { String(Unicode.Scalar($0) ?? "\u{FFFD}") }
        typealias Piece = SentencePieceModel.Piece
        var pieces = Self.special.enumerated().map { Piece(text: $1, type: $0 == 0 ? 2 : 3) }
        pieces += Self.bytes.map { Piece(text: $0, type: 6) }
        pieces += learned.enumerated().map { Piece(text: $1, score: -Float($0)) }
        return try SentencePieceModel(
            pieces: pieces, modelType: 2, fallsBackToBytes: true, unknown: 0, beginOfText: 1,
            endOfText: 2, padding: nil, normalization: (normalization, table), coverage: coverage
        ).tokenizer()
    }
}
