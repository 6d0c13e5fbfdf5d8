#!/usr/bin/env python3
"""Greedy generation with llama.cpp (llama-cpp-python) on a .gguf file, or with transformers.

    python3 scripts/peers/generation.py PROGRAM MODEL [--threads N] [--tokens N] [--prompt TEXT]

PROGRAM is llama.cpp or transformers. Prints a line of JSON: tokens per second of the prompt, and of
the tokens after the first one. Loading is not timed, nor is a first run, which pages in the file
and starts the threads.
"""

import argparse
import json
import os
import time
from pathlib import Path


def llama_cpp(arguments):
    """Loads a model into llama.cpp → a step that takes the prompt or a token, the prompt's size."""
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

    return step, len(prompt)


def transformers(arguments):
    """Loads a model into transformers → a step that takes the prompt or a token, its size."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(arguments.threads)
    path = Path(arguments.model)
    is_file = path.suffix == ".gguf"
    place = str(path.parent if is_file else path)
    options = {"gguf_file": path.name} if is_file else {}
    model = AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32, **options).eval()
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

    return step, ids.shape[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", choices=["llama.cpp", "transformers"])
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--prompt", default="Once upon a time")
    arguments = parser.parse_args()
    load = llama_cpp if arguments.program == "llama.cpp" else transformers
    step, prompt_tokens = load(arguments)
    for _ in range(2):
        start = time.perf_counter()
        step(True)
        first = time.perf_counter()
        for _ in range(arguments.tokens - 1):
            step(False)
        end = time.perf_counter()
    print(json.dumps({
        "promptTokensPerSecond": prompt_tokens / (first - start),
        "tokensPerSecond": (arguments.tokens - 1) / (end - first),
        "promptTokens": prompt_tokens, "tokens": arguments.tokens, "threads": arguments.threads,
    }), flush=True)


if __name__ == "__main__":
    main()
