"""The configurations of architectures.py that have layer norms.

VOCABULARY and the sizes are those of architecture_cases.py.
"""

from architecture_cases import VOCABULARY

SMALL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    "initializer_range": 0.02,
    "bos_token_id": 1,
    "eos_token_id": 1,
    "pad_token_id": 42,  # never an input: transformers gives its row no gradient
    "torch_dtype": "float32",
}
# Wavelengths around the length of the sequences, so that bases and parts of heads count.
GPT_NEOX = SMALL | {
    "model_type": "gpt_neox",
    "architectures": ["GPTNeoXForCausalLM"],
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-5,
    "rotary_emb_base": 50,
    "rotary_pct": 0.5,
    "tie_word_embeddings": False,
    "use_parallel_residual": True,
}
PHI = SMALL | {
    "model_type": "phi",
    "architectures": ["PhiForCausalLM"],
    "num_key_value_heads": 2,
    "hidden_act": "gelu_new",
    "layer_norm_eps": 1e-5,
    "rope_theta": 50.0,
    "partial_rotary_factor": 0.5,
    "tie_word_embeddings": False,
}
OPT = {key: value for key, value in SMALL.items() if key != "intermediate_size"} | {
    "model_type": "opt",
    "architectures": ["OPTForCausalLM"],
    "ffn_dim": 24,
    "init_std": 0.02,
    "dropout": 0.0,
    "word_embed_proj_dim": 32,
}
STARCODER2 = SMALL | {
    "model_type": "starcoder2",
    "architectures": ["Starcoder2ForCausalLM"],
    "num_key_value_heads": 2,
    "hidden_act": "gelu_pytorch_tanh",
    "norm_epsilon": 1e-5,
    "rope_theta": 50.0,
    "sliding_window": 7,
}

# By name; those in LAYER_NORM_RESAVED keep the config.json that transformers 5 writes.
LAYER_NORM_RESAVED = {"gpt_neox_sequential", "phi_tied", "opt_bare", "starcoder2_bare"}
LAYER_NORM = {
    "gpt_neox": GPT_NEOX,
    "gpt_neox_sequential": GPT_NEOX
    | {
        "use_parallel_residual": False,
        "attention_bias": False,
        "rotary_pct": 0.25,
        "tie_word_embeddings": True,
    },
    "phi": PHI | {"qk_layernorm": True},
    "opt": OPT,
    # The parts in which OPT's model of 350 million parameters differs.
    "opt_after": OPT | {"do_layer_norm_before": False, "tie_word_embeddings": False},
    "opt_bare": OPT | {"enable_bias": False, "_remove_final_layer_norm": True},
    "phi_tied": PHI | {"partial_rotary_factor": 0.25, "tie_word_embeddings": True},
    "starcoder2": STARCODER2,
    "starcoder2_bare": STARCODER2
    | {"use_bias": False, "sliding_window": None, "tie_word_embeddings": False},
}


def renamed(arrays):
    """The names that transformers writes: GPT-NeoX's head is lm_head in memory only."""
    if not any(name.startswith("gpt_neox.") for name in arrays):
        return arrays
    return {
        "embed_out.weight" if name == "lm_head.weight" else name: value
        for name, value in arrays.items()
    }
