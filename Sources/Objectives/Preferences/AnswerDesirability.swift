package import Autograd
package import Models
package import TextData

extension JudgedBatch: StepBatch {}

/// Which single answers are good, learned from the model's own log-probabilities: `stage: kto`.
///
/// The loss is the mean over answers of a ``DesirabilityLoss``. K is the mean, over all answers of the step,
/// of how much likelier other rows' answers to the same prompts have become. Nothing is dropped in policy
/// and reference.
package final class AnswerDesirability: Objective {
    package let model: any LanguageModel
    package let answerLoss: DesirabilityLoss
    /// Known before the first step.
    package var reference: ReferenceScores?

    private typealias Name = PreferenceFigure

    /// Sums over a step's answers.
    private enum Sum {
        static let answers = "answers"
        static let desirable = "desirable"
        static let divergence = "divergence"
    }

    package init(_ model: any LanguageModel, _ loss: DesirabilityLoss) {
        self.model = model
        answerLoss = loss
    }

    package var usesDropout: Bool { false }
    package var measuresHeldOut: Bool { true }
    package var measureNames: [String] { [Sum.answers, Sum.desirable, Sum.divergence] }
    package var figureNames: [String] {
        [
            Name.chosen, Name.rejected, Name.margin, Name.chosenValue, Name.rejectedValue,
            Name.divergence,
        ]
    }

    package func measure(_ batches: [JudgedBatch], in pass: MeasuringPass) -> Measures {
        var measures = Measures(measureNames)
        for batch in batches {
            let sums = model.answerSums(batch.mismatches, in: pass(batch.sampleIDs))
            for (row, example) in batch.examples.enumerated() {
                guard let example else { continue }
                measures[Sum.answers] += 1
                measures[Sum.desirable] += example.isDesirable ? 1 : 0
                measures[Sum.divergence] += sums[row] - known(batch, row)[1]
            }
        }
        return measures
    }

    /// What the reference gives a row's answer and its mismatch.
    private func known(_ batch: JudgedBatch, _ row: Int) -> [Double] {
        reference?[batch.numbers[row]] ?? [.nan, .nan]
    }

    package func loss(
        _ batch: JudgedBatch, given measures: Measures, in pass: ForwardPass
    ) -> ObjectiveLoss {
        let scoring = AnswerScoring(model, batch.answers, in: pass)
        return objectiveLoss(batch, scoring.sums(in: pass), measures) { value, gradients, count in
            scoring.loss(value, gradients: gradients, targets: count, in: pass)
        }
    }

    package func evaluate(
        _ batch: JudgedBatch, given measures: Measures, in pass: ForwardPass
    ) -> ObjectiveLoss {
        let sums = model.answerSums(batch.answers, in: pass)
        return objectiveLoss(batch, sums, measures) { value, _, count in
            Loss(of: value, targets: count)
        }
    }

    private func objectiveLoss(
        _ batch: JudgedBatch, _ sums: [Double], _ measures: Measures,
        _ make: (_ value: Double, _ gradients: [Double], _ answers: Int) -> Loss
    ) -> ObjectiveLoss {
        let count = max(measures[Sum.answers], 1)
        let divergence = max(0, measures[Sum.divergence] / count)
        let sides = [count - measures[Sum.desirable], measures[Sum.desirable]]
        var figures = FigureSums(figureNames)
        var gradients = [Double](repeating: 0, count: batch.rows)
        var (value, answers) = (0.0, 0)
        for (row, example) in batch.examples.enumerated() {
            guard let example else { continue }
            let answer = PairLoss.Answer(
                sum: sums[row], tokens: batch.answers.targetCounts[row],
                reference: known(batch, row)[0])
            let found = answerLoss(
                answer, isDesirable: example.isDesirable, divergence: divergence)
            (gradients[row], answers) = (found.gradient, answers + 1)
            value += found.loss
            let reward = answerLoss.beta * (answer.sum - answer.reference)
            figures.add(example.isDesirable ? Name.chosen : Name.rejected, sum: reward)
            figures.add(
                example.isDesirable ? Name.chosenValue : Name.rejectedValue, sum: answer.sum)
            figures.add(Name.divergence, sum: divergence)
            // The difference of two means, each over its own answers of the step.
            guard sides[0] > 0, sides[1] > 0 else { continue }
            figures.add(
                Name.margin, sum: example.isDesirable ? reward / sides[1] : -reward / sides[0],
                count: 1 / count)
        }
        return ObjectiveLoss(
            make(value, gradients, answers), divisor: Double(answers), figures: figures)
    }

    // MARK: Measurements

    package func operationsPerToken(length: Int) -> Double {
        model.operationsPerToken(length: length)
    }

    package func randomBatch(rows: Int, columns: Int, seed: UInt64) -> JudgedBatch {
        let tokens = TokenBatch(
            rows: 2 * rows, columns: columns, randomBelow: model.description.vocabularySize,
            seed: seed)
        let answers = (0..<2 * rows).map { row in
            let ids = Array(tokens.ids[row * columns..<(row + 1) * columns])
            return PromptedAnswer(
                prompt: Array(ids.prefix(columns / 2)), answer: Array(ids.dropFirst(columns / 2)))
        }
        if reference == nil {
            let scores = ReferenceScores(count: 1, answers: 2)
            scores[0] = [0, 0]
            reference = scores
        }
        return JudgedBatch(
            (0..<rows).map {
                JudgedExample(
                    answer: answers[$0], isDesirable: $0 % 2 == 0, mismatch: answers[rows + $0])
            }, numbers: Array(repeating: 0, count: rows),
            sampleIDs: Array(tokens.sampleIDs.prefix(rows)))
    }
}
