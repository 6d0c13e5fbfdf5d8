import Files

extension Encoder {
    /// BERT with RoBERTa's positions and head, and T5's biases by distance; its padding token is 1 whatever
    /// config.json says, as in transformers.
    ///
    /// Source: Song et al. 2020, arXiv:2004.09297.
    convenience init(mpnet file: ConfigurationFile) throws(ModelError) {
        var names = EncoderNames(
            prefix: "mpnet", dense: "lm_head.dense", norm: "lm_head.layer_norm",
            bias: "lm_head.bias", decoder: "lm_head.decoder",
            otherHeads: ["classifier.", "qa_outputs."], headActivation: .gelu,
            textHead: .dense(.tanh), countsFromPadding: true)
        names.layer = EncoderLayerNames(
            query: "attention.attn.q", key: "attention.attn.k", value: "attention.attn.v",
            attentionOutput: "attention.attn.o", attentionNorm: "attention.LayerNorm")
        let defaults = EncoderConfiguration.Defaults(
            vocabulary: 30527, padding: 1, fixesPadding: true,
            // Of a smaller table transformers would read rows that are not there.
            distanceRows: try file.count(
                "relative_attention_num_buckets", default: 32, in: 32...1 << 16),
            types: nil, dropout: try EncoderDropout(mpnet: file))
        self.init(file, try EncoderConfiguration(file, names, defaults))
    }
}

extension EncoderDropout {
    /// As MPNet has it, whose heads have no probability of their own.
    fileprivate init(mpnet file: ConfigurationFile) throws(ModelError) {
        let hidden = try file.probability("hidden_dropout_prob", default: 0.1)
        self.init(
            embeddings: hidden,
            attention: try file.probability("attention_probs_dropout_prob", default: 0.1),
            attentionOutput: hidden, feedForward: hidden, sequence: hidden, words: hidden,
            answers: 0)
    }
}
