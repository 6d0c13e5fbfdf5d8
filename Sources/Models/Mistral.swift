extension Decoder {
    /// Mistral: Llama with a sliding window on every layer.
    convenience init(mistral file: ConfigurationFile) throws(ModelError) {
        let file = file.withDefaults([
            "max_position_embeddings": .int(131_072), "num_key_value_heads": .int(8),
            "sliding_window": .int(4096),
        ])
        var configuration = try DecoderConfiguration(file)
        try configuration.setWindow(file)
        try self.init(configuration, file)
    }
}
