/// Keys of 8-bit training and of quantized exports, refused by their switches.
enum QuantizationSection: ConfigurationSection {
    static let keys = ConfigurationKey.joined(
        [.boolean("fp8", false, .training)],
        .later(
            "export a GGUF file instead: export_gguf: q8_0", ["export_quantization_bit"],
            [.export]),
        .noEffect(
            "fp8: true runs in bf16, as processors have no 8-bit products",
            ["fp8_backend", "fp8_enable_fsdp_float8_all_gather"]),
        .dormant([
            "export_quantization_dataset", "export_quantization_nsamples",
            "export_quantization_maxlen",
        ]))
}
