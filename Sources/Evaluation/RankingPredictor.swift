import Foundation
import Metrics
package import Models
package import Objectives

/// The scores of all held-out pairs, for a file: LLaMA-Factory's generated_predictions.jsonl of `stage: rm`.
package struct RankingPredictor: HeldOutPredictor {
    /// What is held out, each dataset by itself where it has a name.
    package typealias Part = (name: String?, trials: any Trials)

    private let parts: [Part]

    package init(_ parts: [Part]) { self.parts = parts }

    package var notice: String? { nil }
    package var isPartOfEvaluation: Bool { false }

    package func run(
        _ model: any LanguageModel, on evaluator: Evaluator, stepped: () -> Void,
        leaves: () -> Bool
    ) throws(EvaluationError) -> PredictionOutcome {
        var rows: [HeldOutRow] = []
        var parts: [(name: String?, outcome: EvaluationOutcome)] = []
        var isLeft = false
        for part in self.parts {
            let outcome = try evaluator.evaluate(part.trials, stepped: stepped, leaves: leaves)
            rows += outcome.rows
            isLeft = outcome.isLeft
            if isLeft { break }
            parts.append((part.name, outcome))
        }
        let whole = EvaluationOutcome(parts: parts)
        let isRoot = evaluator.communicator.rank == 0
        let lines = rows.map { row in
            "{\"chosen\": \(Self.text(row.values[0])), \"rejected\": \(Self.text(row.values[1]))}\n"
        }
        return PredictionOutcome(
            file: PredictionFile(
                name: "generated_predictions.jsonl", text: isRoot ? lines.joined() : "",
                count: rows.count),
            figures: isLeft ? [] : [Figure(name: "loss", value: whole.loss)] + whole.figures,
            samples: rows.count, batches: whole.batches, isLeft: isLeft)
    }

    /// Two decimals, as Python rounds and writes them.
    private static func text(_ score: Float) -> String {
        guard score.isFinite else {
            return score.isNaN ? "NaN" : score > 0 ? "Infinity" : "-Infinity"
        }
        let rounded = Double(String(format: "%.2f", Double(score))) ?? 0
        return "\(rounded)"
    }
}
