package import Masking
package import Models
package import TextData

/// Each next token of texts whose middle is written last: `stage: pt` with `objective: fim`.
///
/// Source: Bavarian et al. 2022, arXiv:2207.14255.
package final class FillInTheMiddle: HiddenTokensObjective {
    package let model: any LanguageModel
    package let computesAccuracy: Bool
    /// Known once the tokenizer is; texts stay as they are without.
    package var cuts: MiddleCuts?

    package init(_ model: any LanguageModel, computesAccuracy: Bool = false) {
        self.model = model
        self.computesAccuracy = computesAccuracy
    }

    /// What the model reads of a batch and the next token at each place, (B, T); what is missing at a row's
    /// end has no loss.
    package func hiding(_ batch: TokenBatch) -> (input: TokenInput, targets: [Int32]) {
        guard let cuts else {
            return (TokenInput(ids: batch.ids, batch: batch.rows), batch.targets)
        }
        var (ids, targets): ([Int32], [Int32]) = ([], [])
        let length = batch.columns
        for row in 0..<batch.rows {
            let sample = batch.sample(row)
            let cut = sample.isEmpty ? [] : cuts(sample, sample: batch.sampleIDs[row])
            let missing = length + 1 - cut.count
            let filled = cut + Array(repeating: cut.last ?? 0, count: missing)
            ids += filled.dropLast()
            targets += cut.dropFirst()
            targets += Array(
                repeating: TokenBatch.ignoredTarget, count: length - max(0, cut.count - 1))
        }
        return (TokenInput(ids: ids, batch: batch.rows), targets)
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

extension TokenBatch {
    /// All tokens of a sample of running text, the last one too, which is only a target; none of a row that
    /// only fills the batch.
    func sample(_ row: Int) -> [Int32] {
        guard sampleIDs[row] != TokenBatch.fillerID else { return [] }
        return Array(ids[row * columns..<(row + 1) * columns]) + [targets[(row + 1) * columns - 1]]
    }
}
