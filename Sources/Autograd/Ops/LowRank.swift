import Kernels

/// y' = y + s · B(A · dropout(x)), written where y lies.
///
/// x (…, in) of the compute type, y (…, out) of the compute type or float32. The product with A is
/// kept for backward, x is shared with the other readers of x, and y is not kept at all.
/// Source: Hu et al. 2021, arXiv:2106.09685, eq. 3, with s = α/r.
struct LowRankOp: DifferentiableOp {
    let a: Parameter  // (R, in)
    let b: Parameter  // (out, R)
    let scale: Float
    let mask: DropoutMask
    let keys: [UInt64]?  // (B); nil where nothing is dropped

    struct Saved {
        let input: Tensor  // (…, in)
        let inner: Tensor  // (…, R), s · A · dropout(x)
    }

    var parameters: [Parameter] { [a, b] }
    private var inputs: Int { a.shape.width }
    private var outputs: Int { b.shape.extents[0] }
    private var rank: Int { b.shape.width }

    func forward(_ tensors: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        let (x, y) = (tensors[0], tensors[1])
        let workspace = pass.workspace
        precondition(
            x.shape.width == inputs && y.shape == x.shape.withWidth(outputs)
                && a.shape.extents[0] == rank,
            "low rank \(a.name): x \(x.shape), A \(a.shape), B \(b.shape), y \(y.shape)")
        let inner = workspace.tensor(x.shape.withWidth(rank), x.type)
        workspace.matrices.multiply(
            MatrixProduct(rows: x.shape.rows, columns: rank, inner: inputs, transposeB: true),
            dropped(x, workspace).buffer, a.value, into: inner.buffer)
        workspace.scale(inner.buffer, by: scale, count: inner.count)
        workspace.matrices.multiply(
            MatrixProduct(
                rows: x.shape.rows, columns: outputs, inner: rank, transposeB: true,
                accumulate: true), inner.buffer, b.value, into: y.buffer)
        return (y, Saved(input: x, inner: inner))
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        let (x, rows) = (saved.input, saved.input.shape.rows)
        gradients.add(outputGradient, to: 1, in: workspace)
        var dy = outputGradient
        if dy.type != x.type {
            dy = workspace.tensor(outputGradient.shape, x.type)
            workspace.convert(outputGradient.buffer, to: dy.buffer, count: dy.count)
        }
        if let gradient = b.gradient {
            workspace.matrices.multiply(
                MatrixProduct(
                    rows: outputs, columns: rank, inner: rows, transposeA: true, accumulate: true),
                dy.buffer, saved.inner.buffer, into: gradient)
        }
        guard gradients.wants(0) || a.gradient != nil else { return }
        let dinner = workspace.tensor(saved.inner.shape, x.type)
        workspace.matrices.multiply(
            MatrixProduct(rows: rows, columns: rank, inner: outputs), dy.buffer, b.value,
            into: dinner.buffer)
        workspace.scale(dinner.buffer, by: scale, count: dinner.count)
        if let gradient = a.gradient {
            workspace.matrices.multiply(
                MatrixProduct(
                    rows: rank, columns: inputs, inner: rows, transposeA: true, accumulate: true),
                dinner.buffer, dropped(x, workspace).buffer, into: gradient)
        }
        let product = MatrixProduct(rows: rows, columns: inputs, inner: rank)
        gradients.accumulate(into: 0, shape: x.shape, type: x.type, in: workspace) { dx, adding in
            guard let keys else {
                var product = product
                product.accumulate = adding
                workspace.matrices.multiply(product, dinner.buffer, a.value, into: dx.buffer)
                return
            }
            let scratch = workspace.tensor(x.shape, x.type)
            workspace.matrices.multiply(product, dinner.buffer, a.value, into: scratch.buffer)
            workspace.dropout(
                scratch.buffer, into: dx.buffer, adding: adding, mask: mask, keys: keys,
                width: dx.count / max(keys.count, 1))
        }
    }

    /// dropout(x), or x itself.
    private func dropped(_ x: Tensor, _ workspace: Workspace) -> Tensor {
        guard let keys else { return x }
        let y = workspace.tensor(x.shape, x.type)
        workspace.dropout(
            x.buffer, into: y.buffer, adding: false, mask: mask, keys: keys,
            width: x.count / max(keys.count, 1))
        return y
    }
}

/// y' = y + s · B · A[:, ids], written where y lies: the low-rank change of an embedding table.
///
/// ids (B, T), y (B, T, C) float32; all in float32 where the factors are trained.
struct LowRankEmbeddingOp: DifferentiableOp {
    let a: Parameter  // (R, V)
    let b: Parameter  // (C, R)
    let scale: Float
    let ids: [Int32]  // (B, T)

    struct Saved {
        let inner: Tensor  // (B·T, R), s · A[:, ids]
    }

    var parameters: [Parameter] { [a, b] }
    private var rank: Int { b.shape.width }
    private var width: Int { b.shape.extents[0] }
    private var vocabulary: Int { a.shape.width }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        let y = inputs[0]
        let workspace = pass.workspace
        precondition(
            y.type == .float32 && y.shape.rows == ids.count && y.shape.width == width
                && a.shape.extents[0] == rank,
            "low rank \(a.name): y \(y.shape), A \(a.shape), B \(b.shape), \(ids.count) ids")
        let inner = workspace.tensor([ids.count, rank], a.floatValue.type)
        workspace.gatherColumns(
            of: a.floatValue, columns: vocabulary, ids: ids, rows: rank, into: inner.buffer)
        workspace.scale(inner.buffer, by: scale, count: inner.count)
        workspace.matrices.multiply(
            MatrixProduct(
                rows: ids.count, columns: width, inner: rank, transposeB: true, accumulate: true),
            inner.buffer, b.floatValue, into: y.buffer)
        return (y, Saved(inner: inner))
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        gradients.add(outputGradient, to: 0, in: workspace)
        if let gradient = b.gradient {
            workspace.matrices.multiply(
                MatrixProduct(
                    rows: width, columns: rank, inner: ids.count, transposeA: true,
                    accumulate: true), outputGradient.buffer, saved.inner.buffer, into: gradient)
        }
        guard let gradient = a.gradient else { return }
        let dinner = workspace.tensor([ids.count, rank], .float32)
        workspace.matrices.multiply(
            MatrixProduct(rows: ids.count, columns: rank, inner: width), outputGradient.buffer,
            b.floatValue, into: dinner.buffer)
        workspace.scale(dinner.buffer, by: scale, count: dinner.count)
        workspace.scatterAddColumns(
            dinner.buffer, ids: ids, rows: rank, columns: vocabulary, into: gradient)
    }
}

extension ForwardPass {
    /// y + s · B(A · dropout(x)). x (…, in), y (…, out), A (R, in), B (out, R).
    ///
    /// - Parameters:
    ///   - y: is changed where it lies; no one else may read it afterwards.
    ///   - probability: of dropping an element of x, in training.
    package func addLowRank(
        _ x: Tensor, to y: Tensor, a: Parameter, b: Parameter, scale: Float,
        dropping probability: Float = 0
    ) -> Tensor {
        let keys = probability > 0 ? nextDropoutKeys(batch: x.shape.extents[0]) : nil
        let op = LowRankOp(
            a: a, b: b, scale: scale, mask: DropoutMask(probability: probability), keys: keys)
        return apply(op, to: [x, y])
    }

    /// y + s · B · A[:, ids]. ids (B, T), y (B, T, C) float32, A (R, V), B (C, R).
    ///
    /// - Parameter y: is changed where it lies; no one else may read it afterwards.
    package func addLowRankEmbedding(
        _ ids: [Int32], to y: Tensor, a: Parameter, b: Parameter, scale: Float
    ) -> Tensor {
        apply(LowRankEmbeddingOp(a: a, b: b, scale: scale, ids: ids), to: [y])
    }
}
