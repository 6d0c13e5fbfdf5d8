"""Writes tiny random models and, for changes of their config.json, transformers' log-probabilities.

    python scripts/references/configurations.py

Tests/References/configurations/MODEL/ are folders that transformers saved. cases.json lists changes
of their config.json (null takes a key away) with `ids` and `logprobs`: of each id given those before
it. transformers and PyTorch compute everything: CPU, float32, one thread, eager attention.
"""

import json
import shutil
import tempfile
from pathlib import Path

import numpy
import torch
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging

from manifest import REFERENCES, write_json, write_manifest

SEED = 20261128
VOCABULARY, TOKENS = 43, 40
PACKAGES = ["torch", "transformers", "safetensors", "numpy"]

SMALL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "intermediate_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
WINDOWS = {"query_pre_attn_scalar": 6, "sliding_window": 5, "sliding_window_pattern": 2}
EXPERTS = {"num_experts": 3, "num_experts_per_tok": 2, "moe_intermediate_size": 8}
MODELS = {
    "gemma3_text": SMALL | WINDOWS,
    "gpt2": {"vocab_size": VOCABULARY, "n_positions": 48, "n_embd": 16, "n_layer": 2, "n_head": 2},
    "llama": SMALL,
    "phi3": SMALL | {"original_max_position_embeddings": 16},
    "qwen3_moe": SMALL | EXPERTS,
    "mixtral": SMALL | {"num_local_experts": 3, "num_experts_per_tok": 2, "sliding_window": None},
    "mistral": SMALL | {"sliding_window": 7},
    "qwen2": SMALL,
    "qwen3": SMALL,
    "gemma2": SMALL | {"query_pre_attn_scalar": 6, "sliding_window": 5},
    "glm4": SMALL,
}

YARN = {
    "rope_type": "yarn",
    "factor": 4.0,
    "original_max_position_embeddings": 32,
    "rope_theta": 300.0,
}
BESIDE = {key: value for key, value in YARN.items() if key != "original_max_position_embeddings"}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
FACTORS = {"short_factor": [1.0, 1.1, 1.3, 1.5], "long_factor": [1.5, 2.0, 4.0, 8.0]}
# What people add to config.json by hand, beside the rope parameters that it has.
BY_HAND = {
    "yarn": {key: value for key, value in YARN.items() if key != "rope_theta"},
    "linear": {"type": "linear", "factor": 2.0},
    "dynamic": {"rope_type": "dynamic", "factor": 2.0},
    "llama3": LLAMA3,
}
EXTENDED = ["gemma2", "glm4", "mistral", "mixtral", "qwen2", "qwen3", "qwen3_moe"]
CASES = [
    ("llama", "as saved", {}),
    ("llama", "tied in config.json, with another head in the file", {"tie_word_embeddings": True}),
    (
        "llama",
        "yarn with mscale and mscale_all_dim",
        {"rope_parameters": YARN | {"mscale": 0.7, "mscale_all_dim": 0.3}},
    ),
    ("llama", "yarn", {"rope_parameters": YARN}),
    ("llama", "yarn with mscale alone", {"rope_parameters": YARN | {"mscale": 0.7}}),
    ("llama", "yarn without truncation", {"rope_parameters": YARN | {"truncate": False}}),
    ("llama", "yarn with betas", {"rope_parameters": YARN | {"beta_fast": 1, "beta_slow": 0.25}}),
    (
        "llama",
        "yarn with an attention factor",
        {"rope_parameters": YARN | {"attention_factor": 1.5}},
    ),
    ("llama", "yarn whose factor is null", {"rope_parameters": YARN | {"factor": None}}),
    (
        "llama",
        "yarn with its original length beside",
        {"rope_parameters": BESIDE, "original_max_position_embeddings": 16},
    ),
    (
        "llama",
        "yarn with an original length beside and inside",
        {"rope_parameters": YARN, "original_max_position_embeddings": 16},
    ),
    (
        "llama",
        "rope_scaling by hand",
        {
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
            "rope_scaling": {key: value for key, value in YARN.items() if key != "rope_theta"},
        },
    ),
    (
        "llama",
        "rope_scaling by hand, whose base falls back",
        {
            "rope_parameters": {"rope_type": "default", "rope_theta": 300.0},
            "rope_scaling": {"type": "linear", "factor": 2.0},
        },
    ),
    (
        "llama",
        "an older spelling",
        {
            "rope_parameters": None,
            "rope_scaling": {"type": "dynamic", "factor": 2.0},
            "rope_theta": 300.0,
            "max_position_embeddings": 32,
        },
    ),
    (
        "llama",
        "longrope",
        {
            "rope_parameters": {"rope_type": "longrope", "rope_theta": 300.0} | FACTORS,
            "original_max_position_embeddings": 16,
        },
    ),
    ("llama", "llama3", {"rope_parameters": LLAMA3 | {"rope_theta": 300.0}}),
    (
        "llama",
        "proportional",
        {
            "rope_parameters": {
                "rope_type": "proportional",
                "rope_theta": 300.0,
                "partial_rotary_factor": 0.5,
                "factor": 2.0,
            }
        },
    ),
    ("qwen3_moe", "as saved", {}),
    ("qwen3_moe", "the other name of the experts", {"num_experts": None, "num_local_experts": 3}),
    ("qwen3_moe", "both names of the experts", {"num_experts": 5, "num_local_experts": 3}),
    ("qwen3_moe", "windows on every layer", {"use_sliding_window": True, "sliding_window": 5}),
    (
        "gpt2",
        "names of the attribute map",
        {
            "n_embd": None,
            "hidden_size": 16,
            "n_head": None,
            "num_attention_heads": 2,
            "n_layer": None,
            "num_hidden_layers": 2,
            "n_positions": None,
            "max_position_embeddings": 48,
        },
    ),
    ("gpt2", "scores that are not scaled", {"scale_attn_weights": False}),
    ("gpt2", "another activation", {"activation_function": "relu"}),
    (
        "phi3",
        "an original length beside counts more",
        {
            "rope_parameters": {
                "rope_type": "longrope",
                "rope_theta": 300.0,
                "original_max_position_embeddings": 64,
            }
            | FACTORS
        },
    ),
    (
        "phi3",
        "a part of each head",
        {
            "rope_parameters": None,
            "rope_theta": 300.0,
            "partial_rotary_factor": 0.5,
            "original_max_position_embeddings": None,
        },
    ),
    (
        "gemma3_text",
        "rope_scaling joins the full layers' parameters",
        {"rope_scaling": {"rope_type": "linear", "factor": 8.0}},
    ),
    (
        "gemma3_text",
        "yarn on layers with a window",
        {
            "rope_parameters": {
                "full_attention": {"rope_type": "default", "rope_theta": 500.0},
                "sliding_attention": YARN,
            }
        },
    ),
    (
        "gemma3_text",
        "other layers with a window",
        {"layer_types": ["full_attention", "sliding_attention"]},
    ),
    ("mixtral", "as saved", {}),
    ("mixtral", "the other name of the experts", {"num_local_experts": None, "num_experts": 3}),
    ("mixtral", "both names of the experts", {"num_local_experts": 5, "num_experts": 3}),
    ("mixtral", "the other name of the experts is null", {"num_experts": None}),
    ("mixtral", "windows on every layer", {"sliding_window": 5}),
]
CASES += [
    (
        model,
        f"rope_scaling by hand: {name}",
        {
            "rope_parameters": {"rope_type": "default", "rope_theta": 300.0},
            "rope_scaling": BY_HAND[name],
            "max_position_embeddings": 32,
        },
    )
    for model in EXTENDED
    for name in BY_HAND
] + [
    (
        "phi3",
        f"rope_scaling by hand: {word}",
        {
            "rope_parameters": {"rope_type": "default", "rope_theta": 300.0},
            "rope_scaling": {"type": word, "original_max_position_embeddings": 16} | FACTORS,
        },
    )
    for word in ["su", "yarn", "longrope"]
]


def fill(model, index):
    """Random weights, large enough that every key counts."""
    generator = numpy.random.default_rng([SEED, index])
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            values = generator.standard_normal(tuple(parameter.shape))
            if parameter.ndim >= 2:
                values *= 0.25
            elif name.endswith("bias"):
                values *= 0.2
            else:
                values = parameter.numpy() + 0.1 * values
            parameter.copy_(torch.from_numpy(values.astype(numpy.float32)))


def logprobs(folder, ids):
    """transformers' log-probabilities of a folder's model."""
    model, notes = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    if notes["missing_keys"] or notes["mismatched_keys"]:
        raise SystemExit(f"{folder}: {notes}")
    model.eval()
    with torch.no_grad():
        # All ids, as a trainer gives them: some angles depend on how many there are.
        logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, :-1]
    scores = torch.log_softmax(logits.double(), dim=-1)
    return [round(scores[place, token].item(), 6) for place, token in enumerate(ids[1:])]


def main():
    """Writes all models and cases anew."""
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    folder = REFERENCES / "configurations"
    shutil.rmtree(folder, ignore_errors=True)
    for index, (name, config) in enumerate(MODELS.items()):
        model = AutoModelForCausalLM.from_config(
            AutoConfig.for_model(name, **config), dtype=torch.float32
        )
        fill(model, index)
        model.save_pretrained(folder / name)
        (folder / name / "generation_config.json").unlink(missing_ok=True)
    ids = numpy.random.default_rng(SEED).integers(3, VOCABULARY, TOKENS + 1).tolist()
    plain, cases = {}, []
    for name, title, change in CASES:
        with tempfile.TemporaryDirectory() as scratch:
            place = Path(scratch) / "model"
            shutil.copytree(folder / name, place)
            config = json.loads((place / "config.json").read_text()) | change
            config = {key: value for key, value in config.items() if value is not None}
            (place / "config.json").write_text(json.dumps(config))
            found = logprobs(place, ids)
            plain.setdefault(name, logprobs(folder / name, ids))
        moved = max(abs(a - b) for a, b in zip(found, plain[name]))
        print(f"{name}: {title}: moved by {moved:.2f}")
        cases.append({"model": name, "title": title, "change": change, "logprobs": found})
    write_json(folder / "cases.json", {"ids": ids, "cases": cases})
    write_manifest(folder, __file__, PACKAGES, SEED)


if __name__ == "__main__":
    main()
