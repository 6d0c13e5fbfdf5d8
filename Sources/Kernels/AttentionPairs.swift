/// Keys and values of a group, ready for products of pairs.
struct AttentionPairs {
    let keyColumns: PairOperand  // B (D, keys)
    let valueRows: PairOperand  // B (keys, D)

    /// Room for a group's.
    init(_ shape: AttentionShape, _ workspace: Workspace) {
        keyColumns = PairOperand(inner: shape.headSize, columns: shape.keys, workspace)
        valueRows = PairOperand(inner: shape.keys, columns: shape.headSize, workspace)
    }

    /// Takes keys and values, (keys, D) each, the keys rotated.
    func set(keys: HeadRows, values: HeadRows, _ shape: AttentionShape) {
        keyColumns.setColumns(keys, inner: shape.headSize, columns: shape.keys)
        valueRows.setRows(values, inner: shape.keys, columns: shape.headSize)
    }
}

/// What an attention's backward multiplies besides, ready for products of pairs.
struct AttentionGradientPairs {
    let valueColumns: PairOperand  // B (D, keys)
    let keyRows: PairOperand  // B (keys, D)
    let queryRows, outputRows: PairOperand  // B (queries, D): q and dy of one head of a block
    let probabilities, scores: PairOperand  // A (keys, queries): Pᵀ and dSᵀ of its strip

    /// Room for a group's, and for a strip of one head.
    init(_ shape: AttentionShape, _ workspace: Workspace) {
        let (rows, size) = (shape.blockQueries, shape.headSize)
        let keys = min(AttentionShape.keyTile, shape.keys)
        valueColumns = PairOperand(inner: size, columns: shape.keys, workspace)
        keyRows = PairOperand(inner: shape.keys, columns: size, workspace)
        queryRows = PairOperand(inner: rows, columns: size, workspace)
        outputRows = PairOperand(inner: rows, columns: size, workspace)
        probabilities = PairOperand(rows: keys, inner: rows, workspace)
        scores = PairOperand(rows: keys, inner: rows, workspace)
    }

    /// Takes keys and values, (keys, D) each, the keys rotated.
    func set(keys: HeadRows, values: HeadRows, _ shape: AttentionShape) {
        valueColumns.setColumns(values, inner: shape.headSize, columns: shape.keys)
        keyRows.setRows(keys, inner: shape.keys, columns: shape.headSize)
    }
}

extension AttentionUnit {
    /// Makes operands of the group's keys and values. What is not rotated is read where it lies.
    func pairKeysAndValues(_ k: HeadRows, _ v: HeadRows, _ gradient: AttentionGradientPairs?) {
        let first = sequence * shape.keys
        var keys = HeadRows(k.head(group, token: first, size: shape.headSize), stride: k.stride)
        let values = HeadRows(v.head(group, token: first, size: shape.headSize), stride: v.stride)
        if options.rotary != nil {
            pack(
                keys.buffer, stride: k.stride, tokens: shape.keys, position: 0, into: scratch.keys)
            keys = HeadRows(scratch.keys, stride: shape.headSize)
        }
        scratch.pairs?.set(keys: keys, values: values, shape)
        gradient?.set(keys: keys, values: values, shape)
    }

    /// The rows of q of one head of a block, which begin at `row` of those packed.
    private func queryRows(_ q: HeadRows, _ block: AttentionBlock, _ head: Int, _ row: Int)
        -> HeadRows
    {
        let size = shape.headSize
        guard options.rotary == nil else {
            return HeadRows(scratch.queries.advanced(by: row * size), stride: size)
        }
        let first = sequence * shape.queries + block.queries.lowerBound
        return HeadRows(q.head(head, token: first, size: size), stride: q.stride)
    }

    /// What a block's queries see of some keys.
    private func seen(_ block: AttentionBlock, _ keys: Range<Int>) -> SeenKeys {
        let own = shape.firstPosition + block.queries.lowerBound + 1 - keys.lowerBound
        let first = options.mask.keyEnds == nil ? shape.ahead.map { own + $0 } : nil
        return SeenKeys(queries: block.queries.count, first: first)
    }

    /// scores = q kᵀ for a block and some of its keys, (rows, keys) dense float32.
    func scorePairs(
        _ q: HeadRows, _ block: AttentionBlock, _ keys: Range<Int>, _ pairs: AttentionPairs
    ) {
        forEachHead(block) { head, row in
            pairs.keyColumns.multiply(
                queryRows(q, block, head, row), seen(block, keys), columns: keys,
                inner: shape.headSize, into: scratch.scores.advanced(by: row * keys.count))
        }
    }

    /// outputs = P v for a block, (rows, D) dense float32.
    func weighPairs(_ block: AttentionBlock, _ pairs: AttentionPairs) {
        let (keys, size) = (block.keys, shape.headSize)
        forEachHead(block) { _, row in
            pairs.valueRows.multiply(
                scratch.probabilities.advanced(by: row * keys.count), seen(block, keys),
                rows: keys, of: shape.keys, columns: size,
                into: scratch.outputs.advanced(by: row * size))
        }
    }

    /// dP = dy vᵀ for a block and some of its keys, (rows, keys) dense float32.
    func scoreGradientPairs(
        dy: Buffer, _ block: AttentionBlock, _ keys: Range<Int>,
        _ gradient: AttentionGradientScratch, _ pairs: AttentionGradientPairs
    ) {
        forEachHead(block) { head, row in
            let rows = HeadRows(
                dy.advanced(by: offset(head, block)), stride: shape.heads * shape.headSize)
            pairs.valueColumns.multiply(
                rows, seen(block, keys), columns: keys, inner: shape.headSize,
                into: gradient.probabilities.advanced(by: row * keys.count))
        }
    }

    /// Adds a strip's Pᵀ dy to dv and dSᵀ q to dk, and its dS k to dq.
    func addGradientPairs(
        _ q: HeadRows, dy: Buffer, _ block: AttentionBlock, _ keys: Range<Int>,
        _ gradient: AttentionGradientScratch, _ pairs: AttentionGradientPairs
    ) {
        let (queries, size) = (block.queries.count, shape.headSize)
        let seen = seen(block, keys)
        let first = keys.lowerBound * size
        forEachHead(block) { head, row in
            let at = row * keys.count
            pairs.outputRows.setRows(
                HeadRows(dy.advanced(by: offset(head, block)), stride: shape.heads * size),
                inner: queries, columns: size)
            pairs.probabilities.setTransposed(
                scratch.probabilities.advanced(by: at), rows: keys.count, inner: queries)
            pairs.outputRows.multiply(
                transposed: pairs.probabilities, seen, keys: keys.count, columns: size,
                addedTo: gradient.values.advanced(by: first))
            pairs.queryRows.setRows(
                queryRows(q, block, head, row), inner: queries, columns: size)
            pairs.scores.setTransposed(
                gradient.scores.advanced(by: at), rows: keys.count, inner: queries)
            pairs.queryRows.multiply(
                transposed: pairs.scores, seen, keys: keys.count, columns: size,
                addedTo: gradient.keys.advanced(by: first))
            pairs.keyRows.multiply(
                gradient.scores.advanced(by: at), seen, rows: keys, of: shape.keys,
                columns: size, adding: keys.lowerBound > block.keys.lowerBound,
                into: gradient.queries.advanced(by: row * size))
        }
    }
}
