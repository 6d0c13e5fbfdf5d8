import Autograd
import Kernels

/// The pre-norm block shared by Llama, Mistral and Qwen. x (B, T, C) → (B, T, C).
struct DecoderBlock {
    let inputNorm: RMSNorm
    let attention: SelfAttention
    let postAttentionNorm: RMSNorm
    let mlp: any FeedForward
    let adapters: BlockAdapters

    init(_ scope: Scope, _ configuration: DecoderConfiguration, layer: Int) {
        let width = configuration.hiddenSize
        adapters = scope.blockAdapters()
        attention = SelfAttention(scope / "self_attn", configuration, layer: layer)
        mlp = configuration.feedForward(scope, layer: layer)
        inputNorm = RMSNorm(
            scope / "input_layernorm", width: width, epsilon: configuration.rmsNormEps)
        postAttentionNorm = RMSNorm(
            scope / "post_attention_layernorm", width: width, epsilon: configuration.rmsNormEps)
    }

    func callAsFunction(
        _ x: Tensor, segments: [Int32]?, _ rotary: RotaryTable, _ pass: ForwardPass
    ) -> Tensor {
        let attended = adapters.attention(x, pass) { residual in
            attention(inputNorm(x, pass), addingTo: residual, segments: segments, rotary, pass)
        }
        return adapters.feedForward(attended, pass) { residual in
            mlp(postAttentionNorm(attended, pass), addingTo: residual, pass)
        }
    }
}

/// Grouped-query attention with rotary positions.
///
/// Source: Ainslie et al. 2023, arXiv:2305.13245; per-head norms as in Qwen3.
struct SelfAttention {
    let q: Linear  // (H·D, C)
    let k: Linear  // (G·D, C)
    let v: Linear  // (G·D, C)
    let output: Linear  // (C, H·D)
    let queryNorm: RMSNorm?  // (D)
    let keyNorm: RMSNorm?  // (D)
    let settings: AttentionSettings

    init(_ scope: Scope, _ configuration: DecoderConfiguration, layer: Int) {
        let (width, size) = (configuration.hiddenSize, configuration.headDim)
        let (heads, groups) = (configuration.numAttentionHeads, configuration.numKeyValueHeads)
        let deviation = configuration.initializerRange
        let bias = configuration.queryBias
        q = Linear(
            scope / "q_proj", from: width, to: heads * size, bias: bias, deviation: deviation)
        k = Linear(
            scope / "k_proj", from: width, to: groups * size, bias: bias, deviation: deviation)
        v = Linear(
            scope / "v_proj", from: width, to: groups * size, bias: bias, deviation: deviation)
        output = Linear(
            scope / "o_proj", from: heads * size, to: width, bias: configuration.outputBias,
            deviation: deviation)
        let norm = { (name: String) in
            RMSNorm(scope / name, width: size, epsilon: configuration.rmsNormEps)
        }
        queryNorm = configuration.headNorms ? norm("q_norm") : nil
        keyNorm = configuration.headNorms ? norm("k_norm") : nil
        var settings = AttentionSettings(
            heads: heads, groups: groups, headSize: size, scale: 1 / Float(size).squareRoot())
        settings.window = configuration.windows[layer]
        settings.dropout = configuration.attentionDropout
        self.settings = settings
    }

    /// residual + attention(x), float32, or attention(x) alone. x, residual (B, T, C).
    func callAsFunction(
        _ x: Tensor, addingTo residual: Tensor?, segments: [Int32]?, _ rotary: RotaryTable,
        _ pass: ForwardPass
    ) -> Tensor {
        var settings = settings
        settings.rotary = rotary
        var queries = q(x, pass)  // (B, T, H·D)
        var keys = k(x, pass)  // (B, T, G·D)
        if let queryNorm { queries = queryNorm(queries, pass) }
        if let keyNorm { keys = keyNorm(keys, pass) }
        let attended = pass.attention(
            .separate(q: queries, k: keys, v: v(x, pass)), settings, segments: segments)
        guard let residual else { return output(attended, pass) }
        return output(attended, addingTo: residual, pass)
    }
}

/// down(f(gate(x)) · up(x)). Source: Shazeer 2020, arXiv:2002.05202, eq. 6.
struct GatedFeedForward: FeedForward {
    let gate: Linear  // (F, C)
    let up: Linear  // (F, C)
    let down: Linear  // (C, F)
    let activation: Activation

    init(_ scope: Scope, _ configuration: DecoderConfiguration) {
        let (width, inner) = (configuration.hiddenSize, configuration.intermediateSize)
        let bias = configuration.feedForwardBias
        let deviation = configuration.initializerRange
        gate = Linear(
            scope / "gate_proj", from: width, to: inner, bias: bias, deviation: deviation)
        up = Linear(scope / "up_proj", from: width, to: inner, bias: bias, deviation: deviation)
        down = Linear(
            scope / "down_proj", from: inner, to: width, bias: bias, deviation: deviation)
        activation = configuration.activation
    }

    /// residual + the layer's output, float32, or that output alone. x, residual (B, T, C).
    func callAsFunction(
        _ x: Tensor, addingTo residual: Tensor?, _ pass: ForwardPass
    ) -> Tensor {
        let inner = pass.gated(activation, gate: gate(x, pass), up: up(x, pass))  // (B, T, F)
        guard let residual else { return down(inner, pass) }
        return down(inner, addingTo: residual, pass)
    }
}
