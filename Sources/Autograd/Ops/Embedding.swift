import Kernels

/// The rows of a table named by ids, plus those of a table of positions where there is one.
///
/// ids (B, T), tables (V, C) and (positions, C), y (B, T, C) float32.
struct EmbeddingOp: DifferentiableOp {
    let table: Parameter  // (V, C)
    let positions: Parameter?  // (positions, C)
    let ids: [Int32]  // (B, T)
    let batch: Int
    /// Of each sequence's first token.
    let firstPositions: [Int]

    struct Saved {}

    /// A table that keeps its rows apart has its own gradient left alone.
    var parameters: [Parameter] {
        (table.rowGradients == nil ? [table] : []) + (positions.map { [$0] } ?? [])
    }
    var learns: Bool { table.gradient != nil || positions?.gradient != nil }
    private var width: Int { table.shape.width }

    private var positionIDs: [Int32] {
        let length = ids.count / max(batch, 1)
        return ids.indices.map { Int32(firstPositions[$0 / length] + $0 % length) }
    }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        let workspace = pass.workspace
        let (length, rows) = (ids.count / max(batch, 1), table.shape.extents[0])
        precondition(
            length * batch == ids.count && ids.allSatisfy { $0 >= 0 && $0 < rows },
            "embedding \(table.name): ids from \(ids.min() ?? 0) to \(ids.max() ?? 0) in "
                + "\(batch) sequences of a table \(table.shape)")
        let y = workspace.tensor([batch, length, width], .float32)
        gather(table, ids, into: y, adding: false, in: workspace)
        if let positions {
            let end = (firstPositions.max() ?? 0) + length
            precondition(
                end <= positions.shape.extents[0],
                "embedding: position \(end) of a table \(positions.shape)")
            gather(positions, positionIDs, into: y, adding: true, in: workspace)
        }
        return (y, Saved())
    }

    private func gather(
        _ table: Parameter, _ ids: [Int32], into y: Tensor, adding: Bool, in workspace: Workspace
    ) {
        if let quantized = table.quantized {
            workspace.gatherRows(of: quantized, ids: ids, into: y.buffer, adding: adding)
        } else {
            workspace.gatherRows(
                of: table.master ?? table.value, ids: ids, width: width, into: y.buffer,
                adding: adding)
        }
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        if let rows = table.rowGradients {
            rows.add(ids: ids, outputGradient)
        } else if let gradient = table.gradient {
            workspace.scatterAddRows(
                outputGradient.buffer, ids: ids, width: width, into: gradient)
        }
        if let gradient = positions?.gradient {
            workspace.scatterAddRows(
                outputGradient.buffer, ids: positionIDs, width: width, into: gradient)
        }
    }
}

extension ForwardPass {
    /// Rows of the tables: ids (B, T) → (B, T, C) float32. Positions count from `firstPosition`, or
    /// for each sequence from the tokens that the pass's cache holds of it.
    package func embedding(
        _ ids: [Int32], batch: Int, table: Parameter, positions: Parameter? = nil,
        firstPosition: Int = 0
    ) -> Tensor {
        apply(
            EmbeddingOp(
                table: table, positions: positions, ids: ids, batch: batch,
                firstPositions: cache?.positions ?? Array(repeating: firstPosition, count: batch)),
            to: [])
    }
}
