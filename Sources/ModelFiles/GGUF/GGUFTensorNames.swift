/// Where a parameter's numbers lie in a GGUF file, and what was done to them there.
struct GGUFTensorUse: Equatable {
    /// What a file's converter changed. Whole rows move, or none, where quantized
    /// matrices can follow.
    enum Change: Equatable {
        case none
        /// Rows of each head as pairs that rotate together, instead of two halves.
        case pairedRows(heads: Int)
        /// The part of a stack of matrices that belongs to one expert.
        case expert(Int)
        /// A norm's gain w as 1 + w.
        case raisedByOne
        /// (out, in), where the parameter is (in, out).
        case transposed
        /// Rows of any length, where the model means those of length one.
        case normalizedRows
    }

    /// The tensor's name.
    var tensor: String
    var change = Change.none

    /// The same expert in files of early 2024, where each had tensors of its own.
    var single: GGUFTensorUse? {
        guard case .expert(let expert) = change else { return nil }
        return GGUFTensorUse(tensor: tensor.replacing("_exps.", with: ".\(expert)."))
    }
}

/// How one architecture's parameters are called in GGUF files.
///
/// Source: llama.cpp's gguf-py, `constants.py` and `tensor_mapping.py`; the changes are those of
/// its `convert_hf_to_gguf.py`.
struct GGUFTensorNames: Sendable {
    /// Hugging Face module to GGUF module, outside the layers.
    var outer = [
        "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output",
    ]
    /// What the layers' names begin with, e.g. `model.layers.`
    var layers = "model.layers."
    /// Hugging Face module to GGUF module, inside a layer.
    var inner: [String: String]
    /// The same for experts: `mlp.experts.gate_proj` stands for `mlp.experts.E.gate_proj`.
    var experts: [String: String] = [:]
    /// Heads of the modules whose rows are paired.
    var pairedRows: [String: Int] = [:]
    /// Whether norms hold 1 + w.
    var raisesNorms = false
    /// Whether the head's rows are to have length one.
    var normalizesHead = false
    /// GGUF modules that are transposed.
    var transposed: Set<String> = []

    /// The place of the parameter of a Hugging Face name; `nil` where the format has none.
    func use(of parameter: String) -> GGUFTensorUse? {
        guard let (module, suffix) = Self.divide(parameter) else { return nil }
        if let name = outer[module] { return use(name, prefix: "", suffix: suffix) }
        guard module.hasPrefix(layers) else { return nil }
        let parts = module.dropFirst(layers.count).split(separator: ".", maxSplits: 1)
        guard parts.count == 2, Int(parts[0]) != nil else { return nil }
        let prefix = "blk.\(parts[0])."
        if let name = inner[String(parts[1])] {
            return use(name, prefix: prefix, suffix: suffix)
        }
        var words = parts[1].split(separator: ".")
        guard let index = words.firstIndex(of: "experts"), index + 1 < words.count,
            let expert = Int(words.remove(at: index + 1)),
            let name = experts[words.joined(separator: ".")]
        else { return nil }
        return GGUFTensorUse(tensor: prefix + name + suffix, change: .expert(expert))
    }

    private func use(_ module: String, prefix: String, suffix: String) -> GGUFTensorUse {
        var use = GGUFTensorUse(tensor: prefix + module + suffix)
        if let heads = pairedRows[module] {
            use.change = .pairedRows(heads: heads)
        } else if raisesNorms, module.hasSuffix("norm") {
            use.change = .raisedByOne
        } else if normalizesHead, module == "output" {
            use.change = .normalizedRows
        } else if transposed.contains(module), suffix == ".weight" {
            use.change = .transposed
        }
        return use
    }

    /// `a.b.weight` as `a.b` and `.weight`.
    private static func divide(_ parameter: String) -> (module: String, suffix: String)? {
        for suffix in [".weight", ".bias"] where parameter.hasSuffix(suffix) {
            return (String(parameter.dropLast(suffix.count)), suffix)
        }
        return nil
    }

    /// Row r of the parameter is row `order[r]` of a file whose heads hold pairs: (heads, 2, D/2)
    /// there is (heads, D/2, 2).
    static func order(pairedRows rows: Int, heads: Int) -> [Int] {
        let size = rows / heads
        return (0..<rows).map { row in
            let (head, place) = row.quotientAndRemainder(dividingBy: size)
            let (half, pair) = place.quotientAndRemainder(dividingBy: size / 2)
            return head * size + 2 * pair + half
        }
    }
}

extension GGUFTensorNames {
    private static let norms = [
        "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    ]
    private static let attention = [
        "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
        "self_attn.k_norm": "attn_k_norm",
    ]
    private static let feedForward = [
        "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    ]

    private static func joined(_ parts: [String: String]...) -> [String: String] {
        parts.reduce(into: [:]) { $0.merge($1) { _, last in last } }
    }

    /// Llama's names, which Qwen has too.
    static let decoder = Self(inner: joined(norms, attention, feedForward))

    /// Llama's own files pair the rows of queries and keys.
    static func llama(heads: Int, groups: Int) -> Self {
        var names = decoder
        names.pairedRows = ["attn_q": heads, "attn_k": groups]
        return names
    }

    /// Mixtral: Llama's attention, stacked experts.
    static func mixtral(heads: Int, groups: Int) -> Self {
        var names = llama(heads: heads, groups: groups)
        names.inner = joined(
            norms, attention, ["block_sparse_moe.gate": "ffn_gate_inp"])
        names.experts = [
            "block_sparse_moe.experts.w1": "ffn_gate_exps",
            "block_sparse_moe.experts.w2": "ffn_down_exps",
            "block_sparse_moe.experts.w3": "ffn_up_exps",
        ]
        return names
    }

    /// Qwen3's mixture of experts; layers without experts have Llama's names.
    static let qwen3MoE: Self = {
        var names = decoder
        names.inner["mlp.gate"] = "ffn_gate_inp"
        names.experts = [
            "mlp.experts.gate_proj": "ffn_gate_exps", "mlp.experts.up_proj": "ffn_up_exps",
            "mlp.experts.down_proj": "ffn_down_exps",
        ]
        return names
    }()

    /// Gemma: Llama's names with norms around one.
    static let gemma: Self = {
        var names = decoder
        names.raisesNorms = true
        return names
    }()

    /// Gemma 2 and 3: norms also behind attention and feed-forward.
    static let gemma2: Self = {
        var names = gemma
        names.inner["post_attention_layernorm"] = "post_attention_norm"
        names.inner["pre_feedforward_layernorm"] = "ffn_norm"
        names.inner["post_feedforward_layernorm"] = "post_ffw_norm"
        return names
    }()

    /// Phi-3: q, k and v in one matrix, gate and up in another.
    static let phi3 = Self(
        inner: joined(
            norms,
            [
                "self_attn.qkv_proj": "attn_qkv", "self_attn.o_proj": "attn_output",
                "mlp.gate_up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
            ]))

    /// GPT-2, whose Conv1D matrices the converter turns.
    static let gpt2 = Self(
        outer: [
            "transformer.wte": "token_embd", "transformer.wpe": "position_embd",
            "transformer.ln_f": "output_norm", "lm_head": "output",
        ], layers: "transformer.h.",
        inner: [
            "ln_1": "attn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output",
            "ln_2": "ffn_norm", "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down",
        ], transposed: ["attn_qkv", "attn_output", "ffn_up", "ffn_down"])

    /// ChatGLM3 and GLM-4-9B in the names of their first publication.
    static let chatGLM = Self(
        outer: [
            "transformer.embedding.word_embeddings": "token_embd",
            "transformer.encoder.final_layernorm": "output_norm",
            "transformer.output_layer": "output",
        ], layers: "transformer.encoder.layers.",
        inner: joined(
            norms,
            [
                "self_attention.query_key_value": "attn_qkv",
                "self_attention.dense": "attn_output", "mlp.dense_h_to_4h": "ffn_up",
                "mlp.dense_4h_to_h": "ffn_down",
            ]))

    /// GLM-4 of 2025: norms also behind attention and feed-forward, gate and up in one matrix.
    static let glm4 = Self(
        inner: joined(
            norms, attention,
            [
                "post_self_attn_layernorm": "post_attention_norm",
                "post_mlp_layernorm": "post_ffw_norm", "mlp.gate_up_proj": "ffn_up",
                "mlp.down_proj": "ffn_down",
            ]))
}
