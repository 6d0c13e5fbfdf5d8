extension Decoder {
    /// InternLM2 and 2.5: Llama with its own names, and one product in which each group's queries,
    /// key and value lie together.
    ///
    /// Source: Cai et al. 2024, arXiv:2403.17297, section 2.2.
    convenience init(internLM2 file: ConfigurationFile) throws(ModelError) {
        var configuration = try DecoderConfiguration(
            file, rope: RotaryParameters.Style(types: ["default", "linear", "dynamic"]))
        configuration.queryBias = try file.flag("bias", default: true)
        configuration.outputBias = configuration.queryBias
        var names = DecoderNames()
        names.embedding = "model.tok_embeddings"
        names.head = "output"
        names.attention = "attention"
        names.fusedQueries = ("wqkv", .byGroup)
        names.output = "wo"
        names.feedForward = "feed_forward"
        names.gate = "w1"
        names.up = "w3"
        names.down = "w2"
        names.attentionNorm = "attention_norm"
        names.feedForwardNorm = "ffn_norm"
        configuration.names = names
        try self.init(configuration, file)
    }
}
