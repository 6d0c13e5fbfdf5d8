import Files

extension LayerNormDecoder {
    /// GPT-NeoX and Pythia: attention and feed-forward side by side with a norm each, a quarter of each head
    /// rotated, one product for queries, keys and values by heads.
    ///
    /// Source: Black et al. 2022, arXiv:2204.06745, section 2.1.
    convenience init(gptNeoX file: ConfigurationFile) throws(ModelError) {
        let file = file.withDefaults([
            "vocab_size": .int(50_432), "hidden_size": .int(6144), "num_hidden_layers": .int(44),
            "num_attention_heads": .int(64), "intermediate_size": .int(24_576),
            "max_position_embeddings": .int(2048), "initializer_range": .double(0.02),
            "layer_norm_eps": .double(1e-5), "classifier_dropout": .double(0.1),
        ])
        var configuration = try LayerNormDecoderConfiguration(
            file,
            LayerNormDecoderConfiguration.Keys(
                residualDropout: "hidden_dropout", embeddingDropout: "hidden_dropout"),
            rope: RotaryParameters.Style(
                thetaKey: "rotary_emb_base", shareKey: "rotary_pct", share: 0.25))
        configuration.residual =
            try file.flag("use_parallel_residual", default: true) ? .parallel : .sequential
        configuration.attentionBias = try file.flag("attention_bias", default: true)
        configuration.names = .gptNeoX
        try self.init(configuration, file)
    }
}

extension DecoderNames {
    /// The head is called as its files have it; transformers 5 has it as `lm_head` in memory.
    fileprivate static var gptNeoX: DecoderNames {
        var names = DecoderNames()
        names.embedding = "gpt_neox.embed_in"
        names.layers = "gpt_neox.layers"
        names.norm = "gpt_neox.final_layer_norm"
        names.head = "embed_out"
        names.headsInFiles = ["embed_out.weight", "lm_head.weight"]
        names.optionalPrefix = "gpt_neox."
        names.attention = "attention"
        names.fusedQueries = ("query_key_value", .byGroup)
        names.output = "dense"
        names.up = "dense_h_to_4h"
        names.down = "dense_4h_to_h"
        return names
    }
}

extension [String: HarmlessKey] {
    /// What GPT-NeoX's first files have besides.
    static var gptNeoX: HarmlessKeys {
        [
            "attention_probs_dropout_prob": .at([.int(0)]), "hidden_dropout_prob": .at([.int(0)]),
        ]
    }
}
