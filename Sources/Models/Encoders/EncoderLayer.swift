import Autograd
import Kernels

/// norm(x + attention(x)), then norm(h + feed-forward(h)). x (B, T, C) float32 → the same.
///
/// Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.1, as BERT has it.
struct EncoderLayer {
    let query, key, value: Linear  // (C, C)
    let attentionOutput: Linear  // (C, C)
    let attentionNorm: LayerNorm
    let up: Linear  // (F, C)
    let down: Linear  // (C, F)
    let outputNorm: LayerNorm
    let settings: AttentionSettings
    let activation: Activation
    let dropout: EncoderDropout
    let adapters: BlockAdapters

    /// - Parameter isShared: whether it is several of the model's layers, which leaves no place for what
    ///   finetuning would add to one of them.
    init(_ scope: Scope, _ configuration: EncoderConfiguration, isShared: Bool) {
        let (width, inner) = (configuration.hiddenSize, configuration.intermediateSize)
        func linear(_ scope: Scope, _ inputs: Int, _ outputs: Int) -> Linear {
            Linear(
                scope, from: inputs, to: outputs, bias: true,
                deviation: configuration.initializerRange)
        }
        func norm(_ scope: Scope) -> LayerNorm {
            LayerNorm(scope, width: width, epsilon: configuration.layerNormEps)
        }
        adapters = isShared ? BlockAdapters() : scope.blockAdapters()
        let names = configuration.names.layer
        query = linear(scope / names.query, width, width)
        key = linear(scope / names.key, width, width)
        value = linear(scope / names.value, width, width)
        attentionOutput = linear(scope / names.attentionOutput, width, width)
        attentionNorm = norm(scope / names.attentionNorm)
        up = linear(scope / names.up, width, inner)
        down = linear(scope / names.down, inner, width)
        outputNorm = norm(scope / names.outputNorm)
        var settings = AttentionSettings(
            heads: configuration.numAttentionHeads, groups: configuration.numAttentionHeads,
            headSize: configuration.headSize,
            scale: 1 / Float(configuration.headSize).squareRoot())
        settings.ahead = nil
        settings.dropout = configuration.dropout.attention
        self.settings = settings
        activation = configuration.activation
        dropout = configuration.dropout
    }

    /// - Parameter bias: (H, 2T − 1) float32, on the scores by distance.
    func callAsFunction(
        _ x: Tensor, mask: AttentionMask, bias: Tensor?, _ pass: ForwardPass
    ) -> Tensor {
        let attended = adapters.attention(x, pass) { residual in
            let operand = pass.convert(x, to: pass.computeType)
            let mixed = pass.attention(
                .separate(q: query(operand, pass), k: key(operand, pass), v: value(operand, pass)),
                settings, mask: mask, bias: bias)
            return added(
                attentionOutput, mixed, residual, dropping: dropout.attentionOutput, pass)
        }
        let h = attentionNorm(attended, type: .float32, pass)
        let sum = adapters.feedForward(h, pass) { residual in
            let operand = pass.convert(h, to: pass.computeType)
            return added(
                down, pass.activation(activation, up(operand, pass)), residual,
                dropping: dropout.feedForward, pass)
        }
        return outputNorm(sum, type: .float32, pass)
    }

    /// residual + dropout(layer(x)), or the latter alone.
    private func added(
        _ layer: Linear, _ x: Tensor, _ residual: Tensor?, dropping probability: Float,
        _ pass: ForwardPass
    ) -> Tensor {
        guard let residual else { return pass.dropout(layer(x, pass), probability: probability) }
        return layer(x, addingTo: residual, dropping: probability, pass)
    }
}
