"""Writes tiny random mixture-of-experts models with their logits, loss and gradients.

    python scripts/references/moe_models.py

One folder per case in Tests/References/moe/, in the formats of models.py. transformers keeps all
experts of a layer in two arrays; names and gradients here are those of the published files, one
matrix an expert.
"""

import shutil
import tempfile
from pathlib import Path

import numpy
import torch
from safetensors.numpy import save_file
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM

from manifest import REFERENCES, write_json
from model_cases import IGNORED, write_cases
from models import LLAMA, PACKAGES, SEED, fill, random_ids

BATCH, TIME = 2, 24
SMALL = LLAMA | {
    "hidden_size": 16,
    "intermediate_size": 12,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 8,
}
QWEN3 = SMALL | {
    "model_type": "qwen3_moe",
    "architectures": ["Qwen3MoeForCausalLM"],
    "head_dim": 8,
    "intermediate_size": 28,
    "moe_intermediate_size": 12,
    "num_experts": 5,
    "num_experts_per_tok": 2,
    "attention_bias": False,
    "use_sliding_window": False,
    "sliding_window": None,
}
CASES = {
    "mixtral": SMALL
    | {
        "model_type": "mixtral",
        "architectures": ["MixtralForCausalLM"],
        "num_local_experts": 4,
        "num_experts_per_tok": 2,
        "sliding_window": None,
    },
    # A coefficient large enough that its gradient shows.
    "mixtral_balanced": SMALL
    | {
        "model_type": "mixtral",
        "architectures": ["MixtralForCausalLM"],
        "num_local_experts": 3,
        "num_experts_per_tok": 2,
        "sliding_window": 9,
        "output_router_logits": True,
        "router_aux_loss_coef": 0.5,
    },
    "qwen3_moe": QWEN3 | {"norm_topk_prob": True, "mlp_only_layers": [1], "num_hidden_layers": 3},
    "qwen3_moe_sparse": QWEN3
    | {
        "norm_topk_prob": False,
        "decoder_sparse_step": 2,
        "num_experts_per_tok": 3,
        "output_router_logits": True,
        "router_aux_loss_coef": 0.1,
    },
}
PARTS = {
    "mixtral": ("block_sparse_moe", "w1", "w3", "w2"),
    "qwen3_moe": ("mlp", "gate_proj", "up_proj", "down_proj"),
}


def published(name, array, kind):
    """The entries of a published file that one of transformers' parameters stands for."""
    layer, gate, up, down = PARTS[kind]
    if name.endswith("mlp.gate.weight"):
        return {name.replace("mlp.gate", f"{layer}.gate"): array}
    if ".mlp.experts." not in name:
        return {name: array}
    prefix = name.split(".mlp.experts.")[0] + f".{layer}.experts."
    entries = {}
    for expert, matrix in enumerate(array):
        if name.endswith("gate_up_proj"):
            entries[f"{prefix}{expert}.{gate}.weight"] = matrix[: len(matrix) // 2].clone()
            entries[f"{prefix}{expert}.{up}.weight"] = matrix[len(matrix) // 2 :].clone()
        else:
            entries[f"{prefix}{expert}.{down}.weight"] = matrix.clone()
    return entries


def summed_loss(model, config, ids, targets):
    """Logits and the summed loss: what transformers returns, times the number of targets."""
    balanced = config.get("output_router_logits", False)
    output = model(input_ids=ids.long(), use_cache=False, output_router_logits=balanced)
    loss = torch.nn.functional.cross_entropy(
        output.logits.flatten(0, 1),
        targets.long().flatten(),
        ignore_index=IGNORED,
        reduction="sum",
    )
    if balanced:
        count = (targets != IGNORED).sum()
        loss = loss + config["router_aux_loss_coef"] * output.aux_loss * count
    return output.logits, loss


def write_case(name, index):
    """Writes one folder: config.json, model.safetensors, reference.safetensors."""
    config = CASES[name]
    kind = config["model_type"]
    folder = REFERENCES / "moe" / name
    folder.mkdir(parents=True)
    generator = numpy.random.default_rng([SEED, 100 + index])
    model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(**config),
        attn_implementation="eager",
        experts_implementation="eager",
        dtype=torch.float32,
    )
    fill(model, generator)
    write_json(folder / "config.json", config)
    with tempfile.TemporaryDirectory() as scratch:
        model.save_pretrained(scratch)
        stored = load_file(Path(scratch) / "model.safetensors")
        shutil.copyfile(Path(scratch) / "model.safetensors", folder / "model.safetensors")
    expected = {}
    for parameter_name, parameter in model.named_parameters():
        expected |= published(parameter_name, parameter.detach(), kind)
    if stored.keys() != expected.keys():
        raise SystemExit(f"{name}: names {sorted(stored.keys() ^ expected.keys())}")
    loaded = AutoModelForCausalLM.from_pretrained(
        folder, attn_implementation="eager", experts_implementation="eager"
    )
    walk = torch.arange(TIME).unsqueeze(0)
    with torch.no_grad():
        if not torch.equal(loaded(input_ids=walk).logits, model(input_ids=walk).logits):
            raise SystemExit(f"{folder}: config.json means another model than the one written")

    ids = random_ids(generator, BATCH)
    targets = ids[:, 1:].copy()
    targets[0, 3] = targets[1, 11] = IGNORED
    logits, loss = summed_loss(
        model, config, torch.from_numpy(ids[:, :-1].copy()), torch.from_numpy(targets)
    )
    loss.backward()
    arrays = {
        "input_ids": ids[:, :-1],
        "targets": targets,
        "logits": logits.detach().numpy(),
        "loss": loss.detach().numpy().reshape(1),
    }
    for parameter_name, parameter in model.named_parameters():
        for key, array in published(parameter_name, parameter.grad, kind).items():
            arrays["grad." + key] = array.numpy()
    save_file(
        {key: numpy.ascontiguousarray(value) for key, value in arrays.items()},
        folder / "reference.safetensors",
    )
    print(f"{name}: loss {loss.item():.4f}")


def main():
    """Writes all cases anew."""
    write_cases(REFERENCES / "moe", CASES, write_case, __file__, PACKAGES, SEED)


if __name__ == "__main__":
    main()
