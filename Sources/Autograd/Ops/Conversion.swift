package import Kernels

/// The same numbers in another type. x (…), y (…).
struct ConversionOp: DifferentiableOp {
    let type: ElementType

    struct Saved {
        let type: ElementType
    }

    var parameters: [Parameter] { [] }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        let x = inputs[0]
        let y = pass.workspace.tensor(x.shape, type)
        pass.workspace.convert(x.buffer, to: y.buffer, count: x.count)
        return (y, Saved(type: x.type))
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        let dx = workspace.tensor(outputGradient.shape, saved.type)
        workspace.convert(outputGradient.buffer, to: dx.buffer, count: dx.count)
        gradients.add(dx, to: 0, in: workspace)
    }
}

extension ForwardPass {
    /// x in another type.
    package func convert(_ x: Tensor, to type: ElementType) -> Tensor {
        x.type == type ? x : apply(ConversionOp(type: type), to: [x])
    }
}
