"""Writes inputs, outputs and gradients of single operations.

    python scripts/references/ops.py

One file per operation in Tests/References/ops/; scripts/references/README.md has the tensor names.
Inputs are float32 numbers; everything after them is computed in float64 with PyTorch's autograd and
stored as float32, so a value is right to its last bit or so.
"""

import math
import shutil

import numpy
import torch
from safetensors.numpy import save_file
from torch.nn import functional

from attention import CASES, attention_cases, rotary_cases
from attention_masks import bias_cases, mask_cases
from forms import bent_cases, gemma_norm_cases, head_form_cases
from manifest import REFERENCES, write_manifest
from token_losses import token_loss_cases

SEED = 20240612
IGNORED = -100
PACKAGES = ["torch", "transformers", "safetensors", "numpy"]


class Recorder:
    """Collects the cases of one file: `<case>.<tensor>`, gradients as `<case>.grad.<input>`."""

    def __init__(self, name, index):
        self.name = name
        self.arrays = {}
        self.generator = numpy.random.default_rng([SEED, index])

    def normal(self, *shape, scale=1.0, shift=0.0):
        """Random float32 numbers as float64, so that the stored input is the input used."""
        values = self.generator.standard_normal(shape) * scale + shift
        return torch.from_numpy(values.astype(numpy.float32)).double()

    def integers(self, low, high, *shape):
        """Random integers in low ..< high."""
        return torch.from_numpy(self.generator.integers(low, high, shape))

    def case(self, case, function, inputs, constants=None, output="output"):
        """Runs `function` on `inputs` (differentiated) and `constants` and stores everything.

        The gradients are those of sum(output · upstream); `upstream` is stored too.
        """
        constants = constants or {}
        leaves = {name: value.clone().requires_grad_() for name, value in inputs.items()}
        result = function(**leaves, **constants)
        upstream = self.normal(*result.shape)
        result.backward(upstream)
        stored = inputs | constants | {output: result, f"grad.{output}": upstream}
        stored |= {f"grad.{name}": leaf.grad for name, leaf in leaves.items()}
        self.store(case, stored)

    def store(self, case, tensors):
        """Stores tensors under the case's name: real numbers as float32, integers as int32."""
        for name, value in tensors.items():
            array = value.detach().numpy()
            kind = numpy.int32 if array.dtype.kind in "iu" else numpy.float32
            self.arrays[f"{case}.{name}"] = numpy.ascontiguousarray(array.astype(kind))

    def write(self, folder):
        """Writes the file."""
        path = folder / f"{self.name}.safetensors"
        save_file(self.arrays, path)
        path.chmod(0o644)


def linear(record):
    """y = x Wᵀ + b."""
    for case, rows, inputs, outputs, biased in [
        ("plain", (6,), 8, 16, False),
        ("bias", (2, 5), 8, 12, True),
        ("odd", (7,), 13, 19, False),
        ("odd_bias", (3, 11), 17, 5, True),
        ("one_row", (1,), 33, 65, True),
        ("one_column", (9,), 1, 1, True),
        ("wide", (37,), 70, 131, True),
    ]:
        tensors = {"input": record.normal(*rows, inputs), "weight": record.normal(outputs, inputs)}
        if biased:
            tensors["bias"] = record.normal(outputs)
        record.case(
            case,
            lambda input, weight, bias=None: functional.linear(input, weight, bias),
            tensors,
        )


def layer_norm(record):
    """y = (x - mean) / √(variance + ε) · g + b over the last axis, biased variance."""
    for case, shape, epsilon, shift in [
        ("small", (2, 3, 8), 1e-5, 0.0),
        ("odd", (5, 13), 1e-5, 0.5),
        ("shifted", (4, 33), 1e-12, 20.0),
        ("wide", (3, 770), 1e-5, 0.0),
        ("tiny_values", (3, 16), 1e-5, 0.0),
    ]:
        scale = 1e-3 if case == "tiny_values" else 1.0
        inputs = {
            "input": record.normal(*shape, scale=scale, shift=shift),
            "weight": record.normal(shape[-1], scale=0.2, shift=1.0),
            "bias": record.normal(shape[-1], scale=0.2),
        }
        record.case(
            case,
            lambda input, weight, bias: functional.layer_norm(
                input, weight.shape, weight, bias, eps=epsilon
            ),
            inputs,
        )
        record.store(case, {"epsilon": torch.tensor([epsilon])})


def rms_norm(record):
    """y = x / √(mean(x²) + ε) · g over the last axis."""
    for case, shape, epsilon, scale in [
        ("small", (2, 3, 8), 1e-6, 1.0),
        ("odd", (5, 13), 1e-5, 3.0),
        ("heads", (2, 3, 4, 16), 1e-6, 1.0),
        ("wide", (3, 770), 1e-5, 1.0),
        ("tiny_values", (3, 16), 1e-5, 1e-3),
    ]:
        inputs = {
            "input": record.normal(*shape, scale=scale),
            "weight": record.normal(shape[-1], scale=0.2, shift=1.0),
        }
        record.case(
            case,
            lambda input, weight: input
            * torch.rsqrt(input.square().mean(-1, keepdim=True) + epsilon)
            * weight,
            inputs,
        )
        record.store(case, {"epsilon": torch.tensor([epsilon])})


def activations(record):
    """Element-wise functions: over random numbers and over a grid that reaches their flat ends."""
    grid = torch.linspace(-12, 12, 193, dtype=torch.float64)
    large = torch.tensor([-90.0, -30.0, 30.0, 90.0], dtype=torch.float64)
    functions = {
        "gelu_tanh": lambda input: functional.gelu(input, approximate="tanh"),
        "gelu_erf": functional.gelu,
        "silu": functional.silu,
        "relu": functional.relu,
    }
    for name, function in functions.items():
        record.case(f"{name}.random", function, {"input": record.normal(3, 37, scale=2.0)})
        record.case(f"{name}.grid", function, {"input": grid})
        record.case(f"{name}.large", function, {"input": large})
    for case, shape in [("small", (2, 8)), ("odd", (3, 5, 13)), ("wide", (2, 515))]:
        record.case(
            f"silu_product.{case}",
            lambda gate, up: functional.silu(gate) * up,
            {"gate": record.normal(*shape, scale=3.0), "up": record.normal(*shape)},
        )


def embedding(record):
    """Rows of a table; ids repeat, so gradients add up, and some rows are never read."""
    for case, ids_shape, rows, width in [("small", (2, 5), 7, 8), ("odd", (3, 11), 19, 13)]:
        ids = record.integers(0, rows - 2, *ids_shape)
        ids[0, 0] = ids[0, 1] = ids[-1, -1] = 3
        record.case(
            case,
            lambda weight, ids: functional.embedding(ids, weight),
            {"weight": record.normal(rows, width)},
            {"ids": ids},
        )


def cross_entropy(record):
    """Sum of logsumexp(logits) - logits[target] over targets that are not -100, times `scale`."""

    def loss(logits, targets):
        return functional.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="none")

    def targets_for(rows, classes, ignored):
        targets = record.integers(0, classes, rows)
        targets[0], targets[-1] = 0, classes - 1
        targets[list(ignored)] = IGNORED
        return targets

    def run(case, function, inputs, targets, scale=1.0):
        leaves = {name: value.clone().requires_grad_() for name, value in inputs.items()}
        losses = loss(function(**leaves), targets)
        (losses.sum() * scale).backward()
        record.store(
            case,
            inputs
            | {f"grad.{name}": leaf.grad for name, leaf in leaves.items()}
            | {"targets": targets, "scale": torch.tensor([scale]), "losses": losses}
            | {"loss": losses.sum().reshape(1), "count": (targets != IGNORED).sum().reshape(1)},
        )

    for case, rows, classes, deviation, shift, ignored, scale in [
        ("plain", 6, 11, 1.0, 0.0, (), 1.0),
        ("ignored", 9, 97, 2.0, 0.0, (1, 4, 5), 1.0),
        ("all_ignored", 4, 13, 1.0, 0.0, (0, 1, 2, 3), 1.0),
        ("scaled", 5, 33, 1.0, 0.0, (2,), 0.0625),
        ("extreme", 5, 17, 60.0, 0.0, (), 1.0),
        ("shifted", 5, 17, 1.0, 1000.0, (), 1.0),
        ("two_classes", 3, 2, 1.0, 0.0, (), 1.0),
        ("wide", 3, 1031, 1.0, 0.0, (1,), 1.0),
    ]:
        values = record.normal(rows, classes, scale=deviation, shift=shift)
        targets = targets_for(rows, classes, ignored)
        run(f"logits.{case}", lambda logits: logits, {"logits": values}, targets, scale)
    for case, rows, classes, width, ignored, scale in [
        ("small", 6, 11, 8, (), 1.0),
        ("odd", 37, 97, 13, (0, 7, 8, 36), 1.0),
        ("scaled", 19, 130, 24, (3,), 0.125),
    ]:
        inputs = {"hidden": record.normal(rows, width), "weight": record.normal(classes, width)}
        run(
            f"head.{case}",
            lambda hidden, weight: hidden @ weight.T,
            inputs,
            targets_for(rows, classes, ignored),
            scale,
        )


FILES = {
    "linear": linear,
    "layer_norm": layer_norm,
    "rms_norm": rms_norm,
    "activations": activations,
    "embedding": embedding,
    "cross_entropy": cross_entropy,
    "rotary": rotary_cases,
} | {name: attention_cases for name in CASES}
# Further files come last, so that the numbers of those before stay as they are.
FILES |= {
    "attention_bent": bent_cases,
    "rms_norm_plus_one": gemma_norm_cases,
    "head_forms": head_form_cases,
    "token_losses": token_loss_cases,
    "attention_masks": mask_cases,
    "attention_bias": bias_cases,
}


def main():
    """Writes all files anew."""
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    folder = REFERENCES / "ops"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for index, (name, write_cases) in enumerate(FILES.items()):
        record = Recorder(name, index)
        write_cases(record)
        for key, array in record.arrays.items():
            if array.dtype == numpy.float32 and not math.isfinite(float(numpy.abs(array).max())):
                raise SystemExit(f"{name}: {key} is not finite")
        record.write(folder)
    write_manifest(folder, __file__, PACKAGES, SEED)


if __name__ == "__main__":
    main()
