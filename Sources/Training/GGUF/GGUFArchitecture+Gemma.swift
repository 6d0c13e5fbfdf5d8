import Files
import TextData

/// Gemma and GLM: what their config.json has beside Llama's.
///
/// Numbers that the format leaves out are those that llama.cpp supposes (`llama-model.cpp`).
extension GGUFArchitecture {
    /// Gemma.
    static func gemma(_ metadata: GGUFMetadata) throws(TrainingError) -> GGUFArchitecture {
        let settings = try gemma(metadata, type: "gemma", architecture: "GemmaForCausalLM")
        return GGUFArchitecture(settings: settings, names: .gemma)
    }

    /// Gemma 2: capped logits, every other layer within a window.
    static func gemma2(_ metadata: GGUFMetadata) throws(TrainingError) -> GGUFArchitecture {
        let settings = try gemma(metadata, type: "gemma2", architecture: "Gemma2ForCausalLM")
        let layers = try metadata.count("block_count")
        return GGUFArchitecture(
            settings: settings.with([
                "attn_logit_softcapping": GGUFHyperparameters.number(
                    try metadata.real("attn_logit_softcapping", default: 50)),
                "final_logit_softcapping": GGUFHyperparameters.number(
                    try metadata.real("final_logit_softcapping", default: 30)),
                "query_pre_attn_scalar": .int(
                    try queryScalar(metadata, largest: layers == 46)),
                "sliding_window": .int(
                    try metadata.count("attention.sliding_window", default: 4096)),
                "layer_types": layerTypes(layers, period: 2),
            ]), names: .gemma2)
    }

    /// Gemma 3, its text model: one layer in six sees everything, the others a window with
    /// frequencies of its own.
    static func gemma3(_ metadata: GGUFMetadata) throws(TrainingError) -> GGUFArchitecture {
        var settings = try gemma(
            metadata, type: "gemma3_text", architecture: "Gemma3ForCausalLM")
        let layers = try metadata.count("block_count")
        let period = try metadata.count("attention.sliding_window_pattern", default: 6)
        settings = settings.with([
            "query_pre_attn_scalar": .int(try queryScalar(metadata, largest: layers == 62)),
            "sliding_window": .int(try metadata.count("attention.sliding_window")),
            "sliding_window_pattern": .int(period),
            "layer_types": layerTypes(layers, period: period),
            "rope_theta": GGUFHyperparameters.number(
                try metadata.real("rope.freq_base", default: 1_000_000)),
            "rope_local_base_freq": GGUFHyperparameters.number(
                try metadata.real("rope.freq_base_swa", default: 10_000)),
        ])
        if metadata.has("final_logit_softcapping") {
            settings = settings.with([
                "final_logit_softcapping": GGUFHyperparameters.number(
                    try metadata.real("final_logit_softcapping"))
            ])
        }
        return GGUFArchitecture(settings: settings, names: .gemma2)
    }

    /// ChatGLM3 and GLM-4-9B in the keys of their first publication.
    static func chatGLM(_ metadata: GGUFMetadata) throws(TrainingError) -> GGUFArchitecture {
        let model = try GGUFHyperparameters(metadata)
        let epsilon = try metadata.real("attention.layer_norm_rms_epsilon")
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
            ("rope_ratio", GGUFHyperparameters.number(model.theta / 10_000)),
            ("original_rope", .bool(true)), ("post_layer_norm", .bool(true)),
            ("add_bias_linear", .bool(false)),
            ("add_qkv_bias", .bool(metadata.shapes["blk.0.attn_qkv.bias"] != nil)),
            ("tie_word_embeddings", .bool(model.isTied)),
        ]
        return GGUFArchitecture(settings: settings + model.ending, names: .chatGLM)
    }

    /// GLM-4 of 2025.
    static func glm4(_ metadata: GGUFMetadata) throws(TrainingError) -> GGUFArchitecture {
        let model = try GGUFHyperparameters(metadata)
        let settings = try model.settings(type: "glm4", architecture: "Glm4ForCausalLM")
        return GGUFArchitecture(
            settings: settings.with([
                "attention_bias": .bool(metadata.shapes["blk.0.attn_q.bias"] != nil),
                "partial_rotary_factor": GGUFHyperparameters.number(
                    Double(model.rotated) / Double(model.headSize)),
            ]), names: .glm4)
    }

    private static func gemma(
        _ metadata: GGUFMetadata, type: String, architecture: String
    ) throws(TrainingError) -> Settings {
        let settings = try GGUFHyperparameters(metadata)
            .settings(type: type, architecture: architecture)
        return settings.with([
            "hidden_act": .string("gelu_pytorch_tanh"),
            "hidden_activation": .string("gelu_pytorch_tanh"), "attention_bias": .bool(false),
        ])
    }

    /// What scores are divided by the root of: the head size, and width/heads in the 27B models.
    private static func queryScalar(
        _ metadata: GGUFMetadata, largest: Bool
    ) throws(TrainingError) -> Int {
        let model = try GGUFHyperparameters(metadata)
        return largest ? model.width / model.heads : model.headSize
    }

    /// The last of every `period` layers sees everything.
    private static func layerTypes(_ layers: Int, period: Int) -> JSONValue {
        .array(
            (1...layers).map {
                .string($0 % period == 0 ? "full_attention" : "sliding_attention")
            })
    }
}
