package import Autograd
import Kernels

/// ModernBERT: an encoder with rotary positions, gated feed-forwards and norms before the sublayers, most
/// of whose layers see a band of tokens only.
///
/// Source: Warner et al. 2024, arXiv:2412.13663, section 2.1; names are Hugging Face's.
package final class ModernBERT: LanguageModel {
    package let description: ModelDescription
    package let form: ModelForm
    package let registry = Scope.Registry()
    package let head: Parameter  // (V, C)
    package let headBias: Parameter?  // (V)
    package let headTransform: HeadTransform?
    package let taskHead: TaskHead?
    package var optionalPrefix: String { "model." }
    package var headsInFiles: [String] { ["decoder.weight"] }
    private let words: TokenEmbedding  // (V, C)
    private let norm: LayerNorm
    private let layers: [ModernBERTLayer]
    private let finalNorm: LayerNorm
    private let dropout: Float
    private var globalRotary, localRotary: RotaryConfiguration

    /// Without a language head, ``head`` is the embedding and stands for none.
    init(_ file: ConfigurationFile) throws(ModelError) {
        let configuration = try ModernBERTConfiguration(file)
        let (width, vocabulary) = (configuration.hiddenSize, configuration.vocabSize)
        let root = Scope(registry, normalCutoff: configuration.initializerCutoff)
        let scope = root / "model"
        func norm(_ scope: Scope) -> LayerNorm {
            LayerNorm(
                scope, width: width, epsilon: configuration.normEps, hasBias: configuration.normBias
            )
        }
        words = TokenEmbedding(
            scope / "embeddings" / "tok_embeddings", vocabulary: vocabulary, width: width,
            deviation: configuration.initializerRange, padding: configuration.padTokenID)
        self.norm = norm(scope / "embeddings" / "norm")
        layers = (0..<configuration.numHiddenLayers).map {
            ModernBERTLayer(scope / "layers" / $0, configuration, layer: $0, norm)
        }
        finalNorm = norm(scope / "final_norm")
        func transform() -> HeadTransform {
            HeadTransform(configuration, in: root / "head", norm: norm(root / "head" / "norm"))
        }
        taskHead = try file.purpose.task.map { plan throws(ModelError) in
            try TaskHead(plan, modernBERT: file, width: width, transform: transform(), in: root)
        }
        switch file.purpose {
        case .states, .task, .replacedTokens:
            (head, headBias, headTransform) = (words.weight, nil, nil)
        case .language, .followingTexts:
            headTransform = transform()
            head =
                configuration.tieWordEmbeddings
                ? words.weight
                : (root / "decoder").parameter(
                    "weight", [vocabulary, width], .normal(deviation: configuration.outputDeviation)
                )
            headBias =
                configuration.decoderBias
                ? (root / "decoder").parameter("bias", [vocabulary], .zeros) : nil
        }
        dropout = configuration.embeddingDropout
        (globalRotary, localRotary) = (configuration.globalRotary, configuration.localRotary)
        form = ModelForm(configuration)
        description = configuration.description(file.text)
    }

    package func extraArray(_ name: String) -> ExtraArray? {
        if name.hasPrefix("classifier.") { return .otherHead }
        let isLanguage = name.hasPrefix("head.") || name.hasPrefix("decoder.")
        return headTransform == nil && isLanguage ? .otherHead : nil
    }

    package func hiddenStates(_ input: TokenInput, in pass: ForwardPass) -> Tensor {
        precondition(
            input.types == nil && pass.cache == nil, "modernbert: types of tokens, or a cache")
        let positions = input.positionCount(first: 0)
        let angles = globalRotary.table(positions: positions).rows(for: input)
        let localAngles = localRotary.table(positions: positions).rows(for: input)
        let mask = input.mask
        var x = norm(words(input, pass), type: .float32, pass)  // (B, T, C) float32
        x = pass.dropout(x, probability: dropout)
        for layer in layers {
            let angles = layer.isGlobal ? angles : localAngles
            x = pass.block(x) { x, pass in layer(x, mask: mask, angles, pass) }
        }
        return finalNorm(x, pass)
    }
}

extension HeadTransform {
    /// What all of ModernBERT's heads have before their products.
    fileprivate init(
        _ configuration: ModernBERTConfiguration, in scope: Scope, norm: LayerNorm
    ) {
        self.init(
            dense: Linear(
                scope / "dense", from: configuration.hiddenSize, to: configuration.hiddenSize,
                bias: configuration.classifierBias, deviation: configuration.outputDeviation),
            activation: configuration.classifierActivation, norm: norm)
    }
}

/// x + attention(norm(x)), then + feed-forward(norm(x)). x (B, T, C) float32 → the same.
struct ModernBERTLayer {
    /// None in the first layer, whose input has a norm behind it.
    let attentionNorm: LayerNorm?
    let qkv: Linear  // (3C, C)
    let attentionOutput: ResidualProjection  // (C, C)
    let feedForwardNorm: LayerNorm
    let both: Linear  // (2F, C): what is activated, then what it is multiplied by
    let down: Linear  // (C, F)
    let settings: AttentionSettings
    let activation: Activation
    let dropout: Float
    let adapters: BlockAdapters
    let isGlobal: Bool

    init(
        _ scope: Scope, _ configuration: ModernBERTConfiguration, layer: Int,
        _ norm: (Scope) -> LayerNorm
    ) {
        let (width, inner) = (configuration.hiddenSize, configuration.intermediateSize)
        let (deviation, narrow) = (configuration.initializerRange, configuration.outputDeviation)
        func linear(
            _ scope: Scope, _ inputs: Int, _ outputs: Int, _ bias: Bool, _ deviation: Float
        ) -> Linear {
            Linear(scope, from: inputs, to: outputs, bias: bias, deviation: deviation)
        }
        adapters = scope.blockAdapters()
        attentionNorm = layer == 0 ? nil : norm(scope / "attn_norm")
        qkv = linear(
            scope / "attn" / "Wqkv", width, 3 * width, configuration.attentionBias, deviation)
        attentionOutput = ResidualProjection(
            linear: linear(
                scope / "attn" / "Wo", width, width, configuration.attentionBias, narrow),
            norm: nil, dropout: configuration.attentionDropout)
        feedForwardNorm = norm(scope / "mlp_norm")
        both = linear(scope / "mlp" / "Wi", width, 2 * inner, configuration.mlpBias, deviation)
        down = linear(scope / "mlp" / "Wo", inner, width, configuration.mlpBias, narrow)
        isGlobal = configuration.isGlobal[layer]
        let (heads, size) = (
            configuration.numAttentionHeads, width / configuration.numAttentionHeads
        )
        var settings = AttentionSettings(
            heads: heads, groups: heads, headSize: size, scale: 1 / Float(size).squareRoot())
        settings.ahead = isGlobal ? nil : configuration.reach
        settings.window = isGlobal ? 0 : configuration.reach + 1
        settings.dropout = configuration.attentionDropout
        self.settings = settings
        activation = configuration.hiddenActivation
        dropout = configuration.mlpDropout
    }

    func callAsFunction(
        _ x: Tensor, mask: AttentionMask, _ rotary: RotaryTable, _ pass: ForwardPass
    ) -> Tensor {
        let attended = adapters.attention(x, pass) { residual in
            var settings = settings
            settings.rotary = rotary
            let operand = attentionNorm?(x, pass) ?? pass.convert(x, to: pass.computeType)
            let mixed = pass.attention(.fused(qkv(operand, pass)), settings, mask: mask)
            return attentionOutput(mixed, addingTo: residual, pass)
        }
        return adapters.feedForward(attended, pass) { residual in
            let inner = pass.dropout(
                pass.fusedGate(activation, both(feedForwardNorm(attended, pass), pass)),
                probability: dropout)
            guard let residual else { return down(inner, pass) }
            return down(inner, addingTo: residual, pass)
        }
    }
}

extension ModernBERTConfiguration {
    /// Of what adds to the residuals: initializer_range / √(2 · layers).
    var outputDeviation: Float { initializerRange / Float(2 * numHiddenLayers).squareRoot() }
}
