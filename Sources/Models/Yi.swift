extension Decoder {
    /// Yi as first published; later files say `model_type: llama`. Llama with other names of norms.
    convenience init(yi text: String) throws(ModelError) {
        let file = try ConfigurationFile(text: text)
        var configuration = try DecoderConfiguration(file)
        configuration.names.attentionNorm = "ln1"
        configuration.names.feedForwardNorm = "ln2"
        self.init(configuration, type: file.modelType, text: text)
    }
}
