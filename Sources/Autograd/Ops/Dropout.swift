import Kernels

/// y = x · mask/(1 − p), or residual + that.
///
/// x (B, …); y has x's type, or is float32 with a float32 residual of x's shape.
struct DropoutOp: DifferentiableOp {
    let mask: DropoutMask
    let keys: [UInt64]  // (B)

    struct Saved {
        let type: ElementType
    }

    var parameters: [Parameter] { [] }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        let x = inputs[0]
        let workspace = pass.workspace
        let y = workspace.tensor(x.shape, inputs.count > 1 ? .float32 : x.type)
        if inputs.count > 1 {
            workspace.convert(inputs[1].buffer, to: y.buffer, count: y.count)
        }
        workspace.dropout(
            x.buffer, into: y.buffer, adding: inputs.count > 1, mask: mask, keys: keys,
            width: x.count / max(keys.count, 1))
        return (y, Saved(type: x.type))
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        if gradients.origins.count > 1 { gradients.add(outputGradient, to: 1, in: workspace) }
        guard gradients.wants(0) else { return }
        let dx = workspace.tensor(outputGradient.shape, saved.type)
        workspace.dropout(
            outputGradient.buffer, into: dx.buffer, adding: false, mask: mask, keys: keys,
            width: dx.count / max(keys.count, 1))
        gradients.add(dx, to: 0, in: workspace)
    }
}

/// y = x₁ + x₂, float32; either may be of the compute type.
struct AddOp: DifferentiableOp {
    struct Saved {
        let types: [ElementType]
    }

    var parameters: [Parameter] { [] }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        let workspace = pass.workspace
        precondition(
            inputs[0].shape == inputs[1].shape, "sum of \(inputs[0].shape) and \(inputs[1].shape)")
        let y = workspace.tensor(inputs[0].shape, .float32)
        workspace.convert(inputs[0].buffer, to: y.buffer, count: y.count)
        workspace.add(inputs[1].buffer, to: y.buffer, count: y.count)
        return (y, Saved(types: inputs.map(\.type)))
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        for (index, type) in saved.types.enumerated() where gradients.wants(index) {
            if type == .float32 {
                gradients.add(outputGradient, to: index, in: workspace)
            } else {
                let dx = workspace.tensor(outputGradient.shape, type)
                workspace.convert(outputGradient.buffer, to: dx.buffer, count: dx.count)
                gradients.add(dx, to: index, in: workspace)
            }
        }
    }
}

extension ForwardPass {
    /// x with elements dropped with probability p, in training; x itself otherwise.
    package func dropout(_ x: Tensor, probability: Float) -> Tensor {
        guard probability > 0, let keys = nextDropoutKeys(batch: x.shape.extents[0]) else {
            return x
        }
        return apply(DropoutOp(mask: DropoutMask(probability: probability), keys: keys), to: [x])
    }

    /// residual + dropout(x), float32.
    package func add(_ x: Tensor, to residual: Tensor, dropping probability: Float) -> Tensor {
        guard probability > 0, let keys = nextDropoutKeys(batch: x.shape.extents[0]) else {
            return apply(AddOp(), to: [residual, x])
        }
        let op = DropoutOp(mask: DropoutMask(probability: probability), keys: keys)
        return apply(op, to: [x, residual])
    }

    /// Whether this pass drops elements at all.
    package func drops(_ probability: Float) -> Bool {
        probability > 0 && hasDropout
    }
}
