package import Autograd
package import Models
package import TextData

/// What a decoder writes of a text that an encoder reads: `stage: sft` of an encoder-decoder.
///
/// A row of a batch is a text and its targets behind it, as ``TextPairBatch`` takes them apart.
/// Source: Raffel et al. 2020, arXiv:1910.10683, section 3.1.2.
package final class SequenceToSequence: Objective {
    package let model: any LanguageModel
    /// What the loss is of the targets' cross-entropy.
    private let lossForm: LossForm
    /// Whether the likeliest tokens of held-out samples are compared with the targets.
    private let computesAccuracy: Bool

    package init(
        _ model: any LanguageModel, lossForm: LossForm = LossForm(), computesAccuracy: Bool = false
    ) {
        self.model = model
        self.lossForm = lossForm
        self.computesAccuracy = computesAccuracy
    }

    package var isCrossEntropy: Bool { true }
    package var evaluationFigureNames: [String] { computesAccuracy ? [TokenAccuracy.name] : [] }

    package func loss(
        _ batch: TokenBatch, given measures: Measures, in pass: ForwardPass
    ) -> ObjectiveLoss {
        let pairs = TextPairBatch(batch, start: model.description.decoderStart)
        return ObjectiveLoss(forward(pairs, in: pass).loss)
    }

    package func evaluate(_ batch: TokenBatch, in pass: ForwardPass) -> ObjectiveLoss {
        let pairs = TextPairBatch(batch, start: model.description.decoderStart)
        let (loss, hidden) = forward(pairs, in: pass)
        guard computesAccuracy else { return ObjectiveLoss(loss) }
        let likeliest = model.languageHead.likeliest(hidden, targets: pairs.targets, in: pass)
        var accuracy = TokenAccuracy()
        let length = pairs.targets.count / pairs.rows
        for start in stride(from: 0, to: pairs.targets.count, by: length) {
            let row = start..<start + length
            accuracy.add(likeliest: Array(likeliest[row]), targets: Array(pairs.targets[row]))
        }
        var figures = FigureSums([TokenAccuracy.name])
        figures.add(TokenAccuracy.name, sum: accuracy.sum, count: Double(accuracy.count))
        return ObjectiveLoss(loss, figures: figures)
    }

    private func forward(_ pairs: TextPairBatch, in pass: ForwardPass) -> (
        loss: Loss, hidden: Tensor
    ) {
        let input = pairs.input
        var reference: Tensor?
        if lossForm.needsReference {
            let bare = ForwardPass(
                workspace: pass.workspace, computeType: pass.computeType, appliesAdapters: false)
            reference = model.hiddenStates(input, in: bare)
        }
        let hidden = model.hiddenStates(input, in: pass)
        let loss = model.loss(
            of: hidden, targets: pairs.targets, lossForm: lossForm, reference: reference, in: pass)
        return (loss, hidden)
    }

    /// A token goes through the encoder or through the decoder: about half of the model.
    package func operationsPerToken(length: Int) -> Double {
        model.operationsPerToken(length: length) / 2
    }

    /// Texts and targets of `columns` tokens each.
    package func randomBatch(rows: Int, columns: Int, seed: UInt64) -> TokenBatch {
        let length = 2 * columns - 1
        var batch = TokenBatch(
            rows: rows, columns: length, randomBelow: model.description.vocabularySize, seed: seed)
        for row in 0..<rows {
            for column in 0..<columns - 1 {
                batch.targets[row * length + column] = TokenBatch.ignoredTarget
            }
        }
        return batch
    }
}
