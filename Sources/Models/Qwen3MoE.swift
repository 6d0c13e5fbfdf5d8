import Files

extension Decoder {
    /// Qwen3 with experts: in every `decoder_sparse_step`-th layer but those of `mlp_only_layers`.
    convenience init(qwen3MoE file: ConfigurationFile) throws(ModelError) {
        let file = file.renaming(["num_experts": "num_local_experts"]).withDefaults([
            "max_position_embeddings": .int(32_768), "num_key_value_heads": .int(4),
            "sliding_window": .int(4096), "num_experts": .int(128),
        ])
        var configuration = try DecoderConfiguration(file)
        configuration.headNorms = true
        configuration.queryBias = try file.flag("attention_bias", default: false)
        configuration.outputBias = configuration.queryBias
        if try file.flag("use_sliding_window", default: false) {
            try configuration.setWindow(file)
        } else {
            file.pass("sliding_window")
        }
        let step = try file.count("decoder_sparse_step", default: 1)
        let dense = try file.integers("mlp_only_layers") ?? []
        let layers = (0..<configuration.numHiddenLayers).filter {
            ($0 + 1) % step == 0 && !dense.contains($0)
        }
        configuration.experts = try ExpertConfiguration(
            file,
            names: .init(layer: "mlp", gate: "gate_proj", up: "up_proj", down: "down_proj"),
            countKey: "num_experts",
            inner: try file.count(
                "moe_intermediate_size", default: 768, in: SizeRange.feedForward),
            normalized: try file.flag("norm_topk_prob", default: false), layers: layers,
            chosenDefault: 8, coefficientDefault: 0.001)
        try self.init(configuration, file)
    }
}

extension [String: HarmlessKey] {
    /// What Qwen3's published files have besides: windows, where there are any, are on every layer.
    static var qwen3MoE: HarmlessKeys { ["max_window_layers": .always] }
}
