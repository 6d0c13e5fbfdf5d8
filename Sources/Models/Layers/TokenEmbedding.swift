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

    package init(_ scope: Scope, vocabulary: Int, width: Int, deviation: Float) {
        weight = scope.parameter("weight", [vocabulary, width], .normal(deviation: deviation))
        weight.isLookedUp = true
        weight.productShare = 0
        scope.register(self)
    }

    /// ids (B, T) → (B, T, C) float32, plus the rows of a table of positions where there is one.
    package func callAsFunction(
        _ ids: [Int32], batch: Int, positions: Parameter? = nil, firstPosition: Int = 0,
        _ pass: ForwardPass
    ) -> Tensor {
        let y = pass.embedding(
            ids, batch: batch, table: weight, positions: positions, firstPosition: firstPosition)
        guard let adapter, pass.appliesAdapters else { return y }
        return adapter.adjust(y, ids: ids, in: pass)
    }
}
