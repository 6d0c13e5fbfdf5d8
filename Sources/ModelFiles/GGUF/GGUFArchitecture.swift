package import Files

/// What a GGUF file of one architecture is as a Hugging Face model: config.json and names.
struct GGUFArchitecture {
    /// Members of config.json.
    package typealias Settings = [(key: String, value: JSONValue)]

    let settings: Settings
    let names: GGUFTensorNames

    private typealias Reader =
        @Sendable (GGUFMetadata) throws(ModelFileError) -> GGUFArchitecture

    /// The architectures by `general.architecture`. One line each.
    private static let readers: [String: Reader] = [
        "baichuan": { metadata throws(ModelFileError) in try .baichuan(metadata) },
        "chatglm": { metadata throws(ModelFileError) in try .chatGLM(metadata) },
        "gemma": { metadata throws(ModelFileError) in try .gemma(metadata) },
        "gemma2": { metadata throws(ModelFileError) in try .gemma2(metadata) },
        "gemma3": { metadata throws(ModelFileError) in try .gemma3(metadata) },
        "glm4": { metadata throws(ModelFileError) in try .glm4(metadata) },
        "gpt2": { metadata throws(ModelFileError) in try .gpt2(metadata) },
        "internlm2": { metadata throws(ModelFileError) in try .llama(metadata) },
        "llama": { metadata throws(ModelFileError) in try .llama(metadata) },
        "phi3": { metadata throws(ModelFileError) in try .phi3(metadata) },
        "qwen2": { metadata throws(ModelFileError) in try .qwen2(metadata) },
        "qwen3": { metadata throws(ModelFileError) in try .qwen3(metadata) },
        "qwen3moe": { metadata throws(ModelFileError) in try .qwen3MoE(metadata) },
    ]

    /// The supported values of `general.architecture`.
    static var known: [String] { readers.keys.sorted() }

    /// What the metadata describe.
    ///
    /// - Throws: ``ModelFileError/user(_:)`` for an unsupported architecture,
    ///   ``ModelFileError/weightFile(_:)`` where a key is missing or wrong.
    static func of(_ metadata: GGUFMetadata) throws(ModelFileError) -> GGUFArchitecture {
        guard let reader = readers[metadata.architecture] else {
            throw .user(
                "\(metadata.file): general.architecture \"\(metadata.architecture)\" is not "
                    + "supported; supported are \(known.joined(separator: ", "))")
        }
        return try reader(metadata)
    }

    /// The text of config.json.
    var configuration: String { JSONValue.object(settings).text(indent: 2, sortsKeys: true) + "\n" }
}

extension GGUFArchitecture.Settings {
    /// Adds or replaces members.
    package func with(_ members: KeyValuePairs<String, JSONValue>) -> Self {
        let added = Set(members.map(\.key))
        return filter { !added.contains($0.key) } + members.map { ($0.key, $0.value) }
    }
}
