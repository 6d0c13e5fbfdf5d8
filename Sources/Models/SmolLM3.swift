import Files

extension Decoder {
    /// SmolLM3: Llama without rotary positions in some layers; a sliding window on these where asked for.
    ///
    /// Source: Yang et al. 2025, arXiv:2501.18795, of layers without positions.
    convenience init(smolLM3 file: ConfigurationFile) throws(ModelError) {
        let file = file.withDefaults([
            "max_position_embeddings": .int(32_768), "num_key_value_heads": .int(4),
        ])
        var configuration = try DecoderConfiguration(
            file, tied: true, padding: 128_004, rope: RotaryParameters.Style(theta: 2_000_000))
        configuration.queryBias = try file.flag("attention_bias", default: false)
        configuration.outputBias = configuration.queryBias
        configuration.feedForwardBias = try file.flag("mlp_bias", default: false)
        let unrotated = try configuration.layersWithoutPositions(file)
        configuration.unrotatedLayers = unrotated
        try configuration.setOptionalWindows(file) { unrotated.contains($0) }
        try self.init(configuration, file)
    }
}

extension DecoderConfiguration {
    /// The layers that `no_rope_layers` marks with a 0, or every `no_rope_layer_interval`-th.
    fileprivate func layersWithoutPositions(
        _ file: ConfigurationFile
    ) throws(ModelError) -> Set<Int> {
        let interval = try file.count("no_rope_layer_interval", default: 4)
        let layers = 0..<numHiddenLayers
        guard let marks = try file.integers("no_rope_layers") else {
            return Set(layers.filter { ($0 + 1) % interval == 0 })
        }
        guard marks.count >= numHiddenLayers else {
            throw .outOfRange(
                key: file.name("no_rope_layers"), found: "\(marks.count) entries",
                expected: "one for each of the \(numHiddenLayers) layers")
        }
        return Set(layers.filter { marks[$0] == 0 })
    }
}

extension [String: HarmlessKey] {
    /// What SmolLM3's published files have besides.
    static var smolLM3: HarmlessKeys { always(["max_window_layers"]) }
}
