package import Kernels

/// y = base + bias + (m/n + offset) ⊙ z, column by column.
///
/// z (…, out) of the compute type; base, where there is one, and y (…, out) of the compute type or
/// float32. The norms n count as constants in backward.
/// Source: Liu et al. 2024, arXiv:2402.09353, eq. 5 and section 4.3 (the detached norm).
struct MagnitudeOp: DifferentiableOp {
    let magnitude: Parameter  // (out)
    let bias: Parameter?  // (out)
    let norms: Buffer  // (out), float32
    let offset: Float

    struct Saved {
        let input: Tensor  // (…, out)
        let factors: Buffer  // (out), float32
        let baseType: ElementType?
    }

    var parameters: [Parameter] { [magnitude] + (bias.map { [$0] } ?? []) }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        let z = inputs[0]
        let base = inputs.count > 1 ? inputs[1] : nil
        let workspace = pass.workspace
        let columns = magnitude.count
        precondition(
            z.shape.width == columns && (base?.shape ?? z.shape) == z.shape,
            "magnitude \(magnitude.name): z \(z.shape) but m \(magnitude.shape)")
        let factors = workspace.buffer(columns, .float32)
        workspace.divide(
            magnitude.floatValue, by: norms, adding: offset, into: factors, count: columns)
        let y = workspace.tensor(z.shape, base?.type ?? z.type)
        let rows = z.shape.rows
        if let base { workspace.convert(base.buffer, to: y.buffer, count: y.count) }
        if let bias {
            workspace.spread(
                bias.floatValue, over: y.buffer, adding: base != nil, rows: rows, columns: columns)
        }
        workspace.scaleColumns(
            z.buffer, by: factors, into: y.buffer, adding: base != nil || bias != nil, rows: rows,
            columns: columns)
        return (y, Saved(input: z, factors: factors, baseType: base?.type))
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        let z = saved.input
        let (rows, columns) = (z.shape.rows, magnitude.count)
        if saved.baseType != nil { gradients.add(outputGradient, to: 1, in: workspace) }
        if let gradient = bias?.gradient {
            workspace.addColumnSums(
                of: outputGradient.buffer, to: gradient, rows: rows, columns: columns)
        }
        if let gradient = magnitude.gradient {
            workspace.addColumnProducts(
                outputGradient.buffer, z.buffer, dividedBy: norms, to: gradient, rows: rows,
                columns: columns)
        }
        gradients.accumulate(into: 0, shape: z.shape, type: z.type, in: workspace) { dz, adding in
            workspace.scaleColumns(
                outputGradient.buffer, by: saved.factors, into: dz.buffer, adding: adding,
                rows: rows, columns: columns)
        }
    }
}

extension ForwardPass {
    /// base + bias + (m/n + offset) ⊙ z, the norms n taken as constants. All (…, out); a base with
    /// a bias is float32.
    package func scaleByMagnitude(
        _ z: Tensor, addingTo base: Tensor? = nil, magnitude: Parameter, norms: Buffer,
        offset: Float = 0, bias: Parameter? = nil
    ) -> Tensor {
        let op = MagnitudeOp(magnitude: magnitude, bias: bias, norms: norms, offset: offset)
        return apply(op, to: base.map { [z, $0] } ?? [z])
    }

    /// ‖row j of W + s·B·A‖ for each output j, float32 (out).
    ///
    /// - Parameter squares: ‖Wⱼ‖², float32 (out); see ``Kernels/Workspace/lowRankNorms``.
    package func normsOfSum(
        weight: Parameter, layout: WeightLayout, squares: Buffer, a: Parameter, b: Parameter,
        scale: Float
    ) -> Buffer {
        let (rank, inputs) = (a.shape.extents[0], a.shape.width)
        let outputs = b.shape.extents[0]
        let constant = ForwardPass(workspace: workspace, computeType: computeType)
        let c = constant.linear(
            Tensor(shape: a.shape, buffer: a.value), weight: weight, bias: nil, layout: layout)
        let gram = workspace.buffer(rank * rank, .float32)
        workspace.matrices.multiply(
            MatrixProduct(rows: rank, columns: rank, inner: inputs, transposeB: true), a.value,
            a.value, into: gram)
        let norms = workspace.buffer(outputs, .float32)
        workspace.lowRankNorms(
            squares: squares, b: b.value, c: c.buffer, gram: gram, scale: scale,
            outputs: outputs, rank: rank, into: norms)
        return norms
    }
}
