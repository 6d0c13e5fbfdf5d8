import Kernels

/// Keys and values that all of a layer's queries see before those of their own tokens. Their positions are
/// the first ones, but rotary angles do not turn them.
package struct AttentionPrefix {
    /// (P, layers · 2 · G·D) float32: of each layer its keys, then its values.
    package let rows: Tensor
    package let layer: Int

    package init(_ rows: Tensor, layer: Int) {
        self.rows = rows
        self.layer = layer
    }

    package var count: Int { rows.shape.rows }
}

extension ForwardPass {
    /// An attention's inputs and mask (B, T) with a prefix before their keys and values.
    func behind(
        _ prefix: AttentionPrefix, _ inputs: AttentionInputs, _ settings: AttentionSettings,
        _ mask: AttentionMask
    ) -> (inputs: AttentionInputs, mask: AttentionMask) {
        let width = settings.groups * settings.headSize
        let (q, k, v): (Tensor, Tensor, Tensor)
        switch inputs {
        case .separate(let queries, let keys, let values): (q, k, v) = (queries, keys, values)
        case .fused(let all):
            let queryWidth = settings.heads * settings.headSize
            q = columns(0..<queryWidth, of: all)
            k = columns(queryWidth..<queryWidth + width, of: all)
            v = columns(queryWidth + width..<queryWidth + 2 * width, of: all)
        }
        let first = 2 * prefix.layer * width
        return (
            .separate(
                q: q, k: putting(prefix.rows, column: first, before: k),
                v: putting(prefix.rows, column: first + width, before: v)),
            mask.withKeys(prefix.count, before: k.shape.extents[1], batch: k.shape.extents[0])
        )
    }

    /// Lets each sequence that the pass's cache feeds begin with keys and values.
    ///
    /// - Parameter rows: (P, layers · 2 · G·D) float32: of each layer its keys, then its values.
    package func beginCache(with rows: Tensor, groups: Int, headSize: Int) {
        guard let cache else { preconditionFailure("a prefix for a pass without a cache") }
        let typed = convert(rows, to: computeType)
        let (count, width) = (rows.shape.rows, groups * headSize)
        let active = cache.active
        defer { cache.active = active }
        for sequence in active {
            cache.active = [sequence]
            let shape = AttentionShape(
                batch: 1, queries: count, keys: count, heads: groups, groups: groups,
                headSize: headSize, scale: 1)
            for layer in 0..<rows.shape.width / (2 * width) {
                let keys = typed.buffer.advanced(by: 2 * layer * width)
                _ = cache.append(
                    HeadRows(keys, stride: rows.shape.width),
                    HeadRows(keys.advanced(by: width), stride: rows.shape.width), shape,
                    AttentionOptions(), type: computeType, in: workspace)
            }
            cache.advance(by: count)
        }
    }
}
