extension Decoder {
    /// Granite 3: Llama with factors on the embedded tokens, on the scores, on what each part of a layer adds,
    /// and on the logits.
    ///
    /// Source: transformers 5.23, modeling_granite.py; the factors are those of Yang et al. 2022,
    /// arXiv:2203.03466.
    convenience init(granite file: ConfigurationFile) throws(ModelError) {
        var configuration = try DecoderConfiguration(file)
        configuration.queryBias = try file.flag("attention_bias", default: false)
        configuration.outputBias = configuration.queryBias
        configuration.feedForwardBias = try file.flag("mlp_bias", default: false)
        func factor(_ key: String) throws(ModelError) -> Float {
            Float(try file.real(key, default: 1, .positive))
        }
        configuration.inputScale = try factor("embedding_multiplier")
        configuration.attentionScale = try factor("attention_multiplier")
        configuration.residualScale = try factor("residual_multiplier")
        configuration.headScale = 1 / (try factor("logits_scaling"))
        try self.init(configuration, file)
    }
}
