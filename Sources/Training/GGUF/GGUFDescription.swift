import Checkpoints
import Foundation
import Models

/// A model as a GGUF file describes it: names, hyperparameters, and tensors that stand for some.
///
/// Source: llama.cpp's `convert_hf_to_gguf.py`, `set_gguf_parameters` of each model.
struct GGUFDescription {
    /// `general.architecture`.
    let architecture: String
    let names: GGUFTensorNames
    private(set) var metadata: [(key: String, value: GGUFValue)] = []
    /// Name and numbers of tensors that are no parameters.
    private(set) var factors: [(String, [Float])] = []

    /// - Throws: ``TrainingError/user(_:)`` for a model that cannot be described.
    init(_ model: any LanguageModel) throws(TrainingError) {
        let about = model.description
        let file = ConfigurationValues(about.configuration)
        let shapes = Dictionary(
            model.parameters.map { ($0.name, $0.shape.extents) },
            uniquingKeysWith: { first, _ in first })
        let rows = { (name: String) in
            shapes.first { $0.key.contains(".0.") && $0.key.hasSuffix(name + ".weight") }?.value[0]
        }
        var groups = (rows("k_proj") ?? about.width) / about.headSize
        if let fused = rows("qkv_proj") { groups = (fused / about.headSize - about.heads) / 2 }
        var inner = rows("mlp.up_proj") ?? rows("block_sparse_moe.experts.0.w3") ?? 0
        if let fused = rows("gate_up_proj") { inner = fused / 2 }
        switch about.type {
        case "llama", "mistral":
            (architecture, names) = ("llama", .llama(heads: about.heads, groups: groups))
        case "mixtral":
            (architecture, names) = ("llama", .mixtral(heads: about.heads, groups: groups))
        case "qwen2", "qwen3": (architecture, names) = (about.type, .decoder)
        case "qwen3_moe": (architecture, names) = ("qwen3moe", .qwen3MoE)
        case "gemma": (architecture, names) = ("gemma", .gemma)
        case "gemma2": (architecture, names) = ("gemma2", .gemma2)
        case "gemma3_text": (architecture, names) = ("gemma3", .gemma2)
        case "phi3": (architecture, names) = ("phi3", .phi3)
        case "gpt2": (architecture, names) = ("gpt2", .gpt2)
        default:
            throw .user(
                "a model of type \(about.type) is not written as GGUF here; supported are gemma, "
                    + "gemma2, gemma3_text, gpt2, llama, mistral, mixtral, phi3, qwen2, qwen3, "
                    + "qwen3_moe; export a Hugging Face folder and convert it with llama.cpp")
        }
        metadata = [
            ("general.architecture", .string(architecture)), ("general.type", .string("model")),
            ("general.name", .string(file.text("_name_or_path") ?? about.type)),
        ]
        add("vocab_size", about.vocabularySize)
        add("context_length", about.maximumPositions)
        add("embedding_length", about.width)
        add("block_count", about.layers)
        add("attention.head_count", about.heads)
        guard about.type != "gpt2" else {
            add("attention.head_count_kv", about.heads)
            add("feed_forward_length", file.count("n_inner") ?? 4 * about.width)
            add("attention.layer_norm_epsilon", file.real("layer_norm_epsilon") ?? 1e-5)
            return
        }
        if inner == 0 { inner = file.count("intermediate_size") ?? 0 }
        add("feed_forward_length", inner)
        add("attention.head_count_kv", groups)
        add("attention.key_length", about.headSize)
        add("attention.value_length", about.headSize)
        let epsilon = about.type == "phi3" || about.type == "mixtral" ? 1e-5 : 1e-6
        add("attention.layer_norm_rms_epsilon", file.real("rms_norm_eps") ?? epsilon)
        try addPositions(file, about)
        addFamily(file, about)
    }

    private mutating func add(_ key: String, _ value: Int) {
        metadata.append(("\(architecture).\(key)", .uint32(UInt32(clamping: value))))
    }

    private mutating func add(_ key: String, _ value: Double) {
        metadata.append(("\(architecture).\(key)", .float32(Float(value))))
    }

    private mutating func add(_ key: String, _ value: String) {
        metadata.append(("\(architecture).\(key)", .string(value)))
    }

    /// What only some architectures have.
    private mutating func addFamily(_ file: ConfigurationValues, _ about: ModelDescription) {
        for key in ["attn_logit_softcapping", "final_logit_softcapping"] {
            if let value = file.real(key) { add(key, value) }
        }
        let hasWindow = ["gemma2", "gemma3_text", "phi3"].contains(about.type)
        if hasWindow {
            if let window = file.count("sliding_window") { add("attention.sliding_window", window) }
        }
        if let experts = file.count("num_local_experts") ?? file.count("num_experts") {
            add("expert_count", experts)
            let fallback = about.type == "mixtral" ? 2 : 8
            add("expert_used_count", file.count("num_experts_per_tok") ?? fallback)
        }
        if about.type == "qwen3_moe" {
            add("expert_feed_forward_length", file.count("moe_intermediate_size") ?? 768)
        }
    }

    /// Rotary positions and their scaling.
    private mutating func addPositions(
        _ file: ConfigurationValues, _ about: ModelDescription
    ) throws(TrainingError) {
        let newer = file.section("rope_parameters")
        let parts = newer?.section("full_attention") ?? newer
        let scaling = parts ?? file.section("rope_scaling")
        let usual = ["gemma3_text", "mixtral"].contains(about.type) ? 1e6 : 10_000
        let theta = parts?.real("rope_theta") ?? file.real("rope_theta") ?? usual
        let share = file.real("partial_rotary_factor") ?? parts?.real("partial_rotary_factor") ?? 1
        let rotated = Int(Double(about.headSize) * share)
        add("rope.dimension_count", rotated)
        add("rope.freq_base", theta)
        let original =
            scaling?.count("original_max_position_embeddings")
            ?? file.count("original_max_position_embeddings") ?? about.maximumPositions
        switch scaling?.text("rope_type") ?? scaling?.text("type") ?? "default" {
        case "default": break
        case "linear":
            add("rope.scaling.type", "linear")
            add("rope.scaling.factor", scaling?.real("factor") ?? 1)
        case "yarn":
            add("rope.scaling.type", "yarn")
            add("rope.scaling.factor", scaling?.real("factor") ?? 1)
            add("rope.scaling.original_context_length", original)
        case "llama3":
            factors = [
                (
                    GGUFMetadata.llamaFactors,
                    GGUFHyperparameters.llamaFactors(
                        theta: theta, rotated: rotated, factor: scaling?.real("factor") ?? 1,
                        low: scaling?.real("low_freq_factor") ?? 1,
                        high: scaling?.real("high_freq_factor") ?? 4, original: Double(original)
                    ).map(Float.init)
                )
            ]
        case "longrope", "su":
            add("rope.scaling.original_context_length", original)
            let factor = Double(about.maximumPositions) / Double(original)
            let magnitude = factor <= 1 ? 1 : (1 + log(factor) / log(Double(original))).squareRoot()
            add("rope.scaling.attn_factor", scaling?.real("attention_factor") ?? magnitude)
            factors = [
                (GGUFMetadata.longFactors, (scaling?.reals("long_factor") ?? []).map(Float.init)),
                (GGUFMetadata.shortFactors, (scaling?.reals("short_factor") ?? []).map(Float.init)),
            ]
        case let other:
            throw .user(
                "rope_scaling \"\(other)\" cannot be written as GGUF; export a Hugging Face folder")
        }
    }
}

/// The values of a config.json that a model has already accepted.
struct ConfigurationValues {
    private let values: [String: Any]

    init(_ text: String) {
        let object = try? JSONSerialization.jsonObject(with: Data(text.utf8))
        values = object as? [String: Any] ?? [:]
    }

    private init(values: [String: Any]) { self.values = values }

    func count(_ key: String) -> Int? { values[key] as? Int }
    func real(_ key: String) -> Double? { (values[key] as? NSNumber)?.doubleValue }
    func reals(_ key: String) -> [Double]? { values[key] as? [Double] }
    func text(_ key: String) -> String? { values[key] as? String }
    func flag(_ key: String) -> Bool? { values[key] as? Bool }
    func section(_ key: String) -> ConfigurationValues? {
        (values[key] as? [String: Any]).map(ConfigurationValues.init(values:))
    }
}
