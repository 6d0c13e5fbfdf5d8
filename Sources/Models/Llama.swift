extension Decoder {
    /// Llama 2 and 3, SmolLM2 and others of `model_type: llama`.
    convenience init(llama file: ConfigurationFile) throws(ModelError) {
        var configuration = try DecoderConfiguration(file)
        configuration.queryBias = try file.flag("attention_bias", default: false)
        configuration.outputBias = configuration.queryBias
        configuration.feedForwardBias = try file.flag("mlp_bias", default: false)
        try self.init(configuration, file)
    }
}
