import Files
import Models
import TestSupport
import Testing

/// Every key of config.json is used, harmless at its value, or refused by name.
@Suite struct ConfigurationKeyTests {
    /// The message with which a config.json is refused, `nil` where it is taken.
    private func message(_ text: String) -> String? {
        do {
            _ = try ModelCatalog.model(configuration: text)
            return nil
        } catch {
            return error.description
        }
    }

    /// A reference's config.json with keys set.
    private func text(_ folder: String, _ changes: [JSONValue.Member]) throws -> String {
        let text = try References.text("\(folder)/config.json")
        var members = try JSONValueReader.read(text).members ?? []
        for change in changes {
            members.removeAll { $0.key == change.key }
            members.append(change)
        }
        return JSONValue.object(members).text()
    }

    private func message(
        _ folder: String, _ key: String, _ value: JSONValue
    ) throws -> String? {
        message(try text(folder, [(key, value)]))
    }

    static let folders = [
        "architectures/baichuan", "architectures/chatglm", "architectures/ernie4_5",
        "architectures/gemma",
        "architectures/gemma2", "architectures/gemma3", "architectures/gemma3_text",
        "architectures/glm", "architectures/glm4", "architectures/gpt_neox",
        "architectures/granite", "architectures/internlm2", "architectures/olmo2",
        "architectures/opt", "architectures/phi", "architectures/phi3", "architectures/smollm3",
        "architectures/starcoder2", "models/gpt2", "models/llama", "models/mistral",
        "models/qwen2",
        "models/qwen3", "moe/mixtral", "moe/qwen3_moe",
    ]

    @Test(arguments: folders)
    func aKeyThatNoOneKnowsIsRefused(folder: String) throws {
        #expect(try message(folder, "use_cache", .bool(false)) == nil)
        #expect(
            try message(folder, "attention_sinks", .int(4))
                == "config.json: unknown key 'attention_sinks' (4), which could change what the "
                + "model computes; remove it if it does not")
        #expect(try message(folder, "attention_sinks", .null) == nil)
    }

    @Test(arguments: folders)
    func quantizedWeightsAreRefused(folder: String) throws {
        let value = JSONValue.object([("quant_method", .string("gptq"))])
        let message = try message(folder, "quantization_config", value)
        #expect(message?.contains("'quantization_config' is an object of 1 keys") == true)
        #expect(message?.contains("\n") == false)
    }

    @Test(arguments: [
        ("models/llama", "sliding_window", JSONValue.int(4)),
        ("models/mistral", "attention_bias", .bool(true)),
        ("models/mistral", "layer_types", .array([.string("sliding_attention")])),
        ("models/qwen2", "layer_types", .array([.string("chunked_attention")])),
        ("models/gpt2", "add_cross_attention", .bool(true)),
        ("models/llama", "embd_pdrop", .double(0.1)),
        ("models/llama", "per_layer_config", .object([("1", .object([]))])),
        ("moe/mixtral", "router_jitter_noise", .double(0.1)),
        ("architectures/gemma2", "use_bidirectional_attention", .bool(true)),
        ("architectures/gemma3_text", "rope_parameters", .object([("factor", .int(2))])),
        ("architectures/gemma3_text", "attn_logit_softcapping", .double(3)),
        ("architectures/phi3", "embd_pdrop", .double(0.1)),
        ("architectures/baichuan", "rope_theta", .double(500)),
        ("architectures/gpt_neox", "rope_theta", .double(500)),
        ("architectures/phi", "head_dim", .int(16)),
        ("architectures/starcoder2", "mlp_type", .string("gated")),
        ("architectures/opt", "word_embed_proj_dim", .int(16)),
        ("architectures/opt", "layer_norm_elementwise_affine", .bool(false)),
        ("architectures/opt", "layerdrop", .double(0.1)),
        ("architectures/opt", "activation_dropout", .double(0.1)),
        ("architectures/gpt_neox", "num_key_value_heads", .int(2)),
        ("architectures/gpt_neox", "hidden_dropout_prob", .double(0.1)),
        ("architectures/chatglm", "quantization_bit", .int(4)),
        ("architectures/smollm3", "no_rope_layers", .array([.int(1), .int(0)])),
        ("architectures/smollm3", "no_rope_layers", .array([])),
        ("architectures/olmo2", "mlp_bias", .bool(true)),
        ("architectures/ernie4_5", "attention_bias", .bool(true)),
        ("architectures/ernie4_5", "attention_dropout", .double(0.1)),
        ("architectures/olmo2", "residual_multiplier", .double(0.5)),
        ("architectures/olmo2", "sliding_window", .int(4)),
        ("architectures/smollm3", "layer_types", .array([.string("sliding_attention")])),
        ("architectures/smollm3_window", "sliding_window", .null),
        ("architectures/internlm2", "rope_scaling", .object([("type", .string("yarn"))])),
    ])
    func whatIsNotComputedIsNamed(folder: String, key: String, value: JSONValue) throws {
        #expect(try message(folder, key, value)?.contains(key) == true)
    }

    // Parts of the rope parameters that the type does not have.
    @Test(arguments: [
        "{\"rope_type\": \"linear\", \"factor\": 2, \"beta_fast\": 8}",
        "{\"rope_type\": \"default\", \"mrope_section\": [1, 1, 2]}",
        "{\"rope_type\": \"llama3\", \"factor\": 4, \"low_freq_factor\": 1, "
            + "\"high_freq_factor\": 4, \"mscale\": 2}",
        "{\"full_attention\": {\"rope_type\": \"yarn\", \"factor\": 4}}",
    ])
    func ropeKeysThatMeanNothingAreNamed(rope: String) throws {
        for key in ["rope_parameters", "rope_scaling"] {
            let text = try text(
                "models/llama",
                [
                    ("rope_scaling", .null), ("rope_parameters", .null),
                    (key, try JSONValueReader.read(rope)),
                ])
            #expect(message(text)?.contains("'\(key).") == true, "\(text)")
        }
    }

    @Test(arguments: [
        ("num_hidden_layers", "2000000000"), ("hidden_size", "100000000000000"),
        ("vocab_size", "900000000000000"), ("vocab_size", "2147483648"),
        ("num_attention_heads", "1099511627776"), ("intermediate_size", "4294967296"),
        ("head_dim", "899999999999998"), ("head_dim", "1026"), ("head_dim", "1e300"),
        ("hidden_size", "-4"),
        ("num_key_value_heads", "0"), ("hidden_size", "NaN"), ("hidden_size", "16.5"),
        ("max_position_embeddings", "1e18"), ("rope_theta", "0"), ("rope_theta", "-10000.0"),
        ("rope_theta", "Infinity"), ("rms_norm_eps", "-1"), ("rms_norm_eps", "NaN"),
        ("attention_dropout", "1.5"), ("initializer_range", "-0.5"),
    ])
    func numbersOutOfRangeAreNamed(key: String, value: String) throws {
        let text = try text("models/llama", [("rope_scaling", .null), (key, .number(value))])
        #expect(message(text)?.hasPrefix("config.json: \(key) is ") == true)
    }

    @Test(arguments: [
        ("architectures/phi3", "partial_rotary_factor", "1e300"),
        ("architectures/glm4", "partial_rotary_factor", "-0.5"),
        ("architectures/gpt_neox", "rotary_pct", "1.5"),
        ("architectures/phi", "partial_rotary_factor", "0"),
        ("architectures/opt", "max_position_embeddings", "99999999999"),
        ("architectures/gpt_neox", "hidden_dropout", "1"),
        ("architectures/gemma2", "query_pre_attn_scalar", "0"),
        ("architectures/gemma2", "sliding_window", "-1"),
        ("architectures/gemma2", "final_logit_softcapping", "0"),
        ("moe/mixtral", "num_local_experts", "1e12"),
        ("moe/qwen3_moe", "decoder_sparse_step", "0"),
        ("moe/qwen3_moe", "moe_intermediate_size", "99999999999"),
        ("models/gpt2", "n_positions", "99999999999"), ("models/gpt2", "n_inner", "1e20"),
        ("models/qwen2", "max_window_layers", "-1"),
        ("architectures/chatglm", "padded_vocab_size", "1e15"),
        ("architectures/chatglm", "rope_ratio", "0"),
        ("architectures/smollm3", "no_rope_layer_interval", "0"),
        ("architectures/granite", "attention_multiplier", "0"),
        ("architectures/granite", "embedding_multiplier", "-1"),
        ("architectures/granite", "logits_scaling", "0"),
        ("architectures/granite", "residual_multiplier", "0"),
    ])
    func numbersOfSingleArchitecturesHaveRanges(
        folder: String, key: String, value: String
    ) throws {
        let message = try message(folder, key, .number(value))
        #expect(message?.hasPrefix("config.json: \(key) is ") == true)
    }

    // The kernels have room for 1024 numbers of a head.
    @Test(arguments: [
        ("models/gpt2", "n_embd", "n_head"), ("models/qwen2", "hidden_size", "num_attention_heads"),
        ("moe/mixtral", "hidden_size", "num_attention_heads"),
        ("architectures/internlm2", "hidden_size", "num_attention_heads"),
    ])
    func headsThatFollowFromOtherSizesAreTooWide(
        folder: String, width: String, heads: String
    ) throws {
        let changes: [JSONValue.Member] = [
            (heads, .int(4)), (width, .int(4 * 1024)), ("head_dim", .null),
            ("num_key_value_heads", .int(2)),
        ].filter { folder != "models/gpt2" || $0.0.hasPrefix("n_") }
        #expect(message(try text(folder, changes)) == nil)
        let wider = changes.map { $0.key == width ? (key: $0.key, value: .int(4 * 1026)) : $0 }
        #expect(
            message(try text(folder, wider))
                == "config.json: \(width) is 4104 with \(heads) 4, heads of 1026 dimensions, "
                + "expected heads of at most 1024")
    }

    @Test(arguments: [
        "\"factor\": 0", "\"factor\": -2", "\"factor\": NaN", "\"factor\": 2, \"rope_theta\": 1",
        "\"factor\": 4, \"attention_factor\": -1", "\"factor\": 4, \"beta_fast\": -3",
        "\"factor\": 4, \"original_max_position_embeddings\": 0",
    ])
    func ropeNumbersOutOfRangeAreNamed(rope: String) throws {
        let value = try JSONValueReader.read("{\"rope_type\": \"yarn\", \(rope)}")
        let message = try message("models/llama", "rope_scaling", value)
        #expect(message?.hasPrefix("config.json: rope_scaling.") == true)
    }

    // Sizes that are in range one by one.
    @Test(arguments: [
        (
            "models/llama",
            ["hidden_size": 1 << 20, "num_hidden_layers": 4096, "num_attention_heads": 1 << 10]
        ),
        ("models/gpt2", ["n_embd": 1 << 20, "n_layer": 4096]),
        ("moe/mixtral", ["num_local_experts": 4096, "num_hidden_layers": 4096]),
    ])
    func modelsLargerThanAnyMachineAreRefused(folder: String, sizes: [String: Int]) throws {
        let changes = sizes.map { (key: $0.key, value: JSONValue.int($0.value)) }
        let message = try #require(message(try text(folder, changes)))
        #expect(message.contains("parameters") || message.contains("num_local_experts"))
    }

    @Test func keysThatMeanNothingInOneArchitectureAreHarmlessThere() throws {
        #expect(try message("models/gpt2", "summary_type", .string("mean")) == nil)
        #expect(try message("models/llama", "summary_type", .string("mean")) != nil)
        #expect(try message("architectures/gemma3", "image_token_index", .int(3)) == nil)
        #expect(try message("moe/qwen3_moe", "max_window_layers", .int(3)) == nil)
        #expect(try message("models/mistral", "max_window_layers", .int(3)) != nil)
    }
}
