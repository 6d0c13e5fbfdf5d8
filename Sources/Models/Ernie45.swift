extension Decoder {
    /// ERNIE 4.5 without experts: Llama rotated by neighbouring pairs, with biases everywhere or nowhere.
    ///
    /// Source: transformers 5.23, modeling_ernie4_5.py.
    convenience init(ernie45 file: ConfigurationFile) throws(ModelError) {
        let file = file.withDefaults([
            "head_dim": .int(128), "max_position_embeddings": .int(131_072),
            "num_key_value_heads": .int(2), "rms_norm_eps": .double(1e-5),
        ])
        var configuration = try DecoderConfiguration(
            file, tied: true, padding: 0, rope: RotaryParameters.Style(theta: 500_000))
        // transformers passes over this one, so what a file means by it is uncertain.
        guard configuration.attentionDropout == 0 else {
            throw file.unsupported("attention_dropout", "0")
        }
        configuration.rotary?.pairsNeighbours = true
        configuration.queryBias = try file.flag("use_bias", default: false)
        configuration.outputBias = configuration.queryBias
        configuration.feedForwardBias = configuration.queryBias
        try self.init(configuration, file)
    }
}
