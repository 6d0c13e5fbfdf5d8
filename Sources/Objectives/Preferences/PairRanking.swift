package import Autograd
package import Models
package import TextData

/// Which of two answers is better, as a score of each says: `stage: rm`.
///
/// The loss is the mean over pairs of −log σ(s_c − s_r), the scores being those of the answers' last tokens.
/// Ouyang et al. 2022, arXiv:2203.02155, equation 1, of one pair a prompt.
package final class PairRanking: Objective {
    package let model: any LanguageModel
    private let head: TaskHead

    private typealias Name = PreferenceFigure

    /// - Parameter model: with a head that gives one number.
    package init(_ model: any LanguageModel) {
        guard let head = model.taskHead, head.plan.outputs == 1 else {
            preconditionFailure("pairs: a \(model.description.type) model without a score")
        }
        self.model = model
        self.head = head
    }

    package var figureNames: [String] { [Name.pairAccuracy, Name.margin] }
    package var evaluationFigureNames: [String] { figureNames }
    package var keepsRows: Bool { true }

    package func loss(
        _ batch: PairBatch, given measures: Measures, in pass: ForwardPass
    ) -> ObjectiveLoss {
        let features = features(batch, pass)
        return outcome(batch, features, head.scores(features, in: pass), pass)
    }

    package func evaluate(_ batch: PairBatch, in pass: ForwardPass) -> ObjectiveLoss {
        let features = features(batch, pass)
        let scores = head.scores(features, in: pass)
        var outcome = outcome(batch, features, scores, pass)
        for pair in 0..<batch.rows where batch.pairs[pair] != nil {
            outcome.outputs.append(
                HeldOutRow(
                    number: Int(batch.pairIDs[pair]),
                    values: [scores[pair], scores[batch.rows + pair]]))
        }
        return outcome
    }

    private func features(_ batch: PairBatch, _ pass: ForwardPass) -> Tensor {
        let rows = batch.answers
        return head.features(
            model.hiddenStates(
                rows.ids, batch: rows.count, segments: nil, textLengths: rows.lengths, in: pass),
            ids: rows.ids, lengths: rows.lengths, in: pass)
    }

    private func outcome(
        _ batch: PairBatch, _ features: Tensor, _ scores: [Float], _ pass: ForwardPass
    ) -> ObjectiveLoss {
        let loss = head.loss(
            features, RankingLoss(counts: batch.pairs.map { $0 != nil }), in: pass)
        var figures = FigureSums(figureNames)
        for pair in 0..<batch.rows where batch.pairs[pair] != nil {
            let margin = Double(scores[pair]) - Double(scores[batch.rows + pair])
            figures.add(Name.pairAccuracy, sum: margin > 0 ? 1 : 0)
            figures.add(Name.margin, sum: margin)
        }
        return ObjectiveLoss(loss, divisor: Double(batch.pairCount), figures: figures)
    }

    package func operationsPerToken(length: Int) -> Double {
        model.operationsPerToken(length: length, headShare: 0)
    }

    package var sequencesOfSample: Int { 2 }

    package func randomBatch(rows: Int, columns: Int, seed: UInt64) -> PairBatch {
        PairBatch(randomRows: rows, columns: columns, of: model, seed: seed)
    }
}

/// −log σ(s_c − s_r), summed over pairs: scores of the chosen answers, then of the rejected ones.
package struct RankingLoss: ScoreLoss {
    /// Whether each pair does not only fill the batch. (B)
    let counts: [Bool]

    package init(counts: [Bool]) { self.counts = counts }

    package func callAsFunction(
        _ scores: [Float], width: Int
    ) -> (sum: Double, targets: Int, gradient: [Float]) {
        precondition(
            width == 1 && scores.count == 2 * counts.count,
            "ranking: \(scores.count) scores of \(width) for \(counts.count) pairs")
        var sum = 0.0
        var gradient = [Float](repeating: 0, count: scores.count)
        for pair in counts.indices where counts[pair] {
            let margin = Double(scores[pair]) - Double(scores[counts.count + pair])
            sum -= PairLoss.logSigmoid(margin)
            let slope = Float(PairLoss.sigmoid(-margin))
            gradient[pair] = -slope
            gradient[counts.count + pair] = slope
        }
        return (sum, counts.count { $0 }, gradient)
    }
}
