extension Decoder {
    /// Qwen2 and 2.5: biases on queries, keys and values; a sliding window where asked for.
    convenience init(qwen2 file: ConfigurationFile) throws(ModelError) {
        let file = file.withDefaults([
            "max_position_embeddings": .int(32_768), "num_key_value_heads": .int(32),
            "sliding_window": .int(4096),
        ])
        var configuration = try DecoderConfiguration(file)
        configuration.queryBias = true
        try configuration.setOptionalWindows(file)
        try self.init(configuration, file)
    }
}
