import Kernels

/// The shared form of the Llama family: fields named as in config.json.
struct DecoderConfiguration {
    var vocabSize: Int
    var hiddenSize: Int
    var intermediateSize: Int
    var numHiddenLayers: Int
    var numAttentionHeads: Int
    var numKeyValueHeads: Int
    var headDim: Int
    var maxPositionEmbeddings: Int
    var rmsNormEps: Float
    var initializerRange: Float
    var tieWordEmbeddings: Bool
    var attentionDropout: Float
    var activation: Activation
    var rotary: RotaryConfiguration
    /// Biases of q, k, v; of the output projection; of the feed-forward products.
    var queryBias = false
    var outputBias = false
    var feedForwardBias = false
    /// RMS norms over each head's queries and keys.
    var headNorms = false
    /// Positions each layer sees; 0 means all.
    var windows: [Int]
    /// Experts in the feed-forward's place.
    var experts: ExpertConfiguration?

    /// - Parameter tied: the architecture's default of tie_word_embeddings.
    init(_ file: ConfigurationFile, tied: Bool = false) throws(ModelError) {
        vocabSize = try file.count("vocab_size")
        hiddenSize = try file.count("hidden_size")
        intermediateSize = try file.count("intermediate_size")
        numHiddenLayers = try file.count("num_hidden_layers")
        numAttentionHeads = try file.count("num_attention_heads")
        numKeyValueHeads = try file.count("num_key_value_heads", default: numAttentionHeads)
        if !file.has("head_dim"), hiddenSize % numAttentionHeads != 0 {
            throw .indivisible(
                dividend: "hidden_size", hiddenSize, divisor: "num_attention_heads",
                numAttentionHeads)
        }
        guard numAttentionHeads % numKeyValueHeads == 0 else {
            throw .indivisible(
                dividend: "num_attention_heads", numAttentionHeads,
                divisor: "num_key_value_heads", numKeyValueHeads)
        }
        headDim = try file.count("head_dim", default: hiddenSize / numAttentionHeads)
        guard headDim % 2 == 0 else {
            throw .indivisible(dividend: "head_dim", headDim, divisor: "rotary pairs", 2)
        }
        maxPositionEmbeddings = try file.count("max_position_embeddings", default: 2048)
        rmsNormEps = Float(try file.real("rms_norm_eps", default: 1e-6))
        initializerRange = Float(try file.real("initializer_range", default: 0.02))
        tieWordEmbeddings = try file.flag("tie_word_embeddings", default: tied)
        attentionDropout = try file.probability("attention_dropout", default: 0)
        activation = try Self.activation(file, key: "hidden_act", default: "silu")
        rotary = try RotaryConfiguration(
            file, rotated: headDim, positions: maxPositionEmbeddings)
        windows = Array(repeating: 0, count: numHiddenLayers)
    }

    /// The activation that a config.json names.
    static func activation(
        _ file: ConfigurationFile, key: String, default fallback: String
    ) throws(ModelError) -> Activation {
        switch try file.text(key, default: fallback) {
        case "silu", "swish": .silu
        case "gelu": .gelu
        case "gelu_new", "gelu_pytorch_tanh", "gelu_fast": .geluTanh
        case "relu": .relu
        default:
            throw .unsupported(
                key: key, found: file.found(key),
                supported: "silu, gelu, gelu_new, gelu_pytorch_tanh, relu")
        }
    }

    /// Windows of layers that a config.json lists by `layer_types`, or of all from `first` on.
    mutating func setWindows(
        _ file: ConfigurationFile, enabled: Bool, from first: Int = 0
    ) throws(ModelError) {
        guard enabled, file.has("sliding_window") else { return }
        let window = try file.count("sliding_window")
        if let types = try file.texts("layer_types") {
            guard types.count == numHiddenLayers else {
                throw .outOfRange(
                    key: "layer_types", found: "\(types.count) entries",
                    expected: "one for each of the \(numHiddenLayers) layers")
            }
            windows = types.map { $0 == "sliding_attention" ? window : 0 }
        } else {
            windows = (0..<numHiddenLayers).map { $0 >= first ? window : 0 }
        }
    }
}
