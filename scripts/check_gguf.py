#!/usr/bin/env python3
"""Reads a .gguf file with the gguf package and prints what it holds, one line a tensor.

    python scripts/check_gguf.py FILE.gguf [REFERENCE.safetensors]

For files that Lockstep wrote: the package must find every tensor, and with a reference (names as in
the file) its numbers: equal in F32, the nearest in F16, and within half a step in Q8_0. Exits with 1
and the names of the tensors that differ.
"""

import sys

import gguf
import numpy
from safetensors.numpy import load_file

# Of the largest magnitude: half a step of Q8_0 and the rounding of its scale; float16's rounding.
BOUNDS = {"F32": 0.0, "F16": 2.0**-11, "Q8_0": 0.5 / 127 + 2.0**-11}


def main():
    reader = gguf.GGUFReader(sys.argv[1])
    reference = load_file(sys.argv[2]) if len(sys.argv) > 2 else {}
    for name, field in reader.fields.items():
        print(f"{name} = {str(field.contents())[:100]}")
    wrong = sorted(set(reference) - {tensor.name for tensor in reader.tensors}) if reference else []
    for tensor in reader.tensors:
        kind = tensor.tensor_type.name
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(numpy.float64)
        line = f"{tensor.name} {values.shape} {kind} norm {numpy.linalg.norm(values):.6g}"
        if tensor.name in reference:
            expected = reference[tensor.name].astype(numpy.float64)
            fits = expected.shape == values.shape
            error = numpy.abs(values - expected).max() if fits else numpy.inf
            line += f" largest difference {error:.3g}"
            if not error <= BOUNDS.get(kind, 0.0) * numpy.abs(expected).max():
                wrong.append(tensor.name)
        print(line)
    if wrong:
        sys.exit("missing or different: " + ", ".join(wrong))


if __name__ == "__main__":
    main()
