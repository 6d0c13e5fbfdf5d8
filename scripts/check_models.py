#!/usr/bin/env python3
"""Compares the lockstep command with transformers on the tiny models of Tests/References/models.

    python scripts/check_models.py .build/release/lockstep SCRATCH [NAME …]

For each model: log-probabilities of `score`, also of folders in other formats that users have
(several files, bfloat16, float16, GPT-2's first names); folders that `export` writes; losses of a
short `train` run, its checkpoint's names and shapes as h5py sees them, and that checkpoint's export.
Needs the packages of scripts/references/requirements.txt. Ends with status 1 when anything differs.
"""

import argparse
import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM
from transformers.utils import logging

MODELS = Path(__file__).resolve().parents[1] / "Tests" / "References" / "models"
VOCABULARY, POSITIONS = 97, 64
LOG_PROBABILITY_TOLERANCE = 2e-4  # float32 on both sides, sums in another order
LOSS_TOLERANCE = 1e-3
SECONDS = 300  # for one command
BATCH, TIME, STEPS = 2, 24, 5
ADAMW = {"lr": 1e-3, "betas": (0.9, 0.95), "eps": 1e-8}
DECAY = 0.1


class Failure(Exception):
    """A difference, or a command that failed: what, in one line."""


def require(condition, message):
    """Raises Failure unless the condition holds."""
    if not condition:
        raise Failure(message)


def load(folder):
    """The model in float32 as transformers reads it, without dropout."""
    return AutoModelForCausalLM.from_pretrained(
        folder, attn_implementation="eager", dtype=torch.float32
    ).eval()


def documents():
    """Ids of a few lengths: two, odd ones, and all positions."""
    generator = numpy.random.default_rng(7)
    return [generator.integers(0, VOCABULARY, n).tolist() for n in (2, 3, 17, 40, POSITIONS)]


class Command:
    """The lockstep binary and the folder it may write to."""

    def __init__(self, binary, scratch):
        self.binary = Path(binary).resolve()
        self.scratch = Path(scratch).resolve()

    def fresh(self, *names):
        """A folder name below scratch at which nothing lies."""
        path = self.scratch.joinpath(*names)
        if path.exists():
            shutil.rmtree(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def run(self, *arguments):
        """Runs one subcommand and returns its standard output."""
        line = [str(self.binary), *map(str, arguments)]
        try:
            done = subprocess.run(line, capture_output=True, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            raise Failure(f"{' '.join(line)}: not done after {SECONDS} s") from None
        lines = done.stderr.strip().splitlines() or ["nothing on standard error"]
        require(done.returncode == 0, f"{' '.join(line)}: status {done.returncode}: {lines[-1]}")
        return done.stdout

    def with_settings(self, subcommand, file, settings):
        """Writes the settings as YAML (of which JSON values are a part) and runs the subcommand."""
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"{key}: {json.dumps(value)}\n" for key, value in settings.items()]
        file.write_text("".join(lines))
        return self.run(subcommand, file)

    def score(self, model, texts):
        """The answers of `score`, one for each list of ids."""
        file = self.scratch / "documents.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(json.dumps({"ids": ids}) + "\n" for ids in texts))
        lines = self.run("score", "--model", model, "--input", file).splitlines()
        require(len(lines) == len(texts), f"score: {len(lines)} lines for {len(texts)} documents")
        return [json.loads(line) for line in lines]


def compare_scores(command, path, model):
    """`score` of the model at path against transformers' model; returns the largest difference."""
    largest = 0.0
    for ids, answer in zip(documents(), command.score(path, documents())):
        where = f"score, {len(ids)} ids"
        require(answer["ids"] == ids, f"{where}: ids {answer['ids']}, expected {ids}")
        found = answer["logprobs"]
        require(len(found) == len(ids), f"{where}: {len(found)} log-probabilities")
        require(found[0] is None, f"{where}: the first id has {found[0]}, expected null")
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, :-1]
        chosen = torch.tensor(ids[1:])[:, None]
        expected = logits.double().log_softmax(-1).gather(1, chosen)[:, 0]
        difference = (torch.tensor(found[1:], dtype=torch.float64) - expected).abs().max().item()
        require(
            difference <= LOG_PROBABILITY_TOLERANCE,
            f"{where}: log-probabilities differ by {difference:.2e}",
        )
        largest = max(largest, difference)

        total, count = -math.fsum(found[1:]), len(ids) - 1
        require(
            answer["tokens"] in (count, len(ids)),
            f"{where}: tokens {answer['tokens']}, expected {count}",
        )
        require(
            math.isclose(answer["nll"], total, rel_tol=1e-5),
            f"{where}: nll {answer['nll']}, but the log-probabilities add up to {total}",
        )
        require(
            math.isclose(answer["perplexity"], math.exp(total / count), rel_tol=1e-4),
            f"{where}: perplexity {answer['perplexity']}, expected {math.exp(total / count)}",
        )
    return largest


def compare_weights(found, expected):
    """Names, shapes and bits of two sets of tensors."""
    missing, extra = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    require(not missing and not extra, f"missing {missing}, not expected {extra}")
    for name, tensor in expected.items():
        require(found[name].shape == tensor.shape, f"{name}: shape {tuple(found[name].shape)}")
        require(torch.equal(found[name], tensor), f"{name}: other numbers")


def stored_weights(folder):
    """All tensors of a folder's weight files; reference.safetensors lies beside some of them."""
    tensors = {}
    for file in sorted(folder.glob("model*.safetensors")):
        tensors |= load_file(file)
    return tensors


def check_score(command, name):
    """The folder as committed."""
    return f"within {compare_scores(command, MODELS / name, load(MODELS / name)):.1e}"


def check_formats(command, name):
    """The same model in several files, in half precision, and with GPT-2's first names."""
    variants = []
    for kind in ("sharded", "bfloat16", "float16"):
        folder = command.fresh(name, kind)
        model = load(MODELS / name)
        if kind != "sharded":
            model = model.to(getattr(torch, kind))
        model.save_pretrained(folder, max_shard_size="50KB" if kind == "sharded" else "1GB")
        config = json.loads((folder / "config.json").read_text())
        config["dtype"] = "float32"  # how to compute; the file keeps its own type
        (folder / "config.json").write_text(json.dumps(config))
        variants.append(folder)
    require(len(list(variants[0].glob("model*.safetensors"))) > 1, "sharded into one file only")
    if name == "gpt2":
        folder = command.fresh(name, "first_names")
        folder.mkdir(parents=True)
        shutil.copy(MODELS / name / "config.json", folder)
        tensors = {
            key.removeprefix("transformer."): value
            for key, value in stored_weights(MODELS / name).items()
        }
        triangle = torch.ones(POSITIONS, POSITIONS).tril()[None, None]
        tensors |= {f"h.{layer}.attn.bias": triangle.clone() for layer in range(2)}
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        variants.append(folder)
    for folder in variants:
        try:
            compare_scores(command, folder, load(folder))
        except Failure as failure:
            raise Failure(f"{folder.name}: {failure}") from None
    return ", ".join(folder.name for folder in variants)


def export(command, name, label, settings):
    """Runs `export` and returns the folder it wrote."""
    folder = command.fresh(name, label)
    file = command.scratch / name / f"{label}.yaml"
    command.with_settings("export", file, settings | {"export_dir": str(folder)})
    require((folder / "config.json").is_file(), f"export: {folder} has no config.json")
    return folder


def check_export(command, name):
    """A folder goes through `export` unchanged; in bfloat16 it is rounded to nearest even."""
    source = {"model_name_or_path": str(MODELS / name)}
    folder = export(command, name, "exported", source)
    compare_weights(stored_weights(folder), stored_weights(MODELS / name))
    ids = torch.tensor([documents()[-1]])
    with torch.no_grad():
        logits = [load(path)(input_ids=ids).logits for path in (folder, MODELS / name)]
    require(torch.equal(*logits), "logits of the exported folder differ: config.json changed")
    rounded = export(command, name, "exported_bfloat16", source | {"infer_dtype": "bfloat16"})
    compare_weights(
        stored_weights(rounded),
        {key: value.bfloat16() for key, value in stored_weights(MODELS / name).items()},
    )
    return "equal weights and logits; bfloat16 rounded alike"


def reference_losses(name, tokens):
    """Mean losses of a few steps of PyTorch's AdamW over the tokens in file order."""
    model = load(MODELS / name).train()
    groups = [
        {"params": [p for p in model.parameters() if p.ndim >= 2], "weight_decay": DECAY},
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, **ADAMW)
    losses = []
    for step in range(STEPS):
        starts = [(step * BATCH + row) * TIME for row in range(BATCH)]
        batch = torch.tensor([tokens[start : start + TIME + 1] for start in starts])
        logits = model(input_ids=batch[:, :-1], use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


def check_training(command, name):
    """Losses, checkpoint and its export after a few steps of further pretraining."""
    output = command.fresh(name, "run")
    count = STEPS * BATCH * TIME + 1
    tokens = numpy.random.default_rng(11).integers(0, VOCABULARY, count).astype("<u2")
    token_file = command.scratch / name / "train.bin"
    token_file.parent.mkdir(parents=True, exist_ok=True)
    tokens.tofile(token_file)
    settings = {
        "stage": "pt",
        "do_train": True,
        "finetuning_type": "full",
        "model_name_or_path": str(MODELS / name),
        "tokenized_path": str(token_file),
        "cutoff_len": TIME,
        "disable_shuffling": True,
        "output_dir": str(output),
        "per_device_train_batch_size": BATCH,
        "gradient_accumulation_steps": 1,
        "max_steps": STEPS,
        "learning_rate": ADAMW["lr"],
        "adam_beta1": ADAMW["betas"][0],
        "adam_beta2": ADAMW["betas"][1],
        "adam_epsilon": ADAMW["eps"],
        "weight_decay": DECAY,
        "max_grad_norm": 1.0,
        "lr_scheduler_type": "constant",
        "logging_steps": 1,
        "save_steps": STEPS,
        "precision": "fp32",
    }
    command.with_settings("train", command.scratch / name / "run.yaml", settings)

    lines = (output / "trainer_log.jsonl").read_text().splitlines()
    entries = [entry for entry in map(json.loads, lines) if "loss" in entry]
    losses = {entry["current_steps"]: entry["loss"] for entry in entries}
    largest = 0.0
    for step, expected in enumerate(reference_losses(name, tokens.tolist()), start=1):
        require(step in losses, f"trainer_log.jsonl: no loss for step {step}")
        difference = abs(losses[step] - expected)
        require(
            difference <= LOSS_TOLERANCE, f"step {step}: loss {losses[step]}, expected {expected}"
        )
        largest = max(largest, difference)

    checkpoint = output / f"checkpoint-{STEPS}.h5"
    stored = stored_weights(MODELS / name)
    tensors = {}
    with h5py.File(checkpoint) as file:
        for group in ("model", "optimizer/first_moment", "optimizer/second_moment"):
            for key, tensor in stored.items():
                require(key in file[group], f"{checkpoint.name}: no /{group}/{key}")
                found = file[group][key]
                require(found.shape == tuple(tensor.shape), f"/{group}/{key}: shape {found.shape}")
                require(found.dtype == numpy.float32, f"/{group}/{key}: type {found.dtype}")
            extra = sorted(set(file[group]) - set(stored))
            require(not extra, f"{checkpoint.name}: not expected in /{group}: {extra}")
        for key in stored:
            tensors[key] = torch.from_numpy(file["model"][key][()])
    unmoved = sorted(key for key in stored if torch.equal(tensors[key], stored[key]))
    require(not unmoved, f"training left {unmoved} as they were")

    folder = export(command, name, "trained", {"model_name_or_path": str(checkpoint)})
    compare_weights(stored_weights(folder), tensors)
    compare_scores(command, checkpoint, load(folder))
    return f"losses within {largest:.1e}; checkpoint and export agree"


CHECKS = {
    "score": check_score,
    "formats": check_formats,
    "export": check_export,
    "training": check_training,
}


def main():
    """Runs every check on every model, then says how many failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", help="path of the lockstep binary")
    parser.add_argument("scratch", help="a folder to write to")
    parser.add_argument("names", nargs="*", help="models to check; all of them if none is named")
    parser.add_argument("--only", choices=CHECKS, action="append", help="run these checks only")
    options = parser.parse_args()
    logging.disable_progress_bar()
    torch.set_num_threads(1)

    command = Command(options.binary, options.scratch)
    present = sorted(path.name for path in MODELS.iterdir() if path.is_dir())
    unknown = sorted(set(options.names) - set(present))
    if unknown:
        parser.error(f"no models named {', '.join(unknown)}; there are {', '.join(present)}")
    failures = 0
    for name in options.names or present:
        for title in options.only or CHECKS:
            try:
                print(f"{name} {title}: ok, {CHECKS[title](command, name)}", flush=True)
            except (Failure, OSError, KeyError, TypeError, ValueError) as problem:
                failures += 1
                print(f"{name} {title}: FAILED: {type(problem).__name__}: {problem}", flush=True)
    print("check_models: all passed" if not failures else f"check_models: {failures} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
