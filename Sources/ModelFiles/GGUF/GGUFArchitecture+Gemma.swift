import Files

/// Gemma and GLM: what their config.json has beside Llama's.
///
/// Numbers that the format leaves out are those that llama.cpp supposes (`llama-model.cpp`).
extension GGUFArchitecture {
    /// Gemma.
    static func gemma(_ metadata: GGUFMetadata) throws(ModelFileError) -> GGUFArchitecture {
        let model = try GGUFHyperparameters(metadata)
        let settings = try gemma(
            model, type: "gemma", architecture: "GemmaForCausalLM", wholeHeads(metadata, model))
        return GGUFArchitecture(settings: settings, names: .gemma)
    }

    /// Gemma 2: capped logits, every other layer within a window.
    static func gemma2(_ metadata: GGUFMetadata) throws(ModelFileError) -> GGUFArchitecture {
        let model = try GGUFHyperparameters(metadata)
        let rotary = try wholeHeads(metadata, model)
        let local = try metadata.real("rope.freq_base_swa", default: rotary.theta)
        guard local == rotary.theta else {
            throw metadata.wrong(
                "rope.freq_base_swa", "\(local)", expected: "\(rotary.theta), as rope.freq_base")
        }
        let settings = try gemma(
            model, type: "gemma2", architecture: "Gemma2ForCausalLM", rotary)
        let window = try metadata.count("attention.sliding_window", default: 4096)
        return GGUFArchitecture(
            settings: settings.with([
                "attn_logit_softcapping": GGUFHyperparameters.number(
                    try metadata.positive("attn_logit_softcapping", default: 50)),
                "final_logit_softcapping": GGUFHyperparameters.number(
                    try metadata.positive("final_logit_softcapping", default: 30)),
                "query_pre_attn_scalar": .int(queryScalar(model, largest: model.layers == 46)),
                "sliding_window": .int(window),
                "layer_types": try layerTypes(metadata, model.layers, period: 2),
            ]), names: .gemma2)
    }

    /// Gemma 3, its text model: one layer in six sees everything, the others a window with
    /// frequencies of its own. Without a window all see everything.
    static func gemma3(_ metadata: GGUFMetadata) throws(ModelFileError) -> GGUFArchitecture {
        let model = try GGUFHyperparameters(metadata)
        let rotary = try wholeHeads(metadata, model, theta: 1_000_000)
        // It multiplies the angles of all layers there, and of some in a config.json.
        let attention = try metadata.real("rope.scaling.attn_factor", default: 1)
        guard attention == 1 else {
            throw metadata.wrong("rope.scaling.attn_factor", "\(attention)", expected: "1")
        }
        var settings = try gemma(
            model, type: "gemma3_text", architecture: "Gemma3ForCausalLM", rotary)
        let window = try metadata.integer("attention.sliding_window") ?? 0
        let types = try layerTypes(metadata, model.layers, period: window == 0 ? 1 : 6)
        settings = settings.with([
            "query_pre_attn_scalar": .int(queryScalar(model, largest: model.layers == 62)),
            "sliding_window": .int(window == 0 ? 4096 : window), "layer_types": types,
            "rope_local_base_freq": GGUFHyperparameters.number(
                try metadata.positive("rope.freq_base_swa", default: 10_000)),
        ])
        let cap = try metadata.real("final_logit_softcapping", default: 0)
        if cap != 0 {
            settings = settings.with(["final_logit_softcapping": GGUFHyperparameters.number(cap)])
        }
        return GGUFArchitecture(settings: settings, names: .gemma2)
    }

    /// ChatGLM3 and GLM-4-9B in the keys of their first publication.
    static func chatGLM(_ metadata: GGUFMetadata) throws(ModelFileError) -> GGUFArchitecture {
        let model = try GGUFHyperparameters(metadata)
        let rotary = try GGUFRotary(metadata, model)
        guard rotary.scaling == nil, rotary.rotated * 2 == model.headSize else {
            throw metadata.wrong(
                rotary.scaling == nil ? "rope.dimension_count" : "rope.scaling.type",
                rotary.scaling == nil ? "\(rotary.rotated)" : "a scaling of positions",
                expected: rotary.scaling == nil ? "half of \(model.headSize)" : "none")
        }
        let epsilon = try metadata.positive("attention.layer_norm_rms_epsilon")
        let settings: Settings = [
            ("model_type", .string("chatglm")),
            ("architectures", .array([.string("ChatGLMForConditionalGeneration")])),
            ("padded_vocab_size", .int(model.vocabulary)),
            ("vocab_size", .int(model.vocabulary)), ("hidden_size", .int(model.width)),
            ("ffn_hidden_size", .int(model.inner)), ("num_layers", .int(model.layers)),
            ("num_attention_heads", .int(model.heads)), ("kv_channels", .int(model.headSize)),
            ("multi_query_attention", .bool(true)),
            ("multi_query_group_num", .int(model.groups)), ("seq_length", .int(model.positions)),
            ("layernorm_epsilon", GGUFHyperparameters.number(epsilon)), ("rmsnorm", .bool(true)),
            ("rope_ratio", GGUFHyperparameters.number(rotary.theta / 10_000)),
            ("original_rope", .bool(true)), ("post_layer_norm", .bool(true)),
            ("add_bias_linear", .bool(false)),
            ("add_qkv_bias", .bool(metadata.shapes["blk.0.attn_qkv.bias"] != nil)),
            ("tie_word_embeddings", .bool(model.isTied)),
        ]
        return GGUFArchitecture(settings: settings + (try model.ending()), names: .chatGLM)
    }

    /// GLM-4 of 2025.
    static func glm4(_ metadata: GGUFMetadata) throws(ModelFileError) -> GGUFArchitecture {
        let model = try GGUFHyperparameters(metadata)
        let rotary = try GGUFRotary(metadata, model)
        let settings = try model.settings(
            type: "glm4", architecture: "Glm4ForCausalLM", rotary)
        return GGUFArchitecture(
            settings: settings.with([
                "attention_bias": .bool(metadata.shapes["blk.0.attn_q.bias"] != nil),
                "partial_rotary_factor": model.rotatedShare(rotary.rotated),
            ]), names: .glm4)
    }

    private static func gemma(
        _ model: GGUFHyperparameters, type: String, architecture: String, _ rotary: GGUFRotary
    ) throws(ModelFileError) -> Settings {
        let settings = try model.settings(type: type, architecture: architecture, rotary)
        return settings.with([
            "hidden_act": .string("gelu_pytorch_tanh"),
            "hidden_activation": .string("gelu_pytorch_tanh"), "attention_bias": .bool(false),
        ])
    }

    /// What scores are divided by the root of: the head size, and width/heads in the 27B models.
    private static func queryScalar(_ model: GGUFHyperparameters, largest: Bool) -> Int {
        largest ? model.width / model.heads : model.headSize
    }

    /// Which layers see everything: the last of every `period`, or those that the file lists.
    private static func layerTypes(
        _ metadata: GGUFMetadata, _ layers: Int, period: Int
    ) throws(ModelFileError) -> JSONValue {
        let key = "attention.sliding_window_pattern"
        var isLocal: [Bool]
        if let flags = metadata.flags(key) {
            guard flags.count == layers else {
                throw metadata.wrong(key, "\(flags.count) flags", expected: "\(layers)")
            }
            isLocal = flags
        } else {
            // 0 means that none sees everything (`set_swa_pattern` of llama-hparams.cpp).
            let period = try metadata.integer(key) ?? period
            isLocal = (0..<layers).map { period == 0 || $0 % period < period - 1 }
        }
        return .array(isLocal.map { .string($0 ? "sliding_attention" : "full_attention") })
    }
}
