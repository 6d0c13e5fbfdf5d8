extension Decoder {
    /// Mixtral: Mistral with experts in every layer.
    convenience init(mixtral text: String) throws(ModelError) {
        let file = try ConfigurationFile(text: text)
        var configuration = try DecoderConfiguration(file)
        try configuration.setWindows(file, enabled: true)
        configuration.experts = try ExpertConfiguration(
            file,
            names: .init(layer: "block_sparse_moe", gate: "w1", up: "w3", down: "w2"),
            countKey: "num_local_experts", inner: configuration.intermediateSize,
            normalized: true, layers: Array(0..<configuration.numHiddenLayers), chosenDefault: 2,
            coefficientDefault: 0.001)
        guard try file.real("router_jitter_noise", default: 0) == 0 else {
            throw .unsupported(
                key: "router_jitter_noise", found: file.found("router_jitter_noise"),
                supported: "0")
        }
        self.init(configuration, type: file.modelType, text: text)
    }
}
