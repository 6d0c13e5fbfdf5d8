extension Decoder {
    /// Phi-3, 3.5 and 4: one product for queries, keys and values, one for gate and up; longer
    /// sequences by two sets of factors on the rotary frequencies.
    ///
    /// Source: Abdin et al. 2024, arXiv:2404.14219, section 2.
    convenience init(phi3 text: String) throws(ModelError) {
        let file = try ConfigurationFile(text: text).withDefaults([
            "rms_norm_eps": 1e-5, "max_position_embeddings": 4096,
            "original_max_position_embeddings": 4096,
        ])
        var configuration = try DecoderConfiguration(file, rotaryShare: 1)
        configuration.names.fusedQueries = ("qkv_proj", .byKind)
        configuration.names.fusedGate = "gate_up_proj"
        configuration.residualDropout = try file.probability("resid_pdrop", default: 0)
        try configuration.setWindows(file, enabled: true)
        self.init(configuration, type: file.modelType, text: text)
    }
}
