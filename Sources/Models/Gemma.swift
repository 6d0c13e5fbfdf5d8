import Files

extension Decoder {
    /// Gemma: norms by 1 + weight, tokens times √width, gelu, and a tied head.
    ///
    /// Source: Gemma Team 2024, arXiv:2403.08295, section 2.
    convenience init(gemma file: ConfigurationFile) throws(ModelError) {
        let file = file.withDefaults([
            "head_dim": .int(256), "max_position_embeddings": .int(8192),
            "num_key_value_heads": .int(16),
        ])
        var configuration = try DecoderConfiguration(gemma: file)
        // The first releases say "gelu" and mean the tanh form, as transformers takes them.
        let activation = try DecoderConfiguration.activation(
            file, key: "hidden_act", default: "gelu_pytorch_tanh")
        configuration.activation = activation == .gelu ? .geluTanh : activation
        try self.init(configuration, file)
    }
}

extension DecoderConfiguration {
    /// What all generations of Gemma have in common.
    ///
    /// - Parameter rope: as for every decoder; `nil` where layers differ in it.
    init(
        gemma file: ConfigurationFile, rope: RotaryParameters.Style? = RotaryParameters.Style()
    ) throws(ModelError) {
        // hidden_activation is the key that holds from the second generation on.
        try self.init(file.replacing(["hidden_act": .null]), tied: true, padding: 0, rope: rope)
        try file.require("use_bidirectional_attention", false)
        normsAddOne = true
        embeddingScale = Float(hiddenSize).squareRoot()
        queryBias = try file.flag("attention_bias", default: false)
        outputBias = queryBias
    }

    /// What the second and third have besides: norms after each part of a layer, capped scores
    /// and logits where asked for, a scale of its own, and windows on some layers.
    ///
    /// - Parameter pattern: every so manieth layer sees all positions, unless the file lists them.
    mutating func addGemma2(
        _ file: ConfigurationFile, pattern: Int, softcaps: (scores: Double, logits: Double)
    ) throws(ModelError) {
        names.afterAttentionNorm = "post_attention_layernorm"
        names.feedForwardNorm = "pre_feedforward_layernorm"
        names.afterFeedForwardNorm = "post_feedforward_layernorm"
        activation = try Self.activation(
            file, key: "hidden_activation", default: "gelu_pytorch_tanh")
        attentionScale = 1 / Float(try file.real("query_pre_attn_scalar", .positive)).squareRoot()
        attentionSoftcap = Float(try file.cap("attn_logit_softcapping", default: softcaps.scores))
        logitForm.softcap = Float(
            try file.cap("final_logit_softcapping", default: softcaps.logits))
        try setWindows(file) { ($0 + 1) % pattern != 0 }
    }
}

extension [String: HarmlessKey] {
    /// What Gemma's published files have besides. The first generation reads `hidden_act` alone,
    /// the later ones `hidden_activation` alone.
    static var gemma: HarmlessKeys {
        always(["hidden_act", "hidden_activation", "sliding_window_size"])
    }

    /// Of those that also see images: the image part, and tokens that stand for images.
    static var gemma3: HarmlessKeys {
        gemma.merging(
            always([
                "_sliding_window_pattern", "boi_token_id", "boi_token_index", "eoi_token_id",
                "eoi_token_index", "image_token_id", "image_token_index", "initializer_range",
                "mm_tokens_per_image", "model_type", "vision_config",
            ])
        ) { $1 }
    }
}

extension ConfigurationFile {
    /// A bound on scores; 0 where the key is null, the default where it is missing.
    fileprivate func cap(_ key: String, default fallback: Double) throws(ModelError) -> Double {
        let isMissing = found(key) == "missing"
        return try has(key) ? real(key, .positive) : isMissing ? fallback : 0
    }
}
