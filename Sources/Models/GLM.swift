extension Decoder {
    /// GLM-4 as transformers first had it: half of each head rotated by neighbouring pairs, biases
    /// on queries, keys and values, one product for gate and up.
    ///
    /// Source: GLM Team 2024, arXiv:2406.12793, section 2.
    convenience init(glm file: ConfigurationFile) throws(ModelError) {
        try self.init(DecoderConfiguration(glm: file), file)
    }

    /// GLM-4-0414: the same with norms after each part of a layer.
    convenience init(glm4 file: ConfigurationFile) throws(ModelError) {
        var configuration = try DecoderConfiguration(glm: file)
        configuration.names.afterAttentionNorm = "post_self_attn_layernorm"
        configuration.names.afterFeedForwardNorm = "post_mlp_layernorm"
        try self.init(configuration, file)
    }
}

extension DecoderConfiguration {
    /// What the GLM-4 models have in common.
    init(glm file: ConfigurationFile) throws(ModelError) {
        let file = file.withDefaults([
            "head_dim": .int(128), "num_key_value_heads": .int(2),
            "rms_norm_eps": .double(1.5625e-7), "max_position_embeddings": .int(131_072),
        ])
        try self.init(file, padding: 151_329, rope: RotaryParameters.Style(share: 0.5))
        rotary?.pairsNeighbours = true
        queryBias = try file.flag("attention_bias", default: true)
        names.fusedGate = "gate_up_proj"
    }
}
