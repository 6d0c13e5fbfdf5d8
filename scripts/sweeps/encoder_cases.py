"""The configurations of config_keys.py that are no decoders', and the values that each key is
changed to: encoders and encoder-decoders."""

from config_cases import ACTIVATIONS, REMOVED, others

SIZES = {
    "vocab_size": 61,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 40,
    "initializer_range": 0.02,
    "torch_dtype": "float32",
}
BERT = SIZES | {
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
    "max_position_embeddings": 48,
    "type_vocab_size": 2,
    "layer_norm_eps": 1e-12,
    "pad_token_id": 0,
}
ROBERTA = BERT | {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}
MODERN = SIZES | {
    "num_hidden_layers": 4,
    "intermediate_size": 24,
    "max_position_embeddings": 64,
    "global_attn_every_n_layers": 3,
    "local_attention": 8,
    "global_rope_theta": 1000.0,
    "local_rope_theta": 100.0,
    "bos_token_id": 1,
    "cls_token_id": 1,
    "eos_token_id": 2,
    "sep_token_id": 2,
    "pad_token_id": 0,
}
T5 = {
    "vocab_size": 61,
    "d_model": 32,
    "d_kv": 6,
    "d_ff": 40,
    "num_layers": 2,
    "num_heads": 4,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 12,
    "dropout_rate": 0.1,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "decoder_start_token_id": 0,
    "is_encoder_decoder": True,
    "torch_dtype": "float32",
}
GATED = T5 | {"feed_forward_proj": "gated-gelu"}
ENCODERS = {
    "bert": BERT,
    "roberta": ROBERTA,
    "xlm-roberta": ROBERTA,
    "electra": BERT | {"embedding_size": 16},
    "modernbert": MODERN,
}
ENCODER_DECODERS = {"t5": T5, "mt5": GATED, "umt5": GATED}

# Keys that transformers does not write itself, or not for every model.
SHARED = {
    "_attn_implementation": ["eager"],
    "add_cross_attention": [True],
    "attention_bias": [True, False],
    "attention_dropout": [0.1],
    "chunk_size_feed_forward": [4],
    "classifier_dropout": [0.1],
    "cross_attention_hidden_size": [16],
    "decoder_start_token_id": [0, 4, 99, None],
    "embedding_size": [16, 32],
    "eos_token_id": [3, None],
    "final_logit_softcapping": [2.5],
    "gradient_checkpointing": [True],
    "head_dim": [6, 8, 16],
    "hidden_act": ACTIVATIONS,
    "hidden_activation": ACTIVATIONS,
    "hidden_dropout": [0.1],
    "hidden_size": [16, 32],
    "id2label": [{"0": "a", "1": "b", "2": "c"}],
    "intermediate_size": [20],
    "is_decoder": [True, False],
    "is_encoder_decoder": [True, False],
    "layer_norm_eps": [1e-2, 1e-5],
    "layer_norm_epsilon": [1e-2],
    "layer_types": [["full_attention"] * 2, ["sliding_attention", "full_attention"]],
    "lm_head_bias": [True],
    "logit_scale": [0.5],
    "mask_token_id": [4],
    "max_length": [30],
    "max_position_embeddings": [16, 64],
    "mlp_bias": [True],
    "norm_eps": [1e-2],
    "num_attention_heads": [2, 8, 5],
    "num_hidden_layers": [1, 3],
    "num_key_value_heads": [1, 2],
    "num_labels": [5],
    "output_past": [True],
    "pad_token_id": [0, 1, 3, 9, 99, -1, None],
    "position_embedding_type": ["absolute", "relative_key", "relative_key_query", "rotary"],
    "problem_type": ["regression"],
    "pruned_heads": [{}, {"0": [1]}],
    "quantization_config": [{"quant_method": "fp8"}],
    "rms_norm_eps": [1e-2],
    "rope_scaling": [{"rope_type": "linear", "factor": 2.0}],
    "rope_theta": [50.0],
    "sliding_window": [4],
    "something_new": [2],
    "temperature": [0.5],
    "tie_encoder_decoder": [True],
    "tie_word_embeddings": [True, False],
    "type_vocab_size": [1, 3, 0],
    "use_cache": [False],
    "vocab_size": [50, 70],
}
OWN = {
    "electra": {
        "embedding_size": [8, 32, 31],
        "summary_type": ["last"],
        "summary_use_proj": [False],
        "summary_activation": ["relu"],
    },
    "modernbert": {
        "attention_bias": [True],
        "classifier_activation": ACTIVATIONS,
        "classifier_bias": [True],
        "classifier_pooling": ["mean"],
        "decoder_bias": [False],
        "deterministic_flash_attn": [True],
        "global_attn_every_n_layers": [1, 2, 4, 7, 0],
        "global_rope_theta": [50.0, 0.0, None],
        "layer_types": [
            ["full_attention", "sliding_attention"] * 2,
            ["sliding_attention"] * 4,
            ["full_attention"] * 4,
            ["full_attention"] * 3,
            ["chunked_attention"] * 4,
        ],
        "local_attention": [2, 5, 7, 1, 200, 0, -1, None],
        "local_rope_theta": [20.0, None],
        "mlp_bias": [True],
        "norm_bias": [True],
        "norm_eps": [1e-2],
        "partial_rotary_factor": [0.5],
        "reference_compile": [True],
        "repad_logits_with_grad": [True],
        "sliding_window": [4, 5, 128],
        "sparse_prediction": [True],
    },
    "t5": {
        "d_ff": [16],
        "d_kv": [5, 16],
        "dense_act_fn": ["relu", "silu"],
        "encoder_layers": [1],
        "feed_forward_proj": [
            form + name
            for form in ("", "gated-")
            for name in [*ACTIVATIONS, "gelu-new"]
        ]
        + ["gated", "wide-gelu", ""],
        "initializer_factor": [0.5],
        "is_gated_act": [True, False],
        "n_positions": [8],
        "num_decoder_layers": [1, 3, None],
        "num_heads": [2, 3],
        "num_layers": [1, 3],
        "relative_attention_max_distance": [4, 5, 8, 9, 16, 128, 3],
        "relative_attention_num_buckets": [2, 4, 6, 7, 16, 32],
        "scale_decoder_outputs": [True, False],
    },
}
LINEAR = {"rope_type": "linear", "factor": 2.0}
DEFAULT = {"rope_type": "default"}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}
DYNAMIC = {"rope_type": "dynamic", "factor": 2.0}
# ModernBERT's, for each kind of layer or for both.
ROPES = [
    {"full_attention": full, "sliding_attention": sliding}
    for full in (DEFAULT, LINEAR, YARN, DEFAULT | {"rope_theta": 300.0}, None)
    for sliding in (DEFAULT, LINEAR, DEFAULT | {"rope_theta": 30.0}, None)
] + [
    {"full_attention": DYNAMIC, "sliding_attention": DEFAULT},
    {"full_attention": DEFAULT | {"partial_rotary_factor": 0.5}, "sliding_attention": DEFAULT},
    {"full_attention": LINEAR},
    {"sliding_attention": LINEAR},
    LINEAR,
    DEFAULT | {"rope_theta": 300.0},
    {},
]
# Changes of several keys at once.
PAIRS = {
    "modernbert": [
        {"sliding_window": 2, "local_attention": 8},
        {"sliding_window": 4, "local_attention": REMOVED},
        {"rope_parameters": {"full_attention": DEFAULT}, "global_rope_theta": 50.0},
        {"layer_types": ["sliding_attention"] * 4, "global_attn_every_n_layers": 2},
        {"norm_bias": True, "decoder_bias": False, "tie_word_embeddings": False},
    ],
    "t5": [
        {"tie_word_embeddings": False, "scale_decoder_outputs": True},
        {"tie_word_embeddings": True, "scale_decoder_outputs": False},
        {"tie_word_embeddings": REMOVED, "scale_decoder_outputs": False},
        {"relative_attention_num_buckets": 32, "relative_attention_max_distance": 16},
        {"feed_forward_proj": "gated-gelu", "dense_act_fn": "relu"},
        {"feed_forward_proj": "relu", "is_gated_act": True},
        {"decoder_start_token_id": REMOVED, "pad_token_id": 5},
        {"d_model": REMOVED, "hidden_size": 32},
        {"num_layers": REMOVED, "num_hidden_layers": 3},
        {"num_heads": REMOVED, "num_attention_heads": 2},
        {"d_kv": REMOVED, "head_dim": 5},
        {"num_layers": 1, "num_decoder_layers": 3},
    ],
    "bert": [
        {"hidden_act": "gelu_new", "layer_norm_eps": 1e-3},
        {"tie_word_embeddings": False, "type_vocab_size": 1},
        {"is_decoder": True, "add_cross_attention": True},
        {"max_position_embeddings": 12, "pad_token_id": 11},
    ],
}


def encoder_changes(config, is_newer):
    """Changes of a config.json, each a dictionary of keys; see config_cases.changes."""
    kind = config["model_type"]
    family = "t5" if kind in ENCODER_DECODERS else kind
    found = []
    for key, value in config.items():
        if key in ("model_type", "architectures"):
            continue
        if is_newer or key.endswith("theta"):
            found += [{key: REMOVED}, {key: None}]
            found += [{key: other} for other in others(value)]
    if not is_newer:
        further = SHARED | OWN.get(family, {})
        found += [{key: value} for key, values in further.items() for value in values]
    if kind == "modernbert":
        found += [{"rope_parameters": rope} for rope in ROPES]
        found += [{"rope_scaling": rope} for rope in (LINEAR, YARN, DEFAULT, {})]
    found += PAIRS.get(family, PAIRS["bert"])
    return [change for place, change in enumerate(found) if change not in found[:place]]
