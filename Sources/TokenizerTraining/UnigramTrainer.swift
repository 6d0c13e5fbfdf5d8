import Foundation
package import Tokenizers

/// Learns a Unigram tokenizer as SentencePiece does (Kudo 2018, arXiv:1804.10959, with the published
/// trainer's rules): seeds, then rounds of expectation and maximization, after each of which the
/// pieces go that the likelihood misses least.
///
/// Ids are T5's: `<pad>` 0, `</s>` 1, `<unk>` 2, pieces by score, and sentinels last, in descending
/// order, so that `<extra_id_0>` has the largest id.
package struct UnigramTrainer: TokenizerTrainer {
    /// Tokens of the finished vocabulary, special ones and sentinels included.
    package let vocabularySize: Int
    /// Tokens `<extra_id_N>`, which stand for what span corruption takes out.
    package let sentinels: Int
    /// The share of all characters that are pieces.
    package let coverage: Double
    private let seedCount: Int

    package static let specialTokens = ["<pad>", "</s>", "<unk>"]
    /// SentencePiece's settings.
    private static let (longestPiece, rounds, kept, leeway) = (16, 2, 0.75, 1.1)
    private static let leastExpected = 0.5

    package let normalizer: TextNormalizer
    package var wordsEndAtBlanks: Bool { true }
    package let preTokenizer = PreTokenizer(
        stages: [
            .metaspace(Metaspace(replacement: Metaspace.mark, prepends: .never, splits: true))
        ], isByteLevel: false)

    private let normalization: SentencePieceNormalization
    private let table: [UInt8]
    /// How marks become blanks again.
    private static let mark = Metaspace(
        replacement: Metaspace.mark, prepends: .always, splits: true)

    /// A trainer.
    ///
    /// - Throws: ``TokenizerError/training(setting:found:expected:)`` for a size that has no room for
    ///   pieces, and an impossible share.
    package init(
        vocabularySize: Int, sentinels: Int = 100, coverage: Double = 0.9995,
        normalization: SentencePieceNormalization = .nmtNFKC, seedCount: Int = 1_000_000
    ) throws(TokenizerError) {
        guard (0...65536).contains(sentinels) else {
            throw .training(
                setting: "sentinels", found: "\(sentinels)", expected: "0 to 65536")
        }
        let least = Self.specialTokens.count + sentinels + 1
        let most = 1 << 24
        guard (least...most).contains(vocabularySize) else {
            throw .training(
                setting: "vocabulary size", found: "\(vocabularySize)",
                expected: "\(least) (special tokens, \(sentinels) sentinels and a piece) to \(most)"
            )
        }
        guard coverage > 0, coverage <= 1 else {
            throw .training(
                setting: "character coverage", found: "\(coverage)",
                expected: "a share above 0, at most 1")
        }
        self.vocabularySize = vocabularySize
        self.sentinels = sentinels
        self.coverage = coverage
        self.seedCount = seedCount
        self.normalization = normalization
        table = normalization.table()
        normalizer = normalization.normalizer(table)
    }

    package func learn(_ words: WordCounter) throws(TokenizerError) -> TokenizerPipeline {
        let text = UnigramText(
            words, special: SpecialPieces(Self.specialTokens), coverage: coverage)
        let room = vocabularySize - Self.specialTokens.count - sentinels
        guard text.required.count <= room else {
            throw .training(
                setting: "vocabulary size", found: "\(vocabularySize)",
                expected:
                    "at least \(vocabularySize - room + text.required.count), for the texts have "
                    + "\(text.required.count) frequent characters; or a smaller character coverage")
        }
        var lattices = UnigramLattices(
            text,
            UnigramSeeds(text, scripts: Scripts(), longest: Self.longestPiece, most: seedCount))
        let desired = Int(Double(vocabularySize - sentinels) * Self.leeway)
        while true {
            for _ in 0..<Self.rounds { lattices.setScores(Self.scores(lattices.expectedCounts())) }
            let count = lattices.pieces.count
            if count <= desired { break }
            let next = max(desired, Int(Self.kept * Double(count)))
            lattices.setScores(Self.pruned(lattices, to: next))
            // Nothing more can go.
            if lattices.pieces.count == count { break }
        }
        return tokenizer(finished(lattices, room))
    }

    /// The logarithms of expected counts' shares, smoothed as by a Dirichlet process; NaN for those that
    /// are hardly expected.
    private static func scores(_ expected: [Double]) -> [Double] {
        let sum = digamma(expected.reduce(0) { $0 + ($1 < leastExpected ? 0 : $1) })
        return expected.map { $0 < leastExpected ? .nan : digamma($0) - sum }
    }

    /// Scores of the pieces that stay; those go whose loss costs the least likelihood.
    private static func pruned(_ lattices: UnigramLattices, to size: Int) -> [Double] {
        let alternatives = lattices.alternatives()
        let counts = lattices.bestCounts()
        let sum = counts.reduce(0, +)
        let words = Double(lattices.text.counts.reduce(0, +))
        var scores = [Double](repeating: .nan, count: counts.count)
        var keptCount = 0
        var candidates: [(id: Int, loss: Double)] = []
        for (id, count) in counts.enumerated() where count > 0 {
            guard let parts = alternatives[id] else { continue }
            if parts.isEmpty {
                scores[id] = lattices.pieces[id].score
                keptCount += 1
                continue
            }
            // Its occurrences go to its parts.
            let newSum = log(sum + count * Double(parts.count - 1))
            var other = 0.0
            for part in parts { other += log((part < 0 ? 0 : counts[Int(part)]) + count) - newSum }
            candidates.append((id, count / words * (log(count) - log(sum) - other)))
        }
        candidates.sort { $0.loss != $1.loss ? $0.loss > $1.loss : $0.id < $1.id }
        for (id, _) in candidates.prefix(max(size - keptCount, 0)) {
            scores[id] = lattices.pieces[id].score
        }
        return scores
    }

    /// Frequent characters, then the best pieces, sorted by score.
    private func finished(
        _ lattices: UnigramLattices, _ room: Int
    ) -> [(piece: String, score: Double)] {
        let text = lattices.text
        let least = lattices.pieces.map(\.score).min() ?? 0
        var known: [UInt32: Double] = [:]
        var longer: [(piece: String, score: Double)] = []
        for piece in lattices.pieces {
            let place = Int(piece.place)
            if piece.length == 1 {
                known[text.characters[place]] = piece.score
            } else {
                longer.append((text.string(place, Int(piece.length)), piece.score))
            }
        }
        var missing = 0
        var result: [(piece: String, score: Double)] = []
        for (scalar, _) in text.required {
            var score = known[scalar]
            if score == nil {
                score = least + 0.0001 * Double(missing)
                missing += 1
            }
            if let scalar = Unicode.Scalar(scalar), let score {
                result.append((String(scalar), score))
            }
        }
        func isBetter(
            _ left: (piece: String, score: Double), _ right: (piece: String, score: Double)
        ) -> Bool {
            left.score != right.score
                ? left.score > right.score
                : left.piece.utf8.lexicographicallyPrecedes(right.piece.utf8)
        }
        longer.sort(by: isBetter)
        result += longer.prefix(max(room - result.count, 0))
        return result.sorted(by: isBetter)
    }

    private func tokenizer(_ pieces: [(piece: String, score: Double)]) -> TokenizerPipeline {
        let special = Self.specialTokens
        // What SentencePiece keeps of a score.
        let scores = special.map { _ in 0.0 } + pieces.map { Double(Float($0.score)) }
        let tokens = special + pieces.map(\.piece)
        let last = (0..<sentinels).reversed().map { "<extra_id_\($0)>" }
        let added =
            special.enumerated().map { AddedToken(id: Int32($0), content: $1) }
            + last.enumerated().map { AddedToken(id: Int32(tokens.count + $0), content: $1) }
        var definition = TokenizerDefinition(
            tokens: tokens, merges: [], addedTokens: added, normalizer: normalizer,
            preTokenizer: preTokenizer, unknownToken: special[2], scores: scores,
            decoder: .metaspace(Self.mark))
        definition.postProcessor = .t5Template((special[1], 1))
        let names = SpecialTokenNames(
            endOfText: special[1], padding: special[0], unknown: special[2])
        return TokenizerPipeline(
            definition, names: names,
            furtherFiles: ["spiece.model": model(tokens, scores, last).fileBytes])
    }

    /// The same as SentencePiece's file, whose sentinels are user-defined pieces.
    private func model(
        _ tokens: [String], _ scores: [Double], _ sentinels: [String]
    ) -> SentencePieceModel {
        typealias Piece = SentencePieceModel.Piece
        let types: [Int32] = [3, 3, 2]
        let pieces = tokens.indices.map { id in
            Piece(
                text: tokens[id], score: Float(scores[id]), type: id < types.count ? types[id] : 1)
        }
        return SentencePieceModel(
            pieces: pieces + sentinels.map { Piece(text: $0, type: 4) }, modelType: 1,
            fallsBackToBytes: false, unknown: 2, beginOfText: nil, endOfText: 1, padding: 0,
            normalization: (normalization, table), coverage: coverage)
    }

    /// The derivative of the logarithm of the gamma function (Bernardo 1976, algorithm AS 103, with more
    /// terms).
    static func digamma(_ value: Double) -> Double {
        var (result, x) = (0.0, value)
        while x < 7 {
            result -= 1 / x
            x += 1
        }
        x -= 0.5
        let square = 1 / (x * x)
        let fourth = square * square
        return result + log(x) + square / 24 - 7 / 960 * fourth + 31 / 8064 * fourth * square
            - 127 / 30720 * fourth * fourth
    }
}
