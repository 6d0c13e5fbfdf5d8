package import Kernels

/// y = f(gate) · up, where gate and up are the halves of each row.
///
/// x (…, 2F), y (…, F). Source: Shazeer 2020, arXiv:2002.05202, eq. 5 and 6.
struct FusedGateOp: DifferentiableOp {
    let kind: Activation

    struct Saved {
        let input: Tensor  // (…, 2F)
    }

    var parameters: [Parameter] { [] }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        let x = inputs[0]
        precondition(x.shape.width % 2 == 0, "fused gate of \(x.shape)")
        return (output(x, in: pass.workspace), Saved(input: x))
    }

    private func output(_ x: Tensor, in workspace: Workspace) -> Tensor {
        let y = workspace.tensor(x.shape.withWidth(x.shape.width / 2), x.type)
        workspace.gateRows(
            kind, x.buffer, into: y.buffer, rows: y.shape.rows, width: y.shape.width)
        return y
    }

    func recomputation(_ saved: Saved, in pass: ForwardPass) -> ((Workspace) -> Tensor)? {
        { output(saved.input, in: $0) }
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        let dx = workspace.tensor(saved.input.shape, saved.input.type)
        workspace.gateRowsGradient(
            kind, saved.input.buffer, outputGradient.buffer, into: dx.buffer,
            rows: dx.shape.rows, width: outputGradient.shape.width)
        gradients.add(dx, to: 0, in: workspace)
    }
}

extension ForwardPass {
    /// y = f(gate) · up of rows that hold first gate, then up. x (…, 2F) → (…, F), type kept.
    package func fusedGate(_ kind: Activation, _ x: Tensor) -> Tensor {
        apply(FusedGateOp(kind: kind), to: [x])
    }
}
