import Kernels

/// y = factor · x, shape and type kept.
struct ScaleOp: DifferentiableOp {
    let factor: Float

    struct Saved {}

    var parameters: [Parameter] { [] }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        (scaled(inputs[0], pass.workspace), Saved())
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        gradients.add(scaled(outputGradient, workspace), to: 0, in: workspace)
    }

    private func scaled(_ x: Tensor, _ workspace: Workspace) -> Tensor {
        let y = workspace.tensor(x.shape, x.type)
        workspace.convert(x.buffer, to: y.buffer, count: x.count)
        workspace.scale(y.buffer, by: factor, count: y.count)
        return y
    }
}

extension ForwardPass {
    /// y = factor · x, shape and type kept; the factor is rounded to the compute type first, as
    /// transformers rounds it to the weights' type.
    package func scale(_ x: Tensor, by factor: Float) -> Tensor {
        let rounded = workspace.numbers(workspace.tensor([1], [factor], as: computeType))
        return apply(ScaleOp(factor: rounded[0]), to: [x])
    }
}
