import Models
import Testing

/// Published config.json files, with the parameters that transformers 5.23 makes of them.
@Suite struct PublishedSizesTests {
    @Test(arguments: published)
    func parametersAreAsMany(name: String, keys: String, parameters: Int) throws {
        let model = try ModelCatalog.model(configuration: "{" + keys + ", " + common + "}")
        #expect(model.parameters.reduce(0) { $0 + $1.count } == parameters)
    }
}

/// What all have.
private let common = """
    "attention_bias": false, "attention_dropout": 0.0, "hidden_act": "silu", "initializer_range": 0.02,
    "torch_dtype": "bfloat16", "transformers_version": "4.54.0", "use_cache": true
    """
private let full = [String](repeating: "\"full_attention\"", count: 36).joined(separator: ", ")
private let marks = [String](repeating: "1, 1, 1, 0", count: 9).joined(separator: ", ")

private let published = [
    (
        "SmolLM3 3B",
        """
        "model_type": "smollm3", "architectures": ["SmolLM3ForCausalLM"], "bos_token_id": null,
        "eos_token_id": 128012, "hidden_size": 2048, "intermediate_size": 11008, "layer_types": [\(full)],
        "max_position_embeddings": 65536, "max_window_layers": 28, "mlp_bias": false,
        "no_rope_layer_interval": 4, "no_rope_layers": [\(marks)], "num_attention_heads": 16,
        "num_hidden_layers": 36, "num_key_value_heads": 4, "pad_token_id": 128004, "pretraining_tp": 2,
        "rms_norm_eps": 1e-06, "rope_scaling": null, "rope_theta": 5000000.0, "sliding_window": null,
        "use_sliding_window": false, "vocab_size": 128256
        """, 3_075_098_624
    ),
    (
        "OLMo 2 1B",
        """
        "model_type": "olmo2", "architectures": ["Olmo2ForCausalLM"], "eos_token_id": 100257,
        "hidden_size": 2048, "intermediate_size": 8192, "max_position_embeddings": 4096,
        "num_attention_heads": 16, "num_hidden_layers": 16, "num_key_value_heads": 16,
        "pad_token_id": 100277, "rms_norm_eps": 1e-06, "rope_scaling": null, "rope_theta": 500000,
        "tie_word_embeddings": false, "vocab_size": 100352
        """, 1_484_916_736
    ),
    (
        "Granite 3.3 2B",
        """
        "model_type": "granite", "architectures": ["GraniteForCausalLM"], "attention_multiplier": 0.015625,
        "bos_token_id": 0, "embedding_multiplier": 12.0, "eos_token_id": 0, "hidden_size": 2048,
        "intermediate_size": 8192, "logits_scaling": 8.0, "max_position_embeddings": 131072,
        "mlp_bias": false, "num_attention_heads": 32, "num_hidden_layers": 40, "num_key_value_heads": 8,
        "pad_token_id": 0, "residual_multiplier": 0.22, "rms_norm_eps": 1e-05, "rope_scaling": null,
        "rope_theta": 10000000.0, "tie_word_embeddings": true, "vocab_size": 49159
        """, 2_533_539_840
    ),
    (
        "ERNIE 4.5 0.3B",
        """
        "model_type": "ernie4_5", "architectures": ["Ernie4_5ForCausalLM"], "bos_token_id": 1,
        "eos_token_id": 2, "head_dim": 128, "hidden_size": 1024, "intermediate_size": 3072,
        "max_position_embeddings": 131072, "num_attention_heads": 16, "num_hidden_layers": 18,
        "num_key_value_heads": 2, "pad_token_id": 0, "rms_norm_eps": 1e-05, "rope_theta": 500000,
        "tie_word_embeddings": true, "use_bias": false, "vocab_size": 103424
        """, 360_748_032
    ),
]
