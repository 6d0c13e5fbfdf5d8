extension Decoder {
    /// Mixtral: Mistral with experts in every layer.
    convenience init(mixtral file: ConfigurationFile) throws(ModelError) {
        let file = file.renaming(["num_local_experts": "num_experts"]).withDefaults([
            "max_position_embeddings": .int(131_072), "num_key_value_heads": .int(8),
            "rms_norm_eps": .double(1e-5), "num_local_experts": .int(8),
        ])
        var configuration = try DecoderConfiguration(
            file, rope: RotaryParameters.Style(theta: 1_000_000))
        try configuration.setWindow(file)
        configuration.experts = try ExpertConfiguration(
            file,
            names: .init(layer: "block_sparse_moe", gate: "w1", up: "w3", down: "w2"),
            countKey: "num_local_experts", inner: configuration.intermediateSize,
            normalized: true, layers: Array(0..<configuration.numHiddenLayers), chosenDefault: 2,
            coefficientDefault: 0.001)
        guard try file.real("router_jitter_noise", default: 0) == 0 else {
            throw file.unsupported("router_jitter_noise", "0")
        }
        try self.init(configuration, file)
    }
}
