extension Decoder {
    /// Qwen2 and 2.5: biases on queries, keys and values; a sliding window where asked for.
    convenience init(qwen2 text: String) throws(ModelError) {
        let file = try ConfigurationFile(text: text)
        var configuration = try DecoderConfiguration(file)
        configuration.queryBias = true
        try configuration.setWindows(
            file, enabled: try file.flag("use_sliding_window", default: false),
            from: file.has("max_window_layers") ? Int(try file.real("max_window_layers")) : 28)
        self.init(configuration, type: file.modelType, text: text)
    }
}
