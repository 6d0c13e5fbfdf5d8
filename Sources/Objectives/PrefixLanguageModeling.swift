import Masking
package import Models
package import TextData

/// The rest of a text given its beginning, which is seen whole: `stage: pt` with `objective: prefix_lm`.
///
/// A decoder's tokens see all of the prefix and what is between it and them; of an encoder-decoder, the encoder
/// reads the prefix and the decoder writes the rest. Source: Raffel et al. 2020, arXiv:1910.10683, sections
/// 3.2.1 and 3.2.3.
package final class PrefixLanguageModeling: HiddenTokensObjective {
    package let model: any LanguageModel
    package let computesAccuracy: Bool
    private let seed: UInt64
    /// Ends what an encoder reads and what a decoder behind it writes. Known once the tokenizer is.
    package var end: Int32 = 0

    package init(_ model: any LanguageModel, seed: UInt64, computesAccuracy: Bool = false) {
        self.model = model
        self.seed = seed
        self.computesAccuracy = computesAccuracy
    }

    private var isEncoderDecoder: Bool { model.description.kind == .encoderDecoder }

    package func hiding(_ batch: TokenBatch) -> (input: TokenInput, targets: [Int32]) {
        isEncoderDecoder ? pairs(batch) : prefixes(batch)
    }

    /// 1 up to the sample's last token.
    private func split(_ sample: [Int32], _ id: UInt64) -> Int {
        var draws = Draws(seed: seed, sample: id)
        return 1 + draws.below(sample.count - 1)
    }

    private func prefixes(_ batch: TokenBatch) -> (input: TokenInput, targets: [Int32]) {
        var input = TokenInput(ids: batch.ids, batch: batch.rows)
        var (ends, targets): ([Int32], [Int32]) = ([], [])
        for row in 0..<batch.rows {
            let sample = batch.sample(row)
            let prefix =
                sample.count < 2 ? batch.columns : split(sample, batch.sampleIDs[row])
            ends += (0..<batch.columns).map { Int32(max(prefix, $0 + 1)) }
            targets += (0..<batch.columns).map { place in
                place + 1 < prefix || sample.isEmpty
                    ? TokenBatch.ignoredTarget : sample[place + 1]
            }
        }
        input.mask.keyEnds = ends
        return (input, targets)
    }

    private func pairs(_ batch: TokenBatch) -> (input: TokenInput, targets: [Int32]) {
        let pairs = TextPairBatch(
            (0..<batch.rows).map { row -> (ArraySlice<Int32>, ArraySlice<Int32>) in
                let sample = batch.sample(row)
                guard sample.count > 1 else { return ([], []) }
                let prefix = split(sample, batch.sampleIDs[row])
                return (sample[..<prefix] + [end], sample[prefix...] + [end])
            }, start: model.description.decoderStart)
        return (pairs.input, pairs.targets)
    }

    /// A token goes through one stack of an encoder-decoder.
    package func operationsPerToken(length: Int) -> Double {
        model.operationsPerToken(length: length) / (isEncoderDecoder ? 2 : 1)
    }

    package func randomBatch(rows: Int, columns: Int, seed: UInt64) -> TokenBatch {
        TokenBatch(
            rows: rows, columns: columns, randomBelow: model.description.vocabularySize,
            seed: seed)
    }
}
