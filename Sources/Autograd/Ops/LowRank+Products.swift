import Kernels

/// The op by general matrix products: for ranks beyond ``Kernels/LowRankFactor/mostRanks``.
extension LowRankOp {
    /// y += s · B A x where y lies.
    ///
    /// - Returns: s · A x, (rows, R) of x's type.
    func addByProducts(_ x: Tensor, to y: Tensor, in workspace: Workspace) -> Buffer {
        let rows = x.shape.rows
        let inner = workspace.buffer(rows * rank, x.type)
        workspace.matrices.multiply(
            MatrixProduct(rows: rows, columns: rank, inner: inputs, transposeB: true), x.buffer,
            a.value, into: inner)
        workspace.scale(inner, by: scale, count: rows * rank)
        workspace.matrices.multiply(
            MatrixProduct(
                rows: rows, columns: outputs, inner: rank, transposeB: true, accumulate: true),
            inner, b.value, into: y.buffer)
        return inner
    }

    /// dB += dyᵀ inner, and s · dy B, (rows, R) of x's type, where wanted.
    func innerGradientByProducts(
        _ outputGradient: Tensor, saved: Saved, wanted: Bool, in workspace: Workspace
    ) -> Buffer? {
        let rows = saved.input.shape.rows
        let x = saved.input.value(in: workspace)
        var dy = outputGradient
        if dy.type != x.type {
            dy = workspace.tensor(outputGradient.shape, x.type)
            workspace.convert(outputGradient.buffer, to: dy.buffer, count: dy.count)
        }
        if let gradient = b.gradient {
            workspace.matrices.multiply(
                MatrixProduct(
                    rows: outputs, columns: rank, inner: rows, transposeA: true, accumulate: true),
                dy.buffer, saved.inner, into: gradient)
        }
        guard wanted else { return nil }
        let dinner = workspace.buffer(rows * rank, x.type)
        workspace.matrices.multiply(
            MatrixProduct(rows: rows, columns: rank, inner: outputs), dy.buffer, b.value,
            into: dinner)
        workspace.scale(dinner, by: scale, count: rows * rank)
        return dinner
    }

    /// dA += dinnerᵀ x.
    func addGradientByProducts(
        _ dinner: Buffer, _ x: Tensor, to gradient: Buffer, in workspace: Workspace
    ) {
        workspace.matrices.multiply(
            MatrixProduct(
                rows: rank, columns: inputs, inner: x.shape.rows, transposeA: true,
                accumulate: true), dinner, x.buffer, into: gradient)
    }

    /// dx = dinner A, or += that.
    func inputGradientByProducts(
        _ dinner: Buffer, into dx: Tensor, adding: Bool, in workspace: Workspace
    ) {
        workspace.matrices.multiply(
            MatrixProduct(
                rows: dx.shape.rows, columns: inputs, inner: rank, accumulate: adding), dinner,
            a.value, into: dx.buffer)
    }
}
