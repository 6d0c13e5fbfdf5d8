package import Kernels

/// How queries, keys and values come to an attention.
package enum AttentionInputs {
    /// q (B, T, H·D), k and v (B, S, G·D); S is T unless queries come from another sequence.
    case separate(q: Tensor, k: Tensor, v: Tensor)
    /// One tensor (B, T, (H + 2G)·D): all queries, then all keys, then all values.
    case fused(Tensor)

    var tensors: [Tensor] {
        switch self {
        case .separate(let q, let k, let v): [q, k, v]
        case .fused(let qkv): [qkv]
        }
    }

    fileprivate var keyShape: Shape {
        switch self {
        case .separate(_, let k, _): k.shape
        case .fused(let qkv): qkv.shape
        }
    }
}

/// What an attention does beyond its inputs' extents.
package struct AttentionSettings {
    package var heads: Int
    package var groups: Int
    package var headSize: Int
    package var scale: Float
    /// Positions back that a token sees, itself included; 0 means all.
    package var window = 0
    /// Positions ahead that a token sees: none where it is causal; `nil` means all.
    package var ahead: Int? = 0
    package var rotary: RotaryTable?
    package var dropout: Float = 0
    /// Scores become softcap · tanh(scores / softcap); 0 means they stay.
    package var softcap: Float = 0
    /// ALiBi: by head, what each position of distance takes from a score; none if empty.
    package var slopes: [Float] = []

    package init(heads: Int, groups: Int, headSize: Int, scale: Float) {
        self.heads = heads
        self.groups = groups
        self.headSize = headSize
        self.scale = scale
    }
}

/// softmax(scale · q kᵀ + bias) v by heads. → (B, T, H·D).
///
/// The inputs are those of ``AttentionInputs``, then the bias (H, T + S − 1) float32 where there is one.
/// Source: Vaswani et al. 2017, arXiv:1706.03762, eq. 1.
struct AttentionOp: DifferentiableOp {
    let shape: AttentionShape
    let options: AttentionOptions

    struct Saved {
        let inputs: [Tensor]
        let output: Tensor
        let logSums: Buffer  // (B, H, T), float32
    }

    var parameters: [Parameter] { [] }

    var label: String { "attention of \(shape.heads) heads" }

    /// Of the scores that count: a causal query sees half of the keys on average.
    func operations(rows: Int) -> (forward: Double, backward: Double) {
        let (queries, keys) = (Double(shape.queries), Double(shape.keys))
        var seen = shape.ahead == 0 ? keys - (queries - 1) / 2 : keys
        if shape.window > 0 {
            seen = min(seen, Double(shape.window) + (shape.ahead.map(Double.init) ?? keys))
        }
        let product = 2 * Double(rows) * seen * Double(shape.heads * shape.headSize)
        return (2 * product, 5 * product)
    }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        let workspace = pass.workspace
        let y = workspace.tensor(
            [shape.batch, shape.queries, shape.heads * shape.headSize], inputs[0].type)
        let logSums = workspace.buffer(shape.batch * shape.heads * shape.queries, .float32)
        let (q, k, v) = rows(inputs)
        workspace.attention(shape, q, k, v, options, into: y.buffer, logSums: logSums)
        return (y, Saved(inputs: inputs, output: y, logSums: logSums))
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        let (q, k, v) = rows(saved.inputs)
        let results = saved.inputs.map { workspace.tensor($0.shape, $0.type) }
        let (dq, dk, dv) = rows(results)
        let bias = results.count - 1
        let biasLearns = options.bias != nil && gradients.wants(bias)
        workspace.attentionGradient(
            shape, q, k, v, options, y: saved.output.buffer, logSums: saved.logSums,
            dy: outputGradient.buffer, intoQueries: dq, intoKeys: dk, intoValues: dv,
            intoBias: biasLearns ? results[bias].buffer : nil)
        for (index, result) in results.enumerated() {
            gradients.add(result, to: index, in: workspace)
        }
    }

    fileprivate func rows(_ tensors: [Tensor]) -> (q: HeadRows, k: HeadRows, v: HeadRows) {
        let queryWidth = shape.heads * shape.headSize
        let keyWidth = shape.groups * shape.headSize
        guard tensors.count < 3 else {
            return (
                HeadRows(tensors[0].buffer, stride: queryWidth),
                HeadRows(tensors[1].buffer, stride: keyWidth),
                HeadRows(tensors[2].buffer, stride: keyWidth)
            )
        }
        let stride = queryWidth + 2 * keyWidth
        let buffer = tensors[0].buffer
        return (
            HeadRows(buffer, stride: stride),
            HeadRows(buffer.advanced(by: queryWidth), stride: stride),
            HeadRows(buffer.advanced(by: queryWidth + keyWidth), stride: stride)
        )
    }
}

extension ForwardPass {
    /// Attention over (B, T) tokens. → (B, T, H·D) of the compute type.
    ///
    /// - Parameter bias: (H, T + S − 1) float32, as ``relativeBias(_:buckets:)`` makes it; with a cache
    ///   (H, more), ending with the distance 0.
    /// - Parameter prefix: what all queries see before their own tokens; of a causal attention without bias
    ///   and cache, whose rotary table has rows for it that turn nothing.
    package func attention(
        _ inputs: AttentionInputs, _ settings: AttentionSettings,
        mask: AttentionMask = AttentionMask(), bias: Tensor? = nil,
        prefix: AttentionPrefix? = nil
    ) -> Tensor {
        var (inputs, mask) = (inputs, mask)
        if let prefix {
            precondition(
                settings.ahead == 0 && bias == nil && cache == nil,
                "attention: a prefix where it is not causal, or beside a bias or a cache")
            (inputs, mask) = behind(prefix, inputs, settings, mask)
        }
        let (queries, keys) = (inputs.tensors[0].shape, inputs.keyShape)
        var shape = AttentionShape(
            batch: queries.extents[0], queries: queries.extents[1], keys: keys.extents[1],
            heads: settings.heads, groups: settings.groups, headSize: settings.headSize,
            scale: settings.scale)
        shape.firstPosition = prefix?.count ?? 0
        precondition(
            keys.extents[0] == shape.batch
                && (shape.keys == shape.firstPosition + shape.queries || settings.rotary == nil),
            "attention: queries \(queries), keys \(keys)")
        shape.ahead = settings.ahead
        shape.window = settings.window
        shape.softcap = settings.softcap
        var options = AttentionOptions()
        options.rotary = settings.rotary
        options.mask = mask
        options.slopes = settings.slopes
        precondition(
            settings.slopes.isEmpty || (settings.slopes.count == shape.heads && shape.softcap == 0),
            "attention: \(settings.slopes.count) slopes for \(shape.heads) heads, or capped scores")
        if settings.dropout > 0, let keys = nextDropoutKeys(batch: shape.batch) {
            options.dropout = DropoutMask(probability: settings.dropout)
            options.dropoutKeys = keys
        }
        // What does not grow with the tokens of this pass is not cached here.
        let cache = shape.ahead == 0 ? self.cache : nil
        options.bias = bias.map {
            let width = $0.shape.width
            return DistanceBias(
                $0.buffer, zero: cache == nil ? shape.queries - 1 : width - 1, width: width)
        }
        guard let cache else {
            return apply(
                AttentionOp(shape: shape, options: options),
                to: inputs.tensors + [bias].compactMap { $0 })
        }
        return cachedAttention(inputs, shape, options, cache)
    }

    private func cachedAttention(
        _ inputs: AttentionInputs, _ shape: AttentionShape, _ options: AttentionOptions,
        _ cache: KeyValueCache
    ) -> Tensor {
        precondition(
            tape == nil && options.mask.querySegments == nil && options.mask.keyEnds == nil,
            "attention: a pass with a cache cannot be recorded, nor has it a mask")
        let y = workspace.tensor(
            [shape.batch, shape.queries, shape.heads * shape.headSize], inputs.tensors[0].type)
        let (q, k, v) = AttentionOp(shape: shape, options: options).rows(inputs.tensors)
        let (heads, rows) = cache.append(k, v, shape, options, type: y.type, in: workspace)
        workspace.attention(shape, q, over: heads, rows, options, into: y.buffer)
        return y
    }
}
