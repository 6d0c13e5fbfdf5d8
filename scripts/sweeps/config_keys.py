"""Changes every key of every supported architecture's config.json, one at a time, and compares what
`lockstep score` makes of the folder with transformers: decoders, encoders and encoder-decoders.

    python scripts/sweeps/config_keys.py PROGRAM [--only ARCHITECTURE …] [--work FOLDER] [--refused]

A case is a tiny random model whose weights fit its config.json. Its log-probabilities have to equal
transformers' within 1e-3, or the program has to refuse it with status 2 and name the key; whatever
else happens is a fault, and the sweep ends with status 1. Where transformers itself refuses the
file, or has other numbers than any (NaN), only a crash is a fault. Models lie in the work folder, so
that a second run is quick.
"""

import argparse
import collections
import concurrent.futures
import copy
import hashlib
import json
import logging
import os
import subprocess
import tempfile
import warnings
from pathlib import Path

import numpy
import torch
import transformers
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
)

from config_cases import MODELS as DECODERS
from config_cases import REMOVED, changes
from encoder_cases import ENCODER_DECODERS, ENCODERS, encoder_changes

SEED = 20261128
TOLERANCE = 1e-3  # nats, or twice transformers' own distance from float64; most give some 1e-5
TOKENS = 40
PLACES, TARGETS = 20, 9  # of what encoders read, and decoders then write
IGNORED = -100
MODELS = DECODERS | ENCODERS | ENCODER_DECODERS


def loader(name):
    """The class of transformers that computes what `score` does."""
    if name in ENCODERS:
        return AutoModelForMaskedLM
    return AutoModelForSeq2SeqLM if name in ENCODER_DECODERS else AutoModelForCausalLM


def fill(model):
    """Random weights, large enough that every key counts."""
    generator = numpy.random.default_rng(SEED)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            values = generator.standard_normal(tuple(parameter.shape))
            if parameter.ndim >= 2:
                values *= 0.25
            elif name.endswith("bias"):
                values *= 0.2
            else:
                values = parameter.numpy() + 0.1 * values
            parameter.copy_(torch.from_numpy(values.astype(numpy.float32)))


def ids(vocabulary):
    """A document, of tokens that no model takes for an image."""
    generator = numpy.random.default_rng([SEED, 1])
    return generator.integers(3, min(vocabulary, 50), TOKENS + 1).tolist()


def documents(name, config):
    """What is scored: for models that read all tokens at once as they come; with padding on either
    side and types; with the padding token, and others, among them; and these with a mask."""
    vocabulary = config["vocab_size"]
    if name in DECODERS:
        return [{"ids": ids(vocabulary)}]
    generator = numpy.random.default_rng([SEED, 2])
    most = min(vocabulary, 50)
    padding = config.get("pad_token_id")
    padding = padding if padding is not None and 0 <= padding < vocabulary else 0

    def drawn(lowest, count=PLACES):
        return generator.integers(lowest, most, count).tolist()

    filled = drawn(10)
    mask = [0] * 3 + [1] * (PLACES - 7) + [0] * 4
    filled = [token if real else padding for token, real in zip(filled, mask)]
    whole = drawn(0)
    whole[4] = whole[11] = padding
    found = [{"ids": drawn(10)}, {"ids": filled, "mask": mask}]
    found += [{"ids": whole}, {"ids": whole, "mask": mask}]
    if name in ENCODER_DECODERS:
        for document, lowest in zip(found, [10, 10, 0, 10]):
            document["target_ids"] = drawn(lowest, TARGETS)
        return found
    if (config.get("type_vocab_size") or 1) > 1:
        for document in found[1::2]:
            document["token_types"] = [place // (PLACES // 2) for place in range(PLACES)]
    for document in found:
        real = document.get("mask", [1] * PLACES)
        document["targets"] = [t if one else IGNORED for t, one in zip(drawn(3), real)]
    return found


def answered(name, model, document):
    """Log-probabilities of a document by transformers."""

    def tensor(key):
        return torch.tensor([document[key]])

    given = {"input_ids": tensor("ids")}
    if "mask" in document:
        given["attention_mask"] = tensor("mask")
    if "token_types" in document:
        given["token_type_ids"] = tensor("token_types")
    if name in DECODERS:
        given["input_ids"], targets = given["input_ids"][:, :-1], document["ids"][1:]
        given["use_cache"] = False
    elif name in ENCODERS:
        targets = document["targets"]
    else:
        given["labels"], targets = tensor("target_ids"), document["target_ids"]
    scores = torch.log_softmax(model(**given).logits[0].double(), dim=-1)
    return [scores[place, t].item() for place, t in enumerate(targets) if t != IGNORED]


def written(name):
    """The config.json that transformers writes, and the older one that people have."""
    config = AutoConfig.for_model(name, **copy.deepcopy(MODELS[name]))
    with tempfile.TemporaryDirectory() as folder:
        loader(name).from_config(config, dtype=torch.float32).save_pretrained(folder)
        newer = json.loads((Path(folder) / "config.json").read_text())
    older = copy.deepcopy(MODELS[name]) | {
        "model_type": name,
        "architectures": newer["architectures"],
    }
    return {"newer": newer, "older": older}


def changed(config, change):
    """`config` with a change applied, in its text part where it has one."""
    config = copy.deepcopy(config)
    inner = config.get("text_config", config)
    for key, value in change.items():
        place = config if key in config and key not in inner else inner
        if value == REMOVED:
            place.pop(key, None)
        else:
            place[key] = copy.deepcopy(value)
    return config


def reference(name, config, folder):
    """Writes the folder of a case and returns transformers' answer: log-probabilities, or a text
    that says why there are none."""
    answer = folder / "answer.json"
    if answer.exists():
        return json.loads(answer.read_text())
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    try:
        made = AutoConfig.from_pretrained(folder)
        model = loader(name).from_config(
            made, dtype=torch.float32, attn_implementation="eager"
        )
        fill(model)
        model.save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        # What people have is their own file, not what transformers makes of it.
        (folder / "config.json").write_text(json.dumps(config, indent=2))
        model, notes = loader(name).from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
        )
        if notes["missing_keys"] or notes["mismatched_keys"]:
            raise ValueError(f"weights: {notes['missing_keys']}, {notes['mismatched_keys']}")
        model.eval()
        texts = documents(name, made.get_text_config().to_dict())

        def scored(model):
            with torch.no_grad():
                return [score for text in texts for score in answered(name, model, text)]

        scores = scored(model)
        if not numpy.isfinite(scores).all():
            raise ValueError("not finite")
        result = {"scores": scores, "documents": texts}
        if name not in DECODERS and made.hidden_size > 256:
            # Sums of wide models' numbers round: how far this one is from float64.
            exact = scored(model.double())
            result["rounding"] = max(abs(a - b) for a, b in zip(scores, exact))
    except Exception as error:  # noqa: BLE001: whatever transformers says, it has no answer
        result = {"error": f"{type(error).__name__}: {error}"[:300]}
    answer.write_text(json.dumps(result))
    return result


def scored(program, folder, texts):
    """Status, log-probabilities and message of the program."""
    lines = folder / "ids.jsonl"
    lines.write_text("".join(json.dumps(text) + "\n" for text in texts))
    run = subprocess.run(
        [program, "score", "--model", folder, "--input", lines, "--threads", "1"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if run.returncode != 0:
        return run.returncode, None, run.stderr.strip()
    scores = []
    for text, line in zip(texts, run.stdout.splitlines(), strict=True):
        found = json.loads(line)["logprobs"]
        targets = text.get("targets") or ([] if "target_ids" in text else [IGNORED])
        # A place without a target has no score.
        left = [place for place, target in enumerate(targets) if target == IGNORED]
        if any(found[place] is not None for place in left):
            return run.returncode, [None], "a score without a target"
        scores += [score for place, score in enumerate(found) if place not in left]
    return run.returncode, scores, run.stderr.strip()


def judge(change, answer, status, scores, message):
    """What a case comes to, and a line about it."""
    names = list(change) + [
        key
        for value in change.values()
        if isinstance(value, dict)
        for key in [*value, *(k for v in value.values() if isinstance(v, dict) for k in v)]
    ]
    named = any(name in message for name in names) or (
        # What the sizes do not divide by is named in their place.
        "is not divisible by" in message
        or "rotated" in message
    )
    if status not in (0, 2) or (status == 2 and message.count("\n") > 0):
        return "fault", f"status {status}: {message[:200]}"
    if "error" in answer:
        if status == 2 and named and "no weights" not in message:
            return "refused by both", message
        # Most often transformers made no model, so that there are no weights to read.
        return "only transformers refuses", answer["error"]
    if status == 2:
        return ("refused by name", message) if named else ("fault", f"unnamed: {message}")
    if any(score is None for score in scores):
        return "fault", "null in the answer"
    apart = max(abs(a - b) for a, b in zip(scores, answer["scores"]))
    limit = max(TOLERANCE, 2 * answer.get("rounding", 0))
    if apart <= limit and len(scores) == len(answer["scores"]):
        return "equal", f"{apart:.1e}"
    return "fault", f"{apart:.3f} apart"


def cases(name, work):
    """All cases of an architecture: the change, transformers' answer to it and to the unchanged
    file, and the folder."""
    seen = set()
    for spelling, base in written(name).items():
        inner = base.get("text_config", base)
        plain = None
        alter = changes if name in DECODERS else encoder_changes
        for change in [{}, *alter(inner, spelling == "newer")]:
            config = changed(base, change)
            digest = hashlib.sha256(json.dumps([name, config]).encode()).hexdigest()[:16]
            if digest in seen:
                continue
            seen.add(digest)
            answer = reference(name, config, work / digest)
            plain = plain or answer
            answer.setdefault("documents", documents(name, inner))
            yield spelling, change, answer, plain, work / digest


def sweep(program, name, work, pool, shown):
    """All cases of an architecture; returns how many came to what."""
    counts = collections.Counter()
    found = [
        (*case, pool.submit(scored, program, case[-1], case[2]["documents"]))
        for case in cases(name, work)
    ]
    for spelling, change, answer, plain, folder, future in found:
        try:
            outcome = future.result()
        except subprocess.TimeoutExpired:
            outcome = (-1, None, "no answer within a minute")
        kind, line = judge(change, answer, *outcome)
        counts[kind] += 1
        if kind == "equal" and answer["scores"] != plain["scores"]:
            counts["equal, and moved by the change"] += 1
        if kind in shown:
            print(f"{name} ({spelling}): {kind}: {json.dumps(change)}: {line}", flush=True)
            if kind == "fault":
                print(f"    {folder}", flush=True)
    print(f"{name}: {dict(counts)}", flush=True)
    return counts


def main():
    """Sweeps over the architectures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--only", nargs="*", default=list(MODELS))
    parser.add_argument("--work", type=Path)
    parser.add_argument("--refused", action="store_true", help="show what is refused, too")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    transformers.logging.set_verbosity(logging.CRITICAL)
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    total = collections.Counter()
    shown = {"fault"}
    if options.refused:
        shown |= {"refused by name", "refused by both", "only transformers refuses"}
    processes = os.process_cpu_count() if hasattr(os, "process_cpu_count") else os.cpu_count()
    with tempfile.TemporaryDirectory() as scratch:
        with concurrent.futures.ThreadPoolExecutor(processes) as pool:
            for name in options.only:
                total += sweep(options.program, name, options.work or Path(scratch), pool, shown)
    print(f"all: {dict(total)}")
    return 1 if total["fault"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
