extension Decoder {
    /// ChatGLM2, ChatGLM3 and GLM-4-9B in the form in which their authors published them.
    ///
    /// Source: the models' own configuration_chatglm.py and modeling_chatglm.py.
    convenience init(chatGLM text: String) throws(ModelError) {
        let file = try ConfigurationFile(text: text)
        try file.require("rmsnorm", true)
        try file.require("post_layer_norm", true)
        try file.require("apply_residual_connection_post_layernorm", false)
        if file.has("pre_seq_len") {
            throw .unsupported(
                key: "pre_seq_len", found: file.found("pre_seq_len"), supported: "null")
        }
        let heads = try file.count("num_attention_heads")
        let size = try file.count(
            "kv_channels", default: try file.count("hidden_size") / heads)
        let isGrouped = try file.flag("multi_query_attention", default: false)
        let renamed = file.replacing([
            "vocab_size": Double(try file.count("padded_vocab_size")),
            "num_hidden_layers": Double(try file.count("num_layers")),
            "num_key_value_heads":
                Double(isGrouped ? try file.count("multi_query_group_num", default: 1) : heads),
            "head_dim": Double(size),
            "intermediate_size": Double(try file.count("ffn_hidden_size")),
            "rms_norm_eps": try file.real("layernorm_epsilon", default: 1e-5),
            "max_position_embeddings": Double(try file.count("seq_length", default: 2048)),
            "rope_theta": try file.real("rope_theta", default: 10_000)
                * file.real("rope_ratio", default: 1),
            "partial_rotary_factor": 0.5,
        ])
        var configuration = try DecoderConfiguration(renamed, rotaryShare: 0.5)
        configuration.rotary?.pairsNeighbours = true
        configuration.outputBias = try file.flag("add_bias_linear", default: false)
        configuration.feedForwardBias = configuration.outputBias
        configuration.queryBias =
            try file.flag("add_qkv_bias", default: false) || configuration.outputBias
        configuration.residualDropout = try file.probability("hidden_dropout", default: 0)
        configuration.names = .chatGLM(isGrouped: isGrouped)
        self.init(configuration, type: file.modelType, text: text)
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
