extension Decoder {
    /// GLM-4 as transformers first had it: half of each head rotated by neighbouring pairs, biases
    /// on queries, keys and values, one product for gate and up.
    ///
    /// Source: GLM Team 2024, arXiv:2406.12793, section 2.
    convenience init(glm text: String) throws(ModelError) {
        let file = try ConfigurationFile(text: text)
        self.init(try DecoderConfiguration(glm: file), type: file.modelType, text: text)
    }

    /// GLM-4-0414: the same with norms after each part of a layer.
    convenience init(glm4 text: String) throws(ModelError) {
        let file = try ConfigurationFile(text: text)
        var configuration = try DecoderConfiguration(glm: file)
        configuration.names.afterAttentionNorm = "post_self_attn_layernorm"
        configuration.names.afterFeedForwardNorm = "post_mlp_layernorm"
        self.init(configuration, type: file.modelType, text: text)
    }
}

extension DecoderConfiguration {
    /// What the GLM-4 models have in common.
    init(glm file: ConfigurationFile) throws(ModelError) {
        let file = file.withDefaults([
            "head_dim": 128, "num_key_value_heads": 2, "rms_norm_eps": 1.5625e-7,
            "max_position_embeddings": 131_072,
        ])
        try self.init(file, rotaryShare: 0.5)
        rotary?.pairsNeighbours = true
        queryBias = try file.flag("attention_bias", default: true)
        names.fusedGate = "gate_up_proj"
    }
}
