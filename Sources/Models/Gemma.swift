extension Decoder {
    /// Gemma: norms by 1 + weight, tokens times √width, gelu, and a tied head.
    ///
    /// Source: Gemma Team 2024, arXiv:2403.08295, section 2.
    convenience init(gemma text: String) throws(ModelError) {
        let file = try ConfigurationFile(text: text).withDefaults(["head_dim": 256])
        var configuration = try DecoderConfiguration(gemma: file)
        // The first releases say "gelu" and mean the tanh form, as transformers takes them.
        let activation = try DecoderConfiguration.activation(
            file, key: "hidden_act", default: "gelu_pytorch_tanh")
        configuration.activation = activation == .gelu ? .geluTanh : activation
        self.init(configuration, type: file.modelType, text: text)
    }
}

extension DecoderConfiguration {
    /// What all generations of Gemma have in common.
    init(gemma file: ConfigurationFile) throws(ModelError) {
        try self.init(file, tied: true)
        try file.require("use_bidirectional_attention", false)
        normsAddOne = true
        embeddingScale = Float(hiddenSize).squareRoot()
        queryBias = try file.flag("attention_bias", default: false)
        outputBias = queryBias
        activation = try Self.activation(
            file, key: "hidden_activation", default: "gelu_pytorch_tanh")
    }

    /// What the second and third have besides: norms after each part of a layer, capped scores
    /// and logits where asked for, a scale of its own, and windows on some layers.
    ///
    /// - Parameter pattern: every so manieth layer sees all positions.
    mutating func addGemma2(
        _ file: ConfigurationFile, pattern: Int, softcaps: (scores: Double, logits: Double)
    ) throws(ModelError) {
        names.afterAttentionNorm = "post_attention_layernorm"
        names.feedForwardNorm = "pre_feedforward_layernorm"
        names.afterFeedForwardNorm = "post_feedforward_layernorm"
        attentionScale = 1 / Float(try file.real("query_pre_attn_scalar")).squareRoot()
        attentionSoftcap = Float(try file.cap("attn_logit_softcapping", default: softcaps.scores))
        logitForm.softcap = Float(
            try file.cap("final_logit_softcapping", default: softcaps.logits))
        try setWindows(file, enabled: true)
        if !file.has("layer_types") {
            for layer in windows.indices where (layer + 1) % pattern == 0 { windows[layer] = 0 }
        }
    }
}

extension ConfigurationFile {
    /// A bound on scores; 0 where the key is null, the default where it is missing.
    fileprivate func cap(_ key: String, default fallback: Double) throws(ModelError) -> Double {
        let cap = try real(key, default: found(key) == "missing" ? fallback : 0)
        guard cap >= 0 else {
            throw .outOfRange(key: key, found: found(key), expected: "a number above 0, or null")
        }
        return cap
    }
}
