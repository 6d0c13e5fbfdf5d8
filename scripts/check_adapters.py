#!/usr/bin/env python3
"""Loads an adapter that lockstep wrote in PEFT, or in AdapterHub, and compares log-probabilities.

    lockstep score --model BASE --adapter ADAPTER --input ids.jsonl > scores.jsonl
    python scripts/check_adapters.py BASE ADAPTER scores.jsonl [ids.jsonl]

Every line of scores.jsonl has `ids` and `logprobs`, null for the first. An encoder-decoder's have the targets; what
it read of each is in ids.jsonl, the input of `score`. For PEFT's format, the logits of the
merged adapter are compared as well, but for virtual tokens, which cannot be merged. Needs peft, or AdapterHub's `adapters` for its format, and the
packages of scripts/references/requirements.txt. Ends with status 1 when anything differs.
"""

import argparse
import json
import sys
import warnings
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM

TOLERANCE = 2e-4  # float32 on both sides, sums in another order


def load(base, adapter):
    """The base with the adapter, in float32, as the adapter's own library loads it."""
    is_pair = AutoConfig.from_pretrained(base).is_encoder_decoder
    kind = AutoModelForSeq2SeqLM if is_pair else AutoModelForCausalLM
    model = kind.from_pretrained(base, attn_implementation="eager", dtype=torch.float32)
    settings = json.loads((adapter / "adapter_config.json").read_text())
    if "peft_type" not in settings:
        import adapters

        adapters.init(model)
        name = model.load_adapter(str(adapter), with_head=False, use_safetensors=True)
        model.set_active_adapters(name)
        return model.eval(), False
    from peft import PeftModel

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = PeftModel.from_pretrained(model, str(adapter))
    for warning in caught:
        if "missing" in str(warning.message) or "unexpected" in str(warning.message).lower():
            sys.exit(f"check_adapters: PEFT says: {warning.message}")
    return model.eval(), not model.active_peft_config.is_prompt_learning


@torch.no_grad()
def log_probabilities(model, ids, source=None):
    """log p of each id after the first; of an encoder-decoder of each id, given what it reads."""
    if source is not None:
        labels = torch.tensor([ids])
        logits = model(input_ids=torch.tensor([source]), labels=labels).logits[0].double()
        return logits.log_softmax(-1).gather(1, labels[0].unsqueeze(1)).squeeze(1)
    text = torch.tensor([ids])
    # Without those of virtual tokens.
    logits = model(input_ids=text, attention_mask=torch.ones_like(text)).logits[0, -len(ids) :].double()
    chosen = torch.tensor(ids[1:]).unsqueeze(1)
    return logits[:-1].log_softmax(-1).gather(1, chosen).squeeze(1)


def largest_difference(model, lines):
    """Over all tokens of all lines."""
    largest = 0.0
    for line in lines:
        source = line.get("source")
        if source is None and len(line["ids"]) < 2:
            continue
        found = torch.tensor(line["logprobs"][source is None :], dtype=torch.float64)
        expected = log_probabilities(model, line["ids"], source)
        if found.shape != expected.shape:
            sys.exit(f"check_adapters: {len(found)} log-probabilities for {len(expected)} tokens")
        largest = max(largest, (found - expected).abs().max().item())
    return largest


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("base", type=Path)
    parser.add_argument("adapter", type=Path)
    parser.add_argument("scores", type=Path)
    parser.add_argument("inputs", type=Path, nargs="?")
    arguments = parser.parse_args()
    text = arguments.scores.read_text()
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    if arguments.inputs:
        inputs = [json.loads(line) for line in arguments.inputs.read_text().splitlines() if line]
        for line, read in zip(lines, inputs, strict=True):
            line["source"] = read["ids"]
    elif not any(len(line["ids"]) > 1 for line in lines):
        sys.exit("check_adapters: no line with two ids or more")
    model, merges = load(arguments.base, arguments.adapter)
    differences = {"adapter": largest_difference(model, lines)}
    if merges:
        differences["merged"] = largest_difference(model.merge_and_unload(), lines)
    for name, value in differences.items():
        print(f"{name}: largest difference {value:.1e}, at most {TOLERANCE:.0e}")
    if not all(value <= TOLERANCE for value in differences.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
