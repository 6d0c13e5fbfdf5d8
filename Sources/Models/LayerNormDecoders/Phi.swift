import Files

extension LayerNormDecoder {
    /// Phi 1, 1.5 and 2: attention and feed-forward side by side behind one norm, a part of each head rotated,
    /// biases everywhere, those of the logits too.
    ///
    /// Source: Li et al. 2023, arXiv:2309.05463, section 2; transformers' PhiForCausalLM.
    convenience init(phi file: ConfigurationFile) throws(ModelError) {
        let file = file.withDefaults([
            "vocab_size": .int(51_200), "hidden_size": .int(2048), "num_hidden_layers": .int(24),
            "num_attention_heads": .int(32), "intermediate_size": .int(8192),
            "hidden_act": .string("gelu_new"), "max_position_embeddings": .int(2048),
            "initializer_range": .double(0.02), "layer_norm_eps": .double(1e-5),
        ])
        var configuration = try LayerNormDecoderConfiguration(
            file,
            LayerNormDecoderConfiguration.Keys(
                residualDropout: "resid_pdrop", embeddingDropout: "embd_pdrop",
                groups: "num_key_value_heads"),
            rope: RotaryParameters.Style(share: 0.5))
        configuration.residual = .parallelWithOneNorm
        configuration.paddingRow = try DecoderConfiguration.paddingRow(
            file, default: nil, vocabulary: configuration.vocabSize)
        configuration.headBias = true
        if try file.flag("qk_layernorm", default: false) {
            configuration.headNorms = ("q_layernorm", "k_layernorm")
        }
        configuration.names.norm = "model.final_layernorm"
        configuration.names.output = "dense"
        configuration.names.up = "fc1"
        configuration.names.down = "fc2"
        try self.init(configuration, file)
    }
}
