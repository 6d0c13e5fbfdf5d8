import CKernels

/// The scratch memory of one thread inside an attention.
struct AttentionScratch {
    let queries: Buffer  // of a block, (rows, D)
    let keys, values: Buffer  // of a group, (keys, D)
    let scores, probabilities: Buffer  // of a strip, (rows, keys)
    let outputs: Buffer  // of a block, (rows, D) float32
    let pairs: AttentionPairs?

    init(
        _ shape: AttentionShape, _ type: ElementType, _ workspace: Workspace
    ) {
        let rows = shape.mostRows
        queries = workspace.buffer(rows * shape.headSize, type)
        keys = workspace.buffer(shape.keys * shape.headSize, type)
        values = workspace.buffer(shape.keys * shape.headSize, type)
        scores = workspace.buffer(rows * shape.keys, .float32)
        probabilities = type == .float32 ? scores : workspace.buffer(rows * shape.keys, type)
        outputs = workspace.buffer(rows * shape.headSize, .float32)
        pairs =
            workspace.matrices.pairsAttention && type == .bfloat16
            ? AttentionPairs(shape, workspace) : nil
    }
}

/// The heads of one sequence that share keys and values, on one thread.
struct AttentionUnit {
    let shape: AttentionShape
    let options: AttentionOptions
    let sequence: Int
    let group: Int
    let workspace: Workspace
    let thread: Int
    let scratch: AttentionScratch
    let blocks: [QueryBlock]
    /// (B, H, distances) float32, where the bias's gradient is wanted.
    var biasGradients: Buffer?

    init(
        _ shape: AttentionShape, _ options: AttentionOptions, _ unit: Int, _ workspace: Workspace,
        _ thread: Int, _ scratch: AttentionScratch, blocks: [QueryBlock]
    ) {
        self.shape = shape
        self.options = options
        sequence = unit / shape.groups
        group = unit % shape.groups
        self.workspace = workspace
        self.thread = thread
        self.scratch = scratch
        self.blocks = blocks
    }

    var type: ElementType { scratch.queries.type }
    var pairsNeighbours: Bool { options.rotary?.pairsNeighbours ?? false }
    /// Makes the group's keys and values ready for forward, and with `gradient` for backward.
    func packKeysAndValues(
        _ k: HeadRows, _ v: HeadRows, _ gradient: AttentionGradientScratch? = nil
    ) {
        guard scratch.pairs == nil else { return pairKeysAndValues(k, v, gradient?.pairs) }
        let first = sequence * shape.keys
        let key = k.head(group, token: first, size: shape.headSize)
        let value = v.head(group, token: first, size: shape.headSize)
        pack(key, stride: k.stride, tokens: shape.keys, position: 0, into: scratch.keys)
        pack(value, stride: v.stride, tokens: shape.keys, position: nil, into: scratch.values)
    }

    /// Copies a block's queries together, where products do not read them where they lie.
    func packQueries(_ q: HeadRows, _ block: AttentionBlock) {
        guard scratch.pairs == nil || options.rotary != nil else { return }
        let first = sequence * shape.queries + block.queries.lowerBound
        forEachHead(block) { head, row in
            pack(
                q.head(head, token: first, size: shape.headSize), stride: q.stride,
                tokens: block.queries.count,
                position: shape.firstPosition + block.queries.lowerBound,
                into: scratch.queries.advanced(by: row * shape.headSize))
        }
    }

    /// Copies one head's rows together, rotated for `position` onwards where there is one.
    func pack(_ x: Buffer, stride: Int, tokens: Int, position: Int?, into y: Buffer) {
        withAngles(position) { cosine, sine, rotated in
            lk_pack_head(
                type.rawValue, x.pointer, stride, tokens, shape.headSize, cosine, sine, rotated,
                pairsNeighbours, y.pointer)
        }
    }

    /// Calls `body` with the tables from `position` on, or with nothing to rotate.
    func withAngles(
        _ position: Int?, _ body: (UnsafePointer<Float>?, UnsafePointer<Float>?, Int) -> Void
    ) {
        let before = sequence * (options.rotary?.rowsPerSequence ?? 0)
        Self.withAngles(options, position.map { $0 + before }, body)
    }

    static func withAngles(
        _ options: AttentionOptions, _ position: Int?,
        _ body: (UnsafePointer<Float>?, UnsafePointer<Float>?, Int) -> Void
    ) {
        guard let position, let rotary = options.rotary else { return body(nil, nil, 0) }
        let start = position * rotary.rotated / 2
        rotary.cosines.withUnsafeBufferPointer { cosines in
            rotary.sines.withUnsafeBufferPointer { sines in
                body(
                    cosines.baseAddress.map { $0 + start }, sines.baseAddress.map { $0 + start },
                    rotary.rotated)
            }
        }
    }

    /// The group's queries, block by block.
    func forEachBlock(_ body: (AttentionBlock) -> Void) {
        let first = group * shape.headsPerGroup
        for block in blocks {
            for head in stride(from: 0, to: shape.headsPerGroup, by: shape.blockHeads) {
                let end = min(head + shape.blockHeads, shape.headsPerGroup)
                body(
                    AttentionBlock(
                        heads: first + head..<first + end, queries: block.queries,
                        keys: block.keys))
            }
        }
    }

    /// Calls `body` with each head of a block and the first of its rows there.
    func forEachHead(_ block: AttentionBlock, _ body: (_ head: Int, _ row: Int) -> Void) {
        for head in block.heads {
            body(head, (head - block.heads.lowerBound) * block.queries.count)
        }
    }

    /// The first of a block's queries among those of all sequences and heads, (B, H, queries).
    func index(_ head: Int, _ block: AttentionBlock) -> Int {
        (sequence * shape.heads + head) * shape.queries + block.queries.lowerBound
    }

    /// Where a block's queries of one head lie in y, (B, queries, H, D).
    func offset(_ head: Int, _ block: AttentionBlock) -> Int {
        let row = sequence * shape.queries + block.queries.lowerBound
        return (row * shape.heads + head) * shape.headSize
    }

    func multiply(_ product: MatrixProduct, _ a: Buffer, _ b: Buffer, into c: Buffer) {
        workspace.matrices.multiply(product, a, b, into: c, thread: thread)
    }

    /// scores = q kᵀ for a block and some of its keys, (rows, keys) dense float32.
    func score(_ q: HeadRows, _ block: AttentionBlock, _ keys: Range<Int>) {
        if let pairs = scratch.pairs { return scorePairs(q, block, keys, pairs) }
        multiply(
            MatrixProduct(
                rows: block.rows, columns: keys.count, inner: shape.headSize, transposeB: true),
            scratch.queries, scratch.keys.advanced(by: keys.lowerBound * shape.headSize),
            into: scratch.scores)
    }

    /// Calls `body` with the description of one head's strip of scores.
    func withStrip(
        _ queries: Range<Int>, _ keys: Range<Int>, head: Int, _ body: (inout lk_strip) -> Void
    ) {
        var strip = lk_strip()
        strip.rows = queries.count
        strip.columns = keys.count
        strip.first_query = shape.firstPosition + queries.lowerBound
        strip.first_key = keys.lowerBound
        strip.window = shape.window
        strip.ahead = shape.ahead ?? .max
        strip.scale = shape.scale
        strip.softcap = shape.softcap
        strip.slope = options.slopes.isEmpty ? 0 : options.slopes[head]
        if let bias = options.bias {
            strip.bias = UnsafePointer(bias.head(head).floats + bias.zero)
        }
        strip.bias_gradient = biasGradients.map {
            $0.floats + (sequence * shape.heads + head) * shape.distances + shape.queries - 1
        }
        if let dropout = options.dropout {
            strip.dropout_threshold = dropout.threshold
            strip.dropout_scale = dropout.scale
            strip.dropout_key = RandomStream.mixed(options.dropoutKeys[sequence], UInt64(head))
        }
        let query = sequence * shape.queries + queries.lowerBound
        withElements(options.mask.querySegments, from: query) { querySegments in
            withElements(options.mask.keySegments, from: sequence * shape.keys + keys.lowerBound) {
                keySegments in
                withElements(options.mask.keyEnds, from: query) { keyEnds in
                    strip.query_segments = querySegments
                    strip.key_segments = keySegments
                    strip.key_ends = keyEnds
                    body(&strip)
                }
            }
        }
    }

    /// Calls `body` with where an array's elements from `start` on lie, or with nothing.
    private func withElements(
        _ array: [Int32]?, from start: Int, _ body: (UnsafePointer<Int32>?) -> Void
    ) {
        guard let array else { return body(nil) }
        array.withUnsafeBufferPointer { body($0.baseAddress.map { $0 + start }) }
    }

    /// Writes the group's part of y and of the log-sums.
    func forward(_ q: HeadRows, into y: Buffer, logSums: Buffer) {
        let size = shape.headSize
        forEachBlock { block in
            let keys = block.keys
            packQueries(q, block)
            score(q, block, keys)
            forEachHead(block) { head, row in
                withStrip(block.queries, keys, head: head) { strip in
                    lk_softmax_strip(
                        &strip, scratch.scores.floats + row * keys.count, type.rawValue,
                        scratch.probabilities.advanced(by: row * keys.count).pointer,
                        logSums.floats + index(head, block))
                }
            }
            if let pairs = scratch.pairs {
                weighPairs(block, pairs)
            } else {
                multiply(
                    MatrixProduct(rows: block.rows, columns: size, inner: keys.count),
                    scratch.probabilities, scratch.values.advanced(by: keys.lowerBound * size),
                    into: scratch.outputs)
            }
            forEachHead(block) { head, row in
                lk_unpack_head(
                    scratch.outputs.floats + row * size, block.queries.count, size, nil, nil, 0,
                    false, type.rawValue, y.advanced(by: offset(head, block)).pointer,
                    shape.heads * size)
            }
        }
    }
}
