import Kernels

extension Encoder {
    /// Devlin et al. 2019, arXiv:1810.04805.
    convenience init(bert file: ConfigurationFile) throws(ModelError) {
        let names = EncoderNames(
            prefix: "bert", dense: "cls.predictions.transform.dense",
            norm: "cls.predictions.transform.LayerNorm", bias: "cls.predictions.bias",
            decoder: "cls.predictions.decoder",
            otherHeads: ["cls.seq_relationship.", "classifier.", "qa_outputs."], hasPairHead: true)
        self.init(file, try EncoderConfiguration(file, names, .init()))
    }

    /// BERT without next-sentence prediction, positions counted from the padding token's id on, and
    /// XLM-R. Source: Liu et al. 2019, arXiv:1907.11692; Conneau et al. 2020, arXiv:1911.02116.
    convenience init(roberta file: ConfigurationFile, vocabulary: Int) throws(ModelError) {
        let names = EncoderNames(
            prefix: "roberta", dense: "lm_head.dense", norm: "lm_head.layer_norm",
            bias: "lm_head.bias", decoder: "lm_head.decoder",
            otherHeads: ["classifier.", "qa_outputs."], headActivation: .gelu,
            textHead: .dense(.tanh), countsFromPadding: true)
        let defaults = EncoderConfiguration.Defaults(vocabulary: vocabulary, padding: 1)
        self.init(file, try EncoderConfiguration(file, names, defaults))
    }

    /// ELECTRA's generator, or its body: embeddings may be narrower than the layers.
    /// Source: Clark et al. 2020, arXiv:2003.10555.
    convenience init(electra file: ConfigurationFile) throws(ModelError) {
        let names = EncoderNames(
            prefix: "electra", dense: "generator_predictions.dense",
            norm: "generator_predictions.LayerNorm", bias: "generator_lm_head.bias",
            decoder: "generator_lm_head",
            otherHeads: ["discriminator_predictions.", "classifier.", "qa_outputs."],
            headActivation: .gelu, textHead: .dense(.gelu))
        let defaults = EncoderConfiguration.Defaults(
            width: 256, heads: 4, inner: 1024, embedding: 128)
        self.init(file, try EncoderConfiguration(file, names, defaults))
    }
}
