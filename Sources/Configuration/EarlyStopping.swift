/// The best evaluation of a run so far.
package struct BestMetric: Sendable, Equatable, Codable {
    /// The metric's name, such as `eval_loss`.
    package let name: String
    package let greaterIsBetter: Bool
    package private(set) var value: Double?
    /// The step of the best evaluation.
    package private(set) var step: Int?

    package init(name: String, greaterIsBetter: Bool, value: Double? = nil, step: Int? = nil) {
        self.name = name
        self.greaterIsBetter = greaterIsBetter
        self.value = value
        self.step = step
    }

    /// Takes note of an evaluation; returns whether it is the best so far. Equal is not better,
    /// and what is not a number never is.
    package mutating func update(_ candidate: Double, step: Int) -> Bool {
        guard !candidate.isNaN else { return false }
        if let value {
            guard greaterIsBetter ? candidate > value : candidate < value else { return false }
        }
        value = candidate
        self.step = step
        return true
    }
}

/// Ends a run after `patience` evaluations in a row without a new best.
///
/// LLaMA-Factory's early_stopping_steps: it counts evaluations, not steps.
package struct EarlyStopping: Sendable, Equatable, Codable {
    package let patience: Int
    package private(set) var evaluationsWithoutBest: Int

    package init(patience: Int, evaluationsWithoutBest: Int = 0) {
        self.patience = patience
        self.evaluationsWithoutBest = evaluationsWithoutBest
    }

    /// Takes note of an evaluation; returns whether the run should end.
    package mutating func update(isBest: Bool) -> Bool {
        evaluationsWithoutBest = isBest ? 0 : evaluationsWithoutBest + 1
        return isOver
    }

    /// Whether the run has ended; so it is after a resume, too.
    package var isOver: Bool { evaluationsWithoutBest >= patience }
}

extension RunConfiguration {
    /// The metric to watch; `nil` when no best checkpoint is kept.
    package var bestMetric: BestMetric? {
        evaluation.metricForBestModel.map {
            BestMetric(name: $0, greaterIsBetter: evaluation.greaterIsBetter)
        }
    }

    /// The rule that ends the run early; `nil` when none was asked for.
    package var earlyStopping: EarlyStopping? {
        evaluation.earlyStoppingSteps.map { EarlyStopping(patience: $0) }
    }
}
