import Files

/// Llama and its relatives. Each says what its config.json has beside Llama's.
extension GGUFArchitecture {
    /// Llama, Mistral, SmolLM2, Yi; Mixtral where there are experts. InternLM2 is Llama with its
    /// matrices joined, which GGUF files hold apart.
    static func llama(_ metadata: GGUFMetadata) throws(ModelFileError) -> GGUFArchitecture {
        let model = try GGUFHyperparameters(metadata)
        let rotary = try wholeHeads(metadata, model)
        guard try metadata.integer("expert_count") ?? 0 > 0 else {
            let settings = try model.settings(
                type: "llama", architecture: "LlamaForCausalLM", rotary)
            return GGUFArchitecture(
                settings: settings.with([
                    "attention_bias": .bool(metadata.shapes["blk.0.attn_q.bias"] != nil),
                    "mlp_bias": .bool(metadata.shapes["blk.0.ffn_up.bias"] != nil),
                ]), names: .llama(heads: model.heads, groups: model.groups))
        }
        let settings = try model.settings(
            type: "mixtral", architecture: "MixtralForCausalLM", rotary)
        return GGUFArchitecture(
            settings: settings.with([
                "num_local_experts": .int(try model.experts()),
                "num_experts_per_tok": .int(try metadata.count("expert_used_count")),
                "sliding_window": .null,
            ]), names: .mixtral(heads: model.heads, groups: model.groups))
    }

    /// Angles of models that rotate all dimensions of a head.
    static func wholeHeads(
        _ metadata: GGUFMetadata, _ model: GGUFHyperparameters, theta: Double = 10_000
    ) throws(ModelFileError) -> GGUFRotary {
        let rotary = try GGUFRotary(metadata, model, theta: theta)
        guard rotary.rotated == model.headSize else {
            throw metadata.wrong(
                "rope.dimension_count", "\(rotary.rotated)",
                expected: "\(model.headSize), a head's size")
        }
        return rotary
    }

    /// Baichuan 7B: Llama with q, k and v joined, which GGUF files hold apart. Baichuan 2, told by
    /// its vocabulary, normalises the rows of its head.
    static func baichuan(_ metadata: GGUFMetadata) throws(ModelFileError) -> GGUFArchitecture {
        let model = try GGUFHyperparameters(metadata)
        guard model.layers != 40 else {
            throw .user(
                "\(metadata.file): Baichuan 13B takes positions as ALiBi, which is not read from "
                    + "GGUF files; give its Hugging Face folder or the 7B model")
        }
        var names = GGUFTensorNames.llama(heads: model.heads, groups: model.groups)
        names.normalizesHead = model.vocabulary == 125_696
        return GGUFArchitecture(
            settings: try model.settings(
                type: "llama", architecture: "LlamaForCausalLM", wholeHeads(metadata, model)),
            names: names)
    }

    /// Qwen2 and 2.5.
    static func qwen2(_ metadata: GGUFMetadata) throws(ModelFileError) -> GGUFArchitecture {
        let model = try GGUFHyperparameters(metadata)
        let settings = try model.settings(
            type: "qwen2", architecture: "Qwen2ForCausalLM", wholeHeads(metadata, model))
        return GGUFArchitecture(
            settings: settings.with(["use_sliding_window": .bool(false)]), names: .decoder)
    }

    /// Qwen3.
    static func qwen3(_ metadata: GGUFMetadata) throws(ModelFileError) -> GGUFArchitecture {
        let model = try GGUFHyperparameters(metadata)
        let settings = try model.settings(
            type: "qwen3", architecture: "Qwen3ForCausalLM", wholeHeads(metadata, model))
        return GGUFArchitecture(
            settings: settings.with([
                "use_sliding_window": .bool(false),
                "attention_bias": .bool(metadata.shapes["blk.0.attn_q.bias"] != nil),
            ]), names: .decoder)
    }

    /// Qwen3's mixture of experts; llama.cpp always divides the chosen weights by their sum.
    static func qwen3MoE(_ metadata: GGUFMetadata) throws(ModelFileError) -> GGUFArchitecture {
        let model = try GGUFHyperparameters(metadata)
        let settings = try model.settings(
            type: "qwen3_moe", architecture: "Qwen3MoeForCausalLM", wholeHeads(metadata, model))
        let dense = (0..<model.layers).filter {
            metadata.shapes["blk.\($0).ffn_gate_inp.weight"] == nil
        }
        let chosen = try metadata.count("expert_used_count")
        return GGUFArchitecture(
            settings: settings.with([
                "num_experts": .int(try model.experts()),
                "num_experts_per_tok": .int(chosen),
                "moe_intermediate_size": .int(
                    try metadata.count(
                        "expert_feed_forward_length", default: max(1, model.inner / chosen))),
                "norm_topk_prob": .bool(true), "decoder_sparse_step": .int(1),
                "mlp_only_layers": .array(dense.map(JSONValue.int)),
                "use_sliding_window": .bool(false), "attention_bias": .bool(false),
            ]), names: .qwen3MoE)
    }

    /// Phi-3 and Phi-4: 128k versions have frequencies of their own, in two tensors.
    static func phi3(_ metadata: GGUFMetadata) throws(ModelFileError) -> GGUFArchitecture {
        let model = try GGUFHyperparameters(metadata)
        let rotary = try GGUFRotary(metadata, model)
        let original = try metadata.count(
            "rope.scaling.original_context_length", default: model.positions)
        var settings = try model.settings(
            type: "phi3", architecture: "Phi3ForCausalLM", rotary
        ).with([
            "original_max_position_embeddings": .int(original),
            "partial_rotary_factor": model.rotatedShare(rotary.rotated),
            "embd_pdrop": .double(0), "resid_pdrop": .double(0),
        ])
        if let window = try metadata.integer("attention.sliding_window"), window > 0 {
            settings = settings.with(["sliding_window": .int(window)])
        }
        return GGUFArchitecture(settings: settings, names: .phi3)
    }

    /// GPT-2.
    static func gpt2(_ metadata: GGUFMetadata) throws(ModelFileError) -> GGUFArchitecture {
        let model = try GGUFHyperparameters(metadata)
        guard model.groups == model.heads, model.headSize * model.heads == model.width else {
            throw metadata.wrong(
                "attention.head_count_kv", "\(model.groups) of size \(model.headSize)",
                expected: "\(model.heads) that divide \(model.width)")
        }
        let positions = try metadata.shape("position_embd.weight")
        guard positions.first == model.positions else {
            throw metadata.wrong(
                "context_length", "\(model.positions)",
                expected: "\(positions.first ?? 0), the rows of position_embd.weight")
        }
        let settings: Settings = [
            ("model_type", .string("gpt2")),
            ("architectures", .array([.string("GPT2LMHeadModel")])),
            ("vocab_size", .int(model.vocabulary)), ("n_positions", .int(model.positions)),
            ("n_ctx", .int(model.positions)), ("n_embd", .int(model.width)),
            ("n_layer", .int(model.layers)), ("n_head", .int(model.heads)),
            ("n_inner", .int(model.inner)), ("activation_function", .string("gelu_new")),
            (
                "layer_norm_epsilon",
                GGUFHyperparameters.number(
                    try metadata.positive("attention.layer_norm_epsilon"))
            ),
            ("tie_word_embeddings", .bool(model.isTied)),
        ]
        return GGUFArchitecture(settings: settings + (try model.ending()), names: .gpt2)
    }
}
