package import Metrics
package import Models

/// What says something of each held-out sample, for a file of predictions.
package protocol HeldOutPredictor {
    /// A line for the user; `nil` where there is nothing to say.
    var notice: String? { get }
    /// Whether its figures belong to evaluations too.
    var isPartOfEvaluation: Bool { get }

    /// Predicts all samples. Collective.
    ///
    /// - Parameters:
    ///   - stepped: called now and then, to see that it goes on.
    ///   - leaves: asked before each batch whether to leave out the rest.
    func run(
        _ model: any LanguageModel, on evaluator: Evaluator, stepped: () -> Void,
        leaves: () -> Bool
    ) throws(EvaluationError) -> PredictionOutcome
}

/// What predictions came to.
package struct PredictionOutcome {
    /// In the order of the data, on rank 0; empty on the others.
    package let file: PredictionFile
    /// Of all predictions, then of each dataset's own where each is by itself; the same on every rank.
    package let figures: [Figure]
    package let samples: Int
    /// Batches over all ranks.
    package let batches: Int
    /// Whether some rank was asked to leave out the rest, so that there are too few.
    package let isLeft: Bool
    /// Files beside the first.
    package var further: [PredictionFile] = []
}
