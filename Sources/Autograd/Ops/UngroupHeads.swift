import Kernels

/// Rows in which each group's queries, key and value lie together become all queries, all keys, all
/// values. x and y (…, (H + 2G)·D).
struct UngroupHeadsOp: DifferentiableOp {
    let pieces: [RowPiece]

    struct Saved {}

    var parameters: [Parameter] { [] }

    init(heads: Int, groups: Int, size: Int) {
        let each = heads / groups
        pieces = (0..<groups).flatMap { group in
            let first = group * (each + 2) * size
            return [
                RowPiece(from: first, to: group * each * size, count: each * size),
                RowPiece(from: first + each * size, to: (heads + group) * size, count: size),
                RowPiece(
                    from: first + (each + 1) * size, to: (heads + groups + group) * size,
                    count: size),
            ]
        }
    }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        (moved(inputs[0], pieces, pass.workspace), Saved())
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        gradients.add(
            moved(outputGradient, pieces.map(\.reversed), workspace), to: 0, in: workspace)
    }

    private func moved(_ x: Tensor, _ pieces: [RowPiece], _ workspace: Workspace) -> Tensor {
        let y = workspace.tensor(x.shape, x.type)
        workspace.movePieces(
            pieces, of: x.buffer, into: y.buffer, rows: x.shape.rows, width: x.shape.width)
        return y
    }
}

extension ForwardPass {
    /// Queries, keys and values by group → all queries, all keys, all values, as
    /// ``AttentionInputs/fused(_:)`` takes them. x (B, T, (H + 2G)·D).
    package func ungroupHeads(_ x: Tensor, heads: Int, groups: Int, size: Int) -> Tensor {
        precondition(
            heads % groups == 0 && x.shape.width == (heads + 2 * groups) * size,
            "ungroup \(heads) heads, \(groups) groups of size \(size) in \(x.shape)")
        return apply(UngroupHeadsOp(heads: heads, groups: groups, size: size), to: [x])
    }
}
