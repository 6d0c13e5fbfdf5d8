package import Kernels

/// y = f(x), element by element.
struct ActivationOp: DifferentiableOp {
    let kind: Activation

    struct Saved {
        let input: Tensor
    }

    var parameters: [Parameter] { [] }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        let x = inputs[0]
        return (output(x, in: pass.workspace), Saved(input: x))
    }

    private func output(_ x: Tensor, in workspace: Workspace) -> Tensor {
        let y = workspace.tensor(x.shape, x.type)
        workspace.activate(kind, x.buffer, into: y.buffer, count: x.count)
        return y
    }

    func recomputation(_ saved: Saved, in pass: ForwardPass) -> ((Workspace) -> Tensor)? {
        { output(saved.input, in: $0) }
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        let x = saved.input
        let dx = workspace.tensor(x.shape, x.type)
        workspace.activationGradient(
            kind, x.buffer, outputGradient.buffer, into: dx.buffer, count: x.count)
        gradients.add(dx, to: 0, in: workspace)
    }
}

/// y = f(gate) · up, element by element. Source: Shazeer 2020, arXiv:2002.05202, eq. 5 and 6.
struct GatedActivationOp: DifferentiableOp {
    let kind: Activation

    struct Saved {
        let gate: Tensor
        let up: Tensor
    }

    var parameters: [Parameter] { [] }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        let (gate, up) = (inputs[0], inputs[1])
        precondition(gate.shape == up.shape, "gated activation of \(gate.shape) and \(up.shape)")
        let saved = Saved(gate: gate, up: up)
        return (output(saved, in: pass.workspace), saved)
    }

    private func output(_ saved: Saved, in workspace: Workspace) -> Tensor {
        let (gate, up) = (saved.gate, saved.up)
        let y = workspace.tensor(gate.shape, gate.type)
        workspace.gate(kind, gate.buffer, up.buffer, into: y.buffer, count: gate.count)
        return y
    }

    func recomputation(_ saved: Saved, in pass: ForwardPass) -> ((Workspace) -> Tensor)? {
        { output(saved, in: $0) }
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        let shape = saved.gate.shape
        let dgate = workspace.tensor(shape, saved.gate.type)
        let dup = workspace.tensor(shape, saved.up.type)
        workspace.gateGradient(
            kind, saved.gate.buffer, saved.up.buffer, outputGradient.buffer,
            intoGate: dgate.buffer, intoUp: dup.buffer, count: shape.count)
        gradients.add(dgate, to: 0, in: workspace)
        gradients.add(dup, to: 1, in: workspace)
    }
}

extension ForwardPass {
    /// y = f(x), shape and type kept.
    package func activation(_ kind: Activation, _ x: Tensor) -> Tensor {
        apply(ActivationOp(kind: kind), to: [x])
    }

    /// y = f(gate) · up, shape and type kept.
    package func gated(_ kind: Activation, gate: Tensor, up: Tensor) -> Tensor {
        apply(GatedActivationOp(kind: kind), to: [gate, up])
    }
}
