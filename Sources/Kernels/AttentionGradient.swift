private import CKernels

/// The scratch memory that only an attention's backward needs.
struct AttentionGradientScratch {
    let outputs: Buffer  // dy of one head, (queries, D)
    let deltas: Buffer  // Σ dy·y of each query, float32
    let queries: Buffer  // dq of a block, float32
    let keys, values: Buffer  // dk, dv of a group, (keys, D) float32
    let probabilities, scores: Buffer  // dP float32 and dS of a strip

    init(_ shape: AttentionShape, _ type: ElementType, _ workspace: Workspace) {
        let block = min(AttentionScratch.block, shape.queries)
        outputs = workspace.buffer(shape.queries * shape.headSize, type)
        deltas = workspace.buffer(shape.queries, .float32)
        queries = workspace.buffer(block * shape.headSize, .float32)
        keys = workspace.buffer(shape.keys * shape.headSize, .float32)
        values = workspace.buffer(shape.keys * shape.headSize, .float32)
        probabilities = workspace.buffer(block * shape.keys, .float32)
        scores = type == .float32 ? probabilities : workspace.buffer(block * shape.keys, type)
    }

    func clear(_ shape: AttentionShape) {
        keys.pointer.initializeMemory(
            as: UInt8.self, repeating: 0, count: shape.keys * shape.headSize * 4)
        values.pointer.initializeMemory(
            as: UInt8.self, repeating: 0, count: shape.keys * shape.headSize * 4)
    }
}

extension AttentionUnit {
    /// Adds a head's dk and dv to the group's and writes its dq.
    ///
    /// P is made again from the scores and their log-sums; dS = P ∘ (dP − Σ dy·y) · scale, times
    /// 1 − (S/softcap)² where scores are capped.
    /// Source: arXiv:2205.14135, algorithm 4.
    func backward(
        head: Int, y: Buffer, dy: Buffer, logSums: Buffer, _ gradient: AttentionGradientScratch,
        intoQueries dq: HeadRows
    ) {
        let size = shape.headSize
        let width = shape.heads * size
        let first = (sequence * shape.queries * shape.heads + head) * size
        let firstSum = (sequence * shape.heads + head) * shape.queries
        let output = dy.advanced(by: first)
        lk_pack_head(
            type.rawValue, output.pointer, width, shape.queries, size, nil, nil, 0,
            false, gradient.outputs.pointer)
        lk_row_products(
            type.rawValue, output.pointer, width, y.advanced(by: first).pointer, width,
            shape.queries, size, gradient.deltas.floats)
        forEachBlock { block, keys in
            let rows = block.count
            let keyOffset = keys.lowerBound * size
            let blockOutputs = gradient.outputs.advanced(by: block.lowerBound * size)
            let blockQueries = scratch.queries.advanced(by: block.lowerBound * size)
            score(block, keys)
            multiply(
                MatrixProduct(rows: rows, columns: keys.count, inner: size, transposeB: true),
                blockOutputs, scratch.values.advanced(by: keyOffset), into: gradient.probabilities)
            withStrip(block, keys, head: head) { strip in
                lk_softmax_strip_gradient(
                    &strip, scratch.scores.floats, logSums.floats + firstSum + block.lowerBound,
                    gradient.deltas.floats + block.lowerBound, gradient.probabilities.floats,
                    type.rawValue, scratch.probabilities.pointer, gradient.scores.pointer)
            }
            let toKeys = MatrixProduct(
                rows: keys.count, columns: size, inner: rows, transposeA: true, accumulate: true)
            multiply(
                toKeys, scratch.probabilities, blockOutputs,
                into: gradient.values.advanced(by: keyOffset))
            multiply(
                toKeys, gradient.scores, blockQueries, into: gradient.keys.advanced(by: keyOffset))
            multiply(
                MatrixProduct(rows: rows, columns: size, inner: keys.count), gradient.scores,
                scratch.keys.advanced(by: keyOffset), into: gradient.queries)
            let target = dq.head(
                head, token: sequence * shape.queries + block.lowerBound, size: size)
            withAngles(shape.firstPosition + block.lowerBound) { cosine, sine, rotated in
                lk_unpack_head(
                    gradient.queries.floats, rows, size, cosine, sine, rotated, pairsNeighbours,
                    target.type.rawValue, target.pointer, dq.stride)
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

    private func multiply(_ product: MatrixProduct, _ a: Buffer, _ b: Buffer, into c: Buffer) {
        workspace.matrices.multiply(product, a, b, into: c, thread: thread)
    }
}
