#!/usr/bin/env python3
"""Writes Tests/References/gguf: blocks of quantized weights, what they stand for, and a .gguf file.

    python scripts/references/gguf_files.py [FOLDER]

Blocks are decoded by the gguf package; those of Q8_0 and the like are also encoded by it. NF4 numbers
are bitsandbytes'. `manifest.json` records versions, seed and the SHA-256 of every file.
"""

import shutil
import sys
from pathlib import Path

import bitsandbytes.functional
import gguf
import numpy
import torch
from gguf import GGMLQuantizationType as Type
from gguf import GGUFValueType as Kind
from manifest import REFERENCES, write_manifest
from safetensors.numpy import save_file

SEED = 20240809
ROWS, COLUMNS = 4, 512
# Where the float16 scales lie in a block of a format that the package decodes but does not encode.
SCALES = {Type.Q2_K: (80, 82), Type.Q3_K: (108,), Type.Q4_K: (0, 2), Type.Q5_K: (0, 2), Type.Q6_K: (208,)}
ENCODED = (Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0)


def random_blocks(kind, generator):
    """Random bits with scales of a usual size, negative ones among them."""
    width, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = generator.integers(0, 256, (ROWS * COLUMNS // width, size), dtype=numpy.uint8)
    for place in SCALES[kind]:
        scales = generator.normal(0, 0.02, len(blocks)).astype(numpy.float16)
        blocks[:, place : place + 2] = scales[:, None].view(numpy.uint8)
    return blocks.reshape(ROWS, -1)


def block_cases(generator):
    """`<format>.blocks` (bytes, four to an int32), `.values`, and the `.numbers` they came from."""
    arrays = {}
    for kind in (*ENCODED, *SCALES):
        name = kind.name
        if kind in ENCODED:
            numbers = generator.normal(0, 0.05, (ROWS, COLUMNS)).astype(numpy.float32)
            numbers[1, 32:64] = 0
            arrays[f"{name}.numbers"] = numbers
            blocks = gguf.quants.quantize(numbers, kind)
        else:
            blocks = random_blocks(kind, generator)
        arrays[f"{name}.blocks"] = numpy.ascontiguousarray(blocks).view(numpy.int32)
        arrays[f"{name}.values"] = gguf.quants.dequantize(blocks, kind).reshape(ROWS, COLUMNS)
    return arrays


def nf4_case(generator):
    numbers = generator.normal(0, 0.05, (ROWS, COLUMNS)).astype(numpy.float32)
    numbers[2, 64:128] = 0
    arrays = {"NF4.numbers": numbers}
    tensor = torch.from_numpy(numbers)
    codes, state = bitsandbytes.functional.quantize_4bit(tensor, blocksize=64, quant_type="nf4")
    arrays["NF4.values"] = bitsandbytes.functional.dequantize_4bit(codes, state).numpy()
    return arrays


def write_file(path, tensors):
    """A file with a value of every kind, and tensors of several types."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_key_value("test.uint8", 200, Kind.UINT8)
    writer.add_key_value("test.int8", -100, Kind.INT8)
    writer.add_key_value("test.uint16", 60000, Kind.UINT16)
    writer.add_key_value("test.int16", -30000, Kind.INT16)
    writer.add_key_value("test.uint32", 4000000000, Kind.UINT32)
    writer.add_key_value("test.int32", -2000000000, Kind.INT32)
    writer.add_key_value("test.uint64", 2**63 + 5, Kind.UINT64)
    writer.add_key_value("test.int64", -(2**62), Kind.INT64)
    writer.add_key_value("test.float32", 1.5e-5, Kind.FLOAT32)
    writer.add_key_value("test.float64", 0.1, Kind.FLOAT64)
    writer.add_key_value("test.true", True, Kind.BOOL)
    writer.add_key_value("test.text", "Grüße, 世界 🙂", Kind.STRING)
    writer.add_array("test.tokens", ["<s>", "", "Ġthe", "▁of"])
    writer.add_array("test.scores", [0.0, -1.5, -1000.0])
    writer.add_array("test.types", [1, -2, 3])
    writer.add_array("test.flags", [True, False])
    for name, values, kind in tensors:
        writer.add_tensor(name, values, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else REFERENCES / "gguf"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    generator = numpy.random.default_rng(SEED)
    save_file(block_cases(generator) | nf4_case(generator), folder / "blocks.safetensors")

    numbers = generator.normal(0, 1, (3, 96)).astype(numpy.float32)
    halves = numbers[:, :7].astype(numpy.float16)
    written = [
        ("odd.weight", numbers[:, :5].copy(), None),
        ("half.weight", halves, None),
        ("eight.weight", gguf.quants.quantize(numbers, Type.Q8_0), Type.Q8_0),
        ("norm.weight", numbers[0, :33].copy(), None),
    ]
    write_file(folder / "written.gguf", written)
    upper = gguf.quants.quantize(numbers[:2, :32], Type.BF16)
    others = [
        ("bfloat16.weight", upper, Type.BF16),
        ("cube.weight", numbers.reshape(2, 3, 48), None),
        ("four.weight", gguf.quants.quantize(numbers, Type.Q4_1), Type.Q4_1),
        ("unused.weight", generator.integers(0, 256, (2, 66), dtype=numpy.uint8), Type.IQ2_XXS),
    ]
    write_file(folder / "types.gguf", others)
    save_file(
        {
            "odd.weight": numbers[:, :5].copy(),
            "half.weight": halves.astype(numpy.float32),
            "eight.weight": numbers,
            "norm.weight": numbers[0, :33].copy(),
            "bfloat16.weight": gguf.quants.dequantize(upper, Type.BF16),
            "cube.weight": numbers.reshape(2, 3, 48),
        },
        folder / "numbers.safetensors",
    )
    for path in folder.iterdir():
        path.chmod(0o644)
    write_manifest(
        folder, __file__, ["gguf", "bitsandbytes", "torch", "numpy", "safetensors"], SEED)


if __name__ == "__main__":
    main()
