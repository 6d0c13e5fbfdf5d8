/// What an architecture's files call the decoder's parts.
struct DecoderNames {
    // Of the whole model.
    var embedding = "model.embed_tokens"
    /// Where positions are learned.
    var positions = ""
    var layers = "model.layers"
    var norm = "model.norm"
    var head = "lm_head"
    /// What files may call a head's weight, where not as above.
    var headsInFiles: [String]?
    /// See ``LanguageModel/optionalPrefix`` and the two that follow it.
    var optionalPrefix = "model."
    var prefixesInFiles = [""]
    var ignoredPrefixes: [String] = []

    // Of a layer.
    var attention = "self_attn"
    var query = "q_proj"
    var key = "k_proj"
    var value = "v_proj"
    var output = "o_proj"
    /// One product for queries, keys and values, in place of three.
    var fusedQueries: (name: String, order: FusedOrder)?
    /// Empty where its products stand beside the attention's name.
    var feedForward = "mlp"
    var gate = "gate_proj"
    var up = "up_proj"
    var down = "down_proj"
    /// One product for gate and up, in place of two.
    var fusedGate: String?
    /// Norms before the two parts of a layer.
    var attentionNorm = "input_layernorm"
    var feedForwardNorm = "post_attention_layernorm"
    /// Norms of what the two parts add to the residual stream.
    var afterAttentionNorm: String?
    var afterFeedForwardNorm: String?

    /// The names in a model with a task's head: some of transformers' classes that answer questions call
    /// the body as their first versions did.
    func forTask(_ plan: TaskPlan?, ofModel type: String) -> DecoderNames {
        let families = ["llama", "qwen2", "qwen3", "qwen3_moe", "smollm3"]
        guard plan?.kind == .span, families.contains(type) else { return self }
        func moved(_ name: String) -> String {
            name.hasPrefix(optionalPrefix)
                ? "transformer." + name.dropFirst(optionalPrefix.count) : name
        }
        var names = self
        (names.embedding, names.layers) = (moved(embedding), moved(layers))
        names.norm = moved(norm)
        names.optionalPrefix = "transformer."
        names.prefixesInFiles.append(optionalPrefix)
        return names
    }

    /// How the outputs of a fused product lie.
    enum FusedOrder {
        /// All queries, all keys, all values.
        case byKind
        /// Each group's queries, key and value.
        case byGroup
    }
}
