package import Masking
package import Models
package import TextData

/// Hidden tokens in their places, given all others: `stage: pt` with `objective: mlm`.
///
/// Source: Devlin et al. 2019, arXiv:1810.04805, section 3.1.
package final class MaskedLanguageModeling: HiddenTokensObjective {
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

    /// What the model reads of a batch and is to find in it, (B, T), with the special tokens.
    package func hiding(_ batch: TokenBatch) -> (input: TokenInput, targets: [Int32]) {
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
