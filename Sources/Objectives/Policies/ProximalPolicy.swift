package import Autograd
package import Models
package import TextData

/// A policy that writes answers which a judge scores high, near the model that it began as: `stage: ppo`.
///
/// The loss is the mean over a step's tokens of a ``ProximalLoss``. A value head beside the language head says
/// of each token what is to be expected; both losses go through the body in one pass.
package final class ProximalPolicy: Objective {
    package let model: any LanguageModel
    package let answerLoss: ProximalLoss
    private let head: TaskHead
    package var memory: [Double] = []

    private typealias Name = PolicyFigure

    /// - Parameter model: with a value head.
    package init(_ model: any LanguageModel, _ loss: ProximalLoss = ProximalLoss()) {
        guard let head = model.taskHead, head.plan.isValueHead else {
            preconditionFailure("policy: a \(model.description.type) model without a value head")
        }
        self.model = model
        self.head = head
        answerLoss = loss
    }

    package var figureNames: [String] { Name.ofRollout + Name.ofStep }
    package var evaluationFigureNames: [String] { [Name.reward] }

    /// Log-probabilities and values of each answer's tokens, as the model has them. Nothing is recorded.
    ///
    /// - Parameter longest: places that a row has at most, but for what an answer takes itself.
    package static func numbers(
        of answers: [PromptedAnswer], by model: any LanguageModel, longest: Int,
        in pass: ForwardPass
    ) -> [(logProbabilities: [Float], values: [Float])] {
        let rows = AnswerRows(answers, longest: longest)
        let hidden = model.hiddenStates(
            rows.ids, batch: rows.count, segments: nil, textLengths: rows.lengths, in: pass)
        let found = model.languageHead.logProbabilities(hidden, targets: rows.targets, in: pass)
        let places = (0..<rows.count).flatMap { rows.targetPlaces(of: $0).map { Int32($0) } }
        var values: ArraySlice<Float> = []
        if let head = model.taskHead, !places.isEmpty {
            values = head.scores(head.tokenFeatures(hidden, at: places, in: pass), in: pass)[...]
        }
        return (0..<rows.count).map { row in
            let targets = rows.targetPlaces(of: row)
            defer { values = values.dropFirst(targets.count) }
            return (Array(found[targets]), Array(values.prefix(targets.count)))
        }
    }

    package func loss(
        _ batch: ExperienceBatch, given measures: Measures, in pass: ForwardPass
    ) -> ObjectiveLoss {
        let rows = batch.answers
        let hidden = model.hiddenStates(
            rows.ids, batch: rows.count, segments: nil, textLengths: rows.lengths, in: pass)
        // Nothing is learned of these logits.
        let bare = ForwardPass(workspace: pass.workspace, computeType: pass.computeType)
        let found = model.languageHead.targetScores(hidden, targets: rows.targets, in: bare)
        let features = head.tokenFeatures(hidden, at: batch.places, in: pass)
        let values = head.scores(features, in: bare)
        var (value, tokens) = (0.0, 0)
        var weights = [Float](repeating: 0, count: rows.targets.count)
        var gradients: [Float] = []
        var figures = FigureSums(figureNames)
        for (name, value) in batch.figures { figures.add(name, sum: value) }
        for (row, experience) in batch.experiences.enumerated() {
            guard let experience else { continue }
            let places = rows.targetPlaces(of: row)
            let outcome = answerLoss(
                found.logProbabilities[places].map(Double.init),
                values[tokens..<tokens + places.count].map(Double.init), of: experience)
            // A cross-entropy is a negative log-probability.
            for (place, slope) in zip(places, outcome.policyGradients) {
                weights[place] = Float(-slope)
            }
            gradients += outcome.valueGradients.map { Float($0) }
            tokens += places.count
            value += outcome.policyLoss + answerLoss.valueWeight * outcome.valueLoss
            add(outcome, tokens: places.count, to: &figures)
            figures.add(
                Name.policyEntropy, sum: places.reduce(0) { $0 + Double(found.entropies[$1]) },
                count: Double(places.count))
        }
        if gradients.isEmpty { gradients = [0] }
        let loss = model.languageHead.loss(
            hidden, targets: rows.targets, rowWeights: weights, in: pass
        )
        .adding(head.loss(features, GivenGradients(gradients), in: pass))
        .standing(for: value, targets: tokens)
        return ObjectiveLoss(loss, divisor: Double(tokens), figures: figures)
    }

    private func add(_ outcome: ProximalLoss.Outcome, tokens: Int, to figures: inout FigureSums) {
        let total = outcome.policyLoss + answerLoss.valueWeight * outcome.valueLoss
        let sums = [
            outcome.policyLoss, outcome.valueLoss, total, outcome.squaredDistance,
            outcome.distance, outcome.clippedPolicies, outcome.ratios, outcome.values,
            outcome.valueErrors, outcome.clippedValues,
        ]
        for (name, sum) in zip(Name.ofAnswers, sums) {
            figures.add(name, sum: sum, count: Double(tokens))
        }
    }

    // MARK: Measurements

    package func operationsPerToken(length: Int) -> Double {
        model.operationsPerToken(length: length)
    }

    package func randomBatch(rows: Int, columns: Int, seed: UInt64) -> ExperienceBatch {
        let tokens = TokenBatch(
            rows: rows, columns: columns, randomBelow: model.description.vocabularySize, seed: seed)
        return ExperienceBatch(
            (0..<rows).map { row in
                let ids = Array(tokens.ids[row * columns..<(row + 1) * columns])
                let prompt = max(1, columns / 2)
                let answer = PromptedAnswer(
                    prompt: Array(ids.prefix(prompt)), answer: Array(ids.dropFirst(prompt)))
                let zeros = [Double](repeating: 0, count: answer.answer.count)
                return (
                    answer,
                    ProximalLoss.Experience(
                        logProbabilities: zeros, values: zeros, advantages: zeros, returns: zeros)
                )
            }, sampleIDs: tokens.sampleIDs, figures: [])
    }
}

/// A loss of scores of which the gradient is known already; its value stands elsewhere.
private struct GivenGradients: ScoreLoss {
    let gradients: [Float]

    init(_ gradients: [Float]) { self.gradients = gradients }

    func callAsFunction(
        _ scores: [Float], width: Int
    ) -> (sum: Double, targets: Int, gradient: [Float]) {
        precondition(
            width == 1 && scores.count == gradients.count,
            "given gradients: \(scores.count) scores of \(width) for \(gradients.count)")
        return (0, gradients.count, gradients)
    }
}
