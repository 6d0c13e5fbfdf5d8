extension Workspace {
    /// Floating-point operations a second that the processor's own loop of bfloat16 products reaches on all
    /// threads at once with operands that are ready in its caches: what products can come to. `nil` where our
    /// loops do not make them.
    ///
    /// The best of products of (128, 512) by (512, 256) that last some 50 ms together.
    package func packedProductRate() -> Double? {
        guard matrices.tiles != .none || matrices.usesBFloat16DotProducts else { return nil }
        let (rows, inner, columns) = (128, 512, 256)
        let operands = (0..<threads.threads).map { _ in
            (
                a: zeros(rows * inner, .bfloat16),
                b: PairOperand(inner: inner, columns: columns, self),
                c: zeros(rows * columns, .float32)
            )
        }
        for operand in operands {
            let x = HeadRows(zeros(inner * columns, .bfloat16), stride: columns)
            operand.b.setRows(x, inner: inner, columns: columns)
        }
        var best = Double.infinity
        let repeats = 20
        for _ in 0..<25 {
            let begun = ContinuousClock.now
            threads.forEachThread { thread in
                let operand = operands[thread]
                for _ in 0..<repeats {
                    operand.b.multiply(
                        HeadRows(operand.a, stride: inner), SeenKeys(queries: rows, first: nil),
                        columns: 0..<columns, inner: inner, into: operand.c)
                }
            }
            best = min(best, (ContinuousClock.now - begun) / .seconds(1))
        }
        return Double(2 * rows * inner * columns * repeats * threads.threads) / best
    }
}
