#!/usr/bin/env python3
"""Writes Tests/References/torch_files: files of torch.save, and what they hold.

    python scripts/references/torch_files.py

Needs torch, numpy and safetensors. `manifest.json` records versions, seed and the SHA-256 of every file.
"""

import json
import os
from collections import OrderedDict
from pathlib import Path

import numpy
import safetensors.torch
import torch
from manifest import REFERENCES, write_manifest

SEED = 20260301
FOLDER = REFERENCES / "torch_files"


def float_bits(tensor):
    return tensor.detach().float().contiguous().flatten().numpy().view(numpy.uint32).tolist()


def write_mixed():
    """Every element type, tensors that share numbers, and views with strides and offsets."""
    generator = torch.Generator().manual_seed(SEED)
    fused = torch.randn(12, 8, generator=generator)
    block = torch.randn(3, 4, 5, generator=generator)
    halves = torch.randn(6, 4, generator=generator).half()
    tensors = OrderedDict({
        "float32": torch.randn(3, 5, generator=generator),
        "bfloat16": torch.randn(3, 5, generator=generator).bfloat16(),
        "float16": torch.randn(3, 5, generator=generator).half(),
        "float64": torch.randn(3, 5, generator=generator).double() * 1e-3,
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 4),
        "special": torch.tensor([float("inf"), -0.0, 1e-45, float("-inf")]),
        "parameter": torch.nn.Parameter(torch.randn(2, 2, generator=generator)),
        "whole": fused,
        "tied": fused,
        "rows": fused[4:8],
        "columns": fused[:, 2:5],
        "transposed": fused.t(),
        "steps": fused[1::3, ::2],
        "permuted": block.permute(2, 0, 1),
        "inner": block[1:, 1:3, 1:4],
        "one row of a column": block[:, :1, 2:3],
        "half transposed": halves[1:5].t(),
        "double diagonal": torch.randn(4, 4, generator=generator).double().diagonal(),
    })
    other = {
        "int64": torch.arange(4), "int32": torch.arange(4, dtype=torch.int32),
        "int16": torch.arange(4, dtype=torch.int16), "int8": torch.arange(4, dtype=torch.int8),
        "uint8": torch.arange(4, dtype=torch.uint8),
        "bool transposed": torch.tensor([[True, False], [True, True], [False, True]]).t(),
    }
    torch.save(OrderedDict({**tensors, **other}), FOLDER / "mixed.bin")
    expected = {
        name: {"shape": list(tensor.shape), "bits": float_bits(tensor)}
        for name, tensor in {**tensors, **other}.items()
    }
    (FOLDER / "mixed.json").write_text(json.dumps(expected, separators=(",", ":")) + "\n")


def write_models():
    """Models as PyTorch's files: the GPT-2 of checkpoints/ with its tied head, models/llama in two files."""
    tensors = {}
    for path in sorted((REFERENCES / "checkpoints/sharded").glob("*.safetensors")):
        tensors.update(safetensors.torch.load_file(path))
    tensors["lm_head.weight"] = tensors["transformer.wte.weight"]
    (FOLDER / "gpt2").mkdir(exist_ok=True)
    torch.save(OrderedDict(tensors), FOLDER / "gpt2" / "pytorch_model.bin")
    tensors = safetensors.torch.load_file(REFERENCES / "models/llama/model.safetensors")
    names = sorted(tensors)
    (FOLDER / "llama").mkdir(exist_ok=True)
    shards = [names[: len(names) // 2], names[len(names) // 2 :]]
    index = {"metadata": {"total_size": sum(4 * tensor.numel() for tensor in tensors.values())}, "weight_map": {}}
    for number, shard in enumerate(shards, 1):
        file = f"pytorch_model-{number:05}-of-00002.bin"
        torch.save({name: tensors[name] for name in shard}, FOLDER / "llama" / file)
        index["weight_map"].update({name: file for name in shard})
    (FOLDER / "llama" / "pytorch_model.bin.index.json").write_text(json.dumps(index, indent=2) + "\n")


class Evil:
    def __reduce__(self):
        return os.system, ("touch evaluated",)


def write_refused():
    """What is no plain dictionary of tensors."""
    weight = torch.ones(2, 2)
    torch.save({"w": weight}, FOLDER / "legacy.bin", _use_new_zipfile_serialization=False)
    torch.save({"state_dict": {"w": weight}, "epoch": 3}, FOLDER / "training.bin")
    torch.save({"w": weight, "step": 0.5}, FOLDER / "step.bin")
    torch.save({"w": torch.ones(1).expand(3, 4)}, FOLDER / "expanded.bin")
    torch.save({"w": weight.to(torch.complex64)}, FOLDER / "complex.bin")
    torch.save({"w": weight.to(torch.float8_e4m3fn)}, FOLDER / "float8.bin")
    torch.save({"w": torch.tensor([1 + 2j]).conj()}, FOLDER / "conjugate.bin")
    torch.save({"w": weight.to_sparse()}, FOLDER / "sparse.bin")
    torch.save([weight], FOLDER / "list.bin")
    torch.save(torch.nn.Linear(2, 2), FOLDER / "module.bin")
    torch.save({"w": Evil()}, FOLDER / "evil.bin")


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_mixed()
    write_models()
    write_refused()
    write_manifest(FOLDER, Path(__file__), ["numpy", "torch", "safetensors"], SEED)


if __name__ == "__main__":
    main()
