"""The configurations of architectures.py, and how other files spell what transformers computes.

Baichuan, InternLM2 and ChatGLM have no model in transformers. Their numbers come from the model
there that computes the same (Llama, or GLM, which transformers converts from ChatGLM), under their
names: fused weights are rows of the separate ones in another order, and so are their gradients.
"""

import math

import torch

VOCABULARY = 43

SMALL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-6,
    "initializer_range": 0.02,
    "bos_token_id": 1,
    "eos_token_id": 1,
    "pad_token_id": 42,  # never an input: transformers gives its row no gradient
    "torch_dtype": "float32",
}
# Caps near the size of the scores and logits, so that they bend them.
GEMMA2 = SMALL | {
    "model_type": "gemma2",
    "architectures": ["Gemma2ForCausalLM"],
    "hidden_act": "gelu_pytorch_tanh",
    "hidden_activation": "gelu_pytorch_tanh",
    "query_pre_attn_scalar": 12,
    "attn_logit_softcapping": 2.0,
    "final_logit_softcapping": 4.0,
    "sliding_window": 6,
}
# Wavelengths around the length of the sequences, so that each theta and factor counts.
GEMMA3 = {key: value for key, value in SMALL.items() if key != "torch_dtype"} | {
    "model_type": "gemma3_text",
    "query_pre_attn_scalar": 6,
    "rope_theta": 1000.0,
    "rope_local_base_freq": 20.0,
    "rope_scaling": {"factor": 3.0, "rope_type": "linear"},
    "sliding_window": 5,
    "sliding_window_pattern": 2,
}
PHI3 = SMALL | {
    "model_type": "phi3",
    "architectures": ["Phi3ForCausalLM"],
    "hidden_size": 32,
    "intermediate_size": 16,
    "rms_norm_eps": 1e-5,
    "rope_theta": 100.0,
    "original_max_position_embeddings": 64,
    "tie_word_embeddings": False,
}
GLM = SMALL | {
    "model_type": "glm",
    "architectures": ["GlmForCausalLM"],
    "rms_norm_eps": 1.5625e-07,
    "attention_bias": True,
    "rope_theta": 50.0,
    "tie_word_embeddings": False,
}
LLAMA = SMALL | {
    "model_type": "llama",
    "head_dim": 4,
    "num_key_value_heads": 4,
    "hidden_act": "silu",
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
}

# What transformers computes. Those in RESAVED keep the config.json that transformers 5 writes.
RESAVED = {"gemma3_text", "glm4"}
NATIVE = {
    "gemma": SMALL
    | {
        "model_type": "gemma",
        "architectures": ["GemmaForCausalLM"],
        "num_key_value_heads": 1,
        "hidden_act": "gelu",
    },
    "gemma2": GEMMA2,
    "gemma3_text": GEMMA3 | {"architectures": ["Gemma3ForCausalLM"]},
    "gemma3": {
        "model_type": "gemma3",
        "architectures": ["Gemma3ForConditionalGeneration"],
        "text_config": GEMMA3,
        "vision_config": {
            "model_type": "siglip_vision_model",
            "hidden_size": 4,
            "intermediate_size": 4,
            "num_hidden_layers": 1,
            "num_attention_heads": 1,
            "image_size": 4,
            "patch_size": 2,
        },
        "image_token_index": 42,
        "mm_tokens_per_image": 4,
        "torch_dtype": "float32",
    },
    "phi3": PHI3 | {"sliding_window": 7, "rope_scaling": None},
    # The sequences are longer than 12 positions, so that the long factors hold.
    "phi3_longrope": PHI3
    | {
        "num_key_value_heads": 4,
        "original_max_position_embeddings": 12,
        "partial_rotary_factor": 0.75,
        "rope_scaling": {
            "type": "longrope",
            "short_factor": [1.0, 1.25, 1.5],
            "long_factor": [1.5, 3.0, 4.5],
        },
        "sliding_window": None,
        "tie_word_embeddings": True,
    },
    "glm": GLM,
    "glm4": GLM | {"model_type": "glm4", "architectures": ["Glm4ForCausalLM"]},
}


def baichuan(arrays, config):
    """W_pack holds queries, keys and values."""
    result = {}
    for name, value in arrays.items():
        if name.endswith("q_proj.weight"):
            rows = [arrays[name.replace("q_proj", kind)] for kind in ("q_proj", "k_proj", "v_proj")]
            result[name.replace("q_proj", "W_pack")] = torch.cat(rows)
        elif "k_proj" not in name and "v_proj" not in name:
            result[name] = value
    return result


def by_group(query, key, value, config):
    """Rows of each group: its queries, its key, its value."""
    groups, size = config["num_key_value_heads"], config["head_dim"]
    parts = [x.unflatten(0, (groups, -1, size)) for x in (query, key, value)]
    return torch.cat(parts, dim=1).flatten(0, 2)


def internlm2(arrays, config):
    """wqkv holds each group's queries, key and value."""
    names = {
        "model.embed_tokens": "model.tok_embeddings",
        "lm_head": "output",
        "self_attn.o_proj": "attention.wo",
        "mlp.gate_proj": "feed_forward.w1",
        "mlp.up_proj": "feed_forward.w3",
        "mlp.down_proj": "feed_forward.w2",
        "input_layernorm": "attention_norm",
        "post_attention_layernorm": "ffn_norm",
    }
    result = {}
    for name, value in arrays.items():
        if ".q_proj." in name:
            rows = [arrays[name.replace("q_proj", kind)] for kind in ("q_proj", "k_proj", "v_proj")]
            result[name.replace("self_attn.q_proj", "attention.wqkv")] = by_group(*rows, config)
        elif ".k_proj." not in name and ".v_proj." not in name:
            for old, new in names.items():
                name = name.replace(old, new)
            result[name] = value
    return result


def chatglm(arrays, config):
    """The inverse of transformers' convert_glm_weights_to_hf.py."""
    names = {
        "model.embed_tokens": "transformer.embedding.word_embeddings",
        "model.layers": "transformer.encoder.layers",
        "model.norm": "transformer.encoder.final_layernorm",
        "lm_head": "transformer.output_layer",
        "self_attn.o_proj": "self_attention.dense",
        "mlp.gate_up_proj": "mlp.dense_h_to_4h",
        "mlp.down_proj": "mlp.dense_4h_to_h",
    }
    result = {}
    for name, value in arrays.items():
        fused = name.replace("self_attn.q_proj", "self_attention.query_key_value")
        if ".q_proj." in name:
            kinds = ("q_proj", "k_proj", "v_proj")
            value = torch.cat([arrays[name.replace("q_proj", kind)] for kind in kinds])
        if ".k_proj." not in name and ".v_proj." not in name:
            for old, new in names.items():
                fused = fused.replace(old, new)
            result[fused] = value
    return result


def slopes(heads):
    """ALiBi's slopes, as the authors' code has them (arXiv:2108.12409)."""

    def powers(count):
        start = 2 ** (-(2 ** -(math.log2(count) - 3)))
        return [start * start**index for index in range(count)]

    lower = 2 ** math.floor(math.log2(heads))
    if lower == heads:
        return powers(heads)
    return powers(lower) + powers(2 * lower)[0::2][: heads - lower]


BAICHUAN = {
    "model_type": "baichuan",
    "architectures": ["BaichuanForCausalLM"],
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-6,
    "initializer_range": 0.02,
    "tie_word_embeddings": False,
    "torch_dtype": "float32",
}
# By name: the model that transformers has, config.json, names, NormHead, ALiBi.
RENAMED = {
    "baichuan": (LLAMA, BAICHUAN | {"max_position_embeddings": 64}, baichuan, False, False),
    "baichuan2": (
        LLAMA,
        BAICHUAN | {"max_position_embeddings": 64, "model_max_length": 64, "z_loss_weight": 0},
        baichuan,
        True,
        False,
    ),
    # Six heads: slopes of no power of two.
    "baichuan2_alibi": (
        LLAMA | {"hidden_size": 24, "num_attention_heads": 6, "num_key_value_heads": 6},
        BAICHUAN
        | {
            "hidden_size": 24,
            "num_attention_heads": 6,
            "model_max_length": 64,
            "z_loss_weight": 0,
        },
        baichuan,
        True,
        True,
    ),
    # The sequences are longer than 12 positions, so that the dynamic base holds.
    "internlm2": (
        LLAMA
        | {
            "num_key_value_heads": 2,
            "attention_bias": True,
            "rope_theta": 100.0,
            "max_position_embeddings": 12,
            "rope_scaling": {"type": "dynamic", "factor": 2.0},
        },
        {key: LLAMA[key] for key in SMALL if key not in ("head_dim", "pad_token_id")}
        | {
            "model_type": "internlm2",
            "architectures": ["InternLM2ForCausalLM"],
            "num_key_value_heads": 2,
            "hidden_act": "silu",
            "bias": True,
            "rope_theta": 100,
            "max_position_embeddings": 12,
            "rope_scaling": {"type": "dynamic", "factor": 2.0},
            "tie_word_embeddings": False,
        },
        internlm2,
        False,
        False,
    ),
    "chatglm": (
        GLM | {"rope_theta": 20000.0, "rms_norm_eps": 1e-5},
        {
            "model_type": "chatglm",
            "architectures": ["ChatGLMModel"],
            "padded_vocab_size": VOCABULARY,
            "num_layers": 2,
            "hidden_size": 16,
            "ffn_hidden_size": 24,
            "kv_channels": 8,
            "num_attention_heads": 4,
            "multi_query_attention": True,
            "multi_query_group_num": 2,
            "seq_length": 64,
            "rope_ratio": 2,
            "layernorm_epsilon": 1e-5,
            "rmsnorm": True,
            "add_bias_linear": False,
            "add_qkv_bias": True,
            "post_layer_norm": True,
            "apply_residual_connection_post_layernorm": False,
            "pre_seq_len": None,
            "tie_word_embeddings": False,
            "torch_dtype": "float16",
        },
        chatglm,
        False,
        False,
    ),
}
