/// The architectures by `model_type`. One line each.
package enum ModelCatalog {
    private typealias Architecture = @Sendable (String) throws(ModelError) -> any LanguageModel

    private static let architectures: [String: Architecture] = [
        "Yi": { text throws(ModelError) in try Decoder(yi: text) },
        "baichuan": { text throws(ModelError) in try Decoder(baichuan: text) },
        "chatglm": { text throws(ModelError) in try Decoder(chatGLM: text) },
        "gemma": { text throws(ModelError) in try Decoder(gemma: text) },
        "gemma2": { text throws(ModelError) in try Decoder(gemma2: text) },
        "gemma3": { text throws(ModelError) in try Decoder(gemma3: text) },
        "gemma3_text": { text throws(ModelError) in try Decoder(gemma3Text: text) },
        "glm": { text throws(ModelError) in try Decoder(glm: text) },
        "glm4": { text throws(ModelError) in try Decoder(glm4: text) },
        "gpt2": { text throws(ModelError) in try GPT2(configuration: text) },
        "internlm2": { text throws(ModelError) in try Decoder(internLM2: text) },
        "llama": { text throws(ModelError) in try Decoder(llama: text) },
        "mistral": { text throws(ModelError) in try Decoder(mistral: text) },
        "mixtral": { text throws(ModelError) in try Decoder(mixtral: text) },
        "phi3": { text throws(ModelError) in try Decoder(phi3: text) },
        "qwen2": { text throws(ModelError) in try Decoder(qwen2: text) },
        "qwen3": { text throws(ModelError) in try Decoder(qwen3: text) },
        "qwen3_moe": { text throws(ModelError) in try Decoder(qwen3MoE: text) },
    ]

    /// The supported values of `model_type`.
    package static var names: [String] { architectures.keys.sorted() }

    /// A model without memory yet, from the text of its config.json.
    package static func model(configuration text: String) throws(ModelError) -> any LanguageModel {
        let file = try ConfigurationFile(text: text)
        guard let architecture = architectures[file.modelType] else {
            throw .unknownArchitecture(found: file.modelType, known: names)
        }
        return try architecture(text)
    }
}
