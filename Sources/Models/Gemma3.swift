extension Decoder {
    /// Gemma 3, text only: as Gemma 2 without caps, with norms of queries and keys, and angles of
    /// their own for the layers with a window.
    ///
    /// Source: Gemma Team 2025, arXiv:2503.19786, section 2.
    convenience init(gemma3Text file: ConfigurationFile) throws(ModelError) {
        try self.init(DecoderConfiguration(gemma3: file), file)
    }

    /// The text part of a Gemma 3 that also sees images; what its files hold of the image part is
    /// passed over.
    ///
    /// Parameters have the names that transformers' modules and PEFT's adapters have; files spell
    /// them `language_model.model.`.
    convenience init(gemma3 file: ConfigurationFile) throws(ModelError) {
        guard let part = try file.section("text_config") else {
            throw .missingKey("text_config", model: file.modelType)
        }
        var configuration = try DecoderConfiguration(gemma3: part)
        configuration.tieWordEmbeddings = try file.flag("tie_word_embeddings", default: true)
        // transformers has this cap in the text model alone.
        if part.has("final_logit_softcapping") {
            throw part.unsupported("final_logit_softcapping", "null in a model that sees images")
        }
        let prefix = "model.language_model."
        configuration.names.embedding = prefix + "embed_tokens"
        configuration.names.layers = prefix + "layers"
        configuration.names.norm = prefix + "norm"
        configuration.names.headsInFiles = ["lm_head.weight", "language_model.lm_head.weight"]
        configuration.names.optionalPrefix = prefix
        configuration.names.prefixesInFiles = ["language_model.model."]
        configuration.names.ignoredPrefixes = ["", "model."].flatMap { outer in
            [
                "vision_tower.vision_model.", "vision_tower.embeddings.", "vision_tower.encoder.",
                "vision_tower.post_layernorm.", "vision_tower.head.",
                "multi_modal_projector.mm_input_projection_weight",
                "multi_modal_projector.mm_soft_emb_norm.",
            ].map { outer + $0 }
        }
        try self.init(configuration, file)
    }
}

extension DecoderConfiguration {
    /// A `gemma3_text`. Published files leave out what has transformers' default value.
    fileprivate init(gemma3 file: ConfigurationFile) throws(ModelError) {
        let file = file.withDefaults([
            "vocab_size": .int(262_208), "hidden_size": .int(2304),
            "intermediate_size": .int(9216), "num_hidden_layers": .int(26),
            "num_attention_heads": .int(8), "num_key_value_heads": .int(4),
            "head_dim": .int(256), "max_position_embeddings": .int(131_072),
            "query_pre_attn_scalar": .int(256), "sliding_window": .int(4096),
        ])
        // transformers passes over this one, so what a file means by it is uncertain.
        if file.has("attn_logit_softcapping") {
            throw file.unsupported("attn_logit_softcapping", "null")
        }
        try self.init(gemma: file, rope: nil)
        headNorms = true
        try addGemma2(
            file, pattern: try file.count("sliding_window_pattern", default: 6),
            softcaps: (scores: 0, logits: 0))
        rotary = try angles(file, .init(theta: 1_000_000, layerType: "full_attention"))
        localRotary = try angles(
            file, .init(thetaKey: "rope_local_base_freq", layerType: "sliding_attention"))
    }
}
