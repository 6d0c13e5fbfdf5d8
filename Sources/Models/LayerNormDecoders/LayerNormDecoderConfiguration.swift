import Autograd
import Kernels

/// The shared form of decoders with layer norms and plain feed-forward layers: GPT-NeoX, Phi and what
/// resembles them. Fields are named as in most of their config.json's.
struct LayerNormDecoderConfiguration {
    /// How a block's two sublayers and its norms stand to one another.
    enum Residual {
        /// h = x + attention(norm(x)), then h + feed-forward(norm(h)).
        case sequential
        /// x + attention(norm(x)) + feed-forward(norm(x)), each with a norm of its own.
        case parallel
        /// The same with one norm for both.
        case parallelWithOneNorm
        /// h = norm(x + attention(x)), then norm(h + feed-forward(h)), without a norm behind the last block.
        case sequentialNormedAfter
    }

    /// What an architecture's config.json calls what others call otherwise.
    struct Keys {
        var intermediateSize = "intermediate_size"
        var activation = "hidden_act"
        /// `nil` where it is PyTorch's.
        var epsilon: String? = "layer_norm_eps"
        var deviation = "initializer_range"
        var residualDropout: String
        /// `nil` where embeddings are not dropped.
        var embeddingDropout: String?
        /// `nil` where each head has its own keys and values.
        var groups: String?
    }

    let vocabSize, hiddenSize, intermediateSize, numHiddenLayers: Int
    let numAttentionHeads, numKeyValueHeads, maxPositionEmbeddings: Int
    let layerNormEps, initializerRange: Float
    let tieWordEmbeddings: Bool
    let activation: Activation
    let attentionDropout, residualDropout, embeddingDropout: Float
    let keys: Keys
    /// `nil` where positions are learned.
    var rotary: RotaryConfiguration?
    /// The row of the table of learned positions that belongs to position 0.
    var positionOffset = 0
    var names = DecoderNames()
    var residual = Residual.sequential
    var hasFinalNorm = true
    /// The embedding's row that begins as zeros and whose lookups have no gradient.
    var paddingRow: Int?
    /// Biases of q, k, v and the output projection; of the feed-forward products; of the logits.
    var attentionBias = true
    var feedForwardBias = true
    var headBias = false
    /// Names of layer norms over each head's queries and keys.
    var headNorms: (query: String, key: String)?
    /// Positions each layer sees; 0 means all.
    var windows: [Int]

    var headDim: Int { hiddenSize / numAttentionHeads }

    /// - Parameters:
    ///   - file: with values for all keys that the architecture has defaults of.
    ///   - rope: how it takes its rope parameters; `nil` where it has no rotary positions.
    init(
        _ file: ConfigurationFile, _ keys: Keys, rope: RotaryParameters.Style?
    ) throws(ModelError) {
        self.keys = keys
        vocabSize = try file.count("vocab_size", in: SizeRange.vocabulary)
        hiddenSize = try file.count("hidden_size", in: SizeRange.width)
        intermediateSize = try file.count(keys.intermediateSize, in: SizeRange.feedForward)
        numHiddenLayers = try file.count("num_hidden_layers", in: SizeRange.layers)
        let heads = try file.count("num_attention_heads", in: SizeRange.heads)
        numAttentionHeads = heads
        numKeyValueHeads =
            try keys.groups.map { key throws(ModelError) in
                try file.count(key, default: heads, in: SizeRange.heads)
            } ?? heads
        maxPositionEmbeddings = try file.count(
            "max_position_embeddings",
            in: rope == nil ? SizeRange.vocabulary : SizeRange.positions)
        layerNormEps =
            try keys.epsilon.map { key throws(ModelError) in
                Float(try file.real(key, .epsilon))
            } ?? 1e-5
        initializerRange = Float(try file.real(keys.deviation, .notNegative))
        tieWordEmbeddings = try file.flag("tie_word_embeddings", default: false)
        activation = try DecoderConfiguration.activation(
            file, key: keys.activation, default: "gelu")
        attentionDropout = try file.probability("attention_dropout", default: 0)
        residualDropout = try file.probability(keys.residualDropout, default: 0)
        embeddingDropout =
            try keys.embeddingDropout.map { key throws(ModelError) in
                try file.probability(key, default: 0)
            } ?? 0
        windows = Array(repeating: 0, count: numHiddenLayers)
        try Self.check(hiddenSize, heads: numAttentionHeads, groups: numKeyValueHeads)
        let (size, positions) = (hiddenSize / numAttentionHeads, maxPositionEmbeddings)
        rotary = try rope.map { style throws(ModelError) in
            try RotaryConfiguration(
                RotaryParameters(file, headSize: size, positions: positions, style))
        }
        try checkSize()
    }

    /// Throws where the width cannot be divided among the heads, or the heads among their groups.
    private static func check(_ width: Int, heads: Int, groups: Int) throws(ModelError) {
        guard width % heads == 0 else {
            throw .indivisible(
                dividend: "hidden_size", width, divisor: "num_attention_heads", heads)
        }
        guard heads % groups == 0 else {
            throw .indivisible(
                dividend: "num_attention_heads", heads, divisor: "num_key_value_heads", groups)
        }
        try SizeRange.check(
            head: width / heads, of: width, "hidden_size", heads: heads, "num_attention_heads")
    }

    /// Throws where the sizes make more parameters than any machine holds.
    private func checkSize() throws(ModelError) {
        let width = Double(hiddenSize)
        try SizeRange.check(
            parameters: width * Double(2 * vocabSize + (rotary == nil ? maxPositionEmbeddings : 0))
                + Double(numHiddenLayers) * width * (4 * width + 2 * Double(intermediateSize)))
    }

    /// The factor on q·k.
    var attentionScale: Float { 1 / Float(headDim).squareRoot() }
}
