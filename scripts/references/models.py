"""Writes tiny random models with their logits, loss, gradients and 50 steps of AdamW.

    python scripts/references/models.py

One folder per case in Tests/References/models/; scripts/references/README.md has the file formats.
transformers and PyTorch compute everything: CPU, float32, one thread, eager attention.
"""

import json
import math
import shutil
import tempfile
from pathlib import Path

import numpy
import torch
from safetensors.numpy import save_file
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM, get_constant_schedule_with_warmup

from manifest import REFERENCES, sha256, versions, write_json
from model_cases import IGNORED, write_cases

SEED = 20240611
BATCH, TIME, STEPS = 2, 24, 50
VOCABULARY = 97
PACKAGES = ["torch", "transformers", "safetensors", "numpy"]

OPTIMIZER = {
    "name": "AdamW",
    "learning_rate": 1e-3,
    "betas": [0.9, 0.95],
    "epsilon": 1e-8,
    "weight_decay": 0.1,
    "weight_decay_applies_to": "parameters with two or more dimensions",
    "clip_norm": 1.0,
    "schedule": "constant_with_warmup",
    "warmup_steps": 5,
}

LLAMA = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "attention_dropout": 0.0,
    "initializer_range": 0.02,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "tie_word_embeddings": False,
    "torch_dtype": "float32",
}

# The configurations are spelled as published models spell them (transformers 4), except those in
# RESAVED, which transformers 5 writes itself (`rope_parameters`, `dtype`, `layer_types`).
RESAVED = {"mistral", "qwen3"}
CASES = {
    "gpt2": {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "vocab_size": VOCABULARY,
        "n_embd": 32,
        "n_layer": 2,
        "n_head": 4,
        "n_positions": 64,
        "n_ctx": 64,
        "n_inner": None,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
        "resid_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "attn_pdrop": 0.0,
        "initializer_range": 0.02,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "torch_dtype": "float32",
    },
    # theta 100 puts the four wavelengths of an 8-wide head (6.3, 20, 63, 199) into all three
    # bands of llama3 scaling: kept below 32/4, interpolated up to 32/1, divided beyond.
    "llama": LLAMA
    | {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "rope_theta": 100.0,
        "rms_norm_eps": 1e-5,
        "rope_scaling": {
            "rope_type": "llama3",
            "factor": 4.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 32,
        },
    },
    "llama_linear": LLAMA
    | {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "tie_word_embeddings": True,
        "rope_scaling": {"type": "linear", "factor": 2.0},
    },
    "mistral": LLAMA
    | {
        "model_type": "mistral",
        "architectures": ["MistralForCausalLM"],
        "sliding_window": 7,
    },
    # A window that must be passed over, because use_sliding_window is false.
    "qwen2": LLAMA
    | {
        "model_type": "qwen2",
        "architectures": ["Qwen2ForCausalLM"],
        "rope_theta": 1000000.0,
        "tie_word_embeddings": True,
        "use_sliding_window": False,
        "sliding_window": 8,
        "max_window_layers": 1,
    },
    "qwen3": LLAMA
    | {
        "model_type": "qwen3",
        "architectures": ["Qwen3ForCausalLM"],
        "head_dim": 16,
        "rope_theta": 1000000.0,
        "attention_bias": False,
        "use_sliding_window": False,
        "sliding_window": None,
        "max_window_layers": 2,
    },
}


def random_ids(generator, rows):
    """Ids (rows, TIME + 1): a noisy walk through the vocabulary, which can be learnt."""
    ids = numpy.empty((rows, TIME + 1), dtype=numpy.int32)
    ids[:, 0] = generator.integers(0, VOCABULARY, rows)
    for time in range(TIME):
        noise = generator.integers(0, 3, rows)
        ids[:, time + 1] = (5 * ids[:, time] + 7 + noise) % VOCABULARY
    return ids


def fill(model, generator):
    """Random numbers large enough that every gradient says something; gains lie around one."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            values = generator.standard_normal(tuple(parameter.shape))
            if parameter.ndim >= 2:
                values *= 0.15
            elif name.endswith("bias"):
                values *= 0.1
            else:
                values = 1 + 0.1 * values
            parameter.copy_(torch.from_numpy(values.astype(numpy.float32)))


def save_folder(model, config, name, folder):
    """Writes config.json and model.safetensors; the weights exactly as transformers saves them."""
    with tempfile.TemporaryDirectory() as scratch:
        model.save_pretrained(scratch)
        shutil.copyfile(Path(scratch) / "model.safetensors", folder / "model.safetensors")
        saved = json.loads((Path(scratch) / "config.json").read_text())
    write_json(folder / "config.json", saved if name in RESAVED else config)


def check_folder(model, folder):
    """Loads the folder as a user would; compares every parameter, and logits bit for bit."""
    tied = model.config.tie_word_embeddings
    heads = {"lm_head.weight", "embed_out.weight"}
    if heads.isdisjoint(load_file(folder / "model.safetensors")) != tied:
        raise SystemExit(f"{folder}: lm_head.weight stored although tied, or missing although not")
    loaded = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager")
    expected = dict(model.named_parameters())
    for name, parameter in loaded.named_parameters():
        if not torch.equal(parameter, expected.pop(name)):
            raise SystemExit(f"{folder}: {name} changed on the way through the file")
    if expected:
        raise SystemExit(f"{folder}: not in the file: {sorted(expected)}")
    ids = torch.arange(TIME).unsqueeze(0)
    with torch.no_grad():
        if not torch.equal(loaded(input_ids=ids).logits, model(input_ids=ids).logits):
            raise SystemExit(f"{folder}: config.json means another model than the one written")


def loss_sum(model, input_ids, targets):
    """Logits (B, T, V) and the cross-entropy summed over targets that are not ignored."""
    logits = model(input_ids=input_ids.long(), use_cache=False).logits
    loss = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), targets.long().flatten(), ignore_index=IGNORED, reduction="sum"
    )
    return logits, loss


def train(model, input_ids, targets):
    """Mean losses before each update, learning rates, unclipped norms and the loss at the end."""
    decayed = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    others = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": decayed}, {"params": others, "weight_decay": 0.0}],
        lr=OPTIMIZER["learning_rate"],
        betas=tuple(OPTIMIZER["betas"]),
        eps=OPTIMIZER["epsilon"],
        weight_decay=OPTIMIZER["weight_decay"],
    )
    schedule = get_constant_schedule_with_warmup(optimizer, OPTIMIZER["warmup_steps"])
    losses, rates, norms = [], [], []
    for step in range(len(input_ids)):
        _, loss = loss_sum(model, input_ids[step], targets[step])
        mean = loss / targets[step].numel()
        optimizer.zero_grad()
        mean.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), OPTIMIZER["clip_norm"])
        losses.append(mean.item())
        rates.append(schedule.get_last_lr()[0])
        norms.append(norm.item())
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        final = loss_sum(model, input_ids[0], targets[0])[1] / targets[0].numel()
    weights = {
        name: math.sqrt(parameter.detach().double().square().sum().item())
        for name, parameter in model.named_parameters()
    }
    return {
        "losses": losses,
        "learning_rates": rates,
        "gradient_norms": norms,
        "final_loss": final.item(),
        "final_parameter_norms": weights,
    }


def write_case(name, index):
    """Writes one folder of four files."""
    config = CASES[name]
    folder = REFERENCES / "models" / name
    folder.mkdir(parents=True)
    generator = numpy.random.default_rng([SEED, index])
    model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(**config), attn_implementation="eager", dtype=torch.float32
    )
    model.eval()
    fill(model, generator)
    save_folder(model, config, name, folder)
    check_folder(model, folder)
    model.train()

    ids = random_ids(generator, BATCH)
    targets = ids[:, 1:].copy()
    targets[0, 3] = targets[0, TIME - 1] = targets[1, 0] = targets[1, 11] = IGNORED
    logits, loss = loss_sum(model, torch.from_numpy(ids[:, :-1].copy()), torch.from_numpy(targets))
    loss.backward()
    arrays = {
        "input_ids": ids[:, :-1],
        "targets": targets,
        "logits": logits.detach().numpy(),
        "loss": loss.detach().numpy().reshape(1),
    }
    for parameter_name, parameter in model.named_parameters():
        arrays[f"grad.{parameter_name}"] = parameter.grad.numpy().copy()

    walks = random_ids(generator, STEPS * BATCH).reshape(STEPS, BATCH, TIME + 1)
    arrays["steps.input_ids"] = walks[:, :, :-1]
    arrays["steps.targets"] = walks[:, :, 1:]
    arrays = {key: numpy.ascontiguousarray(value) for key, value in arrays.items()}
    save_file(arrays, folder / "reference.safetensors")

    steps = [torch.from_numpy(arrays[f"steps.{key}"]) for key in ("input_ids", "targets")]
    training = train(model, *steps)
    files = ["config.json", "model.safetensors", "reference.safetensors"]
    write_json(
        folder / "reference.json",
        {
            "generator": "scripts/references/models.py",
            "versions": versions(PACKAGES),
            "seed": [SEED, index],
            "sha256": {file: sha256(folder / file) for file in files},
            "parameter_count": sum(parameter.numel() for parameter in model.parameters()),
            "target_count": int((targets != IGNORED).sum()),
            "optimizer": OPTIMIZER,
        }
        | training,
    )
    print(
        f"{name}: loss {loss.item():.4f} over {int((targets != IGNORED).sum())} targets, training "
        f"{training['losses'][0]:.4f} -> {training['losses'][-1]:.4f}, norms "
        f"{min(training['gradient_norms']):.2f}..{max(training['gradient_norms']):.2f}"
    )


def main():
    """Writes all cases anew."""
    write_cases(REFERENCES / "models", CASES, write_case, __file__, PACKAGES, SEED)


if __name__ == "__main__":
    main()
