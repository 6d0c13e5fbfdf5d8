"""Writes OFT, BOFT and IA3 adapters saved by PEFT for the tiny random models, with logits, gradients and training.

    python scripts/references/peft_methods.py

One folder per case in Tests/References/peft_methods/: PEFT's two files as it saved them (the base is the
folder of Tests/References/models named in case.json), and reference.safetensors with logits, summed loss,
gradients of every trained parameter (grad.NAME, named as in the adapter's file), the logits after PEFT merged
the adapter, and the losses of 30 steps of AdamW (learning rate 0.01, no decay) on the same batch from PEFT's
first numbers. CPU, float32, one thread, eager attention. PEFT takes more than one butterfly factor only with its
CUDA extension; here a function of PyTorch stands for that.
"""

import shutil

import torch
from peft import BOFTConfig, IA3Config, OFTConfig, get_peft_model
from peft.tuners.boft import layer as boft_layer
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from manifest import REFERENCES, write_json, write_manifest

SEED = 20261129
PACKAGES = ["torch", "transformers", "peft", "safetensors"]
MODELS = REFERENCES / "models"
FOLDER = REFERENCES / "peft_methods"
STEPS = 30

LLAMA_IA3 = {"target_modules": ["k_proj", "v_proj", "down_proj"], "feedforward_modules": ["down_proj"]}
CASES = {
    "llama_oft": ("llama", OFTConfig, {"oft_block_size": 8, "target_modules": "all-linear"}),
    # 10 divides no width; the nearest block sizes are taken.
    "qwen2_oft": (
        "qwen2",
        OFTConfig,
        {"oft_block_size": 10, "target_modules": ["q_proj", "down_proj"], "num_cayley_neumann_terms": 3},
    ),
    "qwen2_oft_blocks": (
        "qwen2",
        OFTConfig,
        {"r": 4, "oft_block_size": 0, "target_modules": ["k_proj", "o_proj"], "modules_to_save": ["norm"]},
    ),
    "llama_ia3": ("llama", IA3Config, LLAMA_IA3),
    "qwen2_ia3": (
        "qwen2",
        IA3Config,
        {
            "target_modules": ["q_proj", "v_proj", "down_proj"],
            "feedforward_modules": ["down_proj"],
            "modules_to_save": ["norm"],
        },
    ),
    "gpt2_ia3": (
        "gpt2",
        IA3Config,
        {
            "target_modules": ["c_attn", "mlp.c_proj"],
            "feedforward_modules": r".*\.mlp\.c_proj",
            "fan_in_fan_out": True,
        },
    ),
    "llama_boft": ("llama", BOFTConfig, {"boft_block_size": 4, "target_modules": ["q_proj", "down_proj"]}),
    # Three factors, biases on q and k, and a norm that is trained whole.
    "qwen2_boft": (
        "qwen2",
        BOFTConfig,
        {
            "boft_block_size": 4,
            "boft_n_butterfly_factor": 3,
            "target_modules": ["q_proj", "k_proj", "o_proj"],
            "modules_to_save": ["norm"],
        },
    ),
    "llama_boft_blocks": (
        "llama",
        BOFTConfig,
        {
            "boft_block_size": 0,
            "boft_block_num": 4,
            "boft_n_butterfly_factor": 2,
            "target_modules": ["v_proj", "up_proj"],
        },
    ),
}


class BlockDiagonals:
    """What PEFT's CUDA extension does: (N, D, H, H) to N matrices with the blocks on their diagonals."""

    @staticmethod
    def apply(blocks):
        return torch.stack([torch.block_diag(*factor) for factor in blocks])


def make(base, kind, settings):
    """The base with a new adapter."""
    torch.manual_seed(SEED)
    model = AutoModelForCausalLM.from_pretrained(
        MODELS / base, attn_implementation="eager", dtype=torch.float32
    )
    return get_peft_model(model, kind(task_type="CAUSAL_LM", **settings)).eval()


def loss_of(model, ids, targets):
    """The summed loss, and the logits."""
    logits = model(input_ids=ids).logits
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), ignore_index=-100, reduction="sum"
    ), logits


def perturb(model, generator):
    """Gives every trained parameter numbers unlike its first ones."""
    for parameter in model.parameters():
        if parameter.requires_grad:
            with torch.no_grad():
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))


def file_name(name):
    """A parameter's name as PEFT writes it."""
    return name.replace(".modules_to_save.default", "").replace(".default", "")


def train(base, kind, settings, ids, targets):
    """Mean losses of the steps."""
    model = make(base, kind, settings)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=0.01, weight_decay=0)
    losses = []
    for _ in range(STEPS):
        loss, _ = loss_of(model, ids, targets)
        loss = loss / (targets >= 0).sum()
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return torch.tensor(losses)


def write_case(name, base, kind, settings, generator):
    """One folder."""
    folder = FOLDER / name
    folder.mkdir(parents=True)
    model = make(base, kind, settings)
    perturb(model, generator)
    given = load_file(MODELS / base / "reference.safetensors")
    ids, targets = given["input_ids"].long(), given["targets"].long()
    loss, logits = loss_of(model, ids, targets)
    loss.backward()
    arrays = {
        "input_ids": ids.int(),
        "targets": targets.int(),
        "logits": logits.detach(),
        "loss": loss.detach().reshape(1),
        "training": train(base, kind, settings, ids, targets),
    }
    for key, parameter in model.named_parameters():
        if parameter.requires_grad:
            arrays["grad." + file_name(key)] = parameter.grad
    for value in model.peft_config.values():
        value.base_model_name_or_path = base
    model.save_pretrained(folder)
    (folder / "README.md").unlink()
    saved = load_file(folder / "adapter_model.safetensors")
    expected = {key[5:] for key in arrays if key.startswith("grad.")}
    assert set(saved) == expected, set(saved) ^ expected
    arrays["merged_logits"] = model.merge_and_unload()(input_ids=ids).logits.detach()
    distance = (arrays["merged_logits"] - arrays["logits"]).abs().max().item()
    save_file(
        {key: value.contiguous() for key, value in arrays.items()}, folder / "reference.safetensors"
    )
    write_json(folder / "case.json", {"base": base})
    losses = arrays["training"]
    print(f"{name}: merging changes logits by {distance:.1e}, loss {losses[0]:.3f} to {losses[-1]:.3f}")


def main():
    """Writes all folders anew."""
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    boft_layer.get_fbd_cuda = lambda: True
    boft_layer.FastBlockDiag = BlockDiagonals
    shutil.rmtree(FOLDER, ignore_errors=True)
    generator = torch.Generator().manual_seed(SEED)
    for name, (base, kind, settings) in CASES.items():
        write_case(name, base, kind, settings, generator)
    write_manifest(FOLDER, __file__, PACKAGES, SEED)


if __name__ == "__main__":
    main()
