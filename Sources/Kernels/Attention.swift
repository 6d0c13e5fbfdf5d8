import CKernels

/// The extents of one attention and what each query may see.
package struct AttentionShape: Sendable {
    package var batch: Int
    /// Queries, the first of them at position `firstPosition`.
    package var queries: Int
    /// Keys, the first of them at position 0.
    package var keys: Int
    package var heads: Int
    /// Heads of keys and values; each serves `heads / groups` query heads.
    package var groups: Int
    package var headSize: Int
    package var firstPosition = 0
    package var causal = true
    /// How many positions back a query sees, itself included; 0 means all.
    package var window = 0
    /// Factor on q·k, usually 1/√headSize.
    package var scale: Float
    /// Scores become softcap · tanh(scores / softcap); 0 means they stay.
    package var softcap: Float = 0

    package init(
        batch: Int, queries: Int, keys: Int, heads: Int, groups: Int, headSize: Int, scale: Float
    ) {
        precondition(heads % groups == 0, "attention: \(heads) heads over \(groups) groups")
        precondition(scale > 0, "attention: scale \(scale)")  // hidden scores are −∞
        self.batch = batch
        self.queries = queries
        self.keys = keys
        self.heads = heads
        self.groups = groups
        self.headSize = headSize
        self.scale = scale
    }

    var headsPerGroup: Int { heads / groups }

    /// The keys that some query of `range` may see, from the start of a panel on.
    func visibleKeys(_ range: Range<Int>) -> Range<Int> {
        let high = causal ? min(keys, firstPosition + range.upperBound) : keys
        let low = window > 0 ? max(0, firstPosition + range.lowerBound + 1 - window) : 0
        return min(low / PairOperand.panel * PairOperand.panel, high)..<high
    }
}

/// Rows of heads: head h of token t starts at `buffer[t · stride + h · headSize]`.
package struct HeadRows {
    package let buffer: Buffer
    /// Elements from one token to the next.
    package let stride: Int

    package init(_ buffer: Buffer, stride: Int) {
        self.buffer = buffer
        self.stride = stride
    }

    func head(_ head: Int, token: Int, size: Int) -> Buffer {
        buffer.advanced(by: token * stride + head * size)
    }
}

/// What else an attention depends on.
package struct AttentionOptions {
    package var rotary: RotaryTable?
    /// (B, keys): tokens see only tokens of their own segment.
    package var segments: [Int32]?
    package var dropout: DropoutMask?
    /// A key for each sequence of the batch.
    package var dropoutKeys: [UInt64] = []
    /// ALiBi: by head, what each position of distance takes from a score; none if empty.
    package var slopes: [Float] = []

    package init() {}
}

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
            workspace.matrices.usesBFloat16DotProducts && type == .bfloat16
            ? AttentionPairs(shape, workspace) : nil
    }
}

extension Workspace {
    /// softmax(scale · q kᵀ) v, causal and windowed as the shape says.
    ///
    /// q (B, queries, H·D), k and v (B, keys, G·D), y (B, queries, H, D) dense, all of one type;
    /// rotary angles are applied to q and k on the way. `logSums` (B, H, queries) float32 keeps the
    /// logarithm of each softmax's denominator. No (queries, keys) matrix outlives a block of
    /// queries. Source: Vaswani et al. 2017, arXiv:1706.03762, eq. 1; blocks after Dao et al. 2022,
    /// arXiv:2205.14135.
    package func attention(
        _ shape: AttentionShape, _ q: HeadRows, _ k: HeadRows, _ v: HeadRows,
        _ options: AttentionOptions, into y: Buffer, logSums: Buffer
    ) {
        let units = shape.batch * shape.groups
        let scratches = forEachThread(of: units) {
            AttentionScratch(shape, y.type, self)
        }
        threads.divide(units) { range, thread in
            for unit in range {
                let pass = AttentionUnit(shape, options, unit, self, thread, scratches[thread])
                pass.packKeysAndValues(k, v)
                pass.forward(q, into: y, logSums: logSums)
            }
        }
    }

    /// The gradients of q, k and v (overwritten), from y's and what `attention` kept.
    ///
    /// dq, dk, dv lie like q, k, v; dy and y are dense.
    package func attentionGradient(
        _ shape: AttentionShape, _ q: HeadRows, _ k: HeadRows, _ v: HeadRows,
        _ options: AttentionOptions, y: Buffer, logSums: Buffer, dy: Buffer,
        intoQueries dq: HeadRows, intoKeys dk: HeadRows, intoValues dv: HeadRows
    ) {
        let units = shape.batch * shape.groups
        let scratches = forEachThread(of: units) {
            AttentionScratch(shape, y.type, self)
        }
        let gradients = forEachThread(of: units) {
            AttentionGradientScratch(shape, y.type, self)
        }
        threads.divide(units) { range, thread in
            let gradient = gradients[thread]
            for unit in range {
                let pass = AttentionUnit(shape, options, unit, self, thread, scratches[thread])
                pass.packKeysAndValues(k, v, gradient)
                gradient.clear(shape)
                pass.backward(q, y: y, dy: dy, logSums: logSums, gradient, intoQueries: dq)
                pass.unpack(gradient.keys, tokens: shape.keys, rotate: true, into: dk)
                pass.unpack(gradient.values, tokens: shape.keys, rotate: false, into: dv)
            }
        }
    }
}

extension Workspace {
    /// Scratch for the threads that share `units`, taken before they start: the most memory in use
    /// then never depends on how they interleave.
    fileprivate func forEachThread<Scratch>(of units: Int, _ make: () -> Scratch) -> [Scratch] {
        (0..<min(threads.threads, units)).map { _ in make() }
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

    init(
        _ shape: AttentionShape, _ options: AttentionOptions, _ unit: Int, _ workspace: Workspace,
        _ thread: Int, _ scratch: AttentionScratch
    ) {
        self.shape = shape
        self.options = options
        sequence = unit / shape.groups
        group = unit % shape.groups
        self.workspace = workspace
        self.thread = thread
        self.scratch = scratch
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
        Self.withAngles(options, position, body)
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
        for start in stride(from: 0, to: shape.queries, by: shape.blockQueries) {
            let queries = start..<min(start + shape.blockQueries, shape.queries)
            for head in stride(from: 0, to: shape.headsPerGroup, by: shape.blockHeads) {
                let end = min(head + shape.blockHeads, shape.headsPerGroup)
                body(
                    AttentionBlock(
                        heads: first + head..<first + end, queries: queries,
                        keys: shape.visibleKeys(queries)))
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
        strip.causal = shape.causal
        strip.scale = shape.scale
        strip.softcap = shape.softcap
        strip.slope = options.slopes.isEmpty ? 0 : options.slopes[head]
        if let dropout = options.dropout {
            strip.dropout_threshold = dropout.threshold
            strip.dropout_scale = dropout.scale
            strip.dropout_key = RandomStream.mixed(options.dropoutKeys[sequence], UInt64(head))
        }
        guard let segments = options.segments else { return body(&strip) }
        segments.withUnsafeBufferPointer { all in
            let own = all.baseAddress.map { $0 + sequence * shape.keys }
            strip.query_segments = own.map { $0 + shape.firstPosition + queries.lowerBound }
            strip.key_segments = own.map { $0 + keys.lowerBound }
            body(&strip)
        }
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
