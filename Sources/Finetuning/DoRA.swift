import Autograd
import Kernels
import Models

/// y = b + (m/‖W + s·BA‖) ⊙ (x Wᵀ + s · B(A x)), the norms by output and outside the gradient.
///
/// Source: Liu et al. 2024, arXiv:2402.09353, eq. 5 and section 4.3. As in PEFT, dropout acts on
/// what the decomposition changes, not on x W itself: y = x Wᵀ + b + (m/n − 1) ⊙ x̃ Wᵀ + (m/n) ⊙
/// s · B(A x̃) with x̃ = dropout(x). The norms are taken from ‖W‖², known since the weight was
/// filled in, and two thin products (see `Workspace.lowRankNorms`), not from a sum as large as W.
final class DoRALinear: LoRALayer, LinearAdapter {
    let a: Parameter  // (R, in)
    let b: Parameter  // (out, R)
    let magnitude: Parameter?  // (out)
    let scale: Float
    private let vector: Parameter
    private let linear: Linear
    private let dropout: Float
    private var squares: Buffer?  // (out), float32
    /// The norms of factors that are not trained; they never change.
    private var fixedNorms: Buffer?  // (out), float32

    init(
        linear: Linear, a: Parameter, b: Parameter, magnitude: Parameter, scale: Float,
        dropout: Float
    ) {
        self.linear = linear
        self.a = a
        self.b = b
        self.magnitude = magnitude
        vector = magnitude
        self.scale = scale
        self.dropout = dropout
    }

    var module: LoRAPlan.Module { .linear(linear) }

    func detach() { linear.adapter = nil }

    func baseChanged(in workspace: Workspace, startsMagnitude: Bool) {
        let sums = module.outputSquares(workspace.numbers(linear.weight)).map { Float($0) }
        squares = workspace.tensor([linear.outputs], sums).buffer
        fixedNorms = nil
        guard startsMagnitude else { return }
        // B is zero at the start, so that the norms are W's own.
        workspace.assign(sums.map { $0.squareRoot() }, to: vector)
    }

    func output(
        of linear: Linear, _ x: Tensor, addingTo residual: Tensor?, in pass: ForwardPass
    ) -> Tensor {
        let norms = norms(pass)
        guard pass.drops(dropout) else {
            let sum = pass.linear(
                x, weight: linear.weight, bias: nil, layout: linear.layout,
                changedBy: LowRankTerm(a: a, b: b, scale: scale))
            return pass.scaleByMagnitude(
                sum, addingTo: residual, magnitude: vector, norms: norms, bias: linear.bias)
        }
        let dropped = pass.dropout(x, probability: dropout)
        let base = linear.base(x, addingTo: residual, pass)
        let plain = pass.linear(dropped, weight: linear.weight, bias: nil, layout: linear.layout)
        let changed = pass.scaleByMagnitude(
            plain, addingTo: base, magnitude: vector, norms: norms, offset: -1)
        let zeros = Tensor(
            shape: plain.shape, buffer: pass.workspace.zeros(plain.count, plain.type))
        let change = pass.addLowRank(dropped, to: zeros, a: a, b: b, scale: scale)
        return pass.scaleByMagnitude(change, addingTo: changed, magnitude: vector, norms: norms)
    }

    /// ‖W + s·BA‖ by output.
    private func norms(_ pass: ForwardPass) -> Buffer {
        if let fixedNorms { return fixedNorms }
        guard let squares else {
            preconditionFailure("dora \(a.name): used before its base had numbers")
        }
        let norms = pass.normsOfSum(
            weight: linear.weight, layout: linear.layout, squares: squares, a: a, b: b,
            scale: scale)
        if a.master == nil, b.master == nil { fixedNorms = norms }
        return norms
    }
}
