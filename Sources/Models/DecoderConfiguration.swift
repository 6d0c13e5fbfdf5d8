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
    /// The embedding's row that begins as zeros and whose lookups have no gradient.
    var paddingRow: Int?
    var attentionDropout: Float
    var activation: Activation
    /// `nil` where positions come in by ``slopes``.
    var rotary: RotaryConfiguration?
    /// Angles of layers with a window, where they have their own.
    var localRotary: RotaryConfiguration?
    /// Layers whose queries and keys are not rotated.
    var unrotatedLayers: Set<Int> = []
    /// ALiBi's slopes by head.
    var slopes: [Float] = []
    var names = DecoderNames()
    /// Biases of q, k, v; of the output projection; of the feed-forward products.
    var queryBias = false
    var outputBias = false
    var feedForwardBias = false
    /// RMS norms over each head's queries and keys.
    var headNorms = false
    /// RMS norms over all of a token's queries, and over all of its keys.
    var tokenNorms = false
    /// Whether norms stand before the two parts of a layer.
    var normsBefore = true
    /// Whether norms multiply by 1 + their weights.
    var normsAddOne = false
    /// Factor on the embedded tokens.
    var embeddingScale: Float = 1
    /// Factor on what the first layer reads, embeddings that are given too.
    var inputScale: Float = 1
    /// Factor on what each sublayer adds to the residual stream.
    var residualScale: Float = 1
    /// Factor on the states that meet the head.
    var headScale: Float = 1
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
    ///   - padding: its default of pad_token_id; `nil` where it has none.
    ///   - rope: how it takes its rope parameters; `nil` where it has no rotary positions.
    init(
        _ file: ConfigurationFile, tied: Bool = false, padding: Int? = nil,
        rope: RotaryParameters.Style? = RotaryParameters.Style()
    ) throws(ModelError) {
        vocabSize = try file.count("vocab_size", in: SizeRange.vocabulary)
        hiddenSize = try file.count("hidden_size", in: SizeRange.width)
        intermediateSize = try file.count("intermediate_size", in: SizeRange.feedForward)
        numHiddenLayers = try file.count("num_hidden_layers", in: SizeRange.layers)
        numAttentionHeads = try file.count("num_attention_heads", in: SizeRange.heads)
        numKeyValueHeads = try file.count(
            "num_key_value_heads", default: numAttentionHeads, in: SizeRange.heads)
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
        headDim = try file.count(
            "head_dim", default: hiddenSize / numAttentionHeads, in: SizeRange.headSize)
        try SizeRange.check(
            head: headDim, of: hiddenSize, "hidden_size", heads: numAttentionHeads,
            "num_attention_heads")
        guard headDim % 2 == 0 else {
            throw .indivisible(dividend: "head_dim", headDim, divisor: "rotary pairs", 2)
        }
        maxPositionEmbeddings = try file.count(
            "max_position_embeddings", default: 2048, in: SizeRange.positions)
        rmsNormEps = Float(try file.real("rms_norm_eps", default: 1e-6, .epsilon))
        initializerRange = Float(try file.real("initializer_range", default: 0.02, .notNegative))
        tieWordEmbeddings = try file.flag("tie_word_embeddings", default: tied)
        paddingRow = try Self.paddingRow(file, default: padding, vocabulary: vocabSize)
        attentionDropout = try file.probability("attention_dropout", default: 0)
        activation = try Self.activation(file, key: "hidden_act", default: "silu")
        windows = Array(repeating: 0, count: numHiddenLayers)
        if let rope { rotary = try angles(file, rope) }
    }

    /// The row of pad_token_id, which counts from the vocabulary's end where it is negative; a default beyond the
    /// vocabulary is none. Source: PyTorch 2, `torch.nn.Embedding`, `padding_idx`.
    static func paddingRow(
        _ file: ConfigurationFile, default fallback: Int?, vocabulary: Int
    ) throws(ModelError) -> Int? {
        guard file.has("pad_token_id") else {
            guard file.found("pad_token_id") == "missing", let fallback else { return nil }
            return fallback < vocabulary ? fallback : nil
        }
        let id = try file.count("pad_token_id", in: -vocabulary...vocabulary - 1)
        return id < 0 ? vocabulary + id : id
    }

    /// The angles that the rope parameters of `file` describe.
    func angles(
        _ file: ConfigurationFile, _ style: RotaryParameters.Style
    ) throws(ModelError) -> RotaryConfiguration {
        try RotaryConfiguration(
            RotaryParameters(file, headSize: headDim, positions: maxPositionEmbeddings, style))
    }

    /// Throws where the sizes make more parameters than any machine holds.
    func checkSize() throws(ModelError) {
        let (width, size) = (Double(hiddenSize), Double(headDim))
        let heads = 2 * Double(numAttentionHeads) + 2 * Double(numKeyValueHeads)
        var perLayer = width * size * heads
        if let experts {
            perLayer += 3 * width * Double(experts.inner) * Double(experts.count)
        }
        perLayer += 3 * width * Double(intermediateSize)
        try SizeRange.check(
            parameters: 2 * width * Double(vocabSize) + perLayer * Double(numHiddenLayers))
    }

    /// The activation that a config.json names.
    static func activation(
        _ file: ConfigurationFile, key: String, default fallback: String
    ) throws(ModelError) -> Activation {
        switch try file.text(key, default: fallback) {
        case "silu", "swish": .silu
        case "gelu", "gelu_python": .gelu
        case "gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_python_tanh", "gelu_accurate":
            .geluTanh
        case "relu": .relu
        default:
            throw file.unsupported(key, "silu, gelu, gelu_new, gelu_pytorch_tanh, relu")
        }
    }

    /// A window on every layer, where sliding_window says so.
    mutating func setWindow(_ file: ConfigurationFile) throws(ModelError) {
        guard file.has("sliding_window") else { return }
        let window = try file.count("sliding_window", in: SizeRange.positions)
        windows = windows.map { _ in window }
    }

    /// Windows of the layers that `layer_types` lists, or of those that `slides` names.
    mutating func setWindows(
        _ file: ConfigurationFile, _ slides: (Int) -> Bool
    ) throws(ModelError) {
        let kinds = ["full_attention", "sliding_attention"]
        let types =
            try file.texts("layer_types") ?? windows.indices.map { kinds[slides($0) ? 1 : 0] }
        guard types.count == numHiddenLayers else {
            throw .outOfRange(
                key: file.name("layer_types"), found: "\(types.count) entries",
                expected: "one for each of the \(numHiddenLayers) layers")
        }
        if let other = types.first(where: { !kinds.contains($0) }) {
            throw .unsupported(
                key: file.name("layer_types"), found: "\"\(other)\"",
                supported: kinds.joined(separator: ", "))
        }
        guard types.contains(kinds[1]) else {
            file.pass("sliding_window")
            return
        }
        let window = try file.count("sliding_window", in: SizeRange.positions)
        windows = types.map { $0 == kinds[1] ? window : 0 }
    }

    /// Windows as Qwen's files give them: where `use_sliding_window` asks for them, on the layers
    /// from `max_window_layers` on.
    mutating func setOptionalWindows(_ file: ConfigurationFile) throws(ModelError) {
        let first = try file.count(
            "max_window_layers", default: 28, in: 0...Int(Int32.max))
        try setOptionalWindows(file) { $0 >= first }
    }

    /// Windows where `use_sliding_window` asks for them, on the layers that `layer_types` lists, or on those
    /// that `slides` names.
    mutating func setOptionalWindows(
        _ file: ConfigurationFile, _ slides: (Int) -> Bool
    ) throws(ModelError) {
        guard try file.flag("use_sliding_window", default: false) else {
            file.pass("sliding_window")
            if try file.texts("layer_types")?.allSatisfy({ $0 == "full_attention" }) == false {
                throw .unsupported(
                    key: "layer_types", found: "sliding_attention without use_sliding_window",
                    supported: "full_attention in every layer")
            }
            return
        }
        let hasWindow = file.has("sliding_window")
        try setWindows(file) { hasWindow && slides($0) }
    }
}
