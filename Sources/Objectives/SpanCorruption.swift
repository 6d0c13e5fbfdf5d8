package import Masking
package import Models
package import TextData

/// Hidden spans, written by a decoder that sees the rest through an encoder: `stage: pt` with
/// `objective: span_corruption`.
///
/// Source: Raffel et al. 2020, arXiv:1910.10683, section 3.1.4.
package final class SpanCorruption: HiddenTokensObjective {
    package let model: any LanguageModel
    package let computesAccuracy: Bool
    package let spans: SpanMasking
    /// In the order of their use, and what ends a text. Known once the tokenizer is.
    package var sentinels: [Int32]
    package var end: Int32
    package var tokenBytes: TokenBytes?

    package init(_ model: any LanguageModel, _ spans: SpanMasking, computesAccuracy: Bool = false) {
        self.model = model
        self.spans = spans
        self.computesAccuracy = computesAccuracy
        let size = Int32(model.description.vocabularySize)
        sentinels = (1...Int32(spans.spans)).map { max(0, size - $0) }
        end = 0
    }

    /// What the decoder reads of a batch, with what the encoder reads as its source, and the targets
    /// (B, ``SpanMasking/targetLength``).
    package func hiding(_ batch: TokenBatch) -> (input: TokenInput, targets: [Int32]) {
        var (source, read, targets): ([Int32], [Int32], [Int32]) = ([], [], [])
        for row in 0..<batch.rows {
            let ids = batch.ids[row * batch.columns..<(row + 1) * batch.columns]
            let (input, target) = spans(
                ids, sample: batch.sampleIDs[row], sentinels: sentinels, end: end)
            source += input
            read += [model.description.decoderStart] + target.dropLast()
            let isFiller = batch.sampleIDs[row] == TokenBatch.fillerID
            targets += isFiller ? target.map { _ in TokenBatch.ignoredTarget } : target
        }
        var input = TokenInput(ids: read, batch: batch.rows)
        input.source = TokenSource(TokenInput(ids: source, batch: batch.rows))
        return (input, targets)
    }

    /// Of a token of the sample: all go through the encoder, and those of the target through the decoder
    /// and the head.
    package func operationsPerToken(length: Int) -> Double {
        model.operationsPerToken(length: length)
            * Double(spans.inputLength + spans.targetLength) / Double(2 * spans.rawLength)
    }

    package func randomBatch(rows: Int, columns: Int, seed: UInt64) -> TokenBatch {
        TokenBatch(
            rows: rows, columns: spans.rawLength,
            randomBelow: model.description.vocabularySize, seed: seed)
    }
}
