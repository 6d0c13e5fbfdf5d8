import Files
import Kernels

/// What a BERT-like model is called in files, and how its family differs.
struct EncoderNames {
    /// Of the body's parameters; some files leave it out.
    var prefix: String
    /// The language head's dense layer, its norm, the logits' bias, and the product where it is not tied.
    var dense, norm, bias, decoder: String
    /// Prefixes of heads that other models of the family have.
    var otherHeads: [String]
    /// The head's activation, where it is always the same.
    var headActivation: Activation?
    /// How the states of texts are scored.
    var textHead = TextHead.pooler
    /// Whether positions count real tokens only, from the one after the padding token's id on.
    var countsFromPadding = false
}

/// What a text's first state goes through before the product with the labels.
enum TextHead: Equatable {
    /// The body's pooler: tanh(W x + b), then dropout.
    case pooler
    /// A layer of the head, with dropout before it and behind it.
    case dense(Activation)
}

/// config.json of BERT and of what has its layers; fields named as there.
struct EncoderConfiguration {
    let vocabSize, hiddenSize, embeddingSize, numHiddenLayers, numAttentionHeads: Int
    let intermediateSize, maxPositionEmbeddings, typeVocabSize: Int
    let activation: Activation
    let hiddenDropout, attentionDropout, classifierDropout: Float
    let initializerRange, layerNormEps: Float
    let padTokenID: Int?
    let tieWordEmbeddings: Bool
    let names: EncoderNames

    /// What a family's class has where config.json says nothing.
    struct Defaults {
        var vocabulary = 30522
        var width = 768
        var heads = 12
        var inner = 3072
        var padding = 0
        /// `nil` where embeddings are always as wide as the layers.
        var embedding: Int?
    }

    init(
        _ file: ConfigurationFile, _ names: EncoderNames, _ defaults: Defaults
    ) throws(ModelError) {
        self.names = names
        vocabSize = try file.count(
            "vocab_size", default: defaults.vocabulary, in: SizeRange.vocabulary)
        hiddenSize = try file.count("hidden_size", default: defaults.width, in: SizeRange.width)
        embeddingSize =
            try defaults.embedding.map { embedding throws(ModelError) in
                try file.count("embedding_size", default: embedding, in: SizeRange.width)
            } ?? hiddenSize
        numHiddenLayers = try file.count("num_hidden_layers", default: 12, in: SizeRange.layers)
        numAttentionHeads = try file.count(
            "num_attention_heads", default: defaults.heads, in: SizeRange.heads)
        intermediateSize = try file.count(
            "intermediate_size", default: defaults.inner, in: SizeRange.feedForward)
        maxPositionEmbeddings = try file.count(
            "max_position_embeddings", default: 512, in: SizeRange.vocabulary)
        typeVocabSize = try file.count("type_vocab_size", default: 2, in: SizeRange.vocabulary)
        activation = try DecoderConfiguration.activation(file, key: "hidden_act", default: "gelu")
        hiddenDropout = try file.probability("hidden_dropout_prob", default: 0.1)
        attentionDropout = try file.probability("attention_probs_dropout_prob", default: 0.1)
        classifierDropout = try file.probability(
            "classifier_dropout", default: Double(hiddenDropout))
        initializerRange = Float(try file.real("initializer_range", default: 0.02, .notNegative))
        layerNormEps = Float(try file.real("layer_norm_eps", default: 1e-12, .epsilon))
        tieWordEmbeddings = try file.flag("tie_word_embeddings", default: true)
        padTokenID = try Self.padding(
            file, default: defaults.padding, vocabulary: vocabSize)
        try file.require("is_decoder", false)
        guard try file.text("position_embedding_type", default: "absolute") == "absolute" else {
            throw file.unsupported("position_embedding_type", "absolute")
        }
        try check(file)
    }

    /// The id of the token that fills rows up; `nil` where the file says that there is none.
    static func padding(
        _ file: ConfigurationFile, default fallback: Int, vocabulary: Int
    ) throws(ModelError) -> Int? {
        guard file.found("pad_token_id") == "missing" || file.has("pad_token_id") else {
            return nil
        }
        guard file.has("pad_token_id") || fallback < vocabulary else { return nil }
        return try file.count("pad_token_id", default: fallback, in: 0...vocabulary - 1)
    }

    private func check(_ file: ConfigurationFile) throws(ModelError) {
        let (width, layers) = (Double(hiddenSize), Double(numHiddenLayers))
        try SizeRange.check(
            parameters: Double(embeddingSize)
                * Double(2 * vocabSize + maxPositionEmbeddings + typeVocabSize)
                + layers * width * (4 * width + 2 * Double(intermediateSize)))
        guard hiddenSize % numAttentionHeads == 0 else {
            throw .indivisible(
                dividend: "hidden_size", hiddenSize, divisor: "num_attention_heads",
                numAttentionHeads)
        }
        try SizeRange.check(
            head: headSize, of: hiddenSize, "hidden_size", heads: numAttentionHeads,
            "num_attention_heads")
        guard names.countsFromPadding else { return }
        guard padTokenID != nil else {
            throw file.outOfRange("pad_token_id", "an id, from which positions are counted")
        }
        guard longest > 0 else {
            throw file.outOfRange(
                "max_position_embeddings",
                "more than pad_token_id and one, at which positions begin")
        }
    }

    var headSize: Int { hiddenSize / numAttentionHeads }
    /// Where a row's first token stands.
    var firstPosition: Int { names.countsFromPadding ? (padTokenID ?? 0) + 1 : 0 }
    /// Tokens of the longest sequence.
    var longest: Int { maxPositionEmbeddings - firstPosition }
}

extension [String: HarmlessKey] {
    /// Of heads that sum a text up, and how others train.
    static var encoder: HarmlessKeys {
        always([
            "directionality", "pooler_fc_size", "pooler_num_attention_heads",
            "pooler_num_fc_layers",
            "pooler_size_per_head", "pooler_type", "summary_activation", "summary_last_dropout",
            "summary_type", "summary_use_proj",
        ])
    }
}
