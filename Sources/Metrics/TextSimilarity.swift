import Foundation

/// How near generated texts are to the wanted ones: ROUGE of words and BLEU-4 of characters, in
/// percent, as LLaMA-Factory 0.9.5 computes them for `predict_with_generate`.
///
/// Each score of a pair is rounded to four decimals, then the mean over pairs is taken.
package struct TextSimilarity: Sendable, Equatable {
    /// Pairs compared so far.
    package private(set) var count = 0
    private var sums = [Double](repeating: 0, count: 4)

    package init() {}

    /// Compares a pair; returns its scores in the order of ``names``.
    @discardableResult
    package mutating func add(
        prediction: String, label: String, words segmenter: WordSegmenter
    ) -> [Double] {
        let hypothesis = Array(prediction.unicodeScalars)
        let reference = Array(label.unicodeScalars)
        let rouge = RougeScores(
            hypothesis: segmenter.cut(hypothesis), reference: segmenter.cut(reference))
        let bleu = BLEUScore.bleu4(hypothesis: hypothesis, reference: reference)
        let scores = [rouge.rouge1, rouge.rouge2, rouge.rougeL, bleu].map(Self.percent)
        count += 1
        for (index, score) in scores.enumerated() { sums[index] += score }
        return scores
    }

    /// Adds a pair that was compared elsewhere: its scores in the order of ``names``.
    package mutating func add(scores: [Double]) { add(sums: scores, count: 1) }

    /// Adds the pairs that another rank compared: four sums as ``totals`` gives them.
    package mutating func add(sums other: [Double], count otherCount: Int) {
        precondition(other.count == sums.count, "similarity: \(other.count) sums, not 4")
        for (index, sum) in other.enumerated() { sums[index] += sum }
        count += otherCount
    }

    /// The sums behind ``means``, for ranks to exchange.
    package var totals: [Double] { sums }

    /// The scores' names, without a prefix such as `predict_`.
    package static let names = ["rouge-1", "rouge-2", "rouge-l", "bleu-4"]

    /// Names and means over all pairs, from 0 to 100; empty before the first.
    package var means: [(name: String, value: Double)] {
        guard count > 0 else { return [] }
        return zip(Self.names, sums).map { ($0, $1 / Double(count)) }
    }

    /// Python's `round(value * 100, 4)`: the nearest decimal to the exact binary value.
    private static func percent(_ value: Double) -> Double {
        Double(String(format: "%.4f", value * 100)) ?? 0
    }
}
