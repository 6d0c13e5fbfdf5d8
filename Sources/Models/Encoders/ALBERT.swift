import Files

extension Encoder {
    /// BERT whose layers share their parameters, in groups, and whose embeddings are narrower than they.
    ///
    /// Source: Lan et al. 2019, arXiv:1909.11942.
    convenience init(albert file: ConfigurationFile) throws(ModelError) {
        var names = EncoderNames(
            prefix: "albert", dense: "predictions.dense", norm: "predictions.LayerNorm",
            bias: "predictions.bias", decoder: "predictions.decoder",
            otherHeads: ["sop_classifier.", "classifier.", "qa_outputs."],
            projection: "encoder.embedding_hidden_mapping_in", alwaysProjects: true,
            pooler: "pooler")
        names.layer = EncoderLayerNames(
            query: "attention.query", key: "attention.key", value: "attention.value",
            attentionOutput: "attention.dense", attentionNorm: "attention.LayerNorm", up: "ffn",
            down: "ffn_output", outputNorm: "full_layer_layer_norm")
        let defaults = EncoderConfiguration.Defaults(
            vocabulary: 30000, width: 4096, heads: 64, inner: 16384, embedding: 128,
            activation: "gelu_new", layerPaths: try Self.albertLayers(file),
            dropout: try EncoderDropout(albert: file))
        self.init(file, try EncoderConfiguration(file, names, defaults))
    }

    /// Each layer is that of its group, or several there are within the group.
    private static func albertLayers(_ file: ConfigurationFile) throws(ModelError) -> [String] {
        let layers = try file.count("num_hidden_layers", default: 12, in: SizeRange.layers)
        let groups = try file.count("num_hidden_groups", default: 1)
        let inner = try file.count("inner_group_num", default: 1, in: SizeRange.layers)
        guard groups <= layers else {
            throw file.outOfRange("num_hidden_groups", "at most num_hidden_layers, \(layers)")
        }
        guard SizeRange.layers.contains(layers * inner) else {
            throw file.outOfRange(
                "inner_group_num",
                "with num_hidden_layers \(layers) at most \(SizeRange.layers.upperBound) layers")
        }
        return (0..<layers).flatMap { layer in
            // As transformers rounds it.
            let group = Int(Double(layer) / (Double(layers) / Double(groups)))
            return (0..<inner).map { "encoder.albert_layer_groups.\(group).albert_layers.\($0)" }
        }
    }
}

extension EncoderDropout {
    /// As ALBERT has it: nothing of what a feed-forward adds.
    fileprivate init(albert file: ConfigurationFile) throws(ModelError) {
        let hidden = try file.probability("hidden_dropout_prob", default: 0)
        let classifier = try file.probability("classifier_dropout_prob", default: 0.1)
        self.init(
            embeddings: hidden,
            attention: try file.probability("attention_probs_dropout_prob", default: 0),
            attentionOutput: hidden, feedForward: 0, sequence: classifier, words: classifier,
            answers: 0)
    }
}

extension [String: HarmlessKey] {
    /// Of ALBERT's first code.
    static var albert: HarmlessKeys {
        always(["down_scale_factor", "gap_size", "net_structure_type", "num_memory_blocks"])
    }
}
