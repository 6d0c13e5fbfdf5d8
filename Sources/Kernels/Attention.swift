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
        self.batch = batch
        self.queries = queries
        self.keys = keys
        self.heads = heads
        self.groups = groups
        self.headSize = headSize
        self.scale = scale
    }

    var headsPerGroup: Int { heads / groups }

    /// The keys that some query of `range` may see.
    func visibleKeys(_ range: Range<Int>) -> Range<Int> {
        let high = causal ? min(keys, firstPosition + range.upperBound) : keys
        let low = window > 0 ? max(0, firstPosition + range.lowerBound + 1 - window) : 0
        return min(low, high)..<high
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
    let queries, keys, values: Buffer
    let scores, probabilities: Buffer

    static let block = 128

    init(_ shape: AttentionShape, _ type: ElementType, _ workspace: Workspace) {
        let strip = min(Self.block, shape.queries) * shape.keys
        queries = workspace.buffer(shape.queries * shape.headSize, type)
        keys = workspace.buffer(shape.keys * shape.headSize, type)
        values = workspace.buffer(shape.keys * shape.headSize, type)
        scores = workspace.buffer(strip, .float32)
        probabilities = type == .float32 ? scores : workspace.buffer(strip, type)
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
        let scratches = forEachThread(of: units) { AttentionScratch(shape, y.type, self) }
        threads.divide(units) { range, thread in
            for unit in range {
                let pass = AttentionUnit(shape, options, unit, self, thread, scratches[thread])
                pass.packKeysAndValues(k, v)
                for head in pass.heads {
                    pass.packQueries(q, head: head)
                    pass.forward(head: head, into: y, logSums: logSums)
                }
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
        let scratches = forEachThread(of: units) { AttentionScratch(shape, y.type, self) }
        let gradients = forEachThread(of: units) { AttentionGradientScratch(shape, y.type, self) }
        threads.divide(units) { range, thread in
            let gradient = gradients[thread]
            for unit in range {
                let pass = AttentionUnit(shape, options, unit, self, thread, scratches[thread])
                pass.packKeysAndValues(k, v)
                gradient.clear(shape)
                for head in pass.heads {
                    pass.packQueries(q, head: head)
                    pass.backward(
                        head: head, y: y, dy: dy, logSums: logSums, gradient, intoQueries: dq)
                }
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
    var heads: Range<Int> {
        group * shape.headsPerGroup..<(group + 1) * shape.headsPerGroup
    }

    func packKeysAndValues(_ k: HeadRows, _ v: HeadRows) {
        let first = sequence * shape.keys
        let key = k.head(group, token: first, size: shape.headSize)
        let value = v.head(group, token: first, size: shape.headSize)
        pack(key, stride: k.stride, tokens: shape.keys, position: 0, into: scratch.keys)
        pack(value, stride: v.stride, tokens: shape.keys, position: nil, into: scratch.values)
    }

    func packQueries(_ q: HeadRows, head: Int) {
        let query = q.head(head, token: sequence * shape.queries, size: shape.headSize)
        pack(
            query, stride: q.stride, tokens: shape.queries, position: shape.firstPosition,
            into: scratch.queries)
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

    /// Blocks of queries with the keys they may see.
    func forEachBlock(_ body: (_ queries: Range<Int>, _ keys: Range<Int>) -> Void) {
        for start in stride(from: 0, to: shape.queries, by: AttentionScratch.block) {
            let block = start..<min(start + AttentionScratch.block, shape.queries)
            body(block, shape.visibleKeys(block))
        }
    }

    /// scores = q kᵀ for a block, (queries, keys) dense float32.
    func score(_ block: Range<Int>, _ keys: Range<Int>) {
        workspace.matrices.multiply(
            MatrixProduct(
                rows: block.count, columns: keys.count, inner: shape.headSize, transposeB: true),
            scratch.queries.advanced(by: block.lowerBound * shape.headSize),
            scratch.keys.advanced(by: keys.lowerBound * shape.headSize), into: scratch.scores,
            thread: thread)
    }

    /// Calls `body` with the description of a block's strip of scores.
    func withStrip(
        _ block: Range<Int>, _ keys: Range<Int>, head: Int, _ body: (inout lk_strip) -> Void
    ) {
        var strip = lk_strip()
        strip.rows = block.count
        strip.columns = keys.count
        strip.first_query = shape.firstPosition + block.lowerBound
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
            strip.query_segments = own.map { $0 + shape.firstPosition + block.lowerBound }
            strip.key_segments = own.map { $0 + keys.lowerBound }
            body(&strip)
        }
    }

    func forward(head: Int, into y: Buffer, logSums: Buffer) {
        let firstSum = (sequence * shape.heads + head) * shape.queries
        forEachBlock { block, keys in
            score(block, keys)
            withStrip(block, keys, head: head) { strip in
                lk_softmax_strip(
                    &strip, scratch.scores.floats, type.rawValue, scratch.probabilities.pointer,
                    logSums.floats + firstSum + block.lowerBound)
            }
            let row = sequence * shape.queries + block.lowerBound
            workspace.matrices.multiply(
                MatrixProduct(
                    rows: block.count, columns: shape.headSize, inner: keys.count,
                    strideC: shape.heads * shape.headSize),
                scratch.probabilities,
                scratch.values.advanced(by: keys.lowerBound * shape.headSize),
                into: y.advanced(by: (row * shape.heads + head) * shape.headSize), thread: thread)
        }
    }
}
