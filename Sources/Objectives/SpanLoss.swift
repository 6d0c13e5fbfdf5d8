import Autograd
import Foundation

/// (−log softmax(first scores)[start] − log softmax(second scores)[end]) / 2 of each row, over its tokens.
///
/// A row whose start or end lies outside of it has no loss.
/// Source: transformers 5.23, `ForQuestionAnsweringLoss`, whose softmax also takes what fills rows up.
package struct SpanLoss: ScoreLoss {
    /// (rows) of the first and the last token of an answer; `nil` for rows without loss.
    let spans: [(start: Int32, end: Int32)?]
    let lengths: [Int]  // (rows)
    /// Tokens of each row, those that fill it up included.
    let columns: Int

    package init(spans: [(start: Int32, end: Int32)?], lengths: [Int], columns: Int) {
        precondition(spans.count == lengths.count, "\(spans.count) spans of \(lengths.count) rows")
        self.spans = spans
        self.lengths = lengths
        self.columns = columns
    }

    package func callAsFunction(
        _ scores: [Float], width: Int
    ) -> (sum: Double, targets: Int, gradient: [Float]) {
        precondition(width == 2, "spans: \(width) scores of each token")
        var gradient = [Float](repeating: 0, count: scores.count)
        var (sum, count) = (0.0, 0)
        for (row, span) in spans.enumerated() {
            let tokens = 0..<lengths[row]
            guard let span, tokens.contains(Int(span.start)), tokens.contains(Int(span.end)) else {
                continue
            }
            count += 1
            for (place, target) in [span.start, span.end].enumerated() {
                func index(_ token: Int) -> Int { (row * columns + token) * 2 + place }
                let most = tokens.reduce(-Double.infinity) { max($0, Double(scores[index($1)])) }
                let powers = tokens.map { exp(Double(scores[index($0)]) - most) }
                let total = powers.reduce(0, +)
                sum += (log(total) + most - Double(scores[index(Int(target))])) / 2
                for token in tokens { gradient[index(token)] = Float(powers[token] / total / 2) }
                gradient[index(Int(target))] -= 0.5
            }
        }
        return (sum, count, gradient)
    }
}
