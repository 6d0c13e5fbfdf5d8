package import Autograd

/// The pre-norm decoder shared by Llama, Mistral and Qwen.
///
/// Source: Touvron et al. 2023, arXiv:2302.13971, section 2.2; names are Hugging Face's.
package final class Decoder: LanguageModel {
    package let description: ModelDescription
    package let registry = Scope.Registry()
    package let head: Parameter  // (V, C)
    package var optionalPrefix: String { "model." }
    private let embedding: TokenEmbedding  // (V, C)
    private let blocks: [DecoderBlock]
    private let norm: RMSNorm
    private var rotary: RotaryConfiguration
    private let balance: (coefficient: Double, layers: Int)?

    init(_ configuration: DecoderConfiguration, type: String, text: String) {
        let scope = Scope(registry)
        let initial = Initializer.normal(deviation: configuration.initializerRange)
        let width = configuration.hiddenSize
        embedding = TokenEmbedding(
            scope / "model" / "embed_tokens", vocabulary: configuration.vocabSize, width: width,
            deviation: configuration.initializerRange)
        blocks = (0..<configuration.numHiddenLayers).map { layer in
            DecoderBlock(scope / "model" / "layers" / layer, configuration, layer: layer)
        }
        norm = RMSNorm(scope / "model" / "norm", width: width, epsilon: configuration.rmsNormEps)
        head =
            configuration.tieWordEmbeddings
            ? embedding.weight
            : (scope / "lm_head").parameter(
                "weight", [configuration.vocabSize, width], initial)
        rotary = configuration.rotary
        balance = configuration.experts?.balance
        description = ModelDescription(
            type: type, vocabularySize: configuration.vocabSize,
            maximumPositions: configuration.maxPositionEmbeddings, hasFixedPositions: false,
            layers: configuration.numHiddenLayers, width: width,
            heads: configuration.numAttentionHeads, headSize: configuration.headDim,
            configuration: text, expertShare: configuration.experts?.share ?? 1)
    }

    package func hiddenStates(
        _ ids: [Int32], batch: Int, segments: [Int32]?, in pass: ForwardPass
    ) -> Tensor {
        let length = ids.count / batch + (pass.cache?.length ?? 0)
        pass.expertBalance = balance.map {
            ExpertBalance(coefficient: $0.coefficient, layers: $0.layers)
        }
        let angles = rotary.table(positions: length)
        var x = embedding(ids, batch: batch, pass)  // (B, T, C) float32
        for block in blocks {
            x = pass.block(x) { x, pass in block(x, segments: segments, angles, pass) }
        }
        return norm(x, pass)
    }
}
