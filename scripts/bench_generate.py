#!/usr/bin/env python3
"""Tokens per second of greedy generation: lockstep beside llama.cpp, or transformers without it.

    scripts/bench_generate.py MODEL [--lockstep PATH] [--threads N] [--tokens N] [--precision P]

MODEL is a .gguf file or a Hugging Face folder. llama-cpp-python measures a .gguf file where it can be
imported, transformers anything else. Each program runs by itself, three times; the best counts. The
prompt's tokens and loading are not timed.
"""

import argparse
import os
import re
import subprocess
import time
from pathlib import Path

PROMPT = (
    "Once upon a time, in a small village by the sea, there lived an old fisherman who told the "
    "children stories about great storms and the ships"
)
RUNS = 3


def lockstep(arguments):
    """The best of some runs of `lockstep generate`, in tokens per second."""
    command = [
        arguments.lockstep, "generate", "--model", arguments.model, "--prompt", PROMPT,
        "--temperature", "0", "--max-new-tokens", str(arguments.tokens), "--timing",
        "--threads", str(arguments.threads), "--precision", arguments.precision,
    ]
    rates = []
    for _ in range(RUNS):
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        rates.append(float(re.search(r"at ([\d.]+) tokens/s", run.stderr)[1]))
    return max(rates)


def best_rate(step, tokens):
    """The best of some runs of `tokens` steps."""
    rates = []
    for _ in range(RUNS):
        step(True)
        start = time.perf_counter()
        for _ in range(tokens - 1):
            step(False)
        rates.append((tokens - 1) / (time.perf_counter() - start))
    return max(rates)


def llama_cpp(arguments):
    """Tokens per second of llama.cpp, by way of llama-cpp-python."""
    from llama_cpp import Llama

    model = Llama(
        arguments.model, n_threads=arguments.threads, n_threads_batch=arguments.threads,
        n_ctx=1024, verbose=False)
    prompt = model.tokenize(PROMPT.encode())

    def step(begins):
        if begins:
            model.reset()
            model.eval(prompt)
        model.eval([model.sample(temp=0.0)])

    return best_rate(step, arguments.tokens)


def transformers(arguments):
    """Tokens per second of transformers."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(arguments.threads)
    path = Path(arguments.model)
    is_file = path.suffix == ".gguf"
    place = str(path.parent if is_file else path)
    options = {"gguf_file": path.name} if is_file else {}
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[arguments.precision]
    model = AutoModelForCausalLM.from_pretrained(place, dtype=dtype, **options).eval()
    ids = AutoTokenizer.from_pretrained(place, **options)(PROMPT, return_tensors="pt").input_ids
    state = {}

    @torch.no_grad()
    def step(begins):
        if begins:
            state.update(ids=ids, cache=None)
        output = model(state["ids"], past_key_values=state["cache"], use_cache=True)
        state.update(ids=output.logits[:, -1:].argmax(-1), cache=output.past_key_values)

    return best_rate(step, arguments.tokens)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--lockstep", default=".build/release/lockstep")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="bf16")
    arguments = parser.parse_args()
    peer = transformers
    if arguments.model.endswith(".gguf"):
        try:
            import llama_cpp as _  # noqa: F401

            peer = llama_cpp
        except ImportError:
            pass
    theirs = peer(arguments)
    ours = lockstep(arguments)
    print(f"{peer.__name__}: {theirs:.1f} tokens/s, lockstep: {ours:.1f} tokens/s, "
          f"ratio {ours / theirs:.2f} ({arguments.threads} threads, {arguments.tokens} tokens)")


if __name__ == "__main__":
    main()
