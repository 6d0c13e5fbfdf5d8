"""What the scripts that write tiny models have in common: one folder a case, training, arrays."""

import json
import shutil
import tempfile
from pathlib import Path

import numpy
import torch
from safetensors.numpy import save_file
from transformers.utils import logging

from manifest import write_manifest

IGNORED = -100


def write_cases(folder, names, write_case, generator, packages, seed):
    """Writes all cases anew, each by `write_case(name, index)`, and their manifest."""
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    logging.disable_progress_bar()
    shutil.rmtree(folder, ignore_errors=True)
    for index, name in enumerate(names):
        write_case(name, index)
    write_manifest(folder, generator, packages, seed)


def save_weights(model, folder):
    """Writes model.safetensors as transformers saves it; the config.json that it writes beside it."""
    with tempfile.TemporaryDirectory() as scratch:
        model.save_pretrained(scratch)
        shutil.copyfile(Path(scratch) / "model.safetensors", folder / "model.safetensors")
        return json.loads((Path(scratch) / "config.json").read_text())


def loss_sum(logits, labels):
    """The cross-entropy summed over labels that are not ignored."""
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1),
        torch.from_numpy(labels).flatten(),
        ignore_index=IGNORED,
        reduction="sum",
    )


def train(model, call, batches):
    """Mean losses before each update of AdamW, clipped at 1.

    Each batch ends with its labels; `call(model, *inputs)` gives hidden states and logits.
    """

    def mean_loss(batch):
        *inputs, labels = batch
        return loss_sum(call(model, *inputs)[1], labels) / (labels != IGNORED).sum()

    return train_on(model, mean_loss, batches)


def train_on(model, mean_loss, batches):
    """The same of any mean loss of a batch."""
    decayed = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    others = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": decayed}, {"params": others, "weight_decay": 0.0}],
        lr=1e-3,
        betas=(0.9, 0.95),
        eps=1e-8,
        weight_decay=0.1,
    )
    losses = []
    for batch in batches:
        mean = mean_loss(batch)
        optimizer.zero_grad()
        mean.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(mean.item())
    return losses


def write_results(folder, keys, first, results, gradients, batches, losses):
    """Writes reference.safetensors: the first batch and what came of it, and the steps' batches and losses.

    `keys` names the arrays of a batch, `results` are tensors by name, the loss among them.
    """
    arrays = dict(zip(keys, first, strict=True))
    arrays |= {name: tensor.detach().numpy() for name, tensor in results.items()}
    arrays["loss"] = arrays["loss"].reshape(1)
    arrays |= {f"grad.{name}": gradient for name, gradient in gradients.items()}
    for place, key in enumerate(keys):
        arrays[f"steps.{key}"] = numpy.stack([batch[place] for batch in batches])
    arrays["steps.losses"] = numpy.array(losses, dtype=numpy.float32)
    arrays = {
        key: numpy.ascontiguousarray(
            value.astype(numpy.int32 if value.dtype.kind == "i" else numpy.float32)
        )
        for key, value in arrays.items()
    }
    save_file(arrays, folder / "reference.safetensors")
    labels = first[keys.index("labels")]
    loss = results["loss"].item()
    print(f"{folder.name}: loss {loss:.4f} over {int((labels != IGNORED).sum())} labels")
