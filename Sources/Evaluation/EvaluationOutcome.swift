import Foundation
package import Metrics
package import Objectives

/// What trying the held-out samples gave, over all ranks.
package struct EvaluationOutcome {
    /// Mean loss over the targets.
    package var loss: Double
    /// What else was asked for.
    package var figures: [Figure]
    package let batches: Int
    /// As of the objective.
    package let isCrossEntropy: Bool
    /// Targets over all ranks.
    package var targets = 0.0
    /// Whether the run was asked to stop and the rest left out, so that the figures mean nothing.
    package var isLeft = false
    /// What each sample came to, in the order of the data, where figures need all of them.
    package var rows: [HeldOutRow] = []
    /// What is written of them, on rank 0.
    package var files: [PredictionFile] = []

    /// Of a cross-entropy: its exponential.
    package var perplexity: Double? { isCrossEntropy ? exp(loss) : nil }

    /// A metric by its name, such as `eval_loss`; NaN where it was not computed.
    package func value(of metric: String) -> Double {
        switch metric {
        case "eval_loss": loss
        case "eval_perplexity": perplexity ?? .nan
        default: figures.first { "eval_" + $0.name == metric }?.value ?? .nan
        }
    }
}

extension EvaluationOutcome {
    /// What was tried part by part as a whole: the mean over all targets, then each named part's own
    /// figures, with the part's name before theirs (`eval_NAME_loss`), as Hugging Face's Trainer
    /// names those of several evaluation sets.
    package init(parts: [(name: String?, outcome: EvaluationOutcome)]) {
        let outcomes = parts.map(\.outcome)
        /// Over the targets of the parts that have the value.
        func mean(_ value: (EvaluationOutcome) -> Double?) -> Double {
            let known = outcomes.compactMap { outcome in
                value(outcome).map { ($0, outcome.targets) }
            }
            guard known.count > 1 else { return known.first?.0 ?? .nan }
            return known.reduce(0) { $0 + $1.0 * $1.1 } / max(known.reduce(0) { $0 + $1.1 }, 1)
        }
        var names: [String] = []
        for figure in outcomes.flatMap(\.figures) where !names.contains(figure.name) {
            names.append(figure.name)
        }
        let figures = names.map { name in
            Figure(
                name: name,
                value: mean { $0.figures.first { $0.name == name }?.value })
        }
        self.init(
            loss: mean { $0.loss }, figures: figures,
            batches: outcomes.reduce(0) { $0 + $1.batches },
            isCrossEntropy: outcomes.allSatisfy(\.isCrossEntropy),
            targets: outcomes.reduce(0) { $0 + $1.targets })
        for case (let name?, let outcome) in parts {
            self.figures += outcome.named(name)
        }
        files = outcomes.flatMap(\.files)
    }

    private func named(_ part: String) -> [Figure] {
        let perplexity = perplexity.map { [Figure(name: part + "_perplexity", value: $0)] } ?? []
        return [Figure(name: part + "_loss", value: loss)] + perplexity
            + figures.map { Figure(name: "\(part)_\($0.name)", value: $0.value) }
    }
}
