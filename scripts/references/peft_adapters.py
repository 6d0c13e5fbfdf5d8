"""Writes adapters saved by PEFT for the tiny random models, with logits and gradients.

    python scripts/references/peft_adapters.py

One folder per case in Tests/References/adapters/: PEFT's two files as it saved them (the base is
the folder of Tests/References/models named in case.json), and reference.safetensors with logits,
summed loss, gradients of every trained parameter (grad.NAME, named as in the adapter's file), and
the logits after PEFT merged the adapter. CPU, float32, one thread, eager attention, no dropout.
"""

import json
import shutil
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from manifest import REFERENCES, write_json, write_manifest

SEED = 20260611
PACKAGES = ["torch", "transformers", "peft", "safetensors"]
MODELS = REFERENCES / "models"
FOLDER = REFERENCES / "adapters"
PREFIX = "base_model.model."

ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
LINEAR = ATTENTION + ["gate_proj", "up_proj", "down_proj"]
GPT2 = ["c_attn", "c_proj", "c_fc"]
CASES = {
    "llama_lora": ("llama", {"r": 4, "lora_alpha": 8, "target_modules": LINEAR}),
    "llama_rslora": (
        "llama",
        {
            "r": 4,
            "lora_alpha": 6,
            "use_rslora": True,
            "target_modules": r".*\.(self_attn|mlp)\.(q|v|down)_proj",
        },
    ),
    "llama_saved": (
        "llama",
        {
            "r": 3,
            "lora_alpha": 7,
            "target_modules": ["q_proj", "v_proj"],
            "modules_to_save": ["embed_tokens", "lm_head", "model.norm"],
        },
    ),
    "llama_embedding": (
        "llama",
        {"r": 4, "lora_alpha": 8, "target_modules": ["embed_tokens", "q_proj"]},
    ),
    "llama_dora": (
        "llama",
        {"r": 4, "lora_alpha": 8, "use_dora": True, "target_modules": LINEAR},
    ),
    "qwen2_dora": (
        "qwen2",
        {"r": 2, "lora_alpha": 5, "use_dora": True, "target_modules": ATTENTION},
    ),
    "qwen2_pattern": (
        "qwen2",
        {
            "r": 4,
            "lora_alpha": 8,
            "target_modules": "all-linear",
            "exclude_modules": ["up_proj"],
            "rank_pattern": {"k_proj": 2, r"layers\.1\.mlp\.down_proj": 6},
            "alpha_pattern": {"^model.layers.0.self_attn.q_proj": 3},
        },
    ),
    "qwen2_layers": (
        "qwen2",
        {"r": 4, "lora_alpha": 8, "target_modules": ["o_proj"], "layers_to_transform": [1]},
    ),
    "gpt2_lora": (
        "gpt2",
        {"r": 4, "lora_alpha": 8, "target_modules": GPT2, "fan_in_fan_out": True},
    ),
    "gpt2_dora": (
        "gpt2",
        {
            "r": 4,
            "lora_alpha": 8,
            "use_dora": True,
            "target_modules": GPT2,
            "fan_in_fan_out": True,
        },
    ),
    "gpt2_tied": (
        "gpt2",
        {
            "r": 4,
            "lora_alpha": 8,
            "target_modules": ["c_attn"],
            "fan_in_fan_out": True,
            "modules_to_save": ["wte", "lm_head"],
        },
    ),
}


def perturb(model, generator):
    """Gives every trained parameter numbers unlike its first ones."""
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        noise = torch.randn(parameter.shape, generator=generator)
        with torch.no_grad():
            if "magnitude" in name:
                parameter.mul_(1 + 0.2 * noise)
            elif "modules_to_save" in name:
                parameter.add_(0.05 * noise)
            else:
                parameter.copy_(0.2 * noise)


def file_name(name):
    """A parameter's name as PEFT writes it."""
    name = name.replace(".modules_to_save.default", "").replace(".default", "")
    return name.replace("lora_magnitude_vector.weight", "lora_magnitude_vector")


def write_case(name, base, settings, generator):
    folder = FOLDER / name
    folder.mkdir(parents=True)
    torch.manual_seed(SEED)
    model = AutoModelForCausalLM.from_pretrained(MODELS / base, attn_implementation="eager")
    model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **settings))
    perturb(model, generator)
    parameters = dict(model.named_parameters())
    if name == "gpt2_tied":
        # What lockstep trains is one matrix; PEFT keeps a copy for each of the two modules.
        copies = [parameters[n] for n in parameters if "modules_to_save" in n]
        with torch.no_grad():
            copies[1].copy_(copies[0])
    model.eval()
    given = load_file(MODELS / base / "reference.safetensors")
    ids, targets = given["input_ids"].long(), given["targets"].long()
    logits = model(input_ids=ids).logits
    loss = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=-100, reduction="sum"
    )
    loss.backward()
    arrays = {
        "input_ids": ids.int(),
        "targets": targets.int(),
        "logits": logits.detach(),
        "loss": loss.detach().reshape(1),
    }
    for key, parameter in parameters.items():
        if parameter.requires_grad:
            arrays["grad." + file_name(key)] = parameter.grad
    for value in model.peft_config.values():
        value.base_model_name_or_path = base
    model.save_pretrained(folder, save_embedding_layers="auto")
    (folder / "README.md").unlink()
    saved = load_file(folder / "adapter_model.safetensors")
    expected = {key[5:] for key in arrays if key.startswith("grad.")}
    extra = {key for key in saved if key.endswith("embed_tokens.base_layer.weight")}
    assert set(saved) - extra == expected, set(saved) ^ expected
    merged = model.merge_and_unload()
    arrays["merged_logits"] = merged(input_ids=ids).logits.detach()
    distance = (arrays["merged_logits"] - arrays["logits"]).abs().max().item()
    arrays = {key: value.contiguous() for key, value in arrays.items()}
    save_file(arrays, folder / "reference.safetensors")
    write_json(folder / "case.json", {"base": base})
    print(f"{name}: {len(expected)} tensors, merging changes logits by {distance:.1e}")


def main():
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    shutil.rmtree(FOLDER, ignore_errors=True)
    generator = torch.Generator().manual_seed(SEED)
    for name, (base, settings) in CASES.items():
        write_case(name, base, settings, generator)
    write_manifest(FOLDER, __file__, PACKAGES, SEED)


if __name__ == "__main__":
    main()
