import Kernels

/// y' = y + s · B(A · dropout(x)), written where y lies.
///
/// x (…, in) of the compute type, y (…, out) of the compute type or float32. The product with A is
/// kept for backward, x is shared with the other readers of x or made again, and y is not kept at all.
/// Source: Hu et al. 2021, arXiv:2106.09685, eq. 3, with s = α/r.
struct LowRankOp: DifferentiableOp {
    let a: Parameter  // (R, in)
    let b: Parameter  // (out, R)
    let scale: Float
    let mask: DropoutMask
    let keys: [UInt64]?  // (B); nil where nothing is dropped

    struct Saved {
        let input: KeptTensor  // (…, in)
        let inner: Buffer  // s · A · dropout(x), as the products of the rank lay it out
    }

    var parameters: [Parameter] { [a, b] }
    var inputs: Int { a.shape.width }
    var outputs: Int { b.shape.extents[0] }
    var rank: Int { b.shape.width }
    /// Few ranks have products of their own, bound by reading x and y instead of by arithmetic.
    private var hasFewRanks: Bool { rank <= LowRankFactor.mostRanks }
    fileprivate var factorA: LowRankFactor { LowRankFactor(a.value, rank: rank, width: inputs) }
    fileprivate var factorB: LowRankFactor {
        LowRankFactor(b.value, rank: rank, width: outputs, transposed: true)
    }

    func forward(_ tensors: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        let (x, y) = (tensors[0], tensors[1])
        let workspace = pass.workspace
        precondition(
            x.shape.width == inputs && y.shape == x.shape.withWidth(outputs)
                && a.shape.extents[0] == rank,
            "low rank \(a.name): x \(x.shape), A \(a.shape), B \(b.shape), y \(y.shape)")
        let kept = dropped(x, workspace)
        let inner =
            hasFewRanks
            ? workspace.addLowRank(
                kept.buffer, factorA, factorB, arranged(in: pass), scale: scale, to: y.buffer,
                rows: x.shape.rows)
            : addByProducts(kept, to: y, in: workspace)
        return (y, Saved(input: KeptTensor(x), inner: inner))
    }

    /// Both factors, arranged once in a generation.
    fileprivate func arranged(in pass: ForwardPass) -> ArrangedFactors {
        let arrange = { pass.workspace.arranged(factorA, factorB) }
        return pass.cache?.arranged(a, arrange) ?? arrange()
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        gradients.add(outputGradient, to: 1, in: workspace)
        let rows = saved.input.shape.rows
        let x = saved.input.value(in: workspace)
        let wanted = gradients.wants(0) || a.learns
        let innerGradient =
            hasFewRanks
            ? workspace.lowRankInnerGradient(
                outputGradient.buffer, factorB, inner: saved.inner, scale: scale,
                addingTo: b.gradient, wanted: wanted, rows: rows)
            : innerGradientByProducts(outputGradient, saved: saved, wanted: wanted, in: workspace)
        guard let dinner = innerGradient else { return }
        if let gradient = a.gradient {
            let kept = dropped(x, workspace)
            if hasFewRanks {
                workspace.addLowRankGradient(
                    dinner, kept.buffer, factorA, to: gradient, rows: rows)
            } else {
                addGradientByProducts(dinner, kept, to: gradient, in: workspace)
            }
        }
        gradients.accumulate(into: 0, shape: x.shape, type: x.type, in: workspace) { dx, adding in
            guard let keys else {
                addInputGradient(dinner, into: dx, adding: adding, in: workspace)
                return
            }
            let scratch = workspace.tensor(x.shape, x.type)
            addInputGradient(dinner, into: scratch, adding: false, in: workspace)
            workspace.dropout(
                scratch.buffer, into: dx.buffer, adding: adding, mask: mask, keys: keys,
                width: dx.count / max(keys.count, 1))
        }
    }

    /// dx = dinner A, or += that.
    private func addInputGradient(
        _ dinner: Buffer, into dx: Tensor, adding: Bool, in workspace: Workspace
    ) {
        if hasFewRanks {
            workspace.lowRankInputGradient(
                dinner, factorA, into: dx.buffer, adding: adding, rows: dx.shape.rows)
        } else {
            inputGradientByProducts(dinner, into: dx, adding: adding, in: workspace)
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
    /// The column of A whose lookups have no gradient.
    let padding: Int?

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
        if let padding {
            for (row, id) in ids.enumerated() where Int(id) == padding {
                workspace.fill(dinner.buffer.advanced(by: row * rank), count: rank, with: 0)
            }
        }
        workspace.scatterAddColumns(
            dinner.buffer, ids: ids, rows: rank, columns: vocabulary, into: gradient)
    }
}

/// s · B A, a change of few ranks.
package struct LowRankTerm {
    fileprivate let a: Parameter  // (R, in)
    fileprivate let b: Parameter  // (out, R)
    fileprivate let scale: Float

    package init(a: Parameter, b: Parameter, scale: Float) {
        self.a = a
        self.b = b
        self.scale = scale
    }

    /// Its numbers, for a product of few rows.
    func change(in pass: ForwardPass) -> LowRankChange {
        let op = LowRankOp(a: a, b: b, scale: scale, mask: DropoutMask(probability: 0), keys: nil)
        return LowRankChange(op.factorA, op.factorB, op.arranged(in: pass), scale: scale)
    }
}

extension ForwardPass {
    /// y = x Wᵀ + b + s · B(A · dropout(x)), or that + residual. x (…, in) → (…, out) of the compute type, or float32
    /// with a float32 residual (…, out).
    ///
    /// - Parameter probability: of dropping an element of x, in training.
    package func linear(
        _ x: Tensor, addingTo residual: Tensor? = nil, weight: Parameter, bias: Parameter?,
        layout: WeightLayout, changedBy term: LowRankTerm, dropping probability: Float = 0
    ) -> Tensor {
        var op = LinearOp(weight: weight, bias: bias, layout: layout)
        let inputs = [x] + (residual.map { [$0] } ?? [])
        let isAtOnce =
            isInference && !drops(probability)
            && workspace.addsChange(
                rank: term.b.shape.width, factors: term.a.value.type, to: weight.operand(layout),
                of: x.buffer, rows: x.shape.rows)
        if isAtOnce { op.change = term }
        let y = apply(op, to: inputs)
        if isAtOnce { return y }
        return addLowRank(
            x, to: y, a: term.a, b: term.b, scale: term.scale, dropping: probability)
    }

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
    /// - Parameters:
    ///   - y: is changed where it lies; no one else may read it afterwards.
    ///   - padding: the column of A that has no gradient, as in PEFT, whose lookups take the base's `padding_idx`
    ///     (`peft.tuners.lora.Embedding._embed`).
    package func addLowRankEmbedding(
        _ ids: [Int32], to y: Tensor, a: Parameter, b: Parameter, scale: Float, padding: Int? = nil
    ) -> Tensor {
        apply(LowRankEmbeddingOp(a: a, b: b, scale: scale, ids: ids, padding: padding), to: [y])
    }
}
