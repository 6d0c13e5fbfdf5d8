"""Writes tiny random models of further architectures with logits, loss, gradients and ten losses.

    python scripts/references/architectures.py

One folder per case in Tests/References/architectures/; scripts/references/README.md has the file
formats. transformers and PyTorch compute everything: CPU, float32, one thread, eager attention.
"""

import copy
import json
import shutil
import tempfile
from pathlib import Path

import numpy
import torch
from safetensors.numpy import save_file
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging

from architecture_cases import NATIVE, RENAMED, RESAVED, VOCABULARY, slopes
from later_architectures import LATER, LATER_RESAVED, seed
from layer_norm_cases import LAYER_NORM, LAYER_NORM_RESAVED, renamed
from manifest import REFERENCES, write_json
from model_cases import IGNORED, write_cases
from models import PACKAGES, check_folder, train

SEED = 20240617
BATCH, TIME, SHORT, STEPS = 2, 20, 10, 10
ALL_NATIVE = NATIVE | LATER


class NormHead(torch.nn.Linear):
    """A head whose rows count as divided by their lengths (arXiv:2309.10305, section 2.6)."""

    def forward(self, x):
        return torch.nn.functional.linear(x, torch.nn.functional.normalize(self.weight))


class Alibi(torch.nn.Module):
    """A Llama without rotary angles and with ALiBi's distances added to the scores."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, use_cache=False):
        times = torch.arange(input_ids.shape[1])
        distances = (times[None] - times[:, None]).float()
        factors = torch.tensor(slopes(self.model.config.num_attention_heads))
        scores = (factors[:, None, None] * distances).masked_fill(distances > 0, -torch.inf)
        return self.model(
            input_ids=input_ids,
            attention_mask=scores.expand(input_ids.shape[0], -1, -1, -1),
            position_ids=torch.zeros_like(input_ids),
            use_cache=use_cache,
        )


def random_ids(generator, rows):
    """Ids (rows, TIME + 1): a noisy walk through the vocabulary, which can be learnt."""
    ids = numpy.empty((rows, TIME + 1), dtype=numpy.int32)
    ids[:, 0] = generator.integers(0, VOCABULARY - 1, rows)
    for time in range(TIME):
        noise = generator.integers(0, 3, rows)
        ids[:, time + 1] = (5 * ids[:, time] + 7 + noise) % (VOCABULARY - 1)
    return ids


def fill(model, generator):
    """Random numbers so large that every gradient says something; norms' factors are about one."""
    centre = 0 if "Gemma" in type(model).__name__ else 1
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            values = generator.standard_normal(tuple(parameter.shape))
            if parameter.ndim >= 2:
                values *= 0.25
            elif name.endswith("bias"):
                values *= 0.1
            else:
                values = centre + 0.1 * values
            parameter.copy_(torch.from_numpy(values.astype(numpy.float32)))


def numbers(arrays):
    """Contiguous float32 numpy arrays of tensors."""
    return {
        name: numpy.ascontiguousarray(value.detach().numpy()) for name, value in arrays.items()
    }


def learning(model):
    """The parameters of the text part by name."""
    parts = ("vision_tower", "multi_modal_projector")
    return {
        name: parameter
        for name, parameter in model.named_parameters()
        if not any(part in name for part in parts)
    }


def build(name, index):
    """The model, what runs it, its config.json (`None`: as saved) and its spelling of arrays."""
    config = ALL_NATIVE.get(name) or LAYER_NORM.get(name) or RENAMED[name][0]
    model = AutoModelForCausalLM.from_config(
        # transformers writes into the dictionaries it is given.
        AutoConfig.for_model(**copy.deepcopy(config)),
        attn_implementation="eager",
        dtype=torch.float32,
    )
    model.eval()
    fill(model, numpy.random.default_rng([SEED, index]))
    if name in ALL_NATIVE:
        return model, model, None if name in RESAVED | LATER_RESAVED else config, lambda arrays: arrays
    if name in LAYER_NORM:
        return model, model, None if name in LAYER_NORM_RESAVED else config, renamed
    _, spelled, rename, normalizes, alibi = RENAMED[name]
    if normalizes:
        head = NormHead(*reversed(model.lm_head.weight.shape), bias=False)
        head.weight = model.lm_head.weight
        model.lm_head = head
    return model, Alibi(model) if alibi else model, spelled, lambda x: rename(x, config)


def save_folder(name, model, config, spell, folder):
    """Writes config.json and model.safetensors, and loads what transformers can load."""
    with tempfile.TemporaryDirectory() as scratch:
        if name not in RENAMED:
            model.save_pretrained(scratch)
            shutil.copyfile(Path(scratch) / "model.safetensors", folder / "model.safetensors")
            config = config or json.loads((Path(scratch) / "config.json").read_text())
        else:
            save_file(numbers(spell(dict(model.named_parameters()))), folder / "model.safetensors")
    write_json(folder / "config.json", config)
    if name not in RENAMED:
        check_folder(model, folder)


def write_case(name, index):
    """Writes one folder of three files."""
    if name in LATER:
        index = seed(name)
    elif name in LAYER_NORM:
        index = 200 + list(LAYER_NORM).index(name)
    folder = REFERENCES / "architectures" / name
    folder.mkdir(parents=True)
    model, runner, config, spell = build(name, index)
    save_folder(name, model, config, spell, folder)

    generator = numpy.random.default_rng([SEED, index, 1])
    ids = random_ids(generator, BATCH)
    targets = ids[:, 1:].copy()
    targets[0, 3] = targets[0, TIME - 1] = targets[1, 0] = IGNORED
    inputs = torch.from_numpy(ids[:, :-1].copy()).long()
    logits = runner(input_ids=inputs, use_cache=False).logits
    loss = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), torch.from_numpy(targets).long().flatten(), reduction="sum"
    )
    loss.backward()
    with torch.no_grad():
        short = runner(input_ids=inputs[:, :SHORT], use_cache=False).logits
    gradients = spell({key: parameter.grad for key, parameter in learning(model).items()})
    arrays = {"input_ids": ids[:, :-1], "targets": targets} | numbers(
        {"logits": logits, "short.logits": short, "loss": loss.reshape(1)}
        | {f"grad.{key}": value for key, value in gradients.items()}
    )

    walks = random_ids(generator, STEPS * BATCH).reshape(STEPS, BATCH, TIME + 1)
    arrays["steps.input_ids"] = walks[:, :, :-1]
    arrays["steps.targets"] = walks[:, :, 1:]
    for key, parameter in model.named_parameters():
        parameter.requires_grad_(key in learning(model))
    steps = [torch.from_numpy(arrays[key].copy()) for key in ("steps.input_ids", "steps.targets")]
    training = train(runner, *steps)
    for key in ("losses", "learning_rates", "gradient_norms"):
        arrays[f"steps.{key}"] = numpy.array(training[key], dtype=numpy.float32)
    arrays = {key: numpy.ascontiguousarray(value) for key, value in arrays.items()}
    save_file(arrays, folder / "reference.safetensors")
    print(
        f"{name}: logits {logits.std():.2f}, loss {loss.item():.3f}, "
        f"{training['losses'][0]:.3f} -> {training['losses'][-1]:.3f}"
    )


def main():
    """Writes all cases anew."""
    logging.set_verbosity_error()
    names = [*NATIVE, *RENAMED, *LAYER_NORM, *LATER]
    write_cases(REFERENCES / "architectures", names, write_case, __file__, PACKAGES, SEED)


if __name__ == "__main__":
    main()
