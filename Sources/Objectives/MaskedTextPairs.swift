package import Autograd
package import Models
package import TextData

/// Hidden tokens of two texts, and whether the second follows the first: `stage: pt` with
/// `objective: mlm+nsp`.
///
/// The loss is the mean over hidden tokens and the mean over pairs, added. Source: Devlin et al. 2019,
/// arXiv:1810.04805, section 3.1; label 0 is a text that follows, as in `BertForPreTraining`.
package final class MaskedTextPairs: Objective {
    package let model: any LanguageModel
    /// What hides tokens; known once the tokenizer is.
    package let masked: MaskedLanguageModeling
    private let head: TaskHead

    private enum Name {
        static let words = "mlm_loss"
        static let pairs = "nsp_loss"
        static let accuracy = "nsp_accuracy"
    }

    /// - Parameter model: with a head of pairs.
    package init(_ model: any LanguageModel, masked: MaskedLanguageModeling) {
        guard let head = model.pairHead else {
            preconditionFailure("a \(model.description.type) model without a head of pairs")
        }
        self.model = model
        self.masked = masked
        self.head = head
    }

    package var measureNames: [String] { ["words", "pairs"] }
    package var figureNames: [String] { [Name.words, Name.pairs] }
    package var evaluationFigureNames: [String] { figureNames + [Name.accuracy] }
    package var lossParts: [LossPart] { [LossPart(Name.words), LossPart(Name.pairs)] }

    package func measure(_ batches: [LabeledBatch], in pass: MeasuringPass) -> Measures {
        var measures = Measures(measureNames)
        for batch in batches {
            measures["words"] += Double(hiding(batch).targets.count { $0 >= 0 })
            measures["pairs"] += Double(labels(batch).count { $0 >= 0 })
        }
        return measures
    }

    package func loss(
        _ batch: LabeledBatch, given measures: Measures, in pass: ForwardPass
    ) -> ObjectiveLoss {
        forward(batch, measures, pass).loss
    }

    package func evaluate(_ batch: LabeledBatch, in pass: ForwardPass) -> ObjectiveLoss {
        // Both sums as they are: the figures say what they are divided by.
        var measures = Measures(measureNames)
        measures.values = measures.values.map { _ in 1 }
        let (found, features) = forward(batch, measures, pass)
        let scores = head.scores(features, in: pass)
        let labels = labels(batch)
        let right = labels.indices.count { row in
            labels[row] >= 0
                && LabelObjective.likeliest(scores[2 * row..<2 * row + 2]) == Int(labels[row])
        }
        var figures = FigureSums(evaluationFigureNames)
        figures.add(found.figures)
        figures.add(
            Name.accuracy, sum: Double(right), count: Double(labels.count { $0 >= 0 }))
        var loss = found
        loss.figures = figures
        return loss
    }

    private func forward(
        _ batch: LabeledBatch, _ measures: Measures, _ pass: ForwardPass
    ) -> (loss: ObjectiveLoss, features: Tensor) {
        let (input, targets) = hiding(batch)
        let hidden = model.hiddenStates(input, in: pass)
        let words = model.loss(of: hidden, targets: targets, in: pass)
        let features = head.features(
            hidden, ids: batch.ids, lengths: batch.lengths, in: pass)
        let weight = measures["words"] / max(measures["pairs"], 1)
        let pairs = head.loss(
            features, WeightedLoss(LabelLoss(targets: labels(batch)), weight: weight), in: pass)
        var figures = FigureSums(figureNames)
        figures.add(Name.words, sum: words.sum, count: Double(words.targets))
        figures.add(
            Name.pairs, sum: weight > 0 ? pairs.sum / weight : 0, count: Double(pairs.targets))
        return (ObjectiveLoss(words.adding(pairs), figures: figures), features)
    }

    /// What the model reads of a batch and is to find in it, (B, T).
    package func hiding(_ batch: LabeledBatch) -> (input: TokenInput, targets: [Int32]) {
        var (ids, targets): ([Int32], [Int32]) = ([], [])
        for row in 0..<batch.rows {
            let places = row * batch.columns..<(row + 1) * batch.columns
            let text = batch.ids[places].prefix(batch.lengths[row])
            let rest = batch.ids[places].dropFirst(batch.lengths[row])
            let isFiller = batch.sampleIDs[row] == TokenBatch.fillerID
            let (inputs, wanted) =
                isFiller
                ? (Array(text), text.map { _ in TokenBatch.ignoredTarget })
                : masked.masking(text, sample: batch.sampleIDs[row])
            ids += inputs + rest
            targets += wanted + rest.map { _ in TokenBatch.ignoredTarget }
        }
        var input = TokenInput(ids: ids, lengths: batch.lengths)
        input.types = batch.types ?? Array(repeating: 0, count: ids.count)
        return (input, targets)
    }

    private func labels(_ batch: LabeledBatch) -> [Int32] {
        batch.labels.map { label in
            if case .one(let label) = label { label } else { TokenBatch.ignoredTarget }
        }
    }

    package func operationsPerToken(length: Int) -> Double {
        model.operationsPerToken(length: length, headShare: masked.masking.probability)
    }

    package func randomBatch(rows: Int, columns: Int, seed: UInt64) -> LabeledBatch {
        let tokens = TokenBatch(
            rows: rows, columns: columns, randomBelow: model.description.vocabularySize,
            seed: seed)
        return LabeledBatch(
            (0..<rows).map { row in
                let ids = Array(tokens.ids[row * columns..<(row + 1) * columns])
                return LabeledExample(
                    ids: ids, types: ids.indices.map { 2 * $0 < columns ? 0 : 1 },
                    label: .one(Int32(row % 2)))
            }, sampleIDs: tokens.sampleIDs)
    }
}
