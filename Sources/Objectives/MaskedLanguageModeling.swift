package import Autograd
package import Models
package import TextData

/// Hidden tokens in their places, given all others: `stage: pt` with `objective: mlm`.
///
/// Source: Devlin et al. 2019, arXiv:1810.04805, section 3.1.
package final class MaskedLanguageModeling: Objective {
    package let model: any LanguageModel
    package let computesAccuracy: Bool
    /// Known once the tokenizer is.
    package var masking: TokenMasking
    /// Stand in front of a sample and behind it, as a text's special tokens do.
    package var before: [Int32] = []
    package var after: [Int32] = []

    /// - Parameter masking: for random batches until the tokenizer's is set.
    package init(_ model: any LanguageModel, masking: TokenMasking, computesAccuracy: Bool = false)
    {
        self.model = model
        self.masking = masking
        self.computesAccuracy = computesAccuracy
    }

    package var evaluationFigureNames: [String] { computesAccuracy ? [TokenAccuracy.name] : [] }

    package func loss(
        _ batch: TokenBatch, given measures: Measures, in pass: ForwardPass
    ) -> ObjectiveLoss {
        let (input, targets) = masked(batch)
        let hidden = model.hiddenStates(input, in: pass)
        return ObjectiveLoss(model.loss(of: hidden, targets: targets, in: pass))
    }

    package func evaluate(_ batch: TokenBatch, in pass: ForwardPass) -> ObjectiveLoss {
        let (input, targets) = masked(batch)
        let hidden = model.hiddenStates(input, in: pass)
        let loss = model.loss(of: hidden, targets: targets, in: pass)
        guard computesAccuracy else { return ObjectiveLoss(loss) }
        // As the Hugging Face example has it: of all hidden tokens together.
        let likeliest = model.languageHead.likeliest(hidden, targets: targets, in: pass)
        let right = zip(likeliest, targets).count { $1 >= 0 && $0 == $1 }
        var figures = FigureSums([TokenAccuracy.name])
        figures.add(TokenAccuracy.name, sum: Double(right), count: Double(loss.targets))
        return ObjectiveLoss(loss, figures: figures)
    }

    /// What the model reads of a batch and is to find in it, (B, T), with the special tokens.
    package func masked(_ batch: TokenBatch) -> (input: TokenInput, targets: [Int32]) {
        var (ids, targets): ([Int32], [Int32]) = ([], [])
        for row in 0..<batch.rows {
            let tokens = batch.ids[row * batch.columns..<(row + 1) * batch.columns]
            let isFiller = batch.sampleIDs[row] == TokenBatch.fillerID
            let (inputs, wanted) =
                isFiller
                ? (
                    Array(tokens),
                    [Int32](repeating: TokenBatch.ignoredTarget, count: tokens.count)
                )
                : masking(tokens, sample: batch.sampleIDs[row])
            ids += before + inputs + after
            targets += before.map { _ in TokenBatch.ignoredTarget } + wanted
            targets += after.map { _ in TokenBatch.ignoredTarget }
        }
        return (TokenInput(ids: ids, batch: batch.rows), targets)
    }

    package func operationsPerToken(length: Int) -> Double {
        model.operationsPerToken(length: length, headShare: masking.probability)
    }

    package func randomBatch(rows: Int, columns: Int, seed: UInt64) -> TokenBatch {
        TokenBatch(
            rows: rows, columns: columns, randomBelow: model.description.vocabularySize,
            seed: seed)
    }
}
