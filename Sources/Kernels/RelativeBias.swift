private import CKernels

extension AttentionShape {
    /// How many distances of key and query there are, from 1 − queries to keys − 1.
    package var distances: Int { max(queries + keys - 1, 0) }
}

extension Workspace {
    /// bias (heads, distances) float32 from a table (buckets, heads) float32.
    ///
    /// - Parameter buckets: the table's row for each distance.
    package func relativeBias(_ table: Buffer, buckets: [Int32], heads: Int, into bias: Buffer) {
        buckets.withUnsafeBufferPointer { ids in
            guard let base = ids.baseAddress else { return }
            lk_relative_bias(table.floats, base, heads, ids.count, bias.floats)
        }
    }

    /// dtable (buckets, heads) += the gradient of a bias (heads, distances), float32.
    package func relativeBiasGradient(
        _ dbias: Buffer, buckets: [Int32], heads: Int, addedTo dtable: Buffer
    ) {
        buckets.withUnsafeBufferPointer { ids in
            guard let base = ids.baseAddress else { return }
            lk_relative_bias_gradient(dbias.floats, base, heads, ids.count, dtable.floats)
        }
    }

    /// Zeros for each sequence's gradient of a bias, (B, H, distances): sums over sequences then do not
    /// depend on how threads share them.
    func clearedBiasGradients(_ shape: AttentionShape, _ options: AttentionOptions) -> Buffer {
        precondition(
            shape.firstPosition == 0 && options.bias?.zero == shape.queries - 1
                && options.bias?.width == shape.distances,
            "attention: a bias that learns has each distance from 1 − queries to keys − 1")
        let count = shape.batch * shape.heads * shape.distances
        let sums = buffer(count, .float32)
        clear(sums, count: count)
        return sums
    }

    /// dbias (H, distances) = the sum over sequences.
    func sumBiasGradients(_ sums: Buffer, _ shape: AttentionShape, into dbias: Buffer) {
        let count = shape.heads * shape.distances
        clear(dbias, count: count)
        for sequence in 0..<shape.batch {
            add(sums.advanced(by: sequence * count), to: dbias, count: count)
        }
    }
}
