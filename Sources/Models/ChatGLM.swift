import Files

extension Decoder {
    /// ChatGLM2, ChatGLM3 and GLM-4-9B in the form in which their authors published them.
    ///
    /// Source: the models' own configuration_chatglm.py and modeling_chatglm.py.
    convenience init(chatGLM file: ConfigurationFile) throws(ModelError) {
        try file.require("rmsnorm", true)
        try file.require("post_layer_norm", true)
        try file.require("apply_residual_connection_post_layernorm", false)
        if file.has("pre_seq_len") { throw file.unsupported("pre_seq_len", "null") }
        let heads = try file.count("num_attention_heads", in: SizeRange.heads)
        let width = try file.count("hidden_size", in: SizeRange.width)
        let size = try file.count(
            "kv_channels", default: width / heads, in: SizeRange.headSize)
        let isGrouped = try file.flag("multi_query_attention", default: false)
        let groups = try file.count("multi_query_group_num", default: 1)
        let ratio = try file.real("rope_ratio", default: 1, .positive)
        let hasBias = try file.flag("add_bias_linear", default: false)
        let layers = try file.count("num_layers", in: SizeRange.layers)
        guard try file.count("num_hidden_layers", default: layers) == layers else {
            throw file.outOfRange("num_hidden_layers", "\(layers), as num_layers")
        }
        let renamed = file.replacing([
            "vocab_size": .int(try file.count("padded_vocab_size", in: SizeRange.vocabulary)),
            "num_hidden_layers": .int(layers),
            "num_key_value_heads": .int(isGrouped ? groups : heads),
            "head_dim": .int(size),
            "intermediate_size": .int(
                try file.count("ffn_hidden_size", in: SizeRange.feedForward)),
            "rms_norm_eps": .double(try file.real("layernorm_epsilon", default: 1e-5)),
            "max_position_embeddings": .int(try file.count("seq_length", default: 2048)),
            "rope_theta": .double(10_000 * ratio), "rope_scaling": .null,
            "rope_parameters": .null, "partial_rotary_factor": .null,
            "original_max_position_embeddings": .null, "hidden_act": .null,
            // Their embedding has no padding_idx.
            "pad_token_id": .null,
        ])
        var configuration = try DecoderConfiguration(
            renamed, rope: RotaryParameters.Style(share: 0.5, types: ["default"]))
        configuration.rotary?.pairsNeighbours = true
        configuration.outputBias = hasBias
        configuration.feedForwardBias = hasBias
        configuration.queryBias = try file.flag("add_qkv_bias", default: false) || hasBias
        configuration.residualDropout = try file.probability("hidden_dropout", default: 0)
        configuration.names = .chatGLM(isGrouped: isGrouped)
        try self.init(configuration, file)
    }
}

extension [String: HarmlessKey] {
    /// What the models' own code has besides: how numbers are kept while it computes, and prompts
    /// that are learned, of which there are none.
    static var chatGLM: HarmlessKeys {
        always([
            "apply_query_key_layer_scaling", "attention_softmax_in_fp32", "bias_dropout_fusion",
            "fp32_residual_connection", "original_rope", "prefix_projection", "vocab_size",
        ]).merging([
            "interleaved_qkv": .flag(false), "quantization_bit": .at([.int(0)]),
        ]) { $1 }
    }
}

extension DecoderNames {
    /// - Parameter isGrouped: whether several heads share keys and values; without, each head's
    ///   query, key and value lie together.
    fileprivate static func chatGLM(isGrouped: Bool) -> DecoderNames {
        var names = DecoderNames()
        names.embedding = "transformer.embedding.word_embeddings"
        names.layers = "transformer.encoder.layers"
        names.norm = "transformer.encoder.final_layernorm"
        names.head = "transformer.output_layer"
        names.optionalPrefix = "transformer."
        names.attention = "self_attention"
        names.fusedQueries = ("query_key_value", isGrouped ? .byKind : .byGroup)
        names.output = "dense"
        names.fusedGate = "dense_h_to_4h"
        names.down = "dense_4h_to_h"
        return names
    }
}
