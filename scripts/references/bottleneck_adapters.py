"""Writes bottleneck adapters saved by AdapterHub for the tiny random models.

    python scripts/references/bottleneck_adapters.py

Needs AdapterHub's `adapters` (1.3.0) and the transformers it works with (4.57). One folder per case
in Tests/References/bottlenecks/: AdapterHub's files as it saved them (the base is the folder of
Tests/References/models named in case.json), and reference.safetensors with logits, summed loss and
gradients (grad.NAME, named as in the adapter's file). CPU, float32, one thread, no dropout.
"""

import shutil

import adapters
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from manifest import REFERENCES, write_json, write_manifest

SEED = 20260612
NAME = "tiny"
PACKAGES = ["torch", "transformers", "adapters", "safetensors"]
MODELS = REFERENCES / "models"
FOLDER = REFERENCES / "bottlenecks"
# Name: base, AdapterHub's configuration, whether it is saved as safetensors.
CASES = {
    "llama_seq_bn": ("llama", "seq_bn[reduction_factor=4]", True),
    "llama_double_seq_bn": ("llama", "double_seq_bn[reduction_factor=8]", True),
    "llama_par_bn": ("llama", "par_bn[reduction_factor=4]", False),
    "gpt2_seq_bn": ("gpt2", "seq_bn[reduction_factor=4,leave_out=[0]]", False),
}


def write_case(name, base, config, safe, generator):
    folder = FOLDER / name
    folder.mkdir(parents=True)
    torch.manual_seed(SEED)
    model = AutoModelForCausalLM.from_pretrained(MODELS / base, attn_implementation="eager")
    adapters.init(model)
    model.add_adapter(NAME, config=config)
    model.train_adapter(NAME)
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    for parameter in trained.values():
        with torch.no_grad():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
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
    arrays.update({"grad." + key: value.grad for key, value in trained.items()})
    arrays = {key: value.contiguous() for key, value in arrays.items()}
    save_file(arrays, folder / "reference.safetensors")
    model.save_adapter(str(folder), NAME, with_head=False, use_safetensors=safe)
    settings = folder / "adapter_config.json"
    settings.write_text(settings.read_text().replace(str(MODELS / base), base))
    write_json(folder / "case.json", {"base": base})
    print(f"{name}: {len(trained)} tensors")


def main():
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    shutil.rmtree(FOLDER, ignore_errors=True)
    generator = torch.Generator().manual_seed(SEED)
    for name, (base, config, safe) in CASES.items():
        write_case(name, base, config, safe, generator)
    write_manifest(FOLDER, __file__, PACKAGES, SEED)


if __name__ == "__main__":
    main()
