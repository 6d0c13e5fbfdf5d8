/// Where and how a model is written as a Hugging Face folder.
package struct ExportSection: ConfigurationSection, Sendable {
    /// The number format of inference and of exported weights.
    package enum InferDType: String, Sendable {
        /// The model's own.
        case auto
        case float32, bfloat16, float16
    }

    package let exportDir: String?
    /// The largest size of one weight file, in gigabytes.
    package let exportSize: Double
    package let inferDType: InferDType
    /// The numbers of a GGUF file to write beside the folder's weights; `nil` writes none.
    package let exportGGUF: String?
    /// How a reward model's head is written; `nil` as the model has it.
    package let exportRewardHead: RewardHead?

    /// Where a reward model's head stands.
    package enum RewardHead: String, Sendable {
        /// In value_head.safetensors, beside a language model.
        case valueHead = "value_head"
        /// In place of the language head: a `…ForSequenceClassification` with one label.
        case score
    }

    static let keys = ConfigurationKey.joined(
        [
            .text("export_dir", nil, [.export], isLocal: true),
            .number("export_size", 5, .above(0).within(1e9), [.export]),
            .choice("export_gguf", nil, ["f16", "q8_0"], [.export]),
            .choice("export_reward_head", nil, ["value_head", "score"], [.export]),
            .choice(
                "infer_dtype", "auto", ["auto", "float32", "bfloat16", "float16"],
                .inference.union([.export])),
        ],
        .later(
            "weights are written as .safetensors", ["export_legacy_format"], [.export]),
        .later(
            "copy export_dir where it should go", ["export_hub_model_id"], [.export]),
        .dormant(["export_device"]))

    init(_ settings: ConfigurationSettings) {
        exportDir = settings.optionalText("export_dir")
        exportSize = settings.number("export_size")
        exportGGUF = settings.optionalText("export_gguf")
        exportRewardHead = settings.optionalText("export_reward_head").flatMap(RewardHead.init)
        inferDType = settings.choice("infer_dtype")
    }
}
