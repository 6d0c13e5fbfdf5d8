package import Masking
package import Models
package import TextData

/// Blocks taken out of a text, written behind it by a decoder that sees the rest whole: `stage: pt` with
/// `objective: glm`.
///
/// The model adds a table of places within blocks (``TokenInput/types``) to that of positions. Source: Du et
/// al. 2022, arXiv:2103.10360, section 2.
package final class BlankInfilling: HiddenTokensObjective {
    package let model: any LanguageModel
    package let computesAccuracy: Bool
    /// Its marks are known once the tokenizer is.
    package var blanks: BlankMasking

    package init(
        _ model: any LanguageModel, _ blanks: BlankMasking, computesAccuracy: Bool = false
    ) {
        self.model = model
        self.blanks = blanks
        self.computesAccuracy = computesAccuracy
    }

    /// What the model reads of a batch and is to write, rows filled up to the longest.
    package func hiding(_ batch: TokenBatch) -> (input: TokenInput, targets: [Int32]) {
        let samples = (0..<batch.rows).map { row in
            batch.sampleIDs[row] == TokenBatch.fillerID
                ? BlankMasking.Sample()
                : blanks(
                    batch.ids[row * batch.columns..<(row + 1) * batch.columns],
                    sample: batch.sampleIDs[row])
        }
        // Lengths are rounded up, so that few shapes of products occur.
        let longest = samples.map(\.ids.count).max() ?? 0
        let columns = max(8, (longest + 7) / 8 * 8)
        func filled(_ part: KeyPath<BlankMasking.Sample, [Int32]>, with filler: Int32) -> [Int32] {
            samples.flatMap { sample in
                let own = sample[keyPath: part]
                return own + Array(repeating: filler, count: columns - own.count)
            }
        }
        var input = TokenInput(ids: filled(\.ids, with: 0), batch: batch.rows)
        input.positions = filled(\.positions, with: 0)
        input.types = filled(\.blockPositions, with: 0)
        input.mask.keyEnds = samples.flatMap { sample in
            (0..<columns).map { Int32(max(sample.textLength, $0 + 1)) }
        }
        return (input, filled(\.targets, with: TokenBatch.ignoredTarget))
    }

    package func operationsPerToken(length: Int) -> Double {
        model.operationsPerToken(length: length, headShare: blanks.share)
    }

    package func randomBatch(rows: Int, columns: Int, seed: UInt64) -> TokenBatch {
        TokenBatch(
            rows: rows, columns: columns - 1, randomBelow: model.description.vocabularySize,
            seed: seed)
    }
}
