#!/usr/bin/env python3
"""Compares `lockstep score` with PEFT for LoraConfig's options, one at a time.

    python scripts/sweeps/peft_options.py .build/debug/lockstep [CASE…]

The cases are those of scripts/references/peft_options.py. Each has to give PEFT's
log-probabilities within 1e-3, or be refused with status 2 and a line that names the key or tensor.
What PEFT itself does not load has to be refused, or is counted apart. Ends with status 1 when
anything differs.
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import torch
from transformers.utils import logging

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "references"))
from peft_options import CASES, IDS, MODELS, log_probabilities, make  # noqa: E402

TOLERANCE = 1e-3
# What a refusal has to name.
NAMED = {
    "alpha_zero": "lora_alpha", "alpha_negative": "lora_alpha", "dora_embedding": "DoRA",
    "lora_bias": "lora_bias", "bias_all": "bias", "bias_lora_only": "bias",
    "head": "lm_head", "tied_head": "lm_head", "layers_with_regex": "layers_to_transform",
    "pattern_without_layers": "layers_pattern", "modules_to_save_half": "additional_target",
    "modules_to_save_tied": "lm_head.weight", "layer_replication": "layer_replication",
    "target_parameters": "target_parameters",
    "trainable_token_indices": "trainable_token_indices", "alora": "alora_invocation_tokens",
    "qalora": "use_qalora", "kasa": "kasa_config", "monteclora": "monteclora_config",
    "velora": "velora_config", "bdlora": "use_bdlora", "arrow": "arrow_config",
    "megatron_config": "megatron_config", "ensure_weight_tying": "ensure_weight_tying",
    "unknown_key": "use_something_new", "peft_type_ia3": "IA3",
    **{name: "init_lora_weights" for name in CASES if name.startswith("init_")},
}


def score(program, base, folder, scratch):
    """Status, log-probabilities and message of `lockstep score`."""
    ids = Path(scratch) / "ids.jsonl"
    ids.write_text(json.dumps({"ids": IDS}) + "\n")
    run = subprocess.run(
        [program, "score", "--model", MODELS / base, "--adapter", folder, "--input", ids],
        capture_output=True, text=True, timeout=120,
    )
    values = json.loads(run.stdout)["logprobs"][1:] if run.returncode == 0 else None
    return run.returncode, values, run.stderr.strip()


def check(program, name):
    """What happened to a case, and a line where that is wrong."""
    base, settings, changes = CASES[name]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "adapter"
        try:
            make(folder, base, settings, changes, name)
        except Exception as error:
            return "not made by PEFT", f"{type(error).__name__}: {error}"
        try:
            wanted = log_probabilities(folder, base)
        except Exception as error:
            wanted = None
            reason = f"{type(error).__name__}: {error}"
        status, found, message = score(program, base, folder, scratch)
    if status == 2 and len(message.splitlines()) == 1:
        if name in NAMED and NAMED[name] in message:
            return "refused by name", None
        return "WRONG", f"refused without a name: {message}"
    if status != 0:
        return "WRONG", f"status {status}: {message}"
    if wanted is None:
        return "loaded here, not by PEFT", f"{reason}"
    distance = max(abs(a - b) for a, b in zip(found, wanted))
    if not distance <= TOLERANCE:
        return "WRONG", f"differs by {distance:.3g}"
    return "equal", None


def main():
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    program, names = sys.argv[1], sys.argv[2:] or list(CASES)
    counts = Counter()
    for name in names:
        result, line = check(program, name)
        counts[result] += 1
        if line:
            print(f"{name}: {result}: {line.splitlines()[0][:200]}", flush=True)
    print(", ".join(f"{count} {result}" for result, count in sorted(counts.items())))
    sys.exit(1 if counts["WRONG"] else 0)


if __name__ == "__main__":
    main()
