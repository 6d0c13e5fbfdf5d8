import Kernels

/// Some rows of x, in their order. x (…, C) → (rows, C) of x's type.
struct RowSelectionOp: DifferentiableOp {
    let rows: [Int32]

    struct Saved {
        let shape: Shape
        let type: ElementType
    }

    var parameters: [Parameter] { [] }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        let x = inputs[0]
        let width = x.shape.width
        let y = pass.workspace.tensor([rows.count, width], x.type)
        pass.workspace.copyRows(of: x.buffer, rows: rows, width: width, into: y.buffer)
        return (y, Saved(shape: x.shape, type: x.type))
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        let width = saved.shape.width
        gradients.accumulate(
            into: 0, shape: saved.shape, type: saved.type, in: workspace
        ) { dx, adding in
            if !adding { workspace.clear(dx.buffer, count: dx.count) }
            workspace.addRows(outputGradient.buffer, to: dx.buffer, rows: rows, width: width)
        }
    }
}

extension ForwardPass {
    /// The named rows of x (…, C), in order → (rows, C).
    package func rows(_ rows: [Int32], of x: Tensor) -> Tensor {
        apply(RowSelectionOp(rows: rows), to: [x])
    }
}
