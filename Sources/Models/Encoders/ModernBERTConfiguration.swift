import Files
import Kernels

/// config.json of ModernBERT; fields named as there.
struct ModernBERTConfiguration {
    let vocabSize, hiddenSize, intermediateSize, numHiddenLayers, numAttentionHeads: Int
    let maxPositionEmbeddings: Int
    let hiddenActivation, classifierActivation: Activation
    let initializerRange, initializerCutoff, normEps: Float
    let normBias, attentionBias, mlpBias, decoderBias, classifierBias: Bool
    let attentionDropout, embeddingDropout, mlpDropout: Float
    let padTokenID: Int?
    let tieWordEmbeddings: Bool
    /// By layer: whether it sees all tokens, or those at most ``reach`` away.
    let isGlobal: [Bool]
    let reach: Int
    let globalRotary, localRotary: RotaryConfiguration

    init(_ file: ConfigurationFile) throws(ModelError) {
        vocabSize = try file.count("vocab_size", default: 50368, in: SizeRange.vocabulary)
        hiddenSize = try file.count("hidden_size", default: 768, in: SizeRange.width)
        intermediateSize = try file.count(
            "intermediate_size", default: 1152, in: SizeRange.feedForward)
        numHiddenLayers = try file.count("num_hidden_layers", default: 22, in: SizeRange.layers)
        numAttentionHeads = try file.count("num_attention_heads", default: 12, in: SizeRange.heads)
        maxPositionEmbeddings = try file.count(
            "max_position_embeddings", default: 8192, in: SizeRange.positions)
        hiddenActivation = try DecoderConfiguration.activation(
            file, key: "hidden_activation", default: "gelu")
        classifierActivation = try DecoderConfiguration.activation(
            file, key: "classifier_activation", default: "gelu")
        initializerRange = Float(try file.real("initializer_range", default: 0.02, .notNegative))
        // transformers takes 3 where the file says null.
        initializerCutoff = Float(
            try file.real(
                "initializer_cutoff_factor",
                default: file.found("initializer_cutoff_factor") == "null" ? 3 : 2, .cutoff))
        normEps = Float(try file.real("norm_eps", default: 1e-5, .epsilon))
        normBias = try file.flag("norm_bias", default: false)
        attentionBias = try file.flag("attention_bias", default: false)
        mlpBias = try file.flag("mlp_bias", default: false)
        decoderBias = try file.flag("decoder_bias", default: true)
        classifierBias = try file.flag("classifier_bias", default: false)
        attentionDropout = try file.probability("attention_dropout", default: 0)
        embeddingDropout = try file.probability("embedding_dropout", default: 0)
        mlpDropout = try file.probability("mlp_dropout", default: 0)
        tieWordEmbeddings = try file.flag("tie_word_embeddings", default: true)
        padTokenID = try EncoderConfiguration.padding(file, default: 50283, vocabulary: vocabSize)
        reach =
            try file.count("local_attention", default: 128, in: SizeRange.positions) / 2
        isGlobal = try Self.globalLayers(file, count: numHiddenLayers)
        (globalRotary, localRotary) = try Self.rotary(
            file, headSize: Self.headSize(hiddenSize, heads: numAttentionHeads),
            positions: maxPositionEmbeddings)
        let (width, inner) = (Double(hiddenSize), Double(intermediateSize))
        try SizeRange.check(
            parameters: 2 * width * Double(vocabSize)
                + Double(numHiddenLayers) * width * (4 * width + 3 * inner))
    }

    /// A model of these sizes.
    ///
    /// - Parameter text: of config.json.
    func description(_ text: String) -> ModelDescription {
        ModelDescription(
            type: "modernbert", kind: .encoder, vocabularySize: vocabSize,
            maximumPositions: maxPositionEmbeddings, hasFixedPositions: false,
            angleChanges: [globalRotary, localRotary].compactMap(\.angleChange),
            layers: numHiddenLayers, width: hiddenSize, heads: numAttentionHeads,
            headSize: hiddenSize / numAttentionHeads, configuration: text)
    }

    /// Dimensions of a head: the width divided among the heads, in pairs that are rotated.
    private static func headSize(_ width: Int, heads: Int) throws(ModelError) -> Int {
        guard width % heads == 0 else {
            throw .indivisible(
                dividend: "hidden_size", width, divisor: "num_attention_heads", heads)
        }
        let size = width / heads
        try SizeRange.check(
            head: size, of: width, "hidden_size", heads: heads, "num_attention_heads")
        guard size % 2 == 0 else {
            throw .indivisible(dividend: "head size", size, divisor: "rotary pairs", 2)
        }
        return size
    }

    /// The angles of layers that see all, and of those that see what is near.
    private static func rotary(
        _ file: ConfigurationFile, headSize: Int, positions: Int
    ) throws(ModelError) -> (global: RotaryConfiguration, local: RotaryConfiguration) {
        // transformers lets it hold for both kinds of layers.
        guard !file.has("rope_scaling") else {
            throw file.unsupported("rope_scaling", "null; rope_parameters for each kind of layer")
        }
        func angles(_ style: RotaryParameters.Style) throws(ModelError) -> RotaryConfiguration {
            try RotaryConfiguration(
                RotaryParameters(file, headSize: headSize, positions: positions, style))
        }
        return (
            try angles(
                .init(thetaKey: "global_rope_theta", theta: 160_000, layerType: "full_attention")),
            try angles(.init(thetaKey: "local_rope_theta", layerType: "sliding_attention"))
        )
    }

    /// Which layers see all, from the list of transformers 5 or from how often one does.
    private static func globalLayers(
        _ file: ConfigurationFile, count: Int
    ) throws(ModelError) -> [Bool] {
        let every = try file.count("global_attn_every_n_layers", default: 3)
        let kinds = ["full_attention", "sliding_attention"]
        guard let types = try file.texts("layer_types") else {
            return (0..<count).map { $0 % every == 0 }
        }
        guard types.count == count else {
            throw .outOfRange(
                key: file.name("layer_types"), found: "\(types.count) entries",
                expected: "one for each of the \(count) layers")
        }
        if let other = types.first(where: { !kinds.contains($0) }) {
            throw .unsupported(
                key: file.name("layer_types"), found: "\"\(other)\"",
                supported: kinds.joined(separator: ", "))
        }
        return types.map { $0 == kinds[0] }
    }
}

extension [String: HarmlessKey] {
    /// Of ModernBERT's classifier, and how others compute it.
    static var modernBERT: HarmlessKeys {
        always([
            "classifier_pooling", "deterministic_flash_attn", "layer_norm_eps",
            "position_embedding_type", "reference_compile", "repad_logits_with_grad",
            "sparse_pred_ignore_index", "sparse_prediction",
        ])
    }
}
