package import Autograd
package import Models
package import TextData

/// What a model writes, learned from how its completions of a prompt are rated beside each other:
/// `stage: grpo`.
///
/// A ``PolicyLoss`` of log-probabilities of logits divided by the temperature that completions were drawn
/// with. A completion's one rating is its advantage; its token values are the log-probabilities under the
/// policy that wrote it, where further steps learn from them, and under the reference, where there is one.
package final class GroupPolicy: Objective {
    package let model: any LanguageModel
    package let tokenLoss: PolicyLoss
    package let temperature: Float
    /// Tokens of a completion at most.
    package let longest: Int
    /// Whether completions bring their writer's log-probabilities, and the reference's.
    package let hasOld: Bool
    package let hasReference: Bool
    /// Names of the figures that batches bring.
    private let rolloutFigures: [String]
    package var memory: [Double] = []

    private enum Name {
        static let divergence = "kl"
        static let entropy = "entropy"
        static let below = "clip_ratio/low_mean"
        static let above = "clip_ratio/high_mean"
        static let either = "clip_ratio/region_mean"
    }

    package init(
        _ model: any LanguageModel, _ loss: PolicyLoss, temperature: Double, longest: Int,
        hasOld: Bool, figures: [String]
    ) {
        self.model = model
        tokenLoss = loss
        self.temperature = Float(temperature)
        self.longest = longest
        self.hasOld = hasOld
        hasReference = loss.beta > 0
        rolloutFigures = figures
    }

    package var figureNames: [String] {
        rolloutFigures + (hasReference ? [Name.divergence] : [])
            + [Name.entropy, Name.below, Name.above, Name.either]
    }
    /// Held-out prompts are rated, not learned from.
    package var evaluationFigureNames: [String] { [] }

    // MARK: Loss

    package func loss(
        _ batch: PolicyBatch, given measures: Measures, in pass: ForwardPass
    ) -> ObjectiveLoss {
        let rows = batch.answers
        let scoring = AnswerScoring(
            model, rows, head: model.languageHead.divided(by: temperature), in: pass)
        let scores = scoring.tokenScores(in: pass)
        var figures = FigureSums(figureNames)
        for (name, value) in batch.figures { figures.add(name, sum: value) }
        var gradients = [Float](repeating: 0, count: rows.targets.count)
        var (sum, tokens) = (0.0, 0)
        for (row, rated) in batch.completions.enumerated() where batch.counts[row] {
            let places = rows.targetPlaces(of: row)
            let values = places.map { Double(scores.logProbabilities[$0]) }
            let outcome = tokenLoss(
                known(of: rated, values), advantage: Double(rated.ratings.first ?? 0))
            let weight = tokenLoss.weight(
                tokens: places.count, microBatchTokens: batch.whole.tokens, longest: longest)
            for (index, place) in places.enumerated() {
                sum += weight * outcome.losses[index]
                gradients[place] = Float(weight * outcome.gradients[index])
            }
            tokens += places.count
            add(outcome, to: &figures)
            figures.add(
                Name.entropy, sum: places.reduce(0) { $0 + Double(scores.entropies[$1]) },
                count: Double(places.count))
        }
        return ObjectiveLoss(
            scoring.loss(sum, tokenGradients: gradients, targets: tokens, in: pass),
            divisor: tokenLoss.divisor(
                rows: batch.rows, tokens: tokens, microBatchRows: batch.whole.rows),
            figures: figures)
    }

    /// The numbers that a completion brings, beside those of now.
    private func known(of rated: RatedCompletion, _ values: [Double]) -> PolicyLoss.Tokens {
        var arrays = rated.tokenValues[...]
        let old = hasOld ? arrays.popFirst()?.map(Double.init) : nil
        let reference = hasReference ? arrays.popFirst()?.map(Double.init) : nil
        return PolicyLoss.Tokens(values: values, old: old, reference: reference)
    }

    private func add(_ outcome: PolicyLoss.Outcome, to figures: inout FigureSums) {
        if hasReference {
            figures.add(
                Name.divergence, sum: outcome.divergences.reduce(0, +),
                count: Double(outcome.losses.count))
        }
        let count = Double(outcome.ratios)
        figures.add(Name.below, sum: Double(outcome.below), count: count)
        figures.add(Name.above, sum: Double(outcome.above), count: count)
        figures.add(Name.either, sum: Double(outcome.below + outcome.above), count: count)
    }

    // MARK: Measurements

    package func operationsPerToken(length: Int) -> Double {
        model.operationsPerToken(length: length)
    }

    package func randomBatch(rows: Int, columns: Int, seed: UInt64) -> PolicyBatch {
        let tokens = TokenBatch(
            rows: rows, columns: columns, randomBelow: model.description.vocabularySize, seed: seed)
        let completions = (0..<rows).map { row in
            let ids = Array(tokens.ids[row * columns..<(row + 1) * columns])
            let answer = Array(ids.dropFirst(columns / 2))
            let numbers = [Float](repeating: -1, count: answer.count)
            return RatedCompletion(
                Completion(
                    position: row, row: row, sample: 0, prompt: Array(ids.prefix(columns / 2)),
                    ids: answer, hasEnded: true),
                ratings: [row % 2 == 0 ? 1 : -1],
                tokenValues: Array(
                    repeating: numbers, count: (hasOld ? 1 : 0) + (hasReference ? 1 : 0)))
        }
        return PolicyBatch(
            completions, counts: completions.map { _ in true }, sampleIDs: tokens.sampleIDs)
    }
}

extension LanguageModel {
    /// The log-probabilities of each answer's tokens, of logits divided by a temperature. (R) Nothing is
    /// recorded.
    package func tokenLogProbabilities(
        _ rows: AnswerRows, temperature: Float = 1, in pass: ForwardPass
    ) -> [[Float]] {
        let head = languageHead.divided(by: temperature)
        let found = AnswerScoring(self, rows, head: head, in: pass).tokenScores(in: pass)
        return (0..<rows.count).map { row in
            rows.targetPlaces(of: row).map { found.logProbabilities[$0] }
        }
    }
}
