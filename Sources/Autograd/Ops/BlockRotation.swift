package import Kernels

/// y = x R, block by block of columns, with rotations R near (I + Q)(I − Q)⁻¹ of skew matrices Q.
///
/// x and y (…, blocks · n) of one type; products in float32. R = Σ cₖ Qᵏ is the Neumann series that PEFT
/// cuts off: c = 1, 2, 2, …, 2, 1. Source: Qiu et al. 2023, arXiv:2306.07280, eq. 2, and Qiu et al. 2025,
/// arXiv:2506.19847, eq. 5.
struct BlockRotationOp: DifferentiableOp {
    let upper: Parameter  // (blocks · n(n − 1)/2), triangles of Q
    let form: BlockMatrices
    /// Terms of the series, I included, as PEFT counts them.
    let terms: Int

    struct Saved {
        let input: KeptTensor  // (…, blocks · n)
        let type: ElementType
    }

    var parameters: [Parameter] { [upper] }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        let x = inputs[0]
        precondition(
            x.shape.width == form.blocks * form.size && upper.count == form.skewCount,
            "rotation \(upper.name) \(upper.shape): x \(x.shape)")
        let workspace = pass.workspace
        let rotations = workspace.rotations(form, upper.floatValue, terms: terms)
        let y = workspace.rotated(x, form, by: rotations)
        return (y, Saved(input: KeptTensor(x), type: x.type))
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        let dy = workspace.float32(outputGradient)
        if let gradient = upper.gradient {
            let x = workspace.float32(saved.input.value(in: workspace))
            let dr = workspace.buffer(form.count, .float32)
            workspace.rotationGradient(
                form, x.buffer, dy.buffer, into: dr, rows: dy.shape.rows)
            workspace.addRotationGradient(
                form, of: upper.floatValue, terms: terms, dr, to: gradient)
        }
        guard gradients.wants(0) else { return }
        let rotations = workspace.rotations(form, upper.floatValue, terms: terms)
        let dx = workspace.tensor(dy.shape, .float32)
        workspace.rotate(
            form, dy.buffer, by: rotations, into: dx.buffer, rows: dy.shape.rows,
            transposed: true)
        gradients.add(workspace.converted(dx, to: saved.type), to: 0, in: workspace)
    }
}

extension Workspace {
    /// Coefficients of the series by powers of Q.
    private func coefficients(_ terms: Int) -> [Float] {
        switch terms {
        case ...1: [1]
        case 2: [1, 2]
        default: [1, 2, 2] + Array(repeating: 2, count: max(0, terms - 4)) + [1]
        }
    }

    /// The sums Sⱼ = cⱼ I + Q Sⱼ₊₁ of Horner's rule, S₀ first, which is R; and Q.
    private func sums(
        _ form: BlockMatrices, _ upper: Buffer, terms: Int
    ) -> (q: Buffer, sums: [Buffer]) {
        let q = buffer(form.count, .float32)
        skew(form, upper, into: q)
        var sums: [Buffer] = []
        for coefficient in coefficients(terms).reversed() {
            let sum = zeros(form.count, .float32)
            if let inner = sums.last { multiply(form, q, inner, into: sum) }
            addDiagonal(form, coefficient, to: sum)
            sums.append(sum)
        }
        return (q, sums.reversed())
    }

    /// R of the triangles of Q, (blocks, n, n) float32.
    package func rotations(_ form: BlockMatrices, _ upper: Buffer, terms: Int) -> Buffer {
        sums(form, upper, terms: terms).sums[0]
    }

    /// Adds to `gradient` that of the triangles where R's is dr, which is used up.
    fileprivate func addRotationGradient(
        _ form: BlockMatrices, of upper: Buffer, terms: Int, _ dr: Buffer, to gradient: Buffer
    ) {
        let (q, sums) = sums(form, upper, terms: terms)
        let dq = zeros(form.count, .float32)
        var outer = dr
        for inner in sums.dropFirst() {
            multiply(form, outer, inner, into: dq, transposeB: true, adding: true)
            let next = buffer(form.count, .float32)
            multiply(form, q, outer, into: next, transposeA: true)
            outer = next
        }
        addSkewGradient(form, dq, to: gradient)
    }

    fileprivate func rotated(_ x: Tensor, _ form: BlockMatrices, by rotations: Buffer) -> Tensor {
        let y = tensor(x.shape, .float32)
        rotate(form, float32(x).buffer, by: rotations, into: y.buffer, rows: x.shape.rows)
        return converted(y, to: x.type)
    }

    /// x in float32; x itself where it is that.
    func float32(_ x: Tensor) -> Tensor { converted(x, to: .float32) }

    /// x in an element type; x itself where it has it.
    func converted(_ x: Tensor, to type: ElementType) -> Tensor {
        guard x.type != type else { return x }
        let y = tensor(x.shape, type)
        convert(x.buffer, to: y.buffer, count: x.count)
        return y
    }
}

extension ForwardPass {
    /// x (…, blocks · n) with each block of columns rotated; the same shape and type.
    ///
    /// - Parameters:
    ///   - upper: (blocks · n(n − 1)/2), the rotations' skew matrices.
    ///   - terms: of the series, as PEFT's `num_cayley_neumann_terms`.
    package func rotateBlocks(
        _ x: Tensor, by upper: Parameter, _ form: BlockMatrices, terms: Int
    ) -> Tensor {
        apply(BlockRotationOp(upper: upper, form: form, terms: terms), to: [x])
    }
}
