#!/usr/bin/env python3
"""Writes Tests/References/checkpoints: weight files of other programs, and what they hold.

    python scripts/references/checkpoints.py [FOLDER]

Needs torch, transformers, safetensors, numpy and the C library libxxhash. `manifest.json` records
versions, seed and the SHA-256 of every file.
"""

import ctypes
import ctypes.util
import json
import sys
from pathlib import Path

import numpy
import safetensors.torch
import torch
import transformers
from manifest import REFERENCES, write_manifest

SEED = 20240607


def xxhash() -> ctypes.CDLL:
    library = ctypes.CDLL(ctypes.util.find_library("xxhash") or "libxxhash.so.0")
    for function in (library.XXH64, library.XXH3_64bits):
        function.restype = ctypes.c_uint64
    library.XXH64.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]
    library.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    return library


def xxh64(data: bytes) -> str:
    return f"{xxhash().XXH64(data, len(data), 0):016x}"


def xxh3(data: bytes) -> str:
    return f"{xxhash().XXH3_64bits(data, len(data)):016x}"


def float_bits(tensor: torch.Tensor) -> list[int]:
    return tensor.float().contiguous().flatten().numpy().view(numpy.uint32).tolist()


def half_bits(tensor: torch.Tensor) -> list[int]:
    return tensor.contiguous().view(torch.int16).numpy().view(numpy.uint16).tolist()


def write_checksums(folder: Path) -> None:
    """Checksums of the first n bytes of a fixed sequence, n = 0 … 130 and some larger."""
    sequence = bytes((i * 131 + 7) % 251 for i in range(5000))
    lengths = list(range(131)) + [240, 241, 255, 256, 1023, 1024, 1025, 4096, 5000]
    values = {
        name: {str(n): of(sequence[:n]) for n in lengths}
        for name, of in (("xxh64", xxh64), ("xxh3_64", xxh3))
    }
    (folder / "checksums.json").write_text(json.dumps(values, indent=1) + "\n")


def write_rounding(folder: Path) -> None:
    """Floats, as bits, with the bits of the bfloat16 and float16 that PyTorch rounds them to."""
    generator = numpy.random.default_rng(SEED)
    bits = generator.integers(0, 2**32, 3000, dtype=numpy.uint32)
    near = generator.standard_normal(1500).astype(numpy.float32)
    small = (generator.standard_normal(1500) * 1e-6).astype(numpy.float32)
    edges = [0.0, -0.0, 1.0, 65504.0, 65519.996, 65520.0, 65536.0, -65520.0, 2**-14, 2**-24,
             2**-25, 2**-25 * 1.0000001, 3 * 2**-25, 1 + 2**-11, 1 + 3 * 2**-11, 1 + 2**-8,
             1 + 3 * 2**-8, 3.4028235e38, 1e-45, float("inf"), float("-inf")]
    values = numpy.concatenate(
        [bits.view(numpy.float32), near, small, numpy.array(edges, numpy.float32)])
    values = values[~numpy.isnan(values)]
    tensor = torch.from_numpy(values.copy())
    table = {
        "float32": float_bits(tensor),
        "bfloat16": half_bits(tensor.bfloat16()),
        "float16": half_bits(tensor.half()),
    }
    (folder / "rounding.json").write_text(json.dumps(table, separators=(",", ":")) + "\n")


def write_mixed(folder: Path) -> None:
    """One file with every element type, a scalar and an empty tensor."""
    values = torch.randn(3, 5, generator=torch.Generator().manual_seed(SEED))
    tensors = {
        "a.float32": values,
        "b.bfloat16": (values * 3).bfloat16(),
        "c.float16": (values / 7).half(),
        "d.float64": values.double() * 1e-3,
        "e.int64": torch.arange(4),
        "f.scalar": torch.tensor(2.5),
        "g.empty": torch.zeros(0, 4),
        "h.größe \"1\"": torch.tensor([1.0, -0.0]),
    }
    safetensors.torch.save_file(tensors, folder / "mixed.safetensors", {"format": "pt"})
    two = {name: tensors[name] for name in ("f.scalar", "a.float32")}
    safetensors.torch.save_file(two, folder / "two.safetensors", {"format": "pt"})
    expected = {
        name: {"shape": list(tensor.shape), "bits": float_bits(tensor)}
        for name, tensor in tensors.items() if tensor.is_floating_point()
    }
    (folder / "mixed.json").write_text(json.dumps(expected, indent=1) + "\n")


def write_sharded(folder: Path) -> None:
    """A tiny GPT-2 that transformers saved in shards, in bfloat16, and each weight's checksum."""
    torch.manual_seed(SEED)
    configuration = transformers.GPT2Config(
        vocab_size=96, n_positions=32, n_embd=16, n_layer=2, n_head=2,
        bos_token_id=0, eos_token_id=0)
    model = transformers.GPT2LMHeadModel(configuration).bfloat16()
    model.save_pretrained(folder / "sharded", max_shard_size="6KB")
    expected = {
        name: {"shape": list(tensor.shape), "xxh64": xxh64(tensor.float().numpy().tobytes())}
        for name, tensor in model.state_dict().items() if name != "lm_head.weight"
    }
    (folder / "sharded.json").write_text(json.dumps(expected, indent=1) + "\n")


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else REFERENCES / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    write_checksums(folder)
    write_rounding(folder)
    write_mixed(folder)
    write_sharded(folder)
    packages = ["numpy", "torch", "transformers", "safetensors"]
    write_manifest(folder, __file__, packages, SEED)


if __name__ == "__main__":
    main()
