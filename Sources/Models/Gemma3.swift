extension Decoder {
    /// Gemma 3, text only: as Gemma 2 without caps, with norms of queries and keys, and angles of
    /// their own for the layers with a window.
    ///
    /// Source: Gemma Team 2025, arXiv:2503.19786, section 2.
    convenience init(gemma3Text text: String) throws(ModelError) {
        let file = try ConfigurationFile(text: text)
        self.init(
            try DecoderConfiguration(gemma3: file), type: file.modelType, text: text)
    }

    /// The text part of a Gemma 3 that also sees images; what its files hold of the image part is
    /// passed over.
    ///
    /// Parameters have the names that transformers' modules and PEFT's adapters have; files spell
    /// them `language_model.model.`.
    convenience init(gemma3 text: String) throws(ModelError) {
        let file = try ConfigurationFile(text: text)
        guard let part = try file.section("text_config") else {
            throw .missingKey("text_config", model: file.modelType)
        }
        try file.require("tie_word_embeddings", true)
        var configuration = try DecoderConfiguration(gemma3: part)
        let prefix = "model.language_model."
        configuration.names.embedding = prefix + "embed_tokens"
        configuration.names.layers = prefix + "layers"
        configuration.names.norm = prefix + "norm"
        configuration.names.optionalPrefix = prefix
        configuration.names.prefixesInFiles = ["language_model.model."]
        configuration.names.ignoredPrefixes = [
            "vision_tower.", "multi_modal_projector.", "model.vision_tower.",
            "model.multi_modal_projector.", "language_model.lm_head.",
        ]
        self.init(configuration, type: file.modelType, text: text)
    }
}

extension DecoderConfiguration {
    /// A `gemma3_text`. Published files leave out what has transformers' default value.
    fileprivate init(gemma3 file: ConfigurationFile) throws(ModelError) {
        let file = file.withDefaults([
            "vocab_size": 262_208, "hidden_size": 2304, "intermediate_size": 9216,
            "num_hidden_layers": 26, "num_attention_heads": 8, "num_key_value_heads": 4,
            "head_dim": 256, "max_position_embeddings": 131_072, "query_pre_attn_scalar": 256,
            "sliding_window": 4096,
        ])
        try self.init(gemma: file)
        headNorms = true
        try addGemma2(
            file, pattern: try file.count("sliding_window_pattern", default: 6),
            softcaps: (scores: 0, logits: 0))
        rotary = try RotaryConfiguration(
            file, rotated: headDim, positions: maxPositionEmbeddings,
            layerType: "full_attention", theta: 1_000_000)
        let localTheta = try file.real("rope_local_base_freq", default: 10_000)
        if let parts = try file.section("rope_parameters"), parts.has("sliding_attention") {
            localRotary = try RotaryConfiguration(
                file, rotated: headDim, positions: maxPositionEmbeddings,
                layerType: "sliding_attention", theta: localTheta)
        } else {
            localRotary = RotaryConfiguration(theta: localTheta, rotated: headDim)
        }
    }
}
