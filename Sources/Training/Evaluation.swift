import Autograd
import Distributed
import Foundation
import Objectives

/// What trying the held-out samples gave, over all ranks.
struct EvaluationOutcome {
    /// Mean loss over the targets.
    let loss: Double
    /// What else was asked for.
    var figures: [EvaluationFigure]
    let batches: Int
    /// Targets over all ranks.
    var targets = 0.0
    /// Whether the run was asked to stop and the rest left out, so that the figures mean nothing.
    var isLeft = false

    /// A metric by its name, such as `eval_loss`; NaN where it was not computed.
    func value(of metric: String) -> Double {
        switch metric {
        case "eval_loss": loss
        case "eval_perplexity": exp(loss)
        default: figures.first { "eval_" + $0.name == metric }?.value ?? .nan
        }
    }
}

extension TrainingLoop {
    /// The mean loss over the held-out samples. Collective; changes nothing.
    ///
    /// - Parameters:
    ///   - stepped: called after each batch.
    ///   - leaves: asked before each batch whether to leave out the rest. If one rank does, the
    ///     whole is worth nothing.
    func evaluate(
        _ trials: any Trials, stepped: () -> Void = {}, leaves: () -> Bool = { false }
    ) throws(TrainingError) -> EvaluationOutcome {
        var (loss, divisor, batches) = (0.0, 0.0, 0.0)
        var figures = FigureSums(trials.figureNames)
        var isLeft = false
        for number in 0..<trials.count {
            isLeft = leaves()
            if isLeft { break }
            let pass = ForwardPass(workspace: workspace, computeType: store.computeType)
            do {
                let outcome = try trials.loss(of: number, in: pass)
                loss += outcome.loss.sum
                divisor += outcome.divisor
                figures.add(outcome.figures)
            } catch {
                error.endIfAlone(communicator, step: nil)
                throw .corpus(error)
            }
            batches += 1
            stepped()
        }
        var sums = [loss, divisor, batches, isLeft ? 1 : 0] + figures.numbers
        do {
            try communicator.sum(&sums)
        } catch {
            throw .communication(error)
        }
        figures.numbers = Array(sums.dropFirst(4))
        return EvaluationOutcome(
            loss: sums[0] / max(sums[1], 1),
            figures: figures.means.map { EvaluationFigure(name: $0.name, value: $0.value) },
            batches: Int(sums[2]), targets: sums[1], isLeft: sums[3] > 0)
    }
}

extension TrainingSession {
    /// Tries the model on what is held out. Collective; changes nothing.
    ///
    /// - Parameter leaves: as for ``TrainingLoop/evaluate(_:stepped:leaves:)``.
    /// - Returns: `nil` where nothing is held out.
    func evaluate(
        atStep step: Int, leaves: () -> Bool = { false }
    ) throws(TrainingError) -> EvaluationOutcome? {
        guard !stage.trials.isEmpty else { return nil }
        let stepped = { self.heartbeat.enter(.evaluate, step: step) }
        stepped()
        var parts: [(name: String?, outcome: EvaluationOutcome)] = []
        for part in stage.trials {
            let outcome = try loop.evaluate(part.trials, stepped: stepped, leaves: leaves)
            if outcome.isLeft { return outcome }
            parts.append((part.name, outcome))
        }
        var outcome = EvaluationOutcome(parts: parts)
        if let predictor = stage.predictor {
            let found = try predictor.run(setup.model, on: loop, stepped: stepped, leaves: leaves)
            outcome.isLeft = found.isLeft
            outcome.figures += found.figures
        }
        return outcome
    }

    /// Continues the prompts of what is held out. Collective; changes nothing.
    ///
    /// - Parameter leaves: asked before each batch whether to leave out the rest.
    /// - Returns: predictions on rank 0, none on others, and what they came to, unless some were
    ///   left out; `nil` where the run predicts nothing.
    func predict(
        atStep step: Int, leaves: () -> Bool
    ) throws(TrainingError) -> (predictions: [Prediction], summary: PredictionSummary?)? {
        guard let predictor = stage.predictor else { return nil }
        var clock = LapClock()
        let stepped = { self.heartbeat.enter(.evaluate, step: step) }
        stepped()
        let outcome = try predictor.run(setup.model, on: loop, stepped: stepped, leaves: leaves)
        let summary = PredictionSummary(
            similarity: outcome.similarity, samples: outcome.similarity.count,
            batches: outcome.batches, runtime: clock.lap())
        return (outcome.predictions, outcome.isLeft ? nil : summary)
    }
}
