import Autograd
import Kernels

/// Attention and a feed-forward layer, one after the other or side by side, each with a layer norm.
/// x (B, T, C) float32 → the same.
struct LayerNormBlock {
    let attentionNorm: LayerNorm
    /// `nil` where both sublayers read the same normed states.
    let feedForwardNorm: LayerNorm?
    let residual: LayerNormDecoderConfiguration.Residual
    let projections: QueryProjections
    let queryNorm: LayerNorm?  // (D)
    let keyNorm: LayerNorm?  // (D)
    let attentionOutput: ResidualProjection  // (C, H·D)
    let up: Linear  // (F, C)
    let down: ResidualProjection  // (C, F)
    let settings: AttentionSettings
    let activation: Activation
    let adapters: BlockAdapters

    init(_ scope: Scope, _ configuration: LayerNormDecoderConfiguration, layer: Int) {
        let (width, size) = (configuration.hiddenSize, configuration.headDim)
        let (heads, groups) = (configuration.numAttentionHeads, configuration.numKeyValueHeads)
        let (names, inner) = (configuration.names, configuration.intermediateSize)
        let attention = scope / names.attention
        let feedForward = names.feedForward.isEmpty ? scope : scope / names.feedForward
        func linear(_ scope: Scope, _ inputs: Int, _ outputs: Int, _ bias: Bool) -> Linear {
            Linear(
                scope, from: inputs, to: outputs, bias: bias,
                deviation: configuration.initializerRange)
        }
        func query(_ name: String, _ heads: Int) -> Linear {
            linear(attention / name, width, heads * size, configuration.attentionBias)
        }
        func norm(_ scope: Scope, _ width: Int) -> LayerNorm {
            LayerNorm(scope, width: width, epsilon: configuration.layerNormEps)
        }
        func last(_ linear: Linear) -> ResidualProjection {
            ResidualProjection(linear: linear, norm: nil, dropout: configuration.residualDropout)
        }
        adapters = scope.blockAdapters()
        attentionNorm = norm(scope / names.attentionNorm, width)
        feedForwardNorm =
            configuration.residual == .parallelWithOneNorm
            ? nil : norm(scope / names.feedForwardNorm, width)
        residual = configuration.residual
        projections =
            if let fused = names.fusedQueries {
                .fused(query(fused.name, heads + 2 * groups), fused.order)
            } else {
                .separate(
                    q: query(names.query, heads), k: query(names.key, groups),
                    v: query(names.value, groups))
            }
        queryNorm = configuration.headNorms.map { norm(attention / $0.query, size) }
        keyNorm = configuration.headNorms.map { norm(attention / $0.key, size) }
        attentionOutput = last(
            linear(attention / names.output, heads * size, width, configuration.attentionBias))
        up = linear(feedForward / names.up, width, inner, configuration.feedForwardBias)
        down = last(
            linear(feedForward / names.down, inner, width, configuration.feedForwardBias))
        var settings = AttentionSettings(
            heads: heads, groups: groups, headSize: size, scale: configuration.attentionScale)
        settings.window = configuration.windows[layer]
        settings.dropout = configuration.attentionDropout
        self.settings = settings
        activation = configuration.activation
    }

    func callAsFunction(
        _ x: Tensor, mask: AttentionMask, _ rotary: RotaryTable?, _ prefix: AttentionPrefix?,
        _ pass: ForwardPass
    ) -> Tensor {
        func attended(_ operand: Tensor) -> Tensor {
            adapters.attention(x, pass) { residual in
                attention(operand, addingTo: residual, mask: mask, rotary, prefix, pass)
            }
        }
        switch residual {
        case .sequential:
            let h = attended(attentionNorm(x, pass))
            return fed(feedForwardNorm?(h, pass) ?? h, addingTo: h, pass)
        case .parallel, .parallelWithOneNorm:
            let normed = attentionNorm(x, pass)
            let other = feedForwardNorm?(x, pass) ?? normed
            return fed(other, addingTo: attended(normed), pass)
        case .sequentialNormedAfter:
            let sum = attended(pass.convert(x, to: pass.computeType))
            let h = attentionNorm(sum, type: .float32, pass)
            let next = fed(pass.convert(h, to: pass.computeType), addingTo: h, pass)
            return feedForwardNorm?(next, type: .float32, pass) ?? next
        }
    }

    /// residual + feed-forward(x), float32. x, residual (B, T, C).
    private func fed(_ x: Tensor, addingTo sum: Tensor, _ pass: ForwardPass) -> Tensor {
        adapters.feedForward(sum, pass) { residual in
            down(pass.activation(activation, up(x, pass)), addingTo: residual, pass)
        }
    }

    /// residual + attention(x), float32, or attention(x) alone. x, residual (B, T, C).
    private func attention(
        _ x: Tensor, addingTo residual: Tensor?, mask: AttentionMask, _ rotary: RotaryTable?,
        _ prefix: AttentionPrefix?, _ pass: ForwardPass
    ) -> Tensor {
        var settings = settings
        settings.rotary = rotary
        let mixed = pass.attention(inputs(x, pass), settings, mask: mask, prefix: prefix)
        return attentionOutput(mixed, addingTo: residual, pass)
    }

    private func inputs(_ x: Tensor, _ pass: ForwardPass) -> AttentionInputs {
        switch projections {
        case .separate(let q, let k, let v):
            let (queries, keys) = (q(x, pass), k(x, pass))  // (B, T, H·D), (B, T, G·D)
            return .separate(
                q: queryNorm?(queries, pass) ?? queries, k: keyNorm?(keys, pass) ?? keys,
                v: v(x, pass))
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
