import Distributed
import Evaluation
import Metrics
import Reports

extension TrainingSession {
    /// Tries the model on what is held out. Collective; changes nothing.
    ///
    /// - Parameter leaves: as for ``Evaluator/evaluate(_:stepped:leaves:)``.
    /// - Returns: `nil` where nothing is held out.
    func evaluate(
        atStep step: Int, leaves: () -> Bool = { false }
    ) throws(TrainingError) -> EvaluationOutcome? {
        guard !stage.trials.isEmpty else { return nil }
        let stepped = { self.heartbeat.enter(.evaluate, step: step) }
        stepped()
        return try evaluated { () throws(EvaluationError) -> EvaluationOutcome in
            var parts: [(name: String?, outcome: EvaluationOutcome)] = []
            for part in stage.trials {
                var outcome = try loop.evaluator.evaluate(
                    part.trials, stepped: stepped, leaves: leaves)
                if outcome.isLeft { return outcome }
                if let loss = part.loss { outcome.loss = loss(outcome.rows, workspace) }
                outcome.figures += part.figures?(outcome.rows, workspace) ?? []
                if communicator.rank == 0 { outcome.files = part.files?(outcome.rows) ?? [] }
                parts.append((part.name, outcome))
            }
            var outcome = EvaluationOutcome(parts: parts)
            if let predictor = stage.predictor, predictor.isPartOfEvaluation {
                let found = try predictor.run(
                    setup.model, on: loop.evaluator, stepped: stepped, leaves: leaves)
                outcome.isLeft = found.isLeft
                outcome.figures += found.figures
            }
            if let tasks {
                let found = try tasks.figures(
                    of: setup.model, on: loop.evaluator, stepped: stepped, leaves: leaves)
                outcome.isLeft = outcome.isLeft || found == nil
                outcome.figures += found ?? []
            }
            return outcome
        }
    }

    /// Predicts what is held out. Collective; changes nothing.
    ///
    /// - Parameter leaves: asked before each batch whether to leave out the rest.
    /// - Returns: predictions on rank 0, none on others, and what they came to, unless some were
    ///   left out; `nil` where the run predicts nothing.
    func predict(
        atStep step: Int, leaves: () -> Bool
    ) throws(TrainingError) -> (
        file: PredictionFile, further: [PredictionFile], summary: PredictionSummary?
    )? {
        guard let predictor = stage.predictor else { return nil }
        var clock = LapClock()
        let stepped = { self.heartbeat.enter(.evaluate, step: step) }
        stepped()
        let outcome = try evaluated { () throws(EvaluationError) in
            try predictor.run(setup.model, on: loop.evaluator, stepped: stepped, leaves: leaves)
        }
        let summary = PredictionSummary(
            figures: outcome.figures, samples: outcome.samples, batches: outcome.batches,
            runtime: clock.lap())
        return (outcome.file, outcome.further, outcome.isLeft ? nil : summary)
    }

    /// What `body` gives; its problem as an error of a run. Of the data of one rank the others need
    /// not know.
    private func evaluated<Value>(
        _ body: () throws(EvaluationError) -> Value
    ) throws(TrainingError) -> Value {
        do {
            return try body()
        } catch {
            if case .corpus(let error) = error { error.endIfAlone(communicator, step: nil) }
            throw TrainingError(error)
        }
    }
}

extension TrainingLoop {
    /// What the model as it is is tried with.
    var evaluator: Evaluator {
        Evaluator(in: workspace, computeType: store.computeType, over: communicator)
    }
}
