/// Keys and values of a group, ready for products of pairs.
struct AttentionPairs {
    let keyColumns: PairOperand  // B (D, keys)
    let valueRows: PairOperand  // B (keys, D)

    init(_ shape: AttentionShape, _ workspace: Workspace) {
        keyColumns = PairOperand(inner: shape.headSize, columns: shape.keys, workspace)
        valueRows = PairOperand(inner: shape.keys, columns: shape.headSize, workspace)
    }

    func setKeysAndValues(_ scratch: AttentionScratch, _ shape: AttentionShape) {
        keyColumns.setColumns(scratch.keys, inner: shape.headSize, columns: shape.keys)
        valueRows.setRows(scratch.values, inner: shape.keys, columns: shape.headSize)
    }
}

/// What an attention's backward multiplies besides, ready for products of pairs.
struct AttentionGradientPairs {
    let valueColumns: PairOperand  // B (D, keys)
    let keyRows: PairOperand  // B (keys, D)
    let queryRows, outputRows: PairOperand  // B (rows, D): q and dy of a block
    let probabilities, scores: PairOperand  // A (keys, rows): Pᵀ and dSᵀ of a strip

    init(_ shape: AttentionShape, _ workspace: Workspace) {
        let (rows, size) = (shape.mostRows, shape.headSize)
        let keys = min(AttentionShape.keyTile, shape.keys)
        valueColumns = PairOperand(inner: size, columns: shape.keys, workspace)
        keyRows = PairOperand(inner: shape.keys, columns: size, workspace)
        queryRows = PairOperand(inner: rows, columns: size, workspace)
        outputRows = PairOperand(inner: rows, columns: size, workspace)
        probabilities = PairOperand(rows: keys, inner: rows, workspace)
        scores = PairOperand(rows: keys, inner: rows, workspace)
    }

    func setKeysAndValues(_ scratch: AttentionScratch, _ shape: AttentionShape) {
        valueColumns.setColumns(scratch.values, inner: shape.headSize, columns: shape.keys)
        keyRows.setRows(scratch.keys, inner: shape.keys, columns: shape.headSize)
    }

    func setQueriesAndOutputs(
        _ block: AttentionBlock, _ scratch: AttentionScratch, _ gradient: AttentionGradientScratch,
        _ shape: AttentionShape
    ) {
        queryRows.setRows(scratch.queries, inner: block.rows, columns: shape.headSize)
        outputRows.setRows(gradient.outputs, inner: block.rows, columns: shape.headSize)
    }

    /// Adds a strip's Pᵀ dy to dv and dSᵀ q to dk, and its dS k to dq.
    func addGradients(
        _ block: AttentionBlock, _ keys: Range<Int>, _ scratch: AttentionScratch,
        _ gradient: AttentionGradientScratch, _ shape: AttentionShape
    ) {
        let (rows, size) = (block.rows, shape.headSize)
        let first = keys.lowerBound * size
        probabilities.setTransposed(scratch.probabilities, rows: keys.count, inner: rows)
        outputRows.multiplied(
            byTransposed: probabilities, rows: keys.count, columns: size, inner: rows,
            addedTo: gradient.values.advanced(by: first))
        scores.setTransposed(gradient.scores, rows: keys.count, inner: rows)
        queryRows.multiplied(
            byTransposed: scores, rows: keys.count, columns: size, inner: rows,
            addedTo: gradient.keys.advanced(by: first))
        keyRows.multiplied(
            by: gradient.scores, rows: rows, columns: size, inner: keys.count,
            first: keys.lowerBound, whole: shape.keys,
            accumulate: keys.lowerBound > block.keys.lowerBound, into: gradient.queries)
    }
}
