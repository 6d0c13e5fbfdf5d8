"""Further configurations of architectures.py, all of which transformers computes.

The seed of a case is that of its name, so that others may come and go.
"""

import zlib

from architecture_cases import SMALL


def seed(name):
    """What stands for a case's place in the list."""
    return zlib.crc32(name.encode())


# As transformers 4 spells them, but for those of LATER_RESAVED, which keep what transformers 5 writes.
LATER_RESAVED = {"ernie4_5", "olmo2", "smollm3_window"}
LATER = {
    # As published: the layers without positions are listed, heads have width / heads dimensions.
    "smollm3": {key: value for key, value in SMALL.items() if key != "head_dim"}
    | {
        "model_type": "smollm3",
        "architectures": ["SmolLM3ForCausalLM"],
        "num_hidden_layers": 3,
        "attention_bias": False,
        "attention_dropout": 0.0,
        "hidden_act": "silu",
        "layer_types": ["full_attention"] * 3,
        "max_window_layers": 28,
        "mlp_bias": False,
        "no_rope_layer_interval": 2,
        "no_rope_layers": [1, 1, 0, 1],
        "pretraining_tp": 2,
        "rope_scaling": None,
        "rope_theta": 100.0,
        "sliding_window": None,
        "use_sliding_window": False,
    },
    # Windows on the layers without positions. No biases in attention: without positions that of the keys
    # changes nothing, and its gradient is rounding alone.
    "smollm3_window": SMALL
    | {
        "model_type": "smollm3",
        "mlp_bias": True,
        "no_rope_layer_interval": 2,
        "rope_theta": 100.0,
        "sliding_window": 6,
        "tie_word_embeddings": False,
        "use_sliding_window": True,
    },
    "olmo2": SMALL
    | {
        "model_type": "olmo2",
        "attention_bias": True,
        "rms_norm_eps": 1e-5,
        "rope_theta": 100.0,
        "tie_word_embeddings": False,
    },
    "granite": SMALL
    | {
        "model_type": "granite",
        "architectures": ["GraniteForCausalLM"],
        "attention_bias": True,
        "attention_dropout": 0.0,
        "attention_multiplier": 0.2,
        "embedding_multiplier": 3.0,
        "hidden_act": "silu",
        "logits_scaling": 0.6,
        "mlp_bias": True,
        "residual_multiplier": 0.7,
        "rope_scaling": None,
        "rope_theta": 100.0,
        "tie_word_embeddings": True,
    },
    "ernie4_5": SMALL
    | {
        "model_type": "ernie4_5",
        "rope_theta": 100.0,
        "tie_word_embeddings": False,
        "use_bias": True,
    },
}
