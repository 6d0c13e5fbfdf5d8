import Files
import Foundation
import TextData

/// What config.json says of any model, read from a GGUF file.
///
/// Source of the keys: llama.cpp's gguf-py, `constants.py`; of their meaning: its
/// `convert_hf_to_gguf.py`, whose steps this goes back.
struct GGUFHyperparameters {
    let vocabulary, width, inner, layers, heads, groups, headSize, positions: Int
    let rotated: Int
    let theta: Double
    let isTied: Bool
    private let metadata: GGUFMetadata

    /// - Throws: ``TrainingError/checkpoint(_:)`` where a key is missing or wrong.
    init(_ metadata: GGUFMetadata) throws(TrainingError) {
        self.metadata = metadata
        vocabulary = try metadata.shape("token_embd.weight")[0]
        width = try metadata.count("embedding_length")
        inner = try metadata.count("feed_forward_length")
        layers = try metadata.count("block_count")
        heads = try metadata.count("attention.head_count")
        groups = try metadata.count("attention.head_count_kv", default: heads)
        headSize = try metadata.count("attention.key_length", default: max(1, width / heads))
        positions = try metadata.count("context_length")
        rotated = try metadata.count("rope.dimension_count", default: headSize)
        theta = try metadata.real("rope.freq_base", default: 10_000)
        isTied = metadata.shapes["output.weight"] == nil
    }

    /// The members that Llama's config.json has, with `type` and `architecture`.
    func settings(
        type: String, architecture: String
    ) throws(TrainingError) -> GGUFArchitecture.Settings {
        var settings: GGUFArchitecture.Settings = [
            ("model_type", .string(type)), ("architectures", .array([.string(architecture)])),
            ("vocab_size", .int(vocabulary)), ("hidden_size", .int(width)),
            ("intermediate_size", .int(inner)), ("num_hidden_layers", .int(layers)),
            ("num_attention_heads", .int(heads)), ("num_key_value_heads", .int(groups)),
            ("head_dim", .int(headSize)), ("max_position_embeddings", .int(positions)),
            ("hidden_act", .string("silu")),
            ("rms_norm_eps", Self.number(try metadata.real("attention.layer_norm_rms_epsilon"))),
            ("rope_theta", Self.number(theta)), ("tie_word_embeddings", .bool(isTied)),
            ("attention_dropout", .double(0)),
        ]
        if let scaling = try ropeScaling() { settings.append(("rope_scaling", scaling)) }
        return settings + ending
    }

    /// The numbers' type and the ids of special tokens.
    var ending: GGUFArchitecture.Settings {
        var settings: GGUFArchitecture.Settings = [("torch_dtype", .string("float32"))]
        if let id = metadata.integer("tokenizer.ggml.bos_token_id") {
            settings.append(("bos_token_id", .int(id)))
        }
        let ends = ["eos_token_id", "eot_token_id"].compactMap {
            metadata.integer("tokenizer.ggml." + $0)
        }
        if ends.count == 2, ends[0] != ends[1] {
            settings.append(("eos_token_id", .array(ends.map(JSONValue.int))))
        } else if let id = ends.first {
            settings.append(("eos_token_id", .int(id)))
        }
        if let id = metadata.integer("tokenizer.ggml.padding_token_id") {
            settings.append(("pad_token_id", .int(id)))
        }
        return settings
    }

    /// float32 in the file; its shortest spelling is what the original config.json had.
    static func number(_ value: Double) -> JSONValue {
        .double(Double("\(Float(value))") ?? value)
    }

    /// `rope_scaling` from the metadata; `nil` where positions are not scaled.
    private func ropeScaling() throws(TrainingError) -> JSONValue? {
        if let factors = metadata.factors[GGUFMetadata.llamaFactors] {
            return try llamaScaling(factors)
        }
        let original = try metadata.count(
            "rope.scaling.original_context_length", default: positions)
        switch metadata.text("rope.scaling.type") ?? "none" {
        case "none", "longrope":
            return nil
        case "linear":
            return .object([
                ("rope_type", .string("linear")),
                ("factor", Self.number(try metadata.real("rope.scaling.factor"))),
            ])
        case "yarn":
            return .object([
                ("rope_type", .string("yarn")),
                ("factor", Self.number(try metadata.real("rope.scaling.factor"))),
                ("original_max_position_embeddings", .int(original)),
            ])
        case let other:
            throw .user(
                "\(metadata.file): rope.scaling.type \"\(other)\" is not supported; "
                    + "supported are none, linear, yarn, longrope")
        }
    }

    /// Llama 3's scaling, which the file holds as what each frequency is divided by: the factor
    /// itself for the longest wavelengths, 1 for the shortest.
    private func llamaScaling(_ factors: [Float]) throws(TrainingError) -> JSONValue? {
        guard let factor = factors.max(), factors.contains(where: { $0 != 1 }) else { return nil }
        let lengths = (4...20).map { 1 << $0 }
        let length = lengths.first { length in
            let expected = Self.llamaFactors(
                theta: theta, rotated: rotated, factor: Double(factor), original: Double(length))
            return zip(factors, expected).allSatisfy { abs(Double($0) / $1 - 1) < 1e-3 }
        }
        guard let length, factors.count == rotated / 2 else {
            throw .user(
                "\(metadata.file): \(GGUFMetadata.llamaFactors) are not those of Llama 3's "
                    + "scaling, and no other is supported; use the model's Hugging Face folder")
        }
        return .object([
            ("rope_type", .string("llama3")), ("factor", Self.number(Double(factor))),
            ("low_freq_factor", .double(1)), ("high_freq_factor", .double(4)),
            ("original_max_position_embeddings", .int(length)),
        ])
    }

    /// What a converter writes for Llama 3's scaling.
    static func llamaFactors(
        theta: Double, rotated: Int, factor: Double, low: Double = 1, high: Double = 4,
        original: Double
    ) -> [Double] {
        (0..<rotated / 2).map { pair in
            let wavelength = 2 * Double.pi * pow(theta, 2 * Double(pair) / Double(rotated))
            if wavelength < original / high { return 1 }
            if wavelength > original / low { return factor }
            let smooth = (original / wavelength - low) / (high - low)
            return 1 / ((1 - smooth) / factor + smooth)
        }
    }
}
