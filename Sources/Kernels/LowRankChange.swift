private import CKernels

/// s · x Aᵀ B with A (R, in) and B (R, out), which a product of few rows adds to x Wᵀ.
///
/// What it costs by itself is mostly waiting: for a second run of the threads, and for what the other thread has
/// just written. So A is multiplied before the weight's threads start, and each adds B to the columns that it made.
package struct LowRankChange {
    fileprivate let a, b: LowRankFactor
    fileprivate let arranged: ArrangedFactors
    fileprivate let scale: Float

    /// B's packed form can be entered at multiples of so many columns.
    static let columnStep = 32

    /// - Parameters:
    ///   - a: as it lies, not transposed.
    ///   - arranged: both, by ``Workspace/arranged(_:_:)``.
    package init(
        _ a: LowRankFactor, _ b: LowRankFactor, _ arranged: ArrangedFactors, scale: Float
    ) {
        precondition(a.rank == b.rank, "a change of ranks \(a.rank) and \(b.rank)")
        self.a = a
        self.b = b
        self.arranged = arranged
        self.scale = scale
    }
}

extension Workspace {
    /// Whether ``multiply(_:rows:by:into:bias:start:isInference:adding:)`` can add a change of so many ranks.
    ///
    /// - Parameter factors: the type of A and B.
    package func addsChange(
        rank: Int, factors: ElementType, to weight: WeightOperand, of x: Buffer, rows: Int
    ) -> Bool {
        guard rank <= LowRankFactor.mostRanks, factors == x.type, weight.inputs > 0 else {
            return false
        }
        switch weight {
        case .dense(let buffer, let outputs, let inputs, let isTransposed):
            let product = MatrixProduct(
                rows: rows, columns: outputs, inner: inputs, transposeB: !isTransposed)
            return !isTransposed && isOfFewRows(product, x, buffer, into: x)
        case .quantized(let matrix):
            return isOfFewRows(x, rows: rows, matrix)
        }
    }

    /// s · x Aᵀ, (rows, padded rank) float32. x (rows, in), rows `stride` apart: of A's type where the processor
    /// multiplies such pairs, else float32.
    func reduced(by change: LowRankChange, _ x: Buffer, stride: Int, rows: Int) -> Buffer {
        let a = change.a
        let inner = zeros(rows * a.paddedRank, .float32)
        var shape = lk_few_rows()
        shape.rows = rows
        shape.columns = a.rank
        shape.inner = a.width
        shape.stride_w = a.width
        shape.stride_x = stride
        shape.stride_y = a.paddedRank
        shape.columns_first = true
        if x.type == .float32 {
            lk_few_row_product(
                &shape, a.matrix.type.rawValue, a.matrix.pointer, x.floats,
                ElementType.float32.rawValue, inner.pointer)
        } else {
            lk_few_row_pairs(
                &shape, a.matrix.pointer, x.pointer, ElementType.float32.rawValue, inner.pointer)
        }
        scale(inner, by: change.scale, count: rows * a.paddedRank)
        return inner
    }
}

extension LowRankChange {
    /// y (rows, out) += inner B for some columns, from a multiple of ``columnStep`` on.
    func add(_ inner: Buffer, to y: Buffer, rows: Int, columns: Range<Int>) {
        b.add(inner, arranged.b, to: y, rows: rows, columns: columns)
    }
}
