extension Decoder {
    /// Gemma 2: as Gemma, with norms after each part of a layer, capped scores and logits, and a
    /// window on every other layer.
    ///
    /// Source: Gemma Team 2024, arXiv:2408.00118, section 2.
    convenience init(gemma2 text: String) throws(ModelError) {
        let file = try ConfigurationFile(text: text).withDefaults([
            "head_dim": 256, "query_pre_attn_scalar": 256, "sliding_window": 4096,
        ])
        var configuration = try DecoderConfiguration(gemma: file)
        try configuration.addGemma2(file, pattern: 2, softcaps: (scores: 50, logits: 30))
        self.init(configuration, type: file.modelType, text: text)
    }
}
