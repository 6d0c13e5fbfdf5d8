extension Decoder {
    /// OLMo 2: norms after each part of a layer and none before, and norms over all of a token's queries and
    /// over all of its keys.
    ///
    /// Source: OLMo Team 2024, arXiv:2501.00656, section 3.1.
    convenience init(olmo2 file: ConfigurationFile) throws(ModelError) {
        let file = file.withDefaults(["rms_norm_eps": .double(1e-5)])
        var configuration = try DecoderConfiguration(file, padding: 1)
        configuration.queryBias = try file.flag("attention_bias", default: false)
        configuration.outputBias = configuration.queryBias
        configuration.tokenNorms = true
        configuration.normsBefore = false
        configuration.names.afterAttentionNorm = "post_attention_layernorm"
        configuration.names.afterFeedForwardNorm = "post_feedforward_layernorm"
        try self.init(configuration, file)
    }
}
