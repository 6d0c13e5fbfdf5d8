private import CKernels

/// The scratch memory that only an attention's backward needs.
struct AttentionGradientScratch {
    let outputs: Buffer  // dy of a block, (rows, D)
    let deltas: Buffer  // Σ dy·y of a block's rows, float32
    let queries: Buffer  // dq of a block, (rows, D) float32
    let keys, values: Buffer  // dk, dv of a group, (keys, D) float32
    let probabilities, scores: Buffer  // dP float32 and dS of a strip
    let pairs: AttentionGradientPairs?

    init(
        _ shape: AttentionShape, _ type: ElementType, _ workspace: Workspace
    ) {
        let rows = shape.mostRows
        let strip = rows * min(AttentionShape.keyTile, shape.keys)
        outputs = workspace.buffer(rows * shape.headSize, type)
        deltas = workspace.buffer(rows, .float32)
        queries = workspace.buffer(rows * shape.headSize, .float32)
        keys = workspace.buffer(shape.keys * shape.headSize, .float32)
        values = workspace.buffer(shape.keys * shape.headSize, .float32)
        probabilities = workspace.buffer(strip, .float32)
        scores = type == .float32 ? probabilities : workspace.buffer(strip, type)
        pairs =
            workspace.matrices.pairsAttention && type == .bfloat16
            ? AttentionGradientPairs(shape, workspace) : nil
    }

    func clear(_ shape: AttentionShape) {
        keys.pointer.initializeMemory(
            as: UInt8.self, repeating: 0, count: shape.keys * shape.headSize * 4)
        values.pointer.initializeMemory(
            as: UInt8.self, repeating: 0, count: shape.keys * shape.headSize * 4)
    }
}

extension AttentionUnit {
    /// Makes the group's dk and dv and writes its dq.
    ///
    /// P is made again from the scores and their log-sums; dS = P ∘ (dP − Σ dy·y) · scale, times
    /// 1 − (S/softcap)² where scores are capped.
    /// Source: arXiv:2205.14135, algorithm 4.
    func backward(
        _ q: HeadRows, y: Buffer, dy: Buffer, logSums: Buffer,
        _ gradient: AttentionGradientScratch, intoQueries dq: HeadRows
    ) {
        forEachBlock { block in
            packQueries(q, block)
            packOutputs(block, y: y, dy: dy, gradient)
            block.forEachTile { keys in
                backward(q, dy: dy, block, keys, logSums: logSums, gradient)
            }
            unpackQueries(block, gradient, into: dq)
        }
    }

    /// Makes a block's Σ dy·y, and copies its rows of dy together where products do not read them where
    /// they lie.
    private func packOutputs(
        _ block: AttentionBlock, y: Buffer, dy: Buffer, _ gradient: AttentionGradientScratch
    ) {
        let size = shape.headSize
        let width = shape.heads * size
        forEachHead(block) { head, row in
            let at = offset(head, block)
            if gradient.pairs == nil {
                pack(
                    dy.advanced(by: at), stride: width, tokens: block.queries.count, position: nil,
                    into: gradient.outputs.advanced(by: row * size))
            }
            lk_row_products(
                type.rawValue, dy.advanced(by: at).pointer, width, y.advanced(by: at).pointer,
                width, block.queries.count, size,
                gradient.deltas.floats + row)
        }
    }

    /// Adds what a block's queries and some of its keys give to dq, dk and dv.
    private func backward(
        _ q: HeadRows, dy: Buffer, _ block: AttentionBlock, _ keys: Range<Int>, logSums: Buffer,
        _ gradient: AttentionGradientScratch
    ) {
        let (rows, size) = (block.rows, shape.headSize)
        let first = keys.lowerBound * size
        score(q, block, keys)
        if let pairs = gradient.pairs {
            scoreGradientPairs(dy: dy, block, keys, gradient, pairs)
        } else {
            multiply(
                MatrixProduct(rows: rows, columns: keys.count, inner: size, transposeB: true),
                gradient.outputs, scratch.values.advanced(by: first),
                into: gradient.probabilities)
        }
        forEachHead(block) { head, row in
            let at = row * keys.count
            withStrip(block.queries, keys, head: head) { strip in
                lk_softmax_strip_gradient(
                    &strip, scratch.scores.floats + at, logSums.floats + index(head, block),
                    gradient.deltas.floats + row, gradient.probabilities.floats + at,
                    type.rawValue, scratch.probabilities.advanced(by: at).pointer,
                    gradient.scores.advanced(by: at).pointer)
            }
        }
        if let pairs = gradient.pairs {
            return addGradientPairs(q, dy: dy, block, keys, gradient, pairs)
        }
        let toKeys = MatrixProduct(
            rows: keys.count, columns: size, inner: rows, transposeA: true, accumulate: true)
        multiply(
            toKeys, scratch.probabilities, gradient.outputs,
            into: gradient.values.advanced(by: first))
        multiply(
            toKeys, gradient.scores, scratch.queries, into: gradient.keys.advanced(by: first))
        multiply(
            MatrixProduct(
                rows: rows, columns: size, inner: keys.count,
                accumulate: keys.lowerBound > block.keys.lowerBound),
            gradient.scores, scratch.keys.advanced(by: first), into: gradient.queries)
    }

    /// Writes a block's dq, turned back by the rotary angles.
    private func unpackQueries(
        _ block: AttentionBlock, _ gradient: AttentionGradientScratch, into dq: HeadRows
    ) {
        let size = shape.headSize
        let first = sequence * shape.queries + block.queries.lowerBound
        withAngles(shape.firstPosition + block.queries.lowerBound) { cosine, sine, rotated in
            forEachHead(block) { head, row in
                let target = dq.head(head, token: first, size: size)
                lk_unpack_head(
                    gradient.queries.floats + row * size, block.queries.count, size, cosine, sine,
                    rotated, pairsNeighbours, target.type.rawValue, target.pointer, dq.stride)
            }
        }
    }

    /// Writes the group's gradient of keys or values, turned back by the rotary angles.
    func unpack(_ x: Buffer, tokens: Int, rotate: Bool, into y: HeadRows) {
        let target = y.head(group, token: sequence * tokens, size: shape.headSize)
        withAngles(rotate ? 0 : nil) { cosine, sine, rotated in
            lk_unpack_head(
                x.floats, tokens, shape.headSize, cosine, sine, rotated, pairsNeighbours,
                target.type.rawValue, target.pointer, y.stride)
        }
    }
}
