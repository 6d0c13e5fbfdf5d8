package import Autograd
package import Models
package import TextData

extension PairBatch: StepBatch {}

/// Which of two answers is better, learned from the model's own log-probabilities: `stage: dpo`.
///
/// The loss is the mean over pairs of a ``PairLoss``. Nothing is dropped in policy and reference.
package final class PairPreference: Objective {
    package let model: any LanguageModel
    package let pairLoss: PairLoss
    /// What tokens beyond the shorter answer's length count in the policy's sums (`ld_alpha`); 1 without.
    /// Wu et al. 2024, arXiv:2409.06411.
    private let lengthWeight: Float
    /// Known before the first step, where the loss needs it.
    package var reference: ReferenceScores?
    /// Mean rewards of the steps so far: their sum and their number.
    package var memory: [Double] = []

    private typealias Name = PreferenceFigure

    /// Sums over a step's pairs.
    private enum Sum {
        static let pairs = "pairs"
        static let chosen = "chosen"
        static let rejected = "rejected"
    }

    package init(_ model: any LanguageModel, _ loss: PairLoss, lengthWeight: Double = 1) {
        self.model = model
        pairLoss = loss
        self.lengthWeight = Float(lengthWeight)
    }

    package var needsReference: Bool { pairLoss.form.needsReference }
    package var usesDropout: Bool { false }

    package var figureNames: [String] {
        [
            Name.chosen, Name.rejected, Name.accuracy, Name.margin, Name.chosenValue,
            Name.rejectedValue,
        ] + (pairLoss.form == .orpo ? [Name.answerLoss, Name.oddsLoss] : [])
    }

    // MARK: Numbers of a whole step

    package var measureNames: [String] {
        pairLoss.form == .ktoPair || pairLoss.classifierWeight > 0
            ? [Sum.pairs, Sum.chosen, Sum.rejected] : []
    }
    package var measuresHeldOut: Bool { true }

    package func measure(_ batches: [PairBatch], in pass: MeasuringPass) -> Measures {
        var measures = Measures(measureNames)
        guard !measureNames.isEmpty else { return measures }
        for batch in batches {
            let pass = pass(batch.sampleIDs)
            let sums = scoring(batch, pass).sums(in: pass)
            for (chosen, rejected) in answers(batch, sums).compactMap({ $0 }) {
                let outcome = pairLoss(chosen: chosen, rejected: rejected)
                measures[Sum.pairs] += 1
                measures[Sum.chosen] += outcome.chosenReward
                measures[Sum.rejected] += outcome.rejectedReward
            }
        }
        return measures
    }

    private func baselines(_ measures: Measures, isHeldOut: Bool) -> PairLoss.Baselines {
        var baselines = PairLoss.Baselines()
        guard !measures.names.isEmpty else { return baselines }
        let pairs = max(measures[Sum.pairs], 1)
        baselines.chosenDivergence = max(0, measures[Sum.chosen] / pairs / pairLoss.beta)
        baselines.rejectedDivergence = max(0, measures[Sum.rejected] / pairs / pairLoss.beta)
        let rewards = isHeldOut ? memory : remembering(measures)
        baselines.reward = rewards.isEmpty ? 0 : rewards[0] / max(rewards[1], 1)
        return baselines
    }

    /// The memory with another step's mean reward, over both halves.
    private func remembering(_ measures: Measures) -> [Double] {
        let mean =
            (measures[Sum.chosen] + measures[Sum.rejected]) / (2 * max(measures[Sum.pairs], 1))
        return memory.isEmpty ? [mean, 1] : [memory[0] + mean, memory[1] + 1]
    }

    package func stepEnded(given measures: Measures) {
        if pairLoss.classifierWeight > 0 { memory = remembering(measures) }
    }

    // MARK: Batches

    package func loss(
        _ batch: PairBatch, given measures: Measures, in pass: ForwardPass
    ) -> ObjectiveLoss {
        let scoring = scoring(batch, pass)
        let outcomes = outcomes(
            batch, scoring.sums(in: pass), baselines(measures, isHeldOut: false))
        return objectiveLoss(outcomes, batch) { value, gradients, pairs in
            scoring.loss(value, gradients: gradients, targets: pairs, in: pass)
        }
    }

    package func evaluate(
        _ batch: PairBatch, given measures: Measures, in pass: ForwardPass
    ) -> ObjectiveLoss {
        let sums = scoring(batch, pass).sums(in: pass)
        let outcomes = outcomes(batch, sums, baselines(measures, isHeldOut: true))
        return objectiveLoss(outcomes, batch) { value, _, pairs in
            Loss(of: value, targets: pairs)
        }
    }

    private func scoring(_ batch: PairBatch, _ pass: ForwardPass) -> AnswerScoring {
        var scoring = AnswerScoring(model, batch.answers, in: pass)
        if lengthWeight != 1 { scoring.tokenWeights = tokenWeights(batch) }
        return scoring
    }

    private func tokenWeights(_ batch: PairBatch) -> [Float] {
        var weights = [Float](repeating: 1, count: batch.answers.targets.count)
        for pair in 0..<batch.rows {
            let rows = [pair, batch.rows + pair]
            let shorter = rows.map { batch.answers.targetCounts[$0] }.min() ?? 0
            for row in rows {
                for place in batch.answers.targetPlaces(of: row).dropFirst(shorter) {
                    weights[place] = lengthWeight
                }
            }
        }
        return weights
    }

    /// Each pair's answers with the reference's sums; `nil` for those that only fill up.
    private func answers(
        _ batch: PairBatch, _ sums: [Double]
    ) -> [(chosen: PairLoss.Answer, rejected: PairLoss.Answer)?] {
        (0..<batch.rows).map { pair in
            guard batch.pairs[pair] != nil else { return nil }
            let known = needsReference ? reference?[batch.numbers[pair]] ?? [.nan, .nan] : [0, 0]
            let answers = [pair, batch.rows + pair].enumerated().map { side, row in
                PairLoss.Answer(
                    sum: sums[row], tokens: batch.answers.targetCounts[row],
                    reference: known[side])
            }
            return (answers[0], answers[1])
        }
    }

    private func outcomes(
        _ batch: PairBatch, _ sums: [Double], _ baselines: PairLoss.Baselines
    ) -> [PairLoss.Outcome?] {
        answers(batch, sums).map { pair in
            pair.map { pairLoss(chosen: $0.chosen, rejected: $0.rejected, given: baselines) }
        }
    }

    private func objectiveLoss(
        _ outcomes: [PairLoss.Outcome?], _ batch: PairBatch,
        _ make: (_ value: Double, _ gradients: [Double], _ pairs: Int) -> Loss
    ) -> ObjectiveLoss {
        let gradients =
            outcomes.map { $0?.chosenGradient ?? 0 } + outcomes.map { $0?.rejectedGradient ?? 0 }
        let value = outcomes.reduce(0) { $0 + ($1?.loss ?? 0) }
        let loss = make(value, gradients, batch.pairCount)
        var figures = FigureSums(figureNames)
        for outcome in outcomes.compactMap({ $0 }) {
            let margin = outcome.chosenReward - outcome.rejectedReward
            figures.add(Name.chosen, sum: outcome.chosenReward)
            figures.add(Name.rejected, sum: outcome.rejectedReward)
            figures.add(Name.accuracy, sum: margin > 0 ? 1 : 0)
            figures.add(Name.margin, sum: margin)
            figures.add(Name.chosenValue, sum: outcome.chosenValue)
            figures.add(Name.rejectedValue, sum: outcome.rejectedValue)
            guard pairLoss.form == .orpo else { continue }
            figures.add(Name.answerLoss, sum: outcome.answerLoss)
            figures.add(Name.oddsLoss, sum: outcome.oddsLoss)
        }
        return ObjectiveLoss(loss, divisor: Double(batch.pairCount), figures: figures)
    }

    // MARK: Measurements

    package func operationsPerToken(length: Int) -> Double {
        model.operationsPerToken(length: length)
    }

    package var sequencesOfSample: Int { 2 }

    package func randomBatch(rows: Int, columns: Int, seed: UInt64) -> PairBatch {
        if needsReference, reference == nil {
            let scores = ReferenceScores(count: 1, answers: 2)
            scores[0] = [0, 0]
            reference = scores
        }
        return PairBatch(randomRows: rows, columns: columns, of: model, seed: seed)
    }
}

extension PairBatch {
    /// Pairs of random tokens, half of them answers.
    init(randomRows rows: Int, columns: Int, of model: any LanguageModel, seed: UInt64) {
        let tokens = TokenBatch(
            rows: 2 * rows, columns: columns, randomBelow: model.description.vocabularySize,
            seed: seed)
        let answers = (0..<2 * rows).map { row in
            let ids = Array(tokens.ids[row * columns..<(row + 1) * columns])
            return PromptedAnswer(
                prompt: Array(ids.prefix(columns / 2)), answer: Array(ids.dropFirst(columns / 2)))
        }
        self.init(
            (0..<rows).map { EncodedPair(chosen: answers[$0], rejected: answers[rows + $0]) },
            numbers: Array(repeating: 0, count: rows),
            sampleIDs: Array(tokens.sampleIDs.prefix(rows)))
    }
}
