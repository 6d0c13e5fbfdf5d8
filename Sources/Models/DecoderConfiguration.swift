import Autograd
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
    /// `nil` where positions come in by ``slopes``.
    var rotary: RotaryConfiguration?
    /// Angles of layers with a window, where they have their own.
    var localRotary: RotaryConfiguration?
    /// ALiBi's slopes by head.
    var slopes: [Float] = []
    var names = DecoderNames()
    /// Biases of q, k, v; of the output projection; of the feed-forward products.
    var queryBias = false
    var outputBias = false
    var feedForwardBias = false
    /// RMS norms over each head's queries and keys.
    var headNorms = false
    /// Whether norms multiply by 1 + their weights.
    var normsAddOne = false
    /// Factor on the embedded tokens.
    var embeddingScale: Float = 1
    /// Factor on q·k; `nil` means 1/√head_dim.
    var attentionScale: Float?
    var attentionSoftcap: Float = 0
    var logitForm = LogitForm()
    /// Of each layer's two outputs, before they join the residual stream.
    var residualDropout: Float = 0
    /// Positions each layer sees; 0 means all.
    var windows: [Int]
    /// Experts in the feed-forward's place.
    var experts: ExpertConfiguration?

    /// - Parameters:
    ///   - tied: the architecture's default of tie_word_embeddings.
    ///   - rotaryShare: its default of partial_rotary_factor; `nil` where it has no such key.
    init(
        _ file: ConfigurationFile, tied: Bool = false, rotaryShare: Double? = nil
    ) throws(ModelError) {
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
            file, rotated: Self.rotated(file, of: headDim, share: rotaryShare),
            positions: maxPositionEmbeddings)
        windows = Array(repeating: 0, count: numHiddenLayers)
    }

    /// How many of a head's dimensions are rotated.
    private static func rotated(
        _ file: ConfigurationFile, of size: Int, share: Double?
    ) throws(ModelError) -> Int {
        guard let share else { return size }
        let outer = try file.real("partial_rotary_factor", default: share)
        let inner = try file.section("rope_parameters")?
            .real("partial_rotary_factor", default: outer)
        return Int(Double(size) * (inner ?? outer))
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
