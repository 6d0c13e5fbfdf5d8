extension Decoder {
    /// Qwen3 with experts: in every `decoder_sparse_step`-th layer but those of `mlp_only_layers`.
    convenience init(qwen3MoE text: String) throws(ModelError) {
        let file = try ConfigurationFile(text: text)
        var configuration = try DecoderConfiguration(file)
        configuration.headNorms = true
        configuration.queryBias = try file.flag("attention_bias", default: false)
        configuration.outputBias = configuration.queryBias
        try configuration.setWindows(
            file, enabled: try file.flag("use_sliding_window", default: false))
        let step = try file.count("decoder_sparse_step", default: 1)
        let dense = try file.integers("mlp_only_layers") ?? []
        let layers = (0..<configuration.numHiddenLayers).filter {
            ($0 + 1) % step == 0 && !dense.contains($0)
        }
        configuration.experts = try ExpertConfiguration(
            file,
            names: .init(layer: "mlp", gate: "gate_proj", up: "up_proj", down: "down_proj"),
            countKey: "num_experts", inner: try file.count("moe_intermediate_size", default: 768),
            normalized: try file.flag("norm_topk_prob", default: false), layers: layers,
            chosenDefault: 8, coefficientDefault: 0.001)
        self.init(configuration, type: file.modelType, text: text)
    }
}
