import Files

extension LayerNormDecoder {
    /// OPT: learned positions from the table's third row on, ReLU, biases, the head tied; norms before each
    /// sublayer or, as in the model of 350 million parameters, after it.
    ///
    /// Source: Zhang et al. 2022, arXiv:2205.01068, section 2.1; transformers' OPTForCausalLM.
    convenience init(opt file: ConfigurationFile) throws(ModelError) {
        let padding = file
        let file = file.withDefaults([
            "vocab_size": .int(50_272), "hidden_size": .int(768), "num_hidden_layers": .int(12),
            "num_attention_heads": .int(12), "ffn_dim": .int(3072),
            "activation_function": .string("relu"), "max_position_embeddings": .int(2048),
            "dropout": .double(0.1), "init_std": .double(0.02),
            "tie_word_embeddings": .bool(true), "pad_token_id": .int(1),
        ])
        var keys = LayerNormDecoderConfiguration.Keys(residualDropout: "dropout")
        keys.intermediateSize = "ffn_dim"
        keys.activation = "activation_function"
        keys.epsilon = nil
        // transformers initializes by the former where a file has both.
        keys.deviation = file.has("initializer_range") ? "initializer_range" : "init_std"
        file.pass("init_std")
        var configuration = try LayerNormDecoderConfiguration(file, keys, rope: nil)
        configuration.positionOffset = 2
        configuration.paddingRow = try DecoderConfiguration.paddingRow(
            padding, default: 1, vocabulary: configuration.vocabSize)
        let hasBias = try file.flag("enable_bias", default: true)
        (configuration.attentionBias, configuration.feedForwardBias) = (hasBias, hasBias)
        if try !file.flag("do_layer_norm_before", default: true) {
            configuration.residual = .sequentialNormedAfter
            file.pass("_remove_final_layer_norm")
        } else if try file.flag("_remove_final_layer_norm", default: false) {
            configuration.hasFinalNorm = false
        }
        try file.require("layer_norm_elementwise_affine", true)
        let width = try file.count("word_embed_proj_dim", default: configuration.hiddenSize)
        guard width == configuration.hiddenSize else {
            throw file.unsupported(
                "word_embed_proj_dim", "hidden_size, \(configuration.hiddenSize)")
        }
        configuration.names = .opt
        try self.init(configuration, file)
    }
}

extension DecoderNames {
    fileprivate static var opt: DecoderNames {
        var names = DecoderNames()
        names.embedding = "model.decoder.embed_tokens"
        names.positions = "model.decoder.embed_positions"
        names.layers = "model.decoder.layers"
        names.norm = "model.decoder.final_layer_norm"
        names.output = "out_proj"
        names.feedForward = ""
        names.up = "fc1"
        names.down = "fc2"
        names.attentionNorm = "self_attn_layer_norm"
        names.feedForwardNorm = "final_layer_norm"
        return names
    }
}

extension [String: HarmlessKey] {
    /// What OPT's published files have besides, and layers that training leaves out now and then.
    static var opt: HarmlessKeys {
        ["activation_dropout": .at([.int(0)]), "layerdrop": .at([.int(0)])]
    }
}
