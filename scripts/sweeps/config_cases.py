"""The configurations of config_keys.py, and the values that each key is changed to."""

SMALL = {
    "vocab_size": 61,
    "hidden_size": 32,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32,
    "initializer_range": 0.02,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "torch_dtype": "float32",
    "rope_theta": 200.0,
}
TEXT = {key: value for key, value in SMALL.items() if key != "torch_dtype"}
GEMMA3 = TEXT | {
    "head_dim": 8,
    "query_pre_attn_scalar": 12,
    "sliding_window": 6,
    "sliding_window_pattern": 2,
    "rope_local_base_freq": 30.0,
}
EXPERTS = {"num_experts_per_tok": 2}
MODELS = {
    "gemma": SMALL | {"head_dim": 8},
    "gemma2": SMALL | {"head_dim": 8, "query_pre_attn_scalar": 12, "sliding_window": 6},
    "gemma3": {
        "text_config": GEMMA3 | {"model_type": "gemma3_text"},
        "vision_config": {
            "model_type": "siglip_vision_model",
            "hidden_size": 4,
            "intermediate_size": 4,
            "num_hidden_layers": 1,
            "num_attention_heads": 1,
            "image_size": 4,
            "patch_size": 2,
        },
        "image_token_index": 60,
        "mm_tokens_per_image": 4,
        "torch_dtype": "float32",
    },
    "gemma3_text": GEMMA3 | {"torch_dtype": "float32"},
    "glm": SMALL | {"head_dim": 8},
    "glm4": SMALL | {"head_dim": 8},
    "gpt2": {
        "vocab_size": 61,
        "n_positions": 48,
        "n_embd": 32,
        "n_layer": 2,
        "n_head": 4,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "torch_dtype": "float32",
    },
    "llama": SMALL,
    "mistral": SMALL | {"sliding_window": 9},
    "mixtral": SMALL | EXPERTS | {"num_local_experts": 3, "sliding_window": None},
    "phi3": SMALL | {"sliding_window": None, "original_max_position_embeddings": 16},
    "qwen2": SMALL | {"use_sliding_window": True, "sliding_window": 7, "max_window_layers": 1},
    "qwen3": SMALL | {"head_dim": 8, "use_sliding_window": False},
    "qwen3_moe": SMALL | EXPERTS | {"num_experts": 3, "moe_intermediate_size": 16},
}

ACTIVATIONS = [
    "silu", "swish", "gelu", "gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_python",
    "gelu_python_tanh", "gelu_accurate", "relu", "relu2", "quick_gelu", "gelu_10", "leaky_relu",
    "mish", "tanh",
]  # fmt: skip
LAYERS = [
    ["full_attention", "full_attention"],
    ["sliding_attention", "full_attention"],
    ["full_attention", "sliding_attention"],
    ["sliding_attention", "sliding_attention"],
    ["chunked_attention", "full_attention"],
    ["full_attention"],
]

# Keys that transformers does not write itself, or not for every model.
FURTHER = {
    "_attn_implementation": ["eager"],
    "attention_bias": [True, False],
    "attention_dropout": [0.1],
    "attn_logit_softcapping": [3.0, 0.0, None],
    "classifier_dropout": [0.1],
    "embd_pdrop": [0.1],
    "expert_bias": [True],
    "final_logit_softcapping": [2.5, None],
    "head_dim": [6, 8, 10, 16, 7, None],
    "hidden_act": ACTIVATIONS,
    "hidden_activation": ACTIVATIONS[:6],
    "hidden_size": [16, 32],
    "intermediate_size": [20],
    "is_decoder": [True],
    "is_encoder_decoder": [True],
    "layer_types": LAYERS,
    "lm_head_bias": [True],
    "logit_scale": [0.5],
    "attention_multiplier": [0.5],
    "embedding_multiplier": [2.0],
    "residual_multiplier": [0.5],
    "max_length": [30],
    "max_position_embeddings": [16, 64],
    "max_window_layers": [0, 1, 2, 5],
    "mlp_bias": [True],
    "mlp_only_layers": [[0], [1], [0, 1], []],
    "decoder_sparse_step": [1, 2, 3],
    "norm_topk_prob": [True, False],
    "n_ctx": [24],
    "num_attention_heads": [2, 8],
    "num_experts": [4, 3],
    "num_experts_per_tok": [1, 3],
    "num_hidden_layers": [1, 3],
    "num_key_value_heads": [1, 2, 4],
    "num_local_experts": [4, 3],
    "num_labels": [5],
    "original_max_position_embeddings": [8, 16],
    "output_router_logits": [True],
    "partial_rotary_factor": [1.0, 0.5, 0.25, 0.75],
    "per_layer_config": [{"1": {"sliding_window": 4}}],
    "pretraining_tp": [2],
    "pruned_heads": [{}, {"0": [1]}],
    "quantization_config": [{"quant_method": "fp8"}],
    "query_pre_attn_scalar": [4, 30],
    "repetition_penalty": [1.3],
    "resid_pdrop": [0.1],
    "rms_norm_eps": [1e-2, 1e-5],
    "rope_interleaved": [True],
    "rope_local_base_freq": [50.0],
    "rope_theta": [50.0, 1e6, 0.0, 1.0, -2.0],
    "rotary_pct": [0.5],
    "router_aux_loss_coef": [0.5],
    "router_jitter_noise": [0.1],
    "scale_attn_by_inverse_layer_idx": [True],
    "scale_attn_weights": [False],
    "sliding_window": [4, 100, None],
    "sliding_window_pattern": [1, 2, 3],
    "summary_type": ["last"],
    "temperature": [0.5],
    "tie_word_embeddings": [True, False],
    "use_bidirectional_attention": [True, False],
    "use_cache": [False],
    "use_qk_norm": [True],
    "use_sliding_window": [True, False],
    "attn_implementation": ["eager"],
    "something_new": [2],
    "vocab_size": [50, 70],
}

YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}
SHORT, LONG = [1.0, 1.1, 1.3, 1.5], [1.5, 2.0, 4.0, 8.0]
LONGROPE = {"rope_type": "longrope", "short_factor": SHORT, "long_factor": LONG}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
# Rope parameters; each is tried under both names, with theta inside or beside.
ROPES = [
    {"rope_type": "default"},
    {"type": "default"},
    {},
    {"rope_type": "default", "factor": 2.0},
    {"rope_type": "linear", "factor": 2.0},
    {"type": "linear", "factor": 2.0},
    {"rope_type": "linear", "type": "dynamic", "factor": 2.0},
    {"rope_type": "linear", "factor": 0.5},
    {"rope_type": "linear", "factor": None},
    {"rope_type": "linear"},
    {"rope_type": "linear", "factor": 2.0, "partial_rotary_factor": 0.5},
    {"rope_type": "linear", "factor": 2.0, "original_max_position_embeddings": 8},
    {"rope_type": "dynamic", "factor": 2.0},
    {"rope_type": "dynamic", "factor": 2.0, "original_max_position_embeddings": 8},
    YARN,
    {key: value for key, value in YARN.items() if key != "original_max_position_embeddings"},
    YARN | {"factor": None},
    YARN | {"factor": 1.0},
    YARN | {"attention_factor": 1.5},
    YARN | {"attention_factor": None},
    YARN | {"beta_fast": 8},
    YARN | {"beta_slow": 3},
    YARN | {"beta_fast": 0, "beta_slow": 0},
    YARN | {"beta_fast": 2, "beta_slow": 6},
    YARN | {"mscale": 0.7, "mscale_all_dim": 0.3},
    YARN | {"mscale": 0.7},
    YARN | {"mscale_all_dim": 0.3},
    YARN | {"mscale": 0.0, "mscale_all_dim": 0.3},
    YARN | {"mscale": 0.7, "mscale_all_dim": 0.3, "attention_factor": 1.2},
    YARN | {"truncate": False},
    YARN | {"truncate": True},
    YARN | {"partial_rotary_factor": 0.5},
    YARN | {"long_factor": LONG, "short_factor": SHORT},
    LONGROPE,
    LONGROPE | {"original_max_position_embeddings": 16},
    LONGROPE | {"original_max_position_embeddings": 64},
    LONGROPE | {"original_max_position_embeddings": 16, "factor": 3.0},
    LONGROPE | {"original_max_position_embeddings": 16, "attention_factor": 1.2},
    LONGROPE | {"short_factor": SHORT[:3]},
    LONGROPE | {"rope_type": "su"},
    {"type": "su", "short_factor": SHORT, "long_factor": LONG},
    LLAMA3,
    {key: value for key, value in LLAMA3.items() if key != "original_max_position_embeddings"},
    LLAMA3 | {"factor": 1.0},
    LLAMA3 | {"low_freq_factor": 2.0, "high_freq_factor": 3.0},
    LLAMA3 | {"low_freq_factor": 4.0, "high_freq_factor": 4.0},
    {key: value for key, value in LLAMA3.items() if key != "low_freq_factor"},
    {"rope_type": "proportional", "partial_rotary_factor": 0.5},
    {"rope_type": "proportional"},
    {"rope_type": "proportional", "partial_rotary_factor": 0.5, "factor": 2.0},
    {"rope_type": "mrope", "mrope_section": [1, 1, 2]},
    {"rope_type": "default", "mrope_section": [1, 1, 2]},
    {"rope_type": "ntk", "factor": 2.0},
    {"rope_type": "default", "partial_rotary_factor": 0.5},
    {"full_attention": {"rope_type": "linear", "factor": 2.0}},
]
# Changes of several keys at once.
PAIRS = [
    {"rope_parameters": {"rope_type": "default", "rope_theta": 300.0}, "rope_scaling": YARN},
    {"rope_parameters": {"rope_type": "default", "rope_theta": 300.0}, "rope_scaling": {}},
    {"rope_parameters": {"rope_type": "default", "rope_theta": 300.0}, "rope_scaling": None},
    {"rope_parameters": {"rope_type": "linear", "factor": 2.0}, "rope_scaling": LLAMA3},
    {"rope_scaling": YARN, "original_max_position_embeddings": 8},
    {"rope_scaling": LLAMA3, "original_max_position_embeddings": 8},
    {"rope_parameters": LONGROPE, "original_max_position_embeddings": 8},
    {"rope_scaling": {"rope_type": "linear", "factor": 2.0}, "partial_rotary_factor": 0.5},
    {"rope_parameters": {"rope_type": "default"}, "partial_rotary_factor": 0.25},
    {"num_experts": 4, "num_local_experts": 3},
    {"num_experts": 3, "num_local_experts": 4},
    {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 0},
    {"use_sliding_window": True, "sliding_window": 5, "layer_types": LAYERS[1]},
    {"use_sliding_window": False, "sliding_window": 5, "layer_types": LAYERS[1]},
    {"use_sliding_window": True, "sliding_window": None},
    {"sliding_window": 5, "layer_types": LAYERS[2]},
    {"sliding_window": None, "layer_types": LAYERS[3]},
    {"tie_word_embeddings": True, "attention_bias": True},
]  # fmt: skip


def others(value):
    """Other sensible values of a key that has `value`."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value * 2, max(1, value // 2)]
    if isinstance(value, float):
        return [value * 2 + 0.01, value / 2]
    if value in ACTIVATIONS:
        return ACTIVATIONS
    return []


def changes(config, is_newer):
    """Changes of a config.json, each a dictionary of keys; REMOVED takes a key away.

    The newer spelling has every key that transformers writes, and `rope_parameters`; the older one
    has what else people write, and `rope_scaling`.
    """
    found = []
    for key, value in config.items():
        if key in ("model_type", "architectures", "text_config", "vision_config"):
            continue
        if is_newer or key.startswith("rope"):
            found += [{key: REMOVED}, {key: None}]
            found += [{key: other} for other in others(value)]
    if not is_newer:
        found += [{key: value} for key, values in FURTHER.items() for value in values]
    if "n_embd" in config:
        return found
    for rope in ROPES:
        if is_newer:
            found.append({"rope_parameters": rope | {"rope_theta": 300.0}})
        else:
            found.append({"rope_scaling": rope})
        if config.get("sliding_window_pattern", config.get("_sliding_window_pattern")):
            parts = {"full_attention": rope, "sliding_attention": {"rope_type": "default"}}
            found.append({"rope_parameters": parts})
            if is_newer:
                found.append({"rope_parameters": parts, "rope_scaling": YARN})
            else:
                swapped = dict(zip(parts, reversed(parts.values())))
                found.append({"rope_parameters": swapped})
        elif config["model_type"] == "llama":
            found.append({"rope_parameters": rope, "rope_theta": REMOVED, "rope_scaling": REMOVED})
            found.append({"rope_parameters": REMOVED, "rope_scaling": rope | {"rope_theta": 300.0}})
    found += PAIRS
    unique = []
    for change in found:
        if change not in unique:
            unique.append(change)
    return unique


REMOVED = "(removed)"
