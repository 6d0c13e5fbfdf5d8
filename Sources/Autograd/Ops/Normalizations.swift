package import Kernels

/// y = (x − μ)/√(σ² + ε) · g (+ b) over the last axis.
///
/// x (…, C) float32 or of y's type, y (…, C). Mean and variance are taken in float32.
/// Source: Ba, Kiros and Hinton 2016, arXiv:1607.06450, eq. 4.
struct LayerNormOp: DifferentiableOp {
    let gain: Parameter  // (C)
    let bias: Parameter?  // (C)
    let epsilon: Float
    /// y's.
    let type: ElementType

    struct Saved {
        let input: Tensor  // (…, C)
        let mean: Buffer  // (rows), float32
        let inverse: Buffer  // (rows), float32
    }

    var parameters: [Parameter] { [gain] + (bias.map { [$0] } ?? []) }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        normalized(inputs[0], in: pass.workspace)
    }

    private func normalized(
        _ x: Tensor, in workspace: Workspace
    ) -> (output: Tensor, saved: Saved) {
        let shape = normalizationShape(x, gain, epsilon)
        let y = workspace.tensor(x.shape, type)
        let mean = workspace.buffer(shape.rows, .float32)
        let inverse = workspace.buffer(shape.rows, .float32)
        workspace.layerNorm(
            shape, x.buffer, gain: gain.floatValue,
            bias: bias?.floatValue ?? workspace.zeros(gain.count, .float32), into: y.buffer,
            mean: mean, inverse: inverse)
        return (y, Saved(input: x, mean: mean, inverse: inverse))
    }

    func recomputation(_ saved: Saved, in pass: ForwardPass) -> ((Workspace) -> Tensor)? {
        { normalized(saved.input, in: $0).output }
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        let x = saved.input
        let write = { (dx: Tensor, adding: Bool) in
            workspace.layerNormGradient(
                normalizationShape(x, gain, epsilon), x.buffer, gain: gain.floatValue,
                mean: saved.mean, inverse: saved.inverse, dy: outputGradient.buffer,
                into: dx.buffer, adding: adding, dgain: gain.gradient, dbias: bias?.gradient)
        }
        normalizationGradient(x, gain, gradients, workspace, write)
    }
}

/// y = g · x / √(mean(x²) + ε) over the last axis of the gain's length; g is the parameter, or one
/// more than it, as in Gemma (arXiv:2403.08295).
///
/// x (…, C) float32, or (…, H·D) of the compute type with g (D); y of the compute type.
/// The mean is taken in float32 whatever x is. Source: Zhang and Sennrich 2019, arXiv:1910.07467,
/// eq. 4.
struct RMSNormOp: DifferentiableOp {
    let gain: Parameter  // (C) or (D)
    let epsilon: Float
    let addsOne: Bool

    struct Saved {
        let input: Tensor  // (…, C)
        let inverse: Buffer  // (rows), float32
    }

    var parameters: [Parameter] { [gain] }

    private func factors(_ workspace: Workspace) -> Buffer {
        guard addsOne else { return gain.floatValue }
        let sum = workspace.buffer(gain.count, .float32)
        workspace.fill(sum, count: gain.count, with: 1)
        workspace.add(gain.floatValue, to: sum, count: gain.count)
        return sum
    }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        normalized(inputs[0], pass.computeType, in: pass.workspace)
    }

    private func normalized(
        _ x: Tensor, _ type: ElementType, in workspace: Workspace
    ) -> (output: Tensor, saved: Saved) {
        let shape = normalizationShape(x, gain, epsilon)
        let y = workspace.tensor(x.shape, type)
        let inverse = workspace.buffer(shape.rows, .float32)
        workspace.rmsNorm(
            shape, x.buffer, gain: factors(workspace), into: y.buffer, inverse: inverse)
        return (y, Saved(input: x, inverse: inverse))
    }

    func recomputation(_ saved: Saved, in pass: ForwardPass) -> ((Workspace) -> Tensor)? {
        let type = pass.computeType
        return { normalized(saved.input, type, in: $0).output }
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        let x = saved.input
        let factors = factors(workspace)
        let write = { (dx: Tensor, adding: Bool) in
            workspace.rmsNormGradient(
                normalizationShape(x, gain, epsilon), x.buffer, gain: factors,
                inverse: saved.inverse, dy: outputGradient.buffer, into: dx.buffer,
                adding: adding, dgain: gain.gradient)
        }
        normalizationGradient(x, gain, gradients, workspace, write)
    }
}

private func normalizationShape(
    _ x: Tensor, _ gain: Parameter, _ epsilon: Float
) -> NormalizationShape {
    precondition(
        gain.count > 0 && x.shape.width % gain.count == 0,
        "norm \(gain.name): x \(x.shape) but gain \(gain.shape)")
    return NormalizationShape(rows: x.count / gain.count, width: gain.count, epsilon: epsilon)
}

/// Runs `write` into the input's gradient, or into scratch where only the gain learns.
private func normalizationGradient(
    _ x: Tensor, _ gain: Parameter, _ gradients: InputGradients, _ workspace: Workspace,
    _ write: (_ dx: Tensor, _ adding: Bool) -> Void
) {
    if gradients.wants(0) {
        gradients.accumulate(into: 0, shape: x.shape, type: x.type, in: workspace, write)
    } else if gain.learns {
        write(workspace.tensor(x.shape, x.type), false)
    }
}

extension ForwardPass {
    /// Layer norm. x (…, C) → (…, C).
    ///
    /// - Parameter type: of the result; the compute type unless given. x has it or is float32.
    package func layerNorm(
        _ x: Tensor, gain: Parameter, bias: Parameter?, epsilon: Float, type: ElementType? = nil
    ) -> Tensor {
        apply(
            LayerNormOp(gain: gain, bias: bias, epsilon: epsilon, type: type ?? computeType),
            to: [x])
    }

    /// RMS norm over rows of the gain's length. x (…, C) → (…, C) of the compute type.
    ///
    /// - Parameter addsOne: whether the factor is 1 + the gain.
    package func rmsNorm(
        _ x: Tensor, gain: Parameter, epsilon: Float, addsOne: Bool = false
    ) -> Tensor {
        apply(RMSNormOp(gain: gain, epsilon: epsilon, addsOne: addsOne), to: [x])
    }
}
