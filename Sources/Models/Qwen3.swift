extension Decoder {
    /// Qwen3: RMS norms over each head's queries and keys, no biases unless asked for.
    convenience init(qwen3 text: String) throws(ModelError) {
        let file = try ConfigurationFile(text: text)
        var configuration = try DecoderConfiguration(file)
        if !file.has("head_dim") { configuration = try configuration.withHeadDim(128, file) }
        configuration.headNorms = true
        configuration.queryBias = try file.flag("attention_bias", default: false)
        configuration.outputBias = configuration.queryBias
        try configuration.setWindows(
            file, enabled: try file.flag("use_sliding_window", default: false),
            from: file.has("max_window_layers") ? Int(try file.real("max_window_layers")) : 28)
        self.init(configuration, type: file.modelType, text: text)
    }
}

extension DecoderConfiguration {
    /// The same with another head size, for architectures whose default is not width/heads.
    func withHeadDim(_ size: Int, _ file: ConfigurationFile) throws(ModelError) -> Self {
        var copy = self
        copy.headDim = size
        copy.rotary = try RotaryConfiguration(
            file, rotated: size, positions: maxPositionEmbeddings)
        return copy
    }
}
