import Autograd
import Distributed
import Foundation
import TextData

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
    ///   - accuracy: whether the likeliest tokens are compared with the targets, too.
    ///   - stepped: called after each batch.
    ///   - leaves: asked before each batch whether to leave out the rest. If one rank does, the
    ///     whole is worth nothing.
    func evaluate(
        _ batches: EvaluationBatches, accuracy: Bool = false, stepped: () -> Void = {},
        leaves: () -> Bool = { false }
    ) throws(TrainingError) -> EvaluationOutcome {
        var sums = [0.0, 0.0, 0.0]
        var right = TokenAccuracy()
        var isLeft = false
        for number in 0..<batches.count {
            isLeft = leaves()
            if isLeft { break }
            let batch: TokenBatch
            do {
                batch = try batches.batch(number)
            } catch {
                error.endIfAlone(communicator, step: nil)
                throw .corpus(error)
            }
            let pass = ForwardPass(workspace: workspace, computeType: store.computeType)
            let loss: Loss
            if accuracy {
                let trial = model.lossAndLikeliest(
                    batch.ids, targets: batch.targets, batch: batch.rows,
                    segments: batch.segments, in: pass)
                loss = trial.loss
                for start in stride(from: 0, to: batch.ids.count, by: batch.columns) {
                    let row = start..<start + batch.columns
                    right.add(
                        likeliest: Array(trial.likeliest[row]), targets: Array(batch.targets[row]))
                }
            } else {
                loss = model.loss(
                    batch.ids, targets: batch.targets, batch: batch.rows,
                    segments: batch.segments, in: pass)
            }
            sums[0] += loss.sum
            sums[1] += Double(loss.targets)
            sums[2] += 1
            stepped()
        }
        sums += [right.sum, Double(right.count), isLeft ? 1 : 0]
        do {
            try communicator.sum(&sums)
        } catch {
            throw .communication(error)
        }
        return EvaluationOutcome(
            loss: sums[0] / max(sums[1], 1),
            figures: accuracy
                ? [
                    EvaluationFigure(
                        name: EvaluationFigure.accuracy, value: sums[3] / max(sums[4], 1))
                ]
                : [],
            batches: Int(sums[2]), targets: sums[1], isLeft: sums[5] > 0)
    }
}

extension TrainingSession {
    /// Tries the model on what is held out. Collective; changes nothing.
    ///
    /// - Parameter leaves: as for ``TrainingLoop/evaluate(_:accuracy:stepped:leaves:)``.
    /// - Returns: `nil` where nothing is held out.
    func evaluate(
        atStep step: Int, leaves: () -> Bool = { false }
    ) throws(TrainingError) -> EvaluationOutcome? {
        guard !evaluation.isEmpty else { return nil }
        let stepped = { self.heartbeat.enter(.evaluate, step: step) }
        stepped()
        var parts: [(name: String?, outcome: EvaluationOutcome)] = []
        for part in evaluation {
            let outcome = try loop.evaluate(
                part.batches, accuracy: configuration.evaluation.computeAccuracy,
                stepped: stepped, leaves: leaves)
            if outcome.isLeft { return outcome }
            parts.append((part.name, outcome))
        }
        var outcome = EvaluationOutcome(parts: parts)
        if let predictor {
            let found = try predictor.run(on: loop, stepped: stepped, leaves: leaves)
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
        guard let predictor else { return nil }
        var clock = LapClock()
        let stepped = { self.heartbeat.enter(.evaluate, step: step) }
        stepped()
        let outcome = try predictor.run(on: loop, stepped: stepped, leaves: leaves)
        let summary = PredictionSummary(
            similarity: outcome.similarity, samples: outcome.similarity.count,
            batches: outcome.batches, runtime: clock.lap())
        return (outcome.predictions, outcome.isLeft ? nil : summary)
    }
}
