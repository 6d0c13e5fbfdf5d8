extension Workspace {
    /// softmax(scale · q kᵀ) v, causal and windowed as the shape says.
    ///
    /// q (B, queries, H·D), k and v (B, keys, G·D), y (B, queries, H, D) dense, all of one type;
    /// rotary angles are applied to q and k on the way. `logSums` (B, H, queries) float32 keeps the
    /// logarithm of each softmax's denominator. No (queries, keys) matrix outlives a block of
    /// queries. Source: Vaswani et al. 2017, arXiv:1706.03762, eq. 1; blocks after Dao et al. 2022,
    /// arXiv:2205.14135.
    package func attention(
        _ shape: AttentionShape, _ q: HeadRows, _ k: HeadRows, _ v: HeadRows,
        _ options: AttentionOptions, into y: Buffer, logSums: Buffer
    ) {
        checkAttention(shape, options)
        let units = shape.batch * shape.groups
        let scratches = forEachThread(of: units) {
            AttentionScratch(shape, y.type, self)
        }
        let blocks = (0..<shape.batch).map { shape.queryBlocks(options.mask, sequence: $0) }
        threads.divide(units) { range, thread in
            for unit in range {
                let pass = AttentionUnit(
                    shape, options, unit, self, thread, scratches[thread],
                    blocks: blocks[unit / shape.groups])
                pass.packKeysAndValues(k, v)
                pass.forward(q, into: y, logSums: logSums)
            }
        }
    }

    /// The gradients of q, k and v (overwritten), from y's and what `attention` kept.
    ///
    /// dq, dk, dv lie like q, k, v; dy and y are dense. The gradient of the bias (overwritten) lies as
    /// the bias does, where it is wanted: one for each distance from 1 − queries to keys − 1.
    package func attentionGradient(
        _ shape: AttentionShape, _ q: HeadRows, _ k: HeadRows, _ v: HeadRows,
        _ options: AttentionOptions, y: Buffer, logSums: Buffer, dy: Buffer,
        intoQueries dq: HeadRows, intoKeys dk: HeadRows, intoValues dv: HeadRows,
        intoBias dbias: Buffer? = nil
    ) {
        checkAttention(shape, options)
        let biasGradients = dbias.map { _ in clearedBiasGradients(shape, options) }
        let units = shape.batch * shape.groups
        let scratches = forEachThread(of: units) {
            AttentionScratch(shape, y.type, self)
        }
        let gradients = forEachThread(of: units) {
            AttentionGradientScratch(shape, y.type, self)
        }
        let blocks = (0..<shape.batch).map { shape.queryBlocks(options.mask, sequence: $0) }
        threads.divide(units) { range, thread in
            let gradient = gradients[thread]
            for unit in range {
                var pass = AttentionUnit(
                    shape, options, unit, self, thread, scratches[thread],
                    blocks: blocks[unit / shape.groups])
                pass.biasGradients = biasGradients
                pass.packKeysAndValues(k, v, gradient)
                gradient.clear(shape)
                pass.backward(q, y: y, dy: dy, logSums: logSums, gradient, intoQueries: dq)
                pass.unpack(gradient.keys, tokens: shape.keys, rotate: true, into: dk)
                pass.unpack(gradient.values, tokens: shape.keys, rotate: false, into: dv)
            }
        }
        if let dbias, let biasGradients {
            sumBiasGradients(biasGradients, shape, into: dbias)
        }
    }

    private func checkAttention(_ shape: AttentionShape, _ options: AttentionOptions) {
        precondition(options.mask.fits(shape), "attention: a mask of other extents")
        precondition(
            options.bias?.covers(shape, first: shape.firstPosition) ?? true,
            "attention: a bias without some of the distances")
        precondition(
            [0, shape.queries].contains(options.rotary?.rowsPerSequence ?? 0)
                && (options.rotary?.rowsPerSequence ?? 0 == 0 || shape.keys == shape.queries),
            "attention: angles for other tokens than there are")
        precondition(
            options.bias == nil || (options.slopes.isEmpty && shape.softcap == 0),
            "attention: a bias with slopes, or with capped scores")
    }
}

extension Workspace {
    /// Scratch for the threads that share `units`, taken before they start: the most memory in use
    /// then never depends on how they interleave.
    fileprivate func forEachThread<Scratch>(of units: Int, _ make: () -> Scratch) -> [Scratch] {
        (0..<min(threads.threads, units)).map { _ in make() }
    }
}
