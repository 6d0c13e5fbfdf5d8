import Autograd
import Kernels

/// The layers of an encoder or a decoder of T5: norms before the sublayers, positions by a bias on the
/// scores. Source: Raffel et al. 2020, arXiv:1910.10683, section 2.1.
struct T5Stack {
    let layers: [T5Layer]
    let norm: RMSNorm
    private let isDecoder: Bool
    private let dropout: Float
    private let buckets: RelativeBuckets

    init(_ scope: Scope, _ configuration: T5Configuration, isDecoder: Bool) {
        self.isDecoder = isDecoder
        dropout = configuration.dropout
        buckets = RelativeBuckets(
            count: configuration.buckets, largestDistance: configuration.longestDistance,
            isBidirectional: !isDecoder)
        let count = isDecoder ? configuration.decoderLayers : configuration.encoderLayers
        layers = (0..<count).map {
            T5Layer(scope / "block" / $0 / "layer", configuration, isDecoder: isDecoder, layer: $0)
        }
        norm = RMSNorm(
            scope / "final_layer_norm", width: configuration.width, epsilon: configuration.epsilon)
    }

    /// What a decoder's layers attend to beside its own tokens.
    enum Source {
        /// An encoder's states (B, S, C) float32 and who sees which.
        case states(Tensor, AttentionMask)
        /// Keys and values of each layer, which all rows see.
        case memory([(keys: Tensor, values: Tensor)])
    }

    /// Keys and values (1, S, H·D) of an encoder's states (1, S, C), for each layer.
    func keysAndValues(
        of states: Tensor, _ pass: ForwardPass
    ) -> [(keys: Tensor, values: Tensor)] {
        let operand = pass.convert(states, to: pass.computeType)
        return layers.compactMap { layer in
            layer.cross.map { (keys: $0.k(operand, pass), values: $0.v(operand, pass)) }
        }
    }

    /// The table's rows for all distances of the pass's tokens; with a cache those of keys before them.
    private func rows(length: Int, _ pass: ForwardPass) -> [Int32] {
        guard isDecoder, let cache = pass.cache else {
            return buckets.rows(queries: length, keys: length)
        }
        return buckets.rows(queries: cache.length + length, keys: 1)
    }

    /// - Parameters:
    ///   - x: (B, T, C) float32, embeddings.
    ///   - mask: of the stack's own tokens.
    ///   - source: in a decoder.
    /// - Returns: (B, T, C) of the compute type.
    func callAsFunction(
        _ x: Tensor, mask: AttentionMask, source: Source?, _ pass: ForwardPass
    ) -> Tensor {
        let rows = rows(length: x.shape.extents[1], pass)
        func bias(_ layer: T5Layer) -> Tensor? {
            layer.attention.table.map { pass.relativeBias($0, buckets: rows) }
        }
        // One table serves the layers after the one that has it.
        var shared: Tensor?
        var x = pass.dropout(x, probability: dropout)
        for (number, layer) in layers.enumerated() {
            shared = bias(layer) ?? shared
            guard let shared else { preconditionFailure("t5: the first layer has no biases") }
            switch source {
            case .memory(let kept):
                let (keys, values) = kept[number]
                x = layer(x, bias: shared, mask: mask, source: .kept(keys, values), pass)
            case .states(let states, let seen):
                x = pass.block([x, shared, states]) { inputs, pass in
                    layer(
                        inputs[0], bias: inputs[1], mask: mask, source: .states(inputs[2], seen),
                        pass)
                }
            case nil:
                x = pass.block([x, shared]) { inputs, pass in
                    layer(inputs[0], bias: inputs[1], mask: mask, source: nil, pass)
                }
            }
        }
        return pass.dropout(norm(x, pass), probability: dropout)
    }
}

/// x + attention(norm(x)), in a decoder + attention to the source, then + feed-forward(norm(x)).
struct T5Layer {
    let attentionNorm: RMSNorm
    let attention: T5Attention
    /// In a decoder.
    let crossNorm: RMSNorm?
    let cross: T5Attention?
    let feedForwardNorm: RMSNorm
    let feedForward: T5FeedForward
    let adapters: BlockAdapters

    init(_ scope: Scope, _ configuration: T5Configuration, isDecoder: Bool, layer: Int) {
        func norm(_ scope: Scope) -> RMSNorm {
            RMSNorm(
                scope / "layer_norm", width: configuration.width, epsilon: configuration.epsilon)
        }
        adapters = scope.blockAdapters()
        attention = T5Attention(
            scope / 0 / "SelfAttention", configuration, isCausal: isDecoder,
            hasTable: layer == 0 || configuration.hasBiasInEachLayer)
        attentionNorm = norm(scope / 0)
        cross =
            isDecoder
            ? T5Attention(
                scope / 1 / "EncDecAttention", configuration, isCausal: false, hasTable: false)
            : nil
        crossNorm = isDecoder ? norm(scope / 1) : nil
        let last = scope / (isDecoder ? 2 : 1)
        feedForward = T5FeedForward(last / "DenseReluDense", configuration)
        feedForwardNorm = norm(last)
    }

    /// What the layer attends to beside its own tokens.
    enum Source {
        /// An encoder's states (B, S, C) float32 and who sees which.
        case states(Tensor, AttentionMask)
        /// Keys and values (1, S, H·D), which all rows see.
        case kept(Tensor, Tensor)
    }

    /// x (B, T, C) float32 → the same.
    func callAsFunction(
        _ x: Tensor, bias: Tensor, mask: AttentionMask, source: Source?, _ pass: ForwardPass
    ) -> Tensor {
        var x = adapters.attention(x, pass) { residual in
            let operand = attentionNorm(x, pass)
            return attention(
                operand, keys: operand, addingTo: residual, mask: mask, bias: bias, pass)
        }
        if let cross, let crossNorm {
            switch source {
            case .states(let states, let seen):
                x = cross(
                    crossNorm(x, pass), keys: pass.convert(states, to: pass.computeType),
                    addingTo: x, mask: seen, bias: nil, pass)
            case .kept(let keys, let values):
                x = cross(crossNorm(x, pass), keys, values, addingTo: x, pass)
            case nil: break
            }
        }
        let attended = x
        return adapters.feedForward(attended, pass) { residual in
            feedForward(feedForwardNorm(attended, pass), addingTo: residual, pass)
        }
    }
}

/// Attention without a scale on the scores, to the same tokens or to an encoder's.
struct T5Attention {
    let q, k, v: Linear  // (H·D, C)
    let o: Linear  // (C, H·D)
    let table: Parameter?  // (buckets, H)
    let settings: AttentionSettings
    let dropout: Float

    init(_ scope: Scope, _ configuration: T5Configuration, isCausal: Bool, hasTable: Bool) {
        let (width, wide) = (configuration.width, configuration.heads * configuration.headSize)
        func linear(_ name: String, _ inputs: Int, _ outputs: Int, _ deviation: Float) -> Linear {
            Linear(scope / name, from: inputs, to: outputs, deviation: deviation)
        }
        q = linear("q", width, wide, configuration.queryDeviation)
        k = linear("k", width, wide, configuration.inputDeviation)
        v = linear("v", width, wide, configuration.inputDeviation)
        o = linear("o", wide, width, configuration.outputDeviation)
        if hasTable {
            let table = (scope / "relative_attention_bias").parameter(
                "weight", [configuration.buckets, configuration.heads],
                .normal(deviation: configuration.inputDeviation))
            table.isLookedUp = true
            table.productShare = 0
            // A matrix, but a bias.
            table.decays = false
            self.table = table
        } else {
            table = nil
        }
        var settings = AttentionSettings(
            heads: configuration.heads, groups: configuration.heads,
            headSize: configuration.headSize, scale: 1)
        settings.ahead = isCausal ? 0 : nil
        settings.dropout = configuration.dropout
        self.settings = settings
        dropout = configuration.dropout
    }

    /// residual + dropout(attention), float32, or the latter alone. x (B, T, C), keys (B, S, C).
    func callAsFunction(
        _ x: Tensor, keys: Tensor, addingTo residual: Tensor?, mask: AttentionMask, bias: Tensor?,
        _ pass: ForwardPass
    ) -> Tensor {
        let mixed = pass.attention(
            .separate(q: q(x, pass), k: k(keys, pass), v: v(keys, pass)), settings, mask: mask,
            bias: bias)
        guard let residual else { return pass.dropout(o(mixed, pass), probability: dropout) }
        return o(mixed, addingTo: residual, dropping: dropout, pass)
    }

    /// residual + attention, float32, of x (B, T, C) to keys and values (1, S, H·D) that all rows see:
    /// as their positions play no part, they are queries of one row.
    func callAsFunction(
        _ x: Tensor, _ keys: Tensor, _ values: Tensor, addingTo residual: Tensor,
        _ pass: ForwardPass
    ) -> Tensor {
        let queries = q(x, pass)  // (B, T, H·D)
        let row = Tensor(
            shape: [1, queries.shape.rows, queries.shape.width], buffer: queries.buffer)
        let mixed = pass.attention(.separate(q: row, k: keys, v: values), settings)
        return o(
            Tensor(shape: queries.shape, buffer: mixed.buffer), addingTo: residual,
            dropping: 0, pass)
    }
}

/// wo(dropout(f(wi x))), or wo(dropout(f(wi_0 x) · wi_1 x)).
struct T5FeedForward {
    let gate: Linear  // (F, C)
    let up: Linear?  // (F, C)
    let down: Linear  // (C, F)
    let activation: Activation
    let dropout: Float

    init(_ scope: Scope, _ configuration: T5Configuration) {
        let (width, inner) = (configuration.width, configuration.inner)
        func linear(_ name: String, _ inputs: Int, _ outputs: Int, _ deviation: Float) -> Linear {
            Linear(scope / name, from: inputs, to: outputs, deviation: deviation)
        }
        gate = linear(
            configuration.isGated ? "wi_0" : "wi", width, inner, configuration.inputDeviation)
        up =
            configuration.isGated
            ? linear("wi_1", width, inner, configuration.inputDeviation) : nil
        down = linear("wo", inner, width, configuration.downDeviation)
        activation = configuration.activation
        dropout = configuration.dropout
    }

    /// residual + dropout(layer(x)), float32, or the latter alone. x, residual (B, T, C).
    func callAsFunction(_ x: Tensor, addingTo residual: Tensor?, _ pass: ForwardPass) -> Tensor {
        let activated =
            up.map { pass.gated(activation, gate: gate(x, pass), up: $0(x, pass)) }
            ?? pass.activation(activation, gate(x, pass))
        let inner = pass.dropout(activated, probability: dropout)  // (B, T, F)
        guard let residual else { return pass.dropout(down(inner, pass), probability: dropout) }
        return down(inner, addingTo: residual, dropping: dropout, pass)
    }
}
