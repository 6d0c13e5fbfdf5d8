extension Decoder {
    /// Gemma 2: as Gemma, with norms after each part of a layer, capped scores and logits, and a
    /// window on every other layer.
    ///
    /// Source: Gemma Team 2024, arXiv:2408.00118, section 2.
    convenience init(gemma2 file: ConfigurationFile) throws(ModelError) {
        let file = file.withDefaults([
            "head_dim": .int(256), "max_position_embeddings": .int(8192),
            "num_key_value_heads": .int(4), "query_pre_attn_scalar": .int(256),
            "sliding_window": .int(4096),
        ])
        var configuration = try DecoderConfiguration(gemma: file)
        try configuration.addGemma2(file, pattern: 2, softcaps: (scores: 50, logits: 30))
        try self.init(configuration, file)
    }
}
