import Files
import Kernels

/// config.json of T5, mT5 and UMT5; fields named as there.
struct T5Configuration {
    let vocabSize, width, headSize, inner, encoderLayers, decoderLayers, heads: Int
    let buckets, longestDistance: Int
    let dropout, epsilon, initializerFactor: Float
    let activation: Activation
    let isGated: Bool
    let isTied: Bool
    /// Whether states are divided by √d_model before the product with the vocabulary.
    let scalesOutputs: Bool
    /// UMT5: each layer has a table of biases, where others have one for a stack.
    let hasBiasInEachLayer: Bool
    let decoderStart: Int32
    /// What ends a text, whose state its labels are said of.
    let end: Int32
    /// Of a head for labels.
    let classifierDropout: Float
    let positions: Int

    init(_ written: ConfigurationFile) throws(ModelError) {
        let file = written.renaming([
            "d_model": "hidden_size", "num_heads": "num_attention_heads",
            "num_layers": "num_hidden_layers", "d_kv": "head_dim",
        ])
        let isOriginal = file.modelType == "t5"
        vocabSize = try file.count(
            "vocab_size", default: isOriginal ? 32128 : 250_112, in: SizeRange.vocabulary)
        width = try file.count("d_model", default: 512, in: SizeRange.width)
        headSize = try file.count("d_kv", default: 64, in: SizeRange.headSize)
        inner = try file.count(
            "d_ff", default: isOriginal ? 2048 : 1024, in: SizeRange.feedForward)
        encoderLayers = try file.count(
            "num_layers", default: isOriginal ? 6 : 8, in: SizeRange.layers)
        // By the key's own name: transformers takes the other one afterwards.
        decoderLayers = try file.count(
            "num_decoder_layers",
            default: try written.count(
                "num_layers", default: isOriginal ? 6 : 8, in: SizeRange.layers),
            in: SizeRange.layers)
        heads = try file.count("num_heads", default: isOriginal ? 8 : 6, in: SizeRange.heads)
        buckets = try file.count("relative_attention_num_buckets", default: 32, in: 4...1 << 16)
        longestDistance = try file.count(
            "relative_attention_max_distance", default: 128, in: 2...1 << 24)
        try Self.checkBuckets(file, buckets, longestDistance)
        dropout = try file.probability("dropout_rate", default: 0.1)
        epsilon = Float(try file.real("layer_norm_epsilon", default: 1e-6, .epsilon))
        initializerFactor = Float(try file.real("initializer_factor", default: 1, .notNegative))
        (activation, isGated) = try Self.feedForward(
            file, default: isOriginal ? "relu" : "gated-gelu")
        hasBiasInEachLayer = file.modelType == "umt5"
        isTied = try file.flag(
            "tie_word_embeddings", default: isOriginal || hasBiasInEachLayer)
        scalesOutputs = try Self.scalesOutputs(file, isTied: isTied)
        let padding = try file.count("pad_token_id", default: 0, in: 0...vocabSize - 1)
        decoderStart = Int32(
            try file.count(
                "decoder_start_token_id", default: isOriginal ? padding : 0, in: 0...vocabSize - 1))
        end = Int32(clamping: file.value("eos_token_id")?.integer ?? 1)
        classifierDropout = try file.probability("classifier_dropout", default: 0)
        positions = try file.count("n_positions", default: 512)
        try Self.checkKind(file)
        let layer = 8 * Double(width) * Double(heads * headSize) + 3 * Double(width) * Double(inner)
        try SizeRange.check(
            parameters: 2 * Double(vocabSize) * Double(width)
                + Double(encoderLayers + decoderLayers) * layer)
    }

    private static func checkKind(_ file: ConfigurationFile) throws(ModelError) {
        // Of words' labels transformers writes false: they need the encoder alone.
        guard file.purpose.task?.kind == .tokens else {
            return try file.require("is_encoder_decoder", true)
        }
        file.pass("is_encoder_decoder")
    }

    private static func checkBuckets(
        _ file: ConfigurationFile, _ buckets: Int, _ longestDistance: Int
    ) throws(ModelError) {
        guard buckets % 2 == 0, longestDistance > buckets / 2 else {
            throw file.outOfRange(
                "relative_attention_num_buckets",
                "an even number, at most twice relative_attention_max_distance less one")
        }
    }

    /// T5's key counts where it is written, null as false; the other kinds know none.
    private static func scalesOutputs(
        _ file: ConfigurationFile, isTied: Bool
    ) throws(ModelError) -> Bool {
        let key = "scale_decoder_outputs"
        switch file.modelType {
        case "t5" where file.found(key) != "missing": return try file.flag(key, default: false)
        case "mt5":
            file.pass(key)
            return false
        default:
            file.pass(key)
            return isTied
        }
    }

    /// What `feed_forward_proj` says: `relu`, `gated-gelu`, …; "gated-gelu" means the tanh form. What
    /// transformers writes beside it holds in its place.
    private static func feedForward(
        _ file: ConfigurationFile, default fallback: String
    ) throws(ModelError) -> (Activation, isGated: Bool) {
        let (activation, isGated) = try projection(file, default: fallback)
        let chosen =
            file.has("dense_act_fn")
            ? try DecoderConfiguration.activation(file, key: "dense_act_fn", default: "relu")
            : activation
        let key = "is_gated_act"
        // Null counts as false.
        return (chosen, try file.flag(key, default: file.found(key) == "missing" && isGated))
    }

    private static func projection(
        _ file: ConfigurationFile, default fallback: String
    ) throws(ModelError) -> (Activation, isGated: Bool) {
        let text = try file.text("feed_forward_proj", default: fallback)
        let isGated = text.hasPrefix("gated-")
        let name = isGated ? String(text.dropFirst("gated-".count)) : text
        let activations: [String: Activation] = [
            "relu": .relu, "silu": .silu, "swish": .silu, "gelu": isGated ? .geluTanh : .gelu,
            "gelu_new": .geluTanh, "gelu_pytorch_tanh": .geluTanh,
        ]
        guard let activation = activations[name] else {
            throw file.unsupported(
                "feed_forward_proj", "relu, gelu, gelu_new, silu, or one of them with gated-")
        }
        return (activation, isGated)
    }

    /// Standard deviations of the first numbers; the scores' missing scale is in the queries'.
    /// Source: transformers, `T5PreTrainedModel._init_weights`.
    var queryDeviation: Float { initializerFactor / Float(width * headSize).squareRoot() }
    var inputDeviation: Float { initializerFactor / Float(width).squareRoot() }
    var outputDeviation: Float { initializerFactor / Float(heads * headSize).squareRoot() }
    var downDeviation: Float { initializerFactor / Float(inner).squareRoot() }
}

extension [String: HarmlessKey] {
    /// What T5's first files had for generation.
    static var t5: HarmlessKeys { always(["output_past"]) }
}
