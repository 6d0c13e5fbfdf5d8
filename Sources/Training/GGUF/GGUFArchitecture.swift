import Files
import TextData

/// What a GGUF file of one architecture is as a Hugging Face model: config.json and names.
struct GGUFArchitecture {
    /// Members of config.json.
    typealias Settings = [(key: String, value: JSONValue)]

    let settings: Settings
    let names: GGUFTensorNames

    private typealias Reader =
        @Sendable (GGUFMetadata) throws(TrainingError) -> GGUFArchitecture

    /// The architectures by `general.architecture`. One line each.
    private static let readers: [String: Reader] = [
        "baichuan": { metadata throws(TrainingError) in try .baichuan(metadata) },
        "chatglm": { metadata throws(TrainingError) in try .chatGLM(metadata) },
        "gemma": { metadata throws(TrainingError) in try .gemma(metadata) },
        "gemma2": { metadata throws(TrainingError) in try .gemma2(metadata) },
        "gemma3": { metadata throws(TrainingError) in try .gemma3(metadata) },
        "glm4": { metadata throws(TrainingError) in try .glm4(metadata) },
        "gpt2": { metadata throws(TrainingError) in try .gpt2(metadata) },
        "internlm2": { metadata throws(TrainingError) in try .llama(metadata) },
        "llama": { metadata throws(TrainingError) in try .llama(metadata) },
        "phi3": { metadata throws(TrainingError) in try .phi3(metadata) },
        "qwen2": { metadata throws(TrainingError) in try .qwen2(metadata) },
        "qwen3": { metadata throws(TrainingError) in try .qwen3(metadata) },
        "qwen3moe": { metadata throws(TrainingError) in try .qwen3MoE(metadata) },
    ]

    /// The supported values of `general.architecture`.
    static var known: [String] { readers.keys.sorted() }

    /// What the metadata describe.
    ///
    /// - Throws: ``TrainingError/user(_:)`` for an unsupported architecture,
    ///   ``TrainingError/checkpoint(_:)`` where a key is missing or wrong.
    static func of(_ metadata: GGUFMetadata) throws(TrainingError) -> GGUFArchitecture {
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
    func with(_ members: KeyValuePairs<String, JSONValue>) -> Self {
        let added = Set(members.map(\.key))
        return filter { !added.contains($0.key) } + members.map { ($0.key, $0.value) }
    }
}
