"""Writes adapters of virtual tokens saved by PEFT for the tiny random models, with logits, gradients and training.

    python scripts/references/peft_prompts.py

One folder per case in Tests/References/peft_prompts/: PEFT's two files as it saved them (the base is the folder of
Tests/References/models named in case.json), and reference.safetensors with logits of the own tokens, summed loss,
every parameter that is trained (param.NAME) with its gradient (grad.NAME), its first numbers (first.NAME), the losses
of 30 steps of AdamW (learning rate 0.01, no decay) from those on the same batch, and what PEFT generates greedily
after each row's first tokens (generated). NAME is the parameter's without the adapter's name. CPU, float32, one
thread, eager attention.
"""

import shutil

import torch
from peft import PrefixTuningConfig, PromptEncoderConfig, PromptTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from manifest import REFERENCES, write_json, write_manifest

SEED = 20261129
PACKAGES = ["torch", "transformers", "peft", "safetensors"]
MODELS = REFERENCES / "models"
FOLDER = REFERENCES / "peft_prompts"
STEPS = 30
BEGINNING = 9
GENERATED = 10

CASES = {
    "llama_prompt": ("llama", PromptTuningConfig, {"num_virtual_tokens": 5}),
    "gpt2_prompt": ("gpt2", PromptTuningConfig, {"num_virtual_tokens": 3}),
    "gemma2_prompt": ("architectures/gemma2", PromptTuningConfig, {"num_virtual_tokens": 4}),
    "qwen2_p_tuning": ("qwen2", PromptEncoderConfig, {"num_virtual_tokens": 4, "encoder_hidden_size": 12}),
    "llama_prefix": ("llama", PrefixTuningConfig, {"num_virtual_tokens": 5}),
    "mistral_prefix": ("mistral", PrefixTuningConfig, {"num_virtual_tokens": 4}),
    "qwen3_prefix": (
        "qwen3",
        PrefixTuningConfig,
        {"num_virtual_tokens": 3, "prefix_projection": True, "encoder_hidden_size": 10},
    ),
    "gpt2_prefix": ("gpt2", PrefixTuningConfig, {"num_virtual_tokens": 6}),
}


def path_of(base):
    """The folder of a base."""
    return REFERENCES / base if "/" in base else MODELS / base


def make(base, kind, settings):
    """The base with a new adapter."""
    torch.manual_seed(SEED)
    model = AutoModelForCausalLM.from_pretrained(
        path_of(base), attn_implementation="eager", dtype=torch.float32
    )
    return get_peft_model(model, kind(task_type="CAUSAL_LM", **settings)).eval()


def loss_of(model, ids, targets):
    """The summed loss, and the logits of the tokens that are not virtual."""
    logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[:, -ids.shape[1] :]
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=-100, reduction="sum"
    ), logits


def trained(model):
    """Trained parameters by name."""
    return {
        name.replace(".default", ""): parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


def perturb(model, generator):
    """Gives every trained parameter numbers unlike its first ones."""
    for parameter in trained(model).values():
        with torch.no_grad():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))


def train(base, kind, settings, ids, targets):
    """First numbers and mean losses of the steps."""
    model = make(base, kind, settings)
    parameters = trained(model)
    first = {f"first.{name}": value.detach().clone() for name, value in parameters.items()}
    optimizer = torch.optim.AdamW(parameters.values(), lr=0.01, weight_decay=0)
    losses = []
    for _ in range(STEPS):
        loss, _ = loss_of(model, ids, targets)
        loss = loss / (targets >= 0).sum()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return first | {"training": torch.tensor(losses)}


@torch.no_grad()
def continued(model, ids):
    """What follows each row's first tokens, greedily, by logits of whole texts."""
    text = ids[:, :BEGINNING]
    for _ in range(GENERATED):
        logits = model(input_ids=text, attention_mask=torch.ones_like(text)).logits[:, -1]
        text = torch.cat([text, logits.argmax(-1, keepdim=True)], dim=1)
    return text[:, BEGINNING:]


def write_case(name, base, kind, settings, generator):
    """One folder."""
    folder = FOLDER / name
    folder.mkdir(parents=True)
    model = make(base, kind, settings)
    perturb(model, generator)
    given = load_file(path_of(base) / "reference.safetensors")
    ids, targets = given["input_ids"].long(), given["targets"].long()
    loss, logits = loss_of(model, ids, targets)
    loss.backward()
    arrays = {
        "input_ids": ids.int(),
        "targets": targets.int(),
        "logits": logits.detach(),
        "loss": loss.detach().reshape(1),
        "generated": continued(model, ids).int(),
    } | train(base, kind, settings, ids, targets)
    for key, parameter in trained(model).items():
        arrays["param." + key] = parameter.detach()
        arrays["grad." + key] = parameter.grad
    for value in model.peft_config.values():
        value.base_model_name_or_path = base
    model.save_pretrained(folder)
    (folder / "README.md").unlink()
    assert set(load_file(folder / "adapter_model.safetensors")) == {"prompt_embeddings"}
    save_file(
        {key: value.contiguous() for key, value in arrays.items()}, folder / "reference.safetensors"
    )
    write_json(folder / "case.json", {"base": base, "tokens": settings["num_virtual_tokens"]})
    losses = arrays["training"]
    print(f"{name}: loss {losses[0]:.3f} to {losses[-1]:.3f}; {sorted(trained(model))}")


def main():
    """Writes all folders anew."""
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    shutil.rmtree(FOLDER, ignore_errors=True)
    generator = torch.Generator().manual_seed(SEED)
    for name, (base, kind, settings) in CASES.items():
        write_case(name, base, kind, settings, generator)
    write_manifest(FOLDER, __file__, PACKAGES, SEED)


if __name__ == "__main__":
    main()
