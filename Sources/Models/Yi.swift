extension Decoder {
    /// Yi as first published; later files say `model_type: llama`. Llama with other names of norms.
    convenience init(yi file: ConfigurationFile) throws(ModelError) {
        var configuration = try DecoderConfiguration(file)
        configuration.names.attentionNorm = "ln1"
        configuration.names.feedForwardNorm = "ln2"
        try self.init(configuration, file)
    }
}
