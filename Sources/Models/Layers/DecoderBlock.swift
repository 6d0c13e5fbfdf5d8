import Autograd
import Kernels

/// The block of the Llama family, with norms before or after its sublayers. x (B, T, C) → (B, T, C).
struct DecoderBlock {
    let inputNorm: RMSNorm?
    let attention: SelfAttention
    let postAttentionNorm: RMSNorm?
    let mlp: any FeedForward
    let adapters: BlockAdapters
    /// Whether the layer's positions are turned by the local angles.
    let isLocal: Bool
    /// Whether they are turned at all, where the model has angles.
    let isRotated: Bool

    init(_ scope: Scope, _ configuration: DecoderConfiguration, layer: Int) {
        let names = configuration.names
        adapters = scope.blockAdapters()
        let norm = { (name: String) in
            RMSNorm(
                scope / name, width: configuration.hiddenSize, epsilon: configuration.rmsNormEps,
                addsOne: configuration.normsAddOne)
        }
        attention = SelfAttention(
            scope / names.attention, configuration, layer: layer,
            outputNorm: names.afterAttentionNorm.map(norm))
        mlp = configuration.feedForward(
            scope, layer: layer, outputNorm: names.afterFeedForwardNorm.map(norm))
        inputNorm = configuration.normsBefore ? norm(names.attentionNorm) : nil
        postAttentionNorm = configuration.normsBefore ? norm(names.feedForwardNorm) : nil
        isLocal = configuration.windows[layer] > 0
        isRotated = !configuration.unrotatedLayers.contains(layer)
    }

    func callAsFunction(
        _ x: Tensor, mask: AttentionMask, _ rotary: RotaryTable?, _ prefix: AttentionPrefix?,
        _ pass: ForwardPass
    ) -> Tensor {
        let attended = adapters.attention(x, pass) { residual in
            attention(
                normed(x, by: inputNorm, pass), addingTo: residual, mask: mask, rotary, prefix, pass
            )
        }
        return adapters.feedForward(attended, pass) { residual in
            mlp(normed(attended, by: postAttentionNorm, pass), addingTo: residual, pass)
        }
    }

    /// What a sublayer reads of the residual stream, in the compute type.
    private func normed(_ x: Tensor, by norm: RMSNorm?, _ pass: ForwardPass) -> Tensor {
        norm?(x, pass) ?? pass.convert(x, to: pass.computeType)
    }
}

/// The last product of a part of a layer, and how its result joins the residual stream.
struct ResidualProjection {
    let linear: Linear
    let norm: RMSNorm?
    let dropout: Float
    var scale: Float = 1

    /// residual + dropout(scale · norm(linear(x))), float32, or that without residual in the compute type.
    /// x (B, T, in), residual (B, T, C) float32.
    func callAsFunction(_ x: Tensor, addingTo residual: Tensor?, _ pass: ForwardPass) -> Tensor {
        if let residual, norm == nil, scale == 1 {
            return linear(x, addingTo: residual, dropping: dropout, pass)
        }
        let product = linear(x, pass)
        let normed = norm?(product, pass) ?? product
        let y = pass.convert(normed, to: normed.type, times: scale)
        guard let residual else { return pass.dropout(y, probability: dropout) }
        return pass.add(y, to: residual, dropping: dropout)
    }
}

/// The products that make queries, keys and values.
enum QueryProjections {
    case separate(q: Linear, k: Linear, v: Linear)  // (H·D, C), (G·D, C), (G·D, C)
    case fused(Linear, DecoderNames.FusedOrder)  // ((H + 2G)·D, C)
}

/// Grouped-query attention with rotary positions.
///
/// Source: Ainslie et al. 2023, arXiv:2305.13245; per-head norms as in Qwen3.
struct SelfAttention {
    let projections: QueryProjections
    let output: ResidualProjection  // (C, H·D)
    let queryNorm: RMSNorm?  // (D), or (H·D)
    let keyNorm: RMSNorm?  // (D), or (G·D)
    let settings: AttentionSettings

    init(
        _ scope: Scope, _ configuration: DecoderConfiguration, layer: Int, outputNorm: RMSNorm?
    ) {
        let (width, size) = (configuration.hiddenSize, configuration.headDim)
        let (heads, groups) = (configuration.numAttentionHeads, configuration.numKeyValueHeads)
        let names = configuration.names
        let linear = { (name: String, outputs: Int) in
            Linear(
                scope / name, from: width, to: outputs * size, bias: configuration.queryBias,
                deviation: configuration.initializerRange)
        }
        if let fused = names.fusedQueries {
            projections = .fused(linear(fused.name, heads + 2 * groups), fused.order)
        } else {
            projections = .separate(
                q: linear(names.query, heads), k: linear(names.key, groups),
                v: linear(names.value, groups))
        }
        output = ResidualProjection(
            linear: Linear(
                scope / names.output, from: heads * size, to: width,
                bias: configuration.outputBias, deviation: configuration.initializerRange),
            norm: outputNorm, dropout: configuration.residualDropout,
            scale: configuration.residualScale)
        let norm = { (name: String, heads: Int) -> RMSNorm? in
            guard configuration.headNorms || configuration.tokenNorms else { return nil }
            return RMSNorm(
                scope / name, width: configuration.tokenNorms ? heads * size : size,
                epsilon: configuration.rmsNormEps, addsOne: configuration.normsAddOne)
        }
        queryNorm = norm("q_norm", heads)
        keyNorm = norm("k_norm", groups)
        var settings = AttentionSettings(
            heads: heads, groups: groups, headSize: size,
            scale: configuration.attentionScale ?? 1 / Float(size).squareRoot())
        settings.window = configuration.windows[layer]
        settings.dropout = configuration.attentionDropout
        settings.softcap = configuration.attentionSoftcap
        settings.slopes = configuration.slopes
        self.settings = settings
    }

    /// residual + attention(x), float32, or attention(x) alone. x, residual (B, T, C).
    func callAsFunction(
        _ x: Tensor, addingTo residual: Tensor?, mask: AttentionMask, _ rotary: RotaryTable?,
        _ prefix: AttentionPrefix?, _ pass: ForwardPass
    ) -> Tensor {
        var settings = settings
        settings.rotary = rotary
        let attended = pass.attention(inputs(x, pass), settings, mask: mask, prefix: prefix)
        return output(attended, addingTo: residual, pass)
    }

    private func inputs(_ x: Tensor, _ pass: ForwardPass) -> AttentionInputs {
        switch projections {
        case .separate(let q, let k, let v):
            var queries = q(x, pass)  // (B, T, H·D)
            var keys = k(x, pass)  // (B, T, G·D)
            if let queryNorm { queries = queryNorm(queries, pass) }
            if let keyNorm { keys = keyNorm(keys, pass) }
            return .separate(q: queries, k: keys, v: v(x, pass))
        case .fused(let linear, .byKind):
            return .fused(linear(x, pass))
        case .fused(let linear, .byGroup):
            return .fused(
                pass.ungroupHeads(
                    linear(x, pass), heads: settings.heads, groups: settings.groups,
                    size: settings.headSize))
        }
    }
}

/// down(f(gate(x)) · up(x)). Source: Shazeer 2020, arXiv:2002.05202, eq. 6.
struct GatedFeedForward: FeedForward {
    /// The products before the activation.
    enum Gate {
        case separate(gate: Linear, up: Linear)  // (F, C) each
        case fused(Linear)  // (2F, C): gate, then up
    }

    let gate: Gate
    let down: ResidualProjection  // (C, F)
    let activation: Activation

    init(_ scope: Scope, _ configuration: DecoderConfiguration, outputNorm: RMSNorm? = nil) {
        let (width, inner) = (configuration.hiddenSize, configuration.intermediateSize)
        let names = configuration.names
        let linear = { (name: String, inputs: Int, outputs: Int) in
            Linear(
                scope / name, from: inputs, to: outputs, bias: configuration.feedForwardBias,
                deviation: configuration.initializerRange)
        }
        if let fused = names.fusedGate {
            gate = .fused(linear(fused, width, 2 * inner))
        } else {
            gate = .separate(
                gate: linear(names.gate, width, inner), up: linear(names.up, width, inner))
        }
        down = ResidualProjection(
            linear: linear(names.down, inner, width), norm: outputNorm,
            dropout: configuration.residualDropout, scale: configuration.residualScale)
        activation = configuration.activation
    }

    /// residual + the layer's output, float32, or that output alone. x, residual (B, T, C).
    func callAsFunction(
        _ x: Tensor, addingTo residual: Tensor?, _ pass: ForwardPass
    ) -> Tensor {
        let inner =
            switch gate {
            case .separate(let gate, let up):
                pass.gated(activation, gate: gate(x, pass), up: up(x, pass))
            case .fused(let both): pass.fusedGate(activation, both(x, pass))
            }  // (B, T, F)
        return down(inner, addingTo: residual, pass)
    }
}
