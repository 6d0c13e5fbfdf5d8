package import Kernels

/// y = factor · x in an element type; its gradient in x's.
struct ConversionOp: DifferentiableOp {
    let type: ElementType
    let factor: Float

    struct Saved {
        let type: ElementType
    }

    var parameters: [Parameter] { [] }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        let x = inputs[0]
        return (converted(x, to: type, in: pass.workspace), Saved(type: x.type))
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        guard gradients.wants(0) else { return }
        gradients.add(
            converted(outputGradient, to: saved.type, in: workspace), to: 0, in: workspace)
    }

    private func converted(
        _ x: Tensor, to type: ElementType, in workspace: Workspace
    ) -> Tensor {
        let y = workspace.tensor(x.shape, type)
        workspace.convert(x.buffer, to: y.buffer, count: x.count)
        if factor != 1 { workspace.scale(y.buffer, by: factor, count: y.count) }
        return y
    }
}

extension ForwardPass {
    /// factor · x in an element type; x itself where that is all the same.
    package func convert(_ x: Tensor, to type: ElementType, times factor: Float = 1) -> Tensor {
        x.type == type && factor == 1
            ? x : apply(ConversionOp(type: type, factor: factor), to: [x])
    }
}
