import Files

extension Encoder {
    /// BERT with half of its layers and without types of tokens.
    ///
    /// Source: Sanh et al. 2019, arXiv:1910.01108.
    convenience init(distilBERT file: ConfigurationFile) throws(ModelError) {
        var names = EncoderNames(
            prefix: "distilbert", dense: "vocab_transform", norm: "vocab_layer_norm",
            bias: "vocab_projector.bias", decoder: "vocab_projector",
            otherHeads: ["pre_classifier.", "classifier.", "qa_outputs."],
            textHead: .beside("pre_classifier", .relu), layers: "transformer.layer")
        names.layer = EncoderLayerNames(
            query: "attention.q_lin", key: "attention.k_lin", value: "attention.v_lin",
            attentionOutput: "attention.out_lin", attentionNorm: "sa_layer_norm", up: "ffn.lin1",
            down: "ffn.lin2", outputNorm: "output_layer_norm")
        // The sizes by the names of transformers' attribute map.
        let file = file.renaming([
            "dim": "hidden_size", "n_heads": "num_attention_heads",
            "n_layers": "num_hidden_layers",
        ])
        let defaults = EncoderConfiguration.Defaults(
            layers: 6, types: nil, epsilon: 1e-12,
            hasSinusoidalPositions: try file.flag("sinusoidal_pos_embds", default: false),
            dropout: try EncoderDropout(distilBERT: file),
            keys: .init(
                width: "dim", layers: "n_layers", heads: "n_heads", inner: "hidden_dim",
                activation: "activation"))
        self.init(file, try EncoderConfiguration(file, names, defaults))
    }
}

extension EncoderDropout {
    /// As DistilBERT has it: nothing of what attention adds.
    fileprivate init(distilBERT file: ConfigurationFile) throws(ModelError) {
        let hidden = try file.probability("dropout", default: 0.1)
        self.init(
            embeddings: hidden,
            attention: try file.probability("attention_dropout", default: 0.1),
            attentionOutput: 0, feedForward: hidden,
            sequence: try file.probability("seq_classif_dropout", default: 0.2), words: hidden,
            answers: try file.probability("qa_dropout", default: 0.1))
    }
}

extension [String: HarmlessKey] {
    /// Of DistilBERT's older files.
    static var distilBERT: HarmlessKeys { ["tie_weights_": .flag(true)] }
}
