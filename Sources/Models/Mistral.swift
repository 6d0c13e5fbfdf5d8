extension Decoder {
    /// Mistral: Llama with a sliding window on every layer.
    convenience init(mistral text: String) throws(ModelError) {
        let file = try ConfigurationFile(text: text)
        var configuration = try DecoderConfiguration(file)
        try configuration.setWindows(file, enabled: true)
        self.init(configuration, type: file.modelType, text: text)
    }
}
