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
    /// Below the prefix, what the layers' names begin with.
    var layers = "encoder.layer"
    var layer = EncoderLayerNames()
    /// Below the prefix, what takes embeddings to the layers' width, and whether it is there for equal widths.
    var projection = "embeddings_project"
    var alwaysProjects = false
    /// Below the prefix, the pooler's layer.
    var pooler = "pooler.dense"
    /// Whether pretraining asks whether one text follows another.
    var hasPairHead = false
    /// Below the prefix, the table of biases by distance that all layers have, where there is one.
    var distanceBias = "encoder.relative_attention_bias"
}

/// What the parts of a layer are called.
struct EncoderLayerNames {
    var query = "attention.self.query"
    var key = "attention.self.key"
    var value = "attention.self.value"
    var attentionOutput = "attention.output.dense"
    var attentionNorm = "attention.output.LayerNorm"
    var up = "intermediate.dense"
    var down = "output.dense"
    var outputNorm = "output.LayerNorm"
}

/// What a text's first state goes through before the product with the labels.
enum TextHead: Equatable {
    /// The body's pooler: tanh(W x + b), then dropout.
    case pooler
    /// A layer of the head, with dropout before it and behind it.
    case dense(Activation)
    /// A layer of this name beside the product, with dropout behind it.
    case beside(String, Activation)
}

/// What of a model's values is dropped in training, as probabilities.
struct EncoderDropout {
    /// Of embeddings.
    let embeddings: Float
    /// Of attention's weights.
    let attention: Float
    /// Of what the sublayers add to their residuals.
    let attentionOutput, feedForward: Float
    /// Of what heads read: those of texts, of words and of answers.
    let sequence, words, answers: Float
}

extension EncoderDropout {
    /// As BERT's configuration has it.
    init(bert file: ConfigurationFile) throws(ModelError) {
        let hidden = try file.probability("hidden_dropout_prob", default: 0.1)
        let classifier = try file.probability("classifier_dropout", default: Double(hidden))
        self.init(
            embeddings: hidden,
            attention: try file.probability("attention_probs_dropout_prob", default: 0.1),
            attentionOutput: hidden, feedForward: hidden, sequence: classifier, words: classifier,
            answers: 0)
    }
}

/// config.json of BERT and of what has its layers; fields named as there.
struct EncoderConfiguration {
    let vocabSize, hiddenSize, embeddingSize, numHiddenLayers, numAttentionHeads: Int
    let intermediateSize, maxPositionEmbeddings: Int
    /// 0 where tokens have no types.
    let typeVocabSize: Int
    let activation: Activation
    let dropout: EncoderDropout
    let initializerRange, layerNormEps: Float
    let hasSinusoidalPositions: Bool
    /// Below the prefix, what the names of each layer begin with; those that share their parameters have one
    /// name.
    let layerPaths: [String]
    let padTokenID: Int?
    /// Rows of the table of biases by distance; 0 where there is none.
    let distanceRows: Int
    let tieWordEmbeddings: Bool
    let names: EncoderNames

    /// What a family's class has where config.json says nothing.
    struct Defaults {
        var vocabulary = 30522
        var width = 768
        var layers = 12
        var heads = 12
        var inner = 3072
        var padding = 0
        /// Whether that is the padding token's id, whatever config.json says.
        var fixesPadding = false
        /// Rows of the table of biases by distance.
        var distanceRows = 0
        /// `nil` where embeddings are always as wide as the layers.
        var embedding: Int?
        /// `nil` where tokens have no types.
        var types: Int? = 2
        /// Of the norms, where config.json has no say.
        var epsilon: Double?
        var activation = "gelu"
        /// Where layers share their parameters; else each is numbered.
        var layerPaths: [String]?
        /// Whether positions begin as sines and cosines.
        var hasSinusoidalPositions = false
        /// BERT's where it is `nil`.
        var dropout: EncoderDropout?
        var keys = Keys()
    }

    /// What a family's config.json calls its sizes.
    struct Keys {
        var width = "hidden_size"
        var layers = "num_hidden_layers"
        var heads = "num_attention_heads"
        var inner = "intermediate_size"
        var activation = "hidden_act"
    }

    init(
        _ file: ConfigurationFile, _ names: EncoderNames, _ defaults: Defaults
    ) throws(ModelError) {
        self.names = names
        let keys = defaults.keys
        vocabSize = try file.count(
            "vocab_size", default: defaults.vocabulary, in: SizeRange.vocabulary)
        hiddenSize = try file.count(keys.width, default: defaults.width, in: SizeRange.width)
        embeddingSize =
            try defaults.embedding.map { embedding throws(ModelError) in
                try file.count("embedding_size", default: embedding, in: SizeRange.width)
            } ?? hiddenSize
        numHiddenLayers = try file.count(
            keys.layers, default: defaults.layers, in: SizeRange.layers)
        numAttentionHeads = try file.count(
            keys.heads, default: defaults.heads, in: SizeRange.heads)
        intermediateSize = try file.count(
            keys.inner, default: defaults.inner, in: SizeRange.feedForward)
        maxPositionEmbeddings = try file.count(
            "max_position_embeddings", default: 512, in: SizeRange.vocabulary)
        typeVocabSize =
            try defaults.types.map { types throws(ModelError) in
                try file.count("type_vocab_size", default: types, in: SizeRange.vocabulary)
            } ?? 0
        activation = try DecoderConfiguration.activation(
            file, key: keys.activation, default: defaults.activation)
        if let dropout = defaults.dropout {
            self.dropout = dropout
        } else {
            dropout = try EncoderDropout(bert: file)
        }
        initializerRange = Float(try file.real("initializer_range", default: 0.02, .notNegative))
        layerPaths =
            defaults.layerPaths ?? (0..<numHiddenLayers).map { "\(names.layers).\($0)" }
        hasSinusoidalPositions = defaults.hasSinusoidalPositions
        layerNormEps = try Self.epsilon(file, fixed: defaults.epsilon)
        tieWordEmbeddings = try file.flag("tie_word_embeddings", default: true)
        distanceRows = defaults.distanceRows
        padTokenID =
            defaults.fixesPadding
            ? defaults.padding
            : try Self.padding(file, default: defaults.padding, vocabulary: vocabSize)
        try file.require("is_decoder", false)
        guard try file.text("position_embedding_type", default: "absolute") == "absolute" else {
            throw file.unsupported("position_embedding_type", "absolute")
        }
        try check(file, keys)
    }

    private static func epsilon(
        _ file: ConfigurationFile, fixed: Double?
    ) throws(ModelError) -> Float {
        if let fixed { return Float(fixed) }
        return Float(try file.real("layer_norm_eps", default: 1e-12, .epsilon))
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

    private func check(_ file: ConfigurationFile, _ keys: Keys) throws(ModelError) {
        let (width, layers) = (Double(hiddenSize), Double(Set(layerPaths).count))
        try SizeRange.check(
            parameters: Double(embeddingSize)
                * Double(2 * vocabSize + maxPositionEmbeddings + typeVocabSize)
                + layers * width * (4 * width + 2 * Double(intermediateSize)))
        guard hiddenSize % numAttentionHeads == 0 else {
            throw .indivisible(
                dividend: keys.width, hiddenSize, divisor: keys.heads, numAttentionHeads)
        }
        try SizeRange.check(
            head: headSize, of: hiddenSize, keys.width, heads: numAttentionHeads, keys.heads)
        guard names.countsFromPadding else { return }
        guard padTokenID.map({ $0 < vocabSize }) ?? true else {
            throw file.outOfRange("vocab_size", "more than the padding token's id")
        }
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
