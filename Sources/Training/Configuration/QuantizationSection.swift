/// Keys of quantized base models and of 8-bit training, refused by their switches.
enum QuantizationSection {
    static let keys = ConfigurationKey.joined(
        .later(
            "train and run the model in bf16", ["quantization_bit", "fp8"], .all),
        .later(
            "export in float32, bfloat16 or float16", ["export_quantization_bit"], [.export]),
        .dormant([
            "quantization_method", "quantization_type", "double_quantization",
            "quantization_device_map", "fp8_backend", "fp8_enable_fsdp_float8_all_gather",
            "export_quantization_dataset", "export_quantization_nsamples",
            "export_quantization_maxlen",
        ]))
}
