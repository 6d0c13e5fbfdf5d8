extension Decoder {
    /// Llama 2 and 3, SmolLM2 and others of `model_type: llama`.
    convenience init(llama text: String) throws(ModelError) {
        let file = try ConfigurationFile(text: text)
        var configuration = try DecoderConfiguration(file)
        configuration.queryBias = try file.flag("attention_bias", default: false)
        configuration.outputBias = configuration.queryBias
        configuration.feedForwardBias = try file.flag("mlp_bias", default: false)
        self.init(configuration, type: file.modelType, text: text)
    }
}
