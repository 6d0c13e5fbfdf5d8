import Files

/// What config.json says of any model, read from a GGUF file.
///
/// Source of the keys: llama.cpp's gguf-py, `constants.py`; of their meaning: its
/// `convert_hf_to_gguf.py`, whose steps this goes back, and `llama-model.cpp`. Every size is
/// compared with the tensors that have it, so that none is larger than the file.
struct GGUFHyperparameters {
    let vocabulary, width, inner, layers, heads, groups, headSize, positions: Int
    let isTied: Bool
    private let metadata: GGUFMetadata

    /// - Throws: ``ModelFileError/weightFile(_:)`` where a key is missing or wrong.
    init(_ metadata: GGUFMetadata) throws(ModelFileError) {
        self.metadata = metadata
        let embedding = try metadata.shape("token_embd.weight")
        guard embedding.count == 2 else {
            throw .weightFile(
                .malformed(
                    detail: "token_embd.weight has shape \(embedding), expected two axes",
                    file: metadata.file))
        }
        vocabulary = embedding[0]
        width = try metadata.count("embedding_length")
        inner = try metadata.count("feed_forward_length")
        layers = try metadata.count("block_count")
        heads = try metadata.count("attention.head_count")
        groups = try metadata.count("attention.head_count_kv", default: heads)
        headSize = try metadata.count("attention.key_length", default: max(1, width / heads))
        positions = try metadata.count("context_length")
        isTied = metadata.shapes["output.weight"] == nil
        try check()
    }

    private func check() throws(ModelFileError) {
        try require("vocab_size", try metadata.count("vocab_size", default: vocabulary), vocabulary)
        try require(
            "embedding_length", width, try metadata.shape("token_embd.weight")[1])
        try require(
            "embedding_length_out", try metadata.count("embedding_length_out", default: width),
            width)
        guard layers <= metadata.shapes.count else {
            throw metadata.wrong(
                "block_count", "\(layers)", expected: "at most the \(metadata.shapes.count) tensors"
            )
        }
        for layer in 0..<layers { _ = try metadata.shape("blk.\(layer).attn_norm.weight") }
        if let joined = metadata.shapes["blk.0.attn_qkv.weight"] {
            try requireRows("attn_qkv", joined, [(heads + 2 * groups) * headSize])
        } else {
            try requireRows("attn_q", metadata.shape("blk.0.attn_q.weight"), [heads * headSize])
            try requireRows("attn_k", metadata.shape("blk.0.attn_k.weight"), [groups * headSize])
        }
        try require(
            "attention.value_length",
            try metadata.count("attention.value_length", default: headSize), headSize)
        for layer in 0..<layers {
            guard let up = metadata.shapes["blk.\(layer).ffn_up.weight"] else { continue }
            try requireRows("ffn_up", up, [inner, 2 * inner])
        }
    }

    /// Throws unless a key says what the tensors say.
    private func require(_ key: String, _ found: Int, _ expected: Int) throws(ModelFileError) {
        guard found == expected else {
            throw metadata.wrong(key, "\(found)", expected: "\(expected), as the tensors have it")
        }
    }

    private func requireRows(
        _ tensor: String, _ shape: [Int], _ rows: [Int]
    ) throws(ModelFileError) {
        guard shape.count == 2, rows.contains(shape[0]) else {
            throw .weightFile(
                .malformed(
                    detail: "blk.0.\(tensor).weight has shape \(shape), expected "
                        + rows.map(String.init).joined(separator: " or ")
                        + " rows, as \(metadata.architecture)'s keys say", file: metadata.file))
        }
    }

    /// The number of experts, which the router's tensor has too.
    func experts() throws(ModelFileError) -> Int {
        let experts = try metadata.count("expert_count")
        for layer in 0..<layers {
            guard let router = metadata.shapes["blk.\(layer).ffn_gate_inp.weight"] else { continue }
            try require("expert_count", experts, router.first ?? 0)
        }
        return experts
    }

    /// How many of a head's dimensions are rotated, as a part of all. The product of both, rounded
    /// down, is their number.
    func rotatedShare(_ rotated: Int) -> JSONValue {
        var share = Double(rotated) / Double(headSize)
        while Int(share * Double(headSize)) < rotated { share = share.nextUp }
        return .double(share)
    }

    /// The members that Llama's config.json has, with `type` and `architecture`.
    ///
    /// - Parameter rotary: of the layers that see all positions.
    func settings(
        type: String, architecture: String, _ rotary: GGUFRotary
    ) throws(ModelFileError) -> GGUFArchitecture.Settings {
        var settings: GGUFArchitecture.Settings = [
            ("model_type", .string(type)), ("architectures", .array([.string(architecture)])),
            ("vocab_size", .int(vocabulary)), ("hidden_size", .int(width)),
            ("intermediate_size", .int(inner)), ("num_hidden_layers", .int(layers)),
            ("num_attention_heads", .int(heads)), ("num_key_value_heads", .int(groups)),
            ("head_dim", .int(headSize)), ("max_position_embeddings", .int(positions)),
            ("hidden_act", .string("silu")),
            (
                "rms_norm_eps",
                Self.number(try metadata.positive("attention.layer_norm_rms_epsilon"))
            ),
            ("rope_theta", Self.number(rotary.theta)), ("tie_word_embeddings", .bool(isTied)),
            ("attention_dropout", .double(0)),
        ]
        if let scaling = rotary.scaling { settings.append(("rope_scaling", scaling)) }
        return settings + (try ending())
    }

    /// The numbers' type and the ids of special tokens.
    func ending() throws(ModelFileError) -> GGUFArchitecture.Settings {
        var settings: GGUFArchitecture.Settings = [("torch_dtype", .string("float32"))]
        if let id = try metadata.integer("tokenizer.ggml.bos_token_id") {
            settings.append(("bos_token_id", .int(id)))
        }
        let ends = try GGUFGeneration.endTokens(metadata)
        if ends.count > 1 {
            settings.append(("eos_token_id", .array(ends.map(JSONValue.int))))
        } else if let id = ends.first {
            settings.append(("eos_token_id", .int(id)))
        }
        if let id = try metadata.integer("tokenizer.ggml.padding_token_id") {
            settings.append(("pad_token_id", .int(id)))
        }
        return settings
    }

    /// float32 in the file; its shortest spelling is what the original config.json had.
    static func number(_ value: Double) -> JSONValue {
        .double(GGUFMetadata.shortest(Float(value)))
    }
}
