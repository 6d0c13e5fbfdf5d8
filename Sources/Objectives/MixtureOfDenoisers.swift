package import Masking
package import Models
package import TextData

/// Spans, short or long, few or many, and rests of texts, written by a decoder: `stage: pt` with
/// `objective: ul2`.
///
/// Source: Tay et al. 2022, arXiv:2205.05131.
package final class MixtureOfDenoisers: HiddenTokensObjective {
    package let model: any LanguageModel
    package let computesAccuracy: Bool
    package let denoisers: DenoiserMixture
    /// In the order of their use, what stands before the input of each mode, and what ends a text. Known once
    /// the tokenizer is.
    package var sentinels: [Int32]
    package var modes: [Int32]
    package var end: Int32
    package var tokenBytes: TokenBytes?

    package init(
        _ model: any LanguageModel, _ denoisers: DenoiserMixture, computesAccuracy: Bool = false
    ) {
        self.model = model
        self.denoisers = denoisers
        self.computesAccuracy = computesAccuracy
        let size = Int32(model.description.vocabularySize)
        sentinels = (1...Int32(denoisers.spans)).map { max(0, size - $0) }
        modes = [0, 0, 0]
        end = 0
    }

    package func hiding(_ batch: TokenBatch) -> (input: TokenInput, targets: [Int32]) {
        let pairs = TextPairBatch(
            (0..<batch.rows).map { row -> (ArraySlice<Int32>, ArraySlice<Int32>) in
                guard batch.sampleIDs[row] != TokenBatch.fillerID else { return ([], []) }
                let (input, target) = denoisers(
                    batch.ids[row * batch.columns..<(row + 1) * batch.columns],
                    sample: batch.sampleIDs[row], sentinels: sentinels, modes: modes, end: end)
                return (input[...], target[...])
            }, start: model.description.decoderStart)
        return (pairs.input, pairs.targets)
    }

    /// About as many tokens as the sample has go through one of both stacks.
    package func operationsPerToken(length: Int) -> Double {
        model.operationsPerToken(length: length) / 2
    }

    package func randomBatch(rows: Int, columns: Int, seed: UInt64) -> TokenBatch {
        TokenBatch(
            rows: rows, columns: denoisers.rawLength,
            randomBelow: model.description.vocabularySize, seed: seed)
    }
}
