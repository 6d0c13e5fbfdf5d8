import Kernels

extension ForwardPass {
    /// Adds noise of (−1, 1) · α / √(L · C) to the embeddings of each row's own L tokens, in training; its
    /// gradient is theirs. y (B, T, C) float32 is changed where it lies.
    ///
    /// Source: NEFTune, Jain et al. 2023, arXiv:2310.05914, algorithm 1. There L is the length that a batch is
    /// filled up to, which depends on what a row is batched with; here it is the row's own.
    ///
    /// - Parameter lengths: (B), tokens of each row; all of T where there are none.
    package func addEmbeddingNoise(to y: Tensor, lengths: [Int]?) {
        let (batch, columns, width) = (y.shape.extents[0], y.shape.extents[1], y.shape.width)
        guard embeddingNoise > 0, let keys = nextDropoutKeys(batch: batch) else { return }
        let noise = workspace.buffer(columns * width, .float32)
        for (row, key) in keys.enumerated() {
            let count = min(lengths?[row] ?? columns, columns) * width
            guard count > 0 else { continue }
            let bound = embeddingNoise / Float(count).squareRoot()
            workspace.fillUniform(noise, count: count, low: -bound, high: bound, key: key)
            workspace.add(
                noise, to: y.buffer.advanced(by: row * columns * width), count: count)
        }
    }
}
