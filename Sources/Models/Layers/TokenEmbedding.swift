package import Autograd

/// What finetuning adds to an embedding table.
package protocol EmbeddingAdapter: AnyObject {
    /// What y (B, T, C) float32 becomes; it may be changed where it lies.
    func adjust(_ y: Tensor, ids: [Int32], in pass: ForwardPass) -> Tensor
}

/// The table of token embeddings, with a slot for what finetuning adds.
package final class TokenEmbedding {
    package let weight: Parameter  // (V, C)
    package var adapter: (any EmbeddingAdapter)?
    private let scale: Float

    /// - Parameters:
    ///   - padding: the row of a token that only fills rows up.
    ///   - scale: what rows are multiplied by, as in Gemma.
    package init(
        _ scope: Scope, vocabulary: Int, width: Int, deviation: Float, padding: Int? = nil,
        scale: Float = 1
    ) {
        self.scale = scale
        weight = scope.parameter("weight", [vocabulary, width], .normal(deviation: deviation))
        weight.isLookedUp = true
        weight.productShare = 0
        weight.paddingRow = padding
        scope.register(self)
    }

    /// The tokens' rows (B, T, C) float32, plus those of a table of positions where there is one. Noise is that of the
    /// scaled rows; embeddings that are given are not scaled.
    package func callAsFunction(
        _ input: TokenInput, positions: Parameter? = nil, _ pass: ForwardPass
    ) -> Tensor {
        precondition(
            input.positions == nil || pass.cache == nil,
            "\(weight.name): positions given to a pass with a cache, which counts them itself")
        switch input.tokens {
        case .ids(let ids):
            let y = pass.embedding(
                ids, batch: input.batch, table: weight, positions: positions,
                positionIDs: input.positions)
            let adjusted =
                pass.appliesAdapters ? adapter?.adjust(y, ids: ids, in: pass) ?? y : y
            let rows = scale == 1 ? adjusted : pass.scale(adjusted, by: scale)
            pass.addEmbeddingNoise(to: rows, lengths: input.lengths)
            return rows
        case .embeddings(let x):
            precondition(
                x.shape.width == weight.shape.width && x.type == .float32,
                "\(weight.name) \(weight.shape): embeddings \(x.shape) \(x.type)")
            guard let positions else { return x }
            let ids = input.positions ?? pass.positionIDs(batch: input.batch, length: input.length)
            return pass.add(
                pass.embedding(ids, batch: input.batch, table: positions), to: x, dropping: 0)
        }
    }
}
