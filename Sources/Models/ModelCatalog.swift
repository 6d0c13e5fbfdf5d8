import Files

/// The architectures by `model_type`. One line each.
package enum ModelCatalog {
    /// How a model is made of its config.json.
    private struct Architecture: Sendable {
        /// What it does not read and need not.
        let harmless: HarmlessKeys
        let model: @Sendable (ConfigurationFile) throws(ModelError) -> any LanguageModel

        init(
            _ harmless: HarmlessKeys = [:],
            _ model:
                @escaping @Sendable (ConfigurationFile) throws(ModelError) -> any LanguageModel
        ) {
            self.harmless = harmless
            self.model = model
        }
    }

    private static let architectures: [String: Architecture] = [
        "Yi": .init { file throws(ModelError) in try Decoder(yi: file) },
        "albert": .init(.albert) { file throws(ModelError) in try Encoder(albert: file) },
        "baichuan": .init(.baichuan) { file throws(ModelError) in try Decoder(baichuan: file) },
        "bert": .init(.encoder) { file throws(ModelError) in
            try Encoder(bert: file)
        },
        "chatglm": .init(.chatGLM) { file throws(ModelError) in try Decoder(chatGLM: file) },
        "distilbert": .init(.distilBERT) { file throws(ModelError) in
            try Encoder(distilBERT: file)
        },
        "electra": .init(.encoder) { file throws(ModelError) in
            if case .replacedTokens(let size?) = file.purpose {
                return try ReplacedTokenModel(file, generator: size)
            }
            return try Encoder(electra: file)
        },
        "ernie4_5": .init { file throws(ModelError) in try Decoder(ernie45: file) },
        "gemma": .init(.gemma) { file throws(ModelError) in try Decoder(gemma: file) },
        "gemma2": .init(.gemma) { file throws(ModelError) in try Decoder(gemma2: file) },
        "gemma3": .init(.gemma3) { file throws(ModelError) in try Decoder(gemma3: file) },
        "gemma3_text": .init(.gemma3) { file throws(ModelError) in try Decoder(gemma3Text: file) },
        "glm": .init { file throws(ModelError) in try Decoder(glm: file) },
        "glm4": .init { file throws(ModelError) in try Decoder(glm4: file) },
        "gpt2": .init(.gpt2) { file throws(ModelError) in try GPT2(file) },
        "gpt_neox": .init(.gptNeoX) { file throws(ModelError) in
            try LayerNormDecoder(gptNeoX: file)
        },
        "granite": .init { file throws(ModelError) in try Decoder(granite: file) },
        "internlm2": .init { file throws(ModelError) in try Decoder(internLM2: file) },
        "llama": .init { file throws(ModelError) in try Decoder(llama: file) },
        "mistral": .init { file throws(ModelError) in try Decoder(mistral: file) },
        "mixtral": .init { file throws(ModelError) in try Decoder(mixtral: file) },
        "modernbert": .init(.modernBERT) { file throws(ModelError) in
            try ModernBERT(file)
        },
        "mpnet": .init { file throws(ModelError) in try Encoder(mpnet: file) },
        "mt5": .init(.t5) { file throws(ModelError) in try T5(file) },
        "olmo2": .init { file throws(ModelError) in try Decoder(olmo2: file) },
        "opt": .init(.opt) { file throws(ModelError) in try LayerNormDecoder(opt: file) },
        "phi": .init { file throws(ModelError) in try LayerNormDecoder(phi: file) },
        "phi3": .init(.phi3) { file throws(ModelError) in try Decoder(phi3: file) },
        "qwen2": .init { file throws(ModelError) in try Decoder(qwen2: file) },
        "qwen3": .init { file throws(ModelError) in try Decoder(qwen3: file) },
        "qwen3_moe": .init(.qwen3MoE) { file throws(ModelError) in try Decoder(qwen3MoE: file) },
        "roberta": .init(.encoder) { file throws(ModelError) in
            try Encoder(roberta: file, vocabulary: 50265)
        },
        "smollm3": .init(.smolLM3) { file throws(ModelError) in try Decoder(smolLM3: file) },
        "starcoder2": .init(.starCoder2) { file throws(ModelError) in
            try LayerNormDecoder(starCoder2: file)
        },
        "t5": .init(.t5) { file throws(ModelError) in try T5(file) },
        "umt5": .init(.t5) { file throws(ModelError) in try T5(file) },
        "xlm-roberta": .init(.encoder) { file throws(ModelError) in
            try Encoder(roberta: file, vocabulary: 30522)
        },
    ]

    /// The supported values of `model_type`.
    package static var names: [String] { architectures.keys.sorted() }

    /// A model without memory yet, from the text of its config.json.
    ///
    /// - Parameter purpose: which head it has; of states alone, a decoder has its own all the same.
    /// - Throws: ``ModelError``, for a key too that could change the model and is not read.
    package static func model(
        configuration text: String, for purpose: ModelPurpose = .language
    ) throws(ModelError) -> any LanguageModel {
        let file = try ConfigurationFile(
            text: try purpose.configuration(of: text), for: purpose)
        guard let architecture = architectures[file.modelType] else {
            throw .unknownArchitecture(found: file.modelType, known: names)
        }
        let model = try architecture.model(file)
        try file.refuseUnused(harmless: .shared.merging(architecture.harmless) { $1 })
        try check(model, purpose)
        return model
    }

    /// Refuses a model that has not the heads asked for.
    private static func check(
        _ model: any LanguageModel, _ purpose: ModelPurpose
    ) throws(ModelError) {
        let (task, supported, isThere) =
            switch purpose {
            case .language, .states, .task: ("", "", true)
            case .followingTexts: ("pairs of texts", "bert", model.pairHead != nil)
            case .replacedTokens(nil):
                ("replaced tokens", "electra", model.description.type == "electra")
            case .replacedTokens: ("replaced tokens", "electra", model is ReplacedTokenModel)
            }
        guard isThere else {
            throw .unsupported(
                key: "model_type", found: model.description.type,
                supported: "for \(task): \(supported)")
        }
    }

    /// The same with a head of its own, whatever config.json says of `tie_word_embeddings`; the
    /// model's description says so too.
    ///
    /// - Parameter purpose: which head it has besides.
    package static func modelWithOwnHead(
        configuration text: String, for purpose: ModelPurpose = .language
    ) throws(ModelError) -> any LanguageModel {
        let model = try model(configuration: text)
        guard model.description.kind == .encoderDecoder else {
            return try self.model(
                configuration: text, with: ["tie_word_embeddings": false], for: purpose)
        }
        return try self.model(
            configuration: text,
            with: [
                "tie_word_embeddings": false, "scale_decoder_outputs": model.headScale != 1,
            ])
    }

    /// An encoder-decoder whose head is the embedding, whatever config.json says; the model's description
    /// says so too. Its states are scaled where config.json says so, and UMT5's are as transformers has it.
    package static func modelSharingHead(
        configuration text: String
    ) throws(ModelError) -> any LanguageModel {
        let scales = try model(configuration: text).headScale != 1
        return try model(
            configuration: text,
            with: ["tie_word_embeddings": true, "scale_decoder_outputs": scales])
    }

    /// A decoder whose hidden states alone are wanted and whose files hold no head: the embedding stands for
    /// it, whatever config.json says; the model's description says so too.
    package static func modelWithoutHead(
        configuration text: String
    ) throws(ModelError) -> any LanguageModel {
        try model(configuration: text, with: ["tie_word_embeddings": true], for: .states)
    }

    private static func model(
        configuration text: String, with flags: KeyValuePairs<String, Bool>,
        for purpose: ModelPurpose = .language
    ) throws(ModelError) -> any LanguageModel {
        guard case .object(var members)? = try? JSONValueReader.read(text) else {
            return try model(configuration: text, for: purpose)
        }
        for (key, value) in flags {
            members.removeAll { $0.key == key }
            members.append((key: key, value: .bool(value)))
        }
        return try model(
            configuration: JSONValue.object(members).text(indent: 2) + "\n", for: purpose)
    }
}
