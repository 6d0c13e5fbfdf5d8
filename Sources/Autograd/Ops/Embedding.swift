import Kernels

/// The rows of a table named by ids, plus those of a table of positions where there is one.
///
/// ids (B, T), tables (V, C) and (positions, C), y (B, T, C) float32.
struct EmbeddingOp: DifferentiableOp {
    let table: Parameter  // (V, C)
    let positions: Parameter?  // (positions, C)
    let ids: [Int32]  // (B, T)
    let batch: Int
    let positionIDs: [Int32]  // (B, T), where there are positions

    struct Saved {}

    /// A table that keeps its rows apart has its own gradient left alone.
    var parameters: [Parameter] {
        (table.rowGradients == nil ? [table] : []) + (positions.map { [$0] } ?? [])
    }
    var learns: Bool { table.learns || positions?.learns == true }
    private var width: Int { table.shape.width }

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
            let range = (positionIDs.min() ?? 0)...(positionIDs.max() ?? 0)
            precondition(
                positionIDs.count == ids.count && range.lowerBound >= 0
                    && Int(range.upperBound) < positions.shape.extents[0],
                "embedding: \(positionIDs.count) positions in \(range) for \(ids.count) tokens, of a "
                    + "table \(positions.shape)")
            gather(positions, positionIDs, into: y, adding: true, in: workspace)
        }
        return (y, Saved())
    }

    private func gather(
        _ table: Parameter, _ ids: [Int32], into y: Tensor, adding: Bool, in workspace: Workspace
    ) {
        if let quantized = table.quantized {
            workspace.gatherRows(of: quantized, ids: ids, into: y.buffer, adding: adding)
        } else if let split = table.split {
            workspace.gatherRows(
                of: split, ids: ids, width: width, into: y.buffer, adding: adding)
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
            let (ids, dy) = withoutPadding(of: table, ids, outputGradient, in: workspace)
            rows.add(ids: ids, dy)
        } else {
            table.settleGradient(in: workspace)
            scatter(outputGradient, ids, into: table, in: workspace)
        }
        if let positions { scatter(outputGradient, positionIDs, into: positions, in: workspace) }
    }

    private func scatter(
        _ dy: Tensor, _ ids: [Int32], into table: Parameter, in workspace: Workspace
    ) {
        guard let gradient = table.gradient else { return }
        let (ids, dy) = withoutPadding(of: table, ids, dy, in: workspace)
        workspace.scatterAddRows(dy.buffer, ids: ids, width: width, into: gradient)
    }

    /// The lookups that have a gradient: all but those of the table's padding row.
    private func withoutPadding(
        of table: Parameter, _ ids: [Int32], _ dy: Tensor, in workspace: Workspace
    ) -> (ids: [Int32], dy: Tensor) {
        guard let padding = table.paddingRow.map(Int32.init), ids.contains(padding) else {
            return (ids, dy)
        }
        let kept = ids.indices.filter { ids[$0] != padding }
        let rows = workspace.tensor([kept.count, width], dy.type)
        workspace.copyRows(
            of: dy.buffer, rows: kept.map(Int32.init), width: width, into: rows.buffer)
        return (kept.map { ids[$0] }, rows)
    }
}

extension ForwardPass {
    /// Rows of the tables: ids (B, T) → (B, T, C) float32.
    /// - Parameter positionIDs: (B, T); ``positionIDs(batch:length:)`` unless given.
    package func embedding(
        _ ids: [Int32], batch: Int, table: Parameter, positions: Parameter? = nil,
        positionIDs: [Int32]? = nil
    ) -> Tensor {
        let length = ids.count / max(batch, 1)
        return apply(
            EmbeddingOp(
                table: table, positions: positions, ids: ids, batch: batch,
                positionIDs: positions == nil
                    ? [] : positionIDs ?? self.positionIDs(batch: batch, length: length)),
            to: [])
    }

    /// Where tokens (B, T) stand: each row's begin at 0, or behind what the pass's cache holds of it.
    package func positionIDs(batch: Int, length: Int) -> [Int32] {
        let first = cache?.positions ?? Array(repeating: 0, count: batch)
        return first.flatMap { start in (start..<start + length).map(Int32.init) }
    }
}
