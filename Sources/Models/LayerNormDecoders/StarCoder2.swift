import Files

extension LayerNormDecoder {
    /// StarCoder 2: grouped queries, a window on every layer, biases everywhere but in the head, which is tied.
    ///
    /// Source: Lozhkov et al. 2024, arXiv:2402.19173, section 6.1; transformers' Starcoder2ForCausalLM.
    convenience init(starCoder2 file: ConfigurationFile) throws(ModelError) {
        let file = file.withDefaults([
            "vocab_size": .int(49_152), "hidden_size": .int(3072), "num_hidden_layers": .int(30),
            "num_attention_heads": .int(24), "num_key_value_heads": .int(2),
            "intermediate_size": .int(12_288), "hidden_act": .string("gelu_pytorch_tanh"),
            "max_position_embeddings": .int(4096), "initializer_range": .double(0.018042),
            "norm_epsilon": .double(1e-5), "tie_word_embeddings": .bool(true),
        ])
        var keys = LayerNormDecoderConfiguration.Keys(
            residualDropout: "residual_dropout", embeddingDropout: "embedding_dropout",
            groups: "num_key_value_heads")
        keys.epsilon = "norm_epsilon"
        var configuration = try LayerNormDecoderConfiguration(
            file, keys, rope: RotaryParameters.Style())
        configuration.paddingRow = try DecoderConfiguration.paddingRow(
            file, default: nil, vocabulary: configuration.vocabSize)
        let hasBias = try file.flag("use_bias", default: true)
        (configuration.attentionBias, configuration.feedForwardBias) = (hasBias, hasBias)
        if file.has("sliding_window") {
            let window = try file.count("sliding_window", in: SizeRange.positions)
            configuration.windows = configuration.windows.map { _ in window }
        }
        configuration.names.up = "c_fc"
        configuration.names.down = "c_proj"
        try self.init(configuration, file)
    }
}

extension [String: HarmlessKey] {
    /// What StarCoder 2's published files have besides; transformers does not read it.
    static var starCoder2: HarmlessKeys {
        [
            "activation_function": .always, "attention_softmax_in_fp32": .always,
            "layer_norm_epsilon": .always, "scale_attention_softmax_in_fp32": .always,
            "scale_attn_weights": .flag(true),
            "mlp_type": .when(supported: "default") { $0.string == "default" },
            "norm_type": .when(supported: "layer_norm") { $0.string == "layer_norm" },
        ]
    }
}
