package import Autograd
package import Models
package import TextData

extension TokenBatch: StepBatch {}

/// An objective of the next token at each place that has a target.
package protocol NextTokenObjective: Objective where Batch == TokenBatch {
    var model: any LanguageModel { get }
    /// What the loss is of the targets' cross-entropy.
    var lossForm: LossForm { get }
    /// Whether the likeliest tokens of held-out samples are compared with the targets.
    var computesAccuracy: Bool { get }
    /// The bytes of tokens, where bits for each byte of held-out text are to be known.
    var tokenBytes: TokenBytes? { get }
    /// The hidden states of a reference model, where the form compares with it.
    func reference(_ batch: TokenBatch, in pass: ForwardPass) -> Tensor?
}

extension NextTokenObjective {
    package var isCrossEntropy: Bool { true }

    package var balancesExperts: Bool { true }

    package func reference(_ batch: TokenBatch, in pass: ForwardPass) -> Tensor? { nil }

    package var tokenBytes: TokenBytes? { nil }

    /// Bits are those of the cross-entropy itself.
    private var countedBytes: TokenBytes? {
        lossForm.tokenLoss == nil && lossForm.divergence == 0 ? tokenBytes : nil
    }

    package var evaluationFigureNames: [String] {
        (computesAccuracy ? [TokenAccuracy.name] : [])
            + (countedBytes == nil ? [] : [TokenBytes.name])
    }

    package func loss(
        _ batch: TokenBatch, given measures: Measures, in pass: ForwardPass
    ) -> ObjectiveLoss {
        ObjectiveLoss(
            model.loss(
                batch.ids, targets: batch.targets, batch: batch.rows, segments: batch.segments,
                lengths: batch.lengths, textLengths: batch.textLengths, lossForm: lossForm,
                reference: reference(batch, in: pass), in: pass))
    }

    package func evaluate(_ batch: TokenBatch, in pass: ForwardPass) -> ObjectiveLoss {
        let reference = reference(batch, in: pass)
        let hidden = model.hiddenStates(
            batch.ids, batch: batch.rows, segments: batch.segments,
            textLengths: batch.textLengths, in: pass)
        let loss = model.loss(
            of: hidden, targets: batch.targets, lossForm: lossForm, reference: reference, in: pass)
        var figures = FigureSums(evaluationFigureNames)
        countedBytes?.add(loss, of: batch.targets, to: &figures)
        guard computesAccuracy else { return ObjectiveLoss(loss, figures: figures) }
        let likeliest = model.languageHead.likeliest(hidden, targets: batch.targets, in: pass)
        var accuracy = TokenAccuracy()
        for start in stride(from: 0, to: batch.ids.count, by: batch.columns) {
            let row = start..<start + batch.columns
            accuracy.add(likeliest: Array(likeliest[row]), targets: Array(batch.targets[row]))
        }
        figures.add(TokenAccuracy.name, sum: accuracy.sum, count: Double(accuracy.count))
        return ObjectiveLoss(loss, figures: figures)
    }

    package func operationsPerToken(length: Int) -> Double {
        model.operationsPerToken(length: length)
    }

    package func randomBatch(rows: Int, columns: Int, seed: UInt64) -> TokenBatch {
        TokenBatch(
            rows: rows, columns: columns, randomBelow: model.description.vocabularySize,
            seed: seed)
    }
}
