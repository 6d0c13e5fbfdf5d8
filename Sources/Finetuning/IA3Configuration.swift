import Files

/// What PEFT's IA3Config says.
package struct IA3Configuration: Equatable, Sendable {
    /// Which modules are meant; what else a LoRA has is not used.
    package var modules = LoRAConfiguration()
    /// Those of them whose inputs are scaled in place of their outputs: ends of paths, or one regular
    /// expression for whole paths.
    package var feedforward = ModuleTargets.names([])

    package init() {}

    /// PEFT's own choice for an architecture; `nil` where it has none.
    ///
    /// Source: peft/utils/constants.py of PEFT 0.21.
    package static func standard(
        modelType: String
    ) -> (targets: [String], feedforward: [String])? {
        switch modelType {
        case "llama", "mistral": (["k_proj", "v_proj", "down_proj"], ["down_proj"])
        case "gemma", "gemma2", "gemma3_text", "qwen2", "qwen3":
            (["q_proj", "v_proj", "down_proj"], ["down_proj"])
        case "gpt2": (["c_attn", "mlp.c_proj"], ["mlp.c_proj"])
        case "gpt_neox": (["query_key_value", "dense_4h_to_h"], ["dense_4h_to_h"])
        case "opt": (["q_proj", "k_proj", "fc2"], ["fc2"])
        case "phi": (["q_proj", "v_proj", "fc2"], ["fc2"])
        case "bert", "roberta": (["key", "value", "output.dense"], ["output.dense"])
        case "t5": (["k", "v", "wo"], ["wo"])
        case "mt5": (["k", "v", "wi_1"], [])
        default: nil
        }
    }

    private static let harmless: [String: HarmlessKey] = [
        "auto_mapping": .always, "inference_mode": .always, "peft_version": .always,
        "revision": .always, "task_type": .always, "fan_in_fan_out": .always,
        "init_ia3_weights": .always,
    ]

    /// - Throws: as ``PEFTConfiguration`` does.
    static func read(_ keys: KeyedObject) throws(FinetuningError) -> IA3Configuration {
        var configuration = IA3Configuration()
        configuration.modules = try PEFTConfiguration.modules(keys)
        guard let value = keys["feedforward_modules"] else {
            throw .unsupported(
                what: "\(keys.file): no feedforward_modules",
                advice: "name those whose inputs it scales, or [] for none")
        }
        if let text = value.string {
            configuration.feedforward = .regex(text)
        } else {
            configuration.feedforward = .names(try keys.texts(value, "feedforward_modules"))
        }
        try keys.refuseOthers(harmless: harmless)
        return configuration
    }

    /// The text of adapter_config.json.
    func adapterConfiguration(base: String, _ plan: LoRAPlan) -> String {
        var inputs = JSONValue.array([])
        switch feedforward {
        case .names(let names): inputs = .array(names.sorted().map { .string($0) })
        case .regex(let pattern): inputs = .string(pattern)
        case .all: break
        }
        // IA3Config has no layers_to_transform.
        let keys = modules.moduleKeys(plan.leafNames).filter { !$0.key.hasPrefix("layers_") }
        return AdapterFolder.json(
            keys + [
                ("peft_type", .string("IA3")), ("task_type", plan.taskKey),
                ("base_model_name_or_path", .string(base)), ("revision", .null),
                ("inference_mode", .bool(true)), ("feedforward_modules", inputs),
                ("fan_in_fan_out", .bool(plan.isConv1D)), ("init_ia3_weights", .bool(true)),
            ])
    }
}
