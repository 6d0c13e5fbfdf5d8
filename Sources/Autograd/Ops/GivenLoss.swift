import Kernels

/// A part of a loss that was computed elsewhere, with its gradient by x. x (…, C) float32.
struct GivenLossOp: DifferentiableOp {
    let gradient: [Float]  // (…, C)

    struct Saved {
        /// Times the pass's scale.
        let inputGradient: Tensor?  // (…, C)
    }

    var parameters: [Parameter] { [] }
    var beginsGradients: Bool { true }
    var label: String { "given loss" }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        let (x, workspace) = (inputs[0], pass.workspace)
        precondition(
            x.type == .float32 && x.count == gradient.count,
            "given loss: x \(x.shape) of type \(x.type), \(gradient.count) numbers of its gradient")
        var dx: Tensor?
        if pass.isRecorded, x.origin != nil {
            let scaled = workspace.tensor(x.shape, gradient)
            workspace.scale(scaled.buffer, by: pass.gradientScale, count: scaled.count)
            dx = scaled
        }
        return (workspace.tensor([1], .float32), Saved(inputGradient: dx))
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        if let dx = saved.inputGradient { gradients.add(dx, to: 0, in: workspace) }
    }
}

extension ForwardPass {
    /// A loss that was computed elsewhere, of several values whose gradients are given.
    ///
    /// - Parameters:
    ///   - sum: summed over `targets`.
    ///   - parts: each value (…, C) float32 with ∂sum/∂value.
    package func givenLoss(
        sum: Double, targets: Int, _ parts: [(value: Tensor, gradient: [Float])]
    ) -> Loss {
        Loss(
            sum: sum, targets: targets,
            roots: parts.map { apply(GivenLossOp(gradient: $0.gradient), to: [$0.value]) })
    }
}
