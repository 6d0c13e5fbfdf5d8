private import CKernels

extension Workspace {
    /// Floating-point operations a second that the processor's own loop of bfloat16 products reaches on all
    /// threads at once with operands that are ready in its caches: what products can come to. `nil` where our
    /// loops do not make them.
    ///
    /// The best of products of (128, 512) by (512, 256) that last some 50 ms together.
    package func packedProductRate() -> Double? {
        let (rows, inner, columns) = (128, 512, 256)
        guard matrices.tiles != .none || matrices.usesBFloat16DotProducts else {
            return matrices.usesVectors ? packedVectorRate(rows, inner, columns) : nil
        }
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
        return Double(2 * rows * inner * columns)
            * bestRate { thread in
                let operand = operands[thread]
                operand.b.multiply(
                    HeadRows(operand.a, stride: inner), SeenKeys(queries: rows, first: nil),
                    columns: 0..<columns, inner: inner, into: operand.c)
            }
    }

    /// The same of float32 vectors.
    private func packedVectorRate(_ rows: Int, _ inner: Int, _ columns: Int) -> Double {
        let panels = (rows + Int(LK_VECTOR_ROWS) - 1) / Int(LK_VECTOR_ROWS) * Int(LK_VECTOR_ROWS)
        let operands = (0..<threads.threads).map { _ in
            (
                a: zeros(panels * inner, .float32), b: zeros(inner * columns, .float32),
                c: zeros(rows * columns, .float32)
            )
        }
        return Double(2 * rows * inner * columns)
            * bestRate { thread in
                let operand = operands[thread]
                var shape = lk_vector_product(
                    rows: rows, columns: columns, inner: inner, row_c: columns,
                    type_c: ElementType.float32.rawValue, streams: false)
                lk_multiply_vectors(
                    &shape, operand.a.floats, operand.b.floats, nil, nil, 0, operand.c.pointer)
            }
    }

    /// How often a second all threads together do something, at best.
    private func bestRate(_ body: (_ thread: Int) -> Void) -> Double {
        var best = Double.infinity
        let repeats = 20
        for _ in 0..<25 {
            let begun = ContinuousClock.now
            threads.forEachThread { thread in
                for _ in 0..<repeats { body(thread) }
            }
            best = min(best, (ContinuousClock.now - begun) / .seconds(1))
        }
        return Double(repeats * threads.threads) / best
    }
}
