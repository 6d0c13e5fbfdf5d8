import Foundation
import TextData

/// Held-out samples that are evaluated together.
struct HeldOutSamples {
    /// The dataset, where each is evaluated by itself (`eval_on_each_dataset`).
    let name: String?
    let samples: any SampleSource
}

/// Held-out samples as one rank's batches.
struct HeldOutBatches {
    /// As in ``HeldOutSamples``.
    let name: String?
    let batches: EvaluationBatches
}

extension EvaluationOutcome {
    /// What was tried part by part as a whole: the mean over all targets, then each named part's own
    /// figures, with the part's name before theirs (`eval_NAME_loss`), as Hugging Face's Trainer
    /// names those of several evaluation sets.
    init(parts: [(name: String?, outcome: EvaluationOutcome)]) {
        let outcomes = parts.map(\.outcome)
        func mean(_ value: (EvaluationOutcome) -> Double) -> Double {
            outcomes.count == 1
                ? value(outcomes[0])
                : outcomes.reduce(0) { $0 + value($1) * $1.targets }
                    / max(outcomes.reduce(0) { $0 + $1.targets }, 1)
        }
        let names = outcomes.first?.figures.map(\.name) ?? []
        let figures = names.indices.map { index in
            EvaluationFigure(name: names[index], value: mean { $0.figures[index].value })
        }
        self.init(
            loss: mean(\.loss), figures: figures,
            batches: outcomes.reduce(0) { $0 + $1.batches },
            targets: outcomes.reduce(0) { $0 + $1.targets })
        for case (let name?, let outcome) in parts {
            self.figures += outcome.named(name)
        }
    }

    private func named(_ part: String) -> [EvaluationFigure] {
        [
            EvaluationFigure(name: part + "_loss", value: loss),
            EvaluationFigure(name: part + "_perplexity", value: exp(loss)),
        ] + figures.map { EvaluationFigure(name: "\(part)_\($0.name)", value: $0.value) }
    }
}
