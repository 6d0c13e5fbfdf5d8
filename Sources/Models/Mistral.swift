extension Decoder {
    /// Mistral: Llama with a sliding window on every layer; or, as Ministral, on those that `layer_types` names.
    convenience init(mistral file: ConfigurationFile) throws(ModelError) {
        let file = file.withDefaults([
            "max_position_embeddings": .int(131_072), "num_key_value_heads": .int(8),
            "sliding_window": .int(4096),
        ])
        var configuration = try DecoderConfiguration(file)
        if file.has("layer_types") {
            try configuration.setWindows(file) { _ in true }
        } else {
            try configuration.setWindow(file)
        }
        try self.init(configuration, file)
    }
}
