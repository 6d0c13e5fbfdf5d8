#!/usr/bin/env python3
"""Compares a GGUF model here with transformers on the same weights, dequantized.

    python scripts/check_gguf_model.py .build/release/lockstep MODEL.gguf

For every prompt: ids, log-probabilities of `score` within 1e-3 and, token for token, the greedy
continuation of `generate --temperature 0`. Needs transformers, torch and gguf; prints one line a
prompt and exits 1 if anything differs.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

TOLERANCE = 1e-3  # of log-probabilities, natural logarithms
SECONDS = 600
PROMPTS = [
    "The capital of France is",
    "Once upon a time, in a village by the sea,",
    "def fibonacci(n):\n    ",
    "Water boils at 100 degrees Celsius because",
    "1, 1, 2, 3, 5, 8,",
    "<|im_start|>user\nName three primary colours.<|im_end|>\n<|im_start|>assistant\n",
    "The three laws of robotics are:\n1.",
    "She opened the letter and read: \"My dear",
    "In 1969, the first human",
    "La ville de Paris est",
]


def run(binary, *arguments):
    """Standard output of one command."""
    done = subprocess.run(
        [str(binary), *map(str, arguments)], capture_output=True, timeout=SECONDS, check=False
    )
    if done.returncode:
        sys.exit(f"{arguments[0]}: status {done.returncode}: {done.stderr.decode()[-500:]}")
    return done.stdout


def scores(binary, model, texts):
    """The answers of `score` to lists of ids."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.write("".join(json.dumps({"ids": ids}) + "\n" for ids in texts))
        file.flush()
        lines = run(binary, "score", "--model", model, "--input", file.name).splitlines()
    return [json.loads(line) for line in lines]


def main():
    """Checks every prompt."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", type=Path, help="path of the lockstep binary")
    parser.add_argument("model", type=Path, help="a .gguf file")
    parser.add_argument("--tokens", type=int, default=40, help="length of a continuation")
    options = parser.parse_args()
    logging.disable_progress_bar()
    place = {"gguf_file": options.model.name}
    tokenizer = AutoTokenizer.from_pretrained(options.model.parent, **place)
    model = AutoModelForCausalLM.from_pretrained(
        options.model.parent, **place, dtype=torch.float32
    ).eval()
    texts = [tokenizer(prompt).input_ids for prompt in PROMPTS]
    continuations = []
    for ids in texts:
        with torch.no_grad():
            made = model.generate(
                torch.tensor([ids]), max_new_tokens=options.tokens, do_sample=False
            )
        continuations.append(made[0].tolist())
    failures = 0
    answers = scores(options.binary, options.model, continuations)
    for prompt, ids, whole, answer in zip(PROMPTS, texts, continuations, answers):
        with torch.no_grad():
            logits = model(torch.tensor([whole])).logits[0, :-1].double().log_softmax(-1)
        expected = logits.gather(1, torch.tensor(whole[1:])[:, None])[:, 0]
        found = torch.tensor(answer["logprobs"][1:], dtype=torch.float64)
        difference = (expected - found).abs().max().item()
        text = run(
            options.binary, "generate", "--model", options.model, "--prompt", prompt,
            "--max-new-tokens", options.tokens, "--temperature", 0,
        ).decode()
        wanted = tokenizer.decode(whole[len(ids) :], skip_special_tokens=True)
        same = text.rstrip("\n") == wanted.rstrip("\n")
        failures += not same or difference > TOLERANCE
        print(
            f"{'ok' if same and difference <= TOLERANCE else 'FAILED'}: {prompt[:30]!r}: "
            f"log-probabilities within {difference:.1e}"
            + ("" if same else f"; continuation {text!r}, expected {wanted!r}")
        )
    print("check_gguf_model: all passed" if not failures else f"{failures} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
