import Files

extension Decoder {
    /// Phi-3, 3.5 and 4: one product for queries, keys and values, one for gate and up; longer
    /// sequences by two sets of factors on the rotary frequencies.
    ///
    /// Source: Abdin et al. 2024, arXiv:2404.14219, section 2.
    convenience init(phi3 file: ConfigurationFile) throws(ModelError) {
        let file = file.withDefaults([
            "rms_norm_eps": .double(1e-5), "max_position_embeddings": .int(4096),
        ])
        var configuration = try DecoderConfiguration(
            file, padding: 32_000,
            rope: RotaryParameters.Style(share: 1, original: 4096, types: ["default", "longrope"]))
        configuration.names.fusedQueries = ("qkv_proj", .byKind)
        configuration.names.fusedGate = "gate_up_proj"
        configuration.residualDropout = try file.probability("resid_pdrop", default: 0)
        try configuration.setWindow(file)
        try self.init(configuration, file)
    }
}

extension [String: HarmlessKey] {
    /// What Phi-3's published files have besides.
    static var phi3: HarmlessKeys {
        ["full_attn_mod": .at([.int(1)]), "interpolate_factor": .at([.int(1)])]
    }
}
