#!/usr/bin/env python3
"""Tokens per second of greedy generation: lockstep beside llama.cpp, or transformers without it.

    scripts/bench_generate.py MODEL [--lockstep PATH] [--threads N] [--tokens N] [--repetitions N]
                              [--repeat N] [--precision P]

MODEL is a .gguf file or a Hugging Face folder. llama-cpp-python measures a .gguf file where it can
be imported, transformers anything else. The programs take turns; medians count, for the prompt and
for the tokens after the first one each. Loading is not timed. Lockstep's figures are those of
--timing.
"""

import argparse
import os
import re
import statistics
import subprocess
import time
from pathlib import Path

PROMPT = (
    "Once upon a time, in a small village by the sea, there lived an old fisherman who told the "
    "children stories about great storms and the ships that had gone down in them. "
)
TIMING = re.compile(r"(\d+) prompt tokens in ([\d.]+) s, (\d+) new at ([\d.]+) tokens/s")


def lockstep(arguments):
    """Runs `lockstep generate` → (prompt tokens/s, decoded tokens/s, tokens)."""
    command = [
        arguments.lockstep, "generate", "--model", arguments.model, "--prompt", arguments.prompt,
        "--temperature", "0", "--max-new-tokens", str(arguments.tokens), "--timing",
        "--threads", str(arguments.threads),
    ]
    if arguments.precision:
        command += ["--precision", arguments.precision]
    run = subprocess.run(command, capture_output=True, text=True)
    found = TIMING.search(run.stderr)
    if run.returncode != 0 or not found:
        raise SystemExit(f"{' '.join(command[:2])} said no figures:\n{run.stderr}")
    return int(found[1]) / float(found[2]), float(found[4]), int(found[3])


def timed(step, prompt_tokens, tokens):
    """Times `step`, which takes the prompt where its argument is true, else one token → rates."""
    start = time.perf_counter()
    step(True)
    first = time.perf_counter()
    for _ in range(tokens - 1):
        step(False)
    end = time.perf_counter()
    return prompt_tokens / (first - start), (tokens - 1) / (end - first), tokens


def llama_cpp(arguments):
    """Loads a model into llama.cpp → a function that measures it once."""
    from llama_cpp import Llama

    model = Llama(
        arguments.model, n_threads=arguments.threads, n_threads_batch=arguments.threads,
        n_ctx=2048, n_batch=512, verbose=False)
    prompt = model.tokenize(arguments.prompt.encode())
    tokens = []

    def step(begins):
        if begins:
            model.reset()
            model.eval(prompt)
        else:
            model.eval(tokens[-1:])
        tokens.append(model.sample(temp=0.0))

    return lambda: timed(step, len(prompt), arguments.tokens)


def transformers(arguments):
    """Loads a model into transformers → a function that measures it once."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(arguments.threads)
    path = Path(arguments.model)
    is_file = path.suffix == ".gguf"
    place = str(path.parent if is_file else path)
    options = {"gguf_file": path.name} if is_file else {}
    dtype = torch.bfloat16 if arguments.precision == "bf16" else torch.float32
    model = AutoModelForCausalLM.from_pretrained(place, dtype=dtype, **options).eval()
    ids = AutoTokenizer.from_pretrained(place, **options)(
        arguments.prompt, return_tensors="pt").input_ids
    state = {}

    @torch.no_grad()
    def step(begins):
        if begins:
            state.update(ids=ids, cache=None)
        output = model(
            state["ids"], past_key_values=state["cache"], use_cache=True, logits_to_keep=1)
        state.update(ids=output.logits[:, -1:].argmax(-1), cache=output.past_key_values)

    return lambda: timed(step, ids.shape[1], arguments.tokens)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--lockstep", default=".build/release/lockstep")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--repeat", type=int, default=8, help="the prompt so many times over")
    parser.add_argument("--precision", choices=["fp32", "bf16"])
    arguments = parser.parse_args()
    arguments.prompt = (PROMPT * arguments.repeat).strip()
    load = transformers
    if arguments.model.endswith(".gguf"):
        try:
            import llama_cpp as _  # noqa: F401

            load = llama_cpp
        except ImportError:
            pass
    measure = load(arguments)
    measure()  # pages in the file and starts the threads
    theirs, ours = [], []
    for _ in range(arguments.repetitions):
        theirs.append(measure())
        ours.append(lockstep(arguments))
    if any(run[2] < arguments.tokens for run in ours):
        print(f"lockstep ended early, after {min(run[2] for run in ours)} tokens")
    for index, phase in enumerate(["prompt", "decode"]):
        mine = statistics.median(run[index] for run in ours)
        other = statistics.median(run[index] for run in theirs)
        print(f"{phase}: {load.__name__} {other:.1f} tokens/s, lockstep {mine:.1f} tokens/s, "
              f"ratio {mine / other:.2f}")
    print(f"{arguments.threads} threads, {arguments.tokens} tokens, medians of "
          f"{arguments.repetitions} repetitions, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
