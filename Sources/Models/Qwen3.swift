extension Decoder {
    /// Qwen3: RMS norms over each head's queries and keys, no biases unless asked for.
    convenience init(qwen3 file: ConfigurationFile) throws(ModelError) {
        let file = file.withDefaults([
            "head_dim": .int(128), "max_position_embeddings": .int(32_768),
            "num_key_value_heads": .int(32), "sliding_window": .int(4096),
        ])
        var configuration = try DecoderConfiguration(file)
        configuration.headNorms = true
        configuration.queryBias = try file.flag("attention_bias", default: false)
        configuration.outputBias = configuration.queryBias
        try configuration.setOptionalWindows(file)
        try self.init(configuration, file)
    }
}
