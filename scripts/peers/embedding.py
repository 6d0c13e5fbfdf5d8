#!/usr/bin/env python3
"""Vectors of texts with sentence-transformers on the CPU.

    python3 scripts/peers/embedding.py MODEL LINES.txt [--threads N] [--dtype bf16]

Prints a line of JSON: tokens a second of the fastest of three passes over the lines, its own order and batches.
Loading is not timed.
"""

import argparse
import json
import time
from pathlib import Path

import measuring
import torch
from sentence_transformers import SentenceTransformer


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("texts")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", choices=["fp32", "bf16"], default="bf16")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    dtype = torch.bfloat16 if arguments.dtype == "bf16" else torch.float32
    model = SentenceTransformer(arguments.model, device="cpu", model_kwargs={"dtype": dtype})
    texts = [line for line in Path(arguments.texts).read_text().splitlines() if line]
    lengths = model.tokenizer(texts, truncation=True, max_length=model.max_seq_length)["input_ids"]
    tokens = sum(map(len, lengths))
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        model.encode(texts)
        times.append(time.perf_counter() - begun)
    print(json.dumps({
        "tokensPerSecond": tokens / min(times), "tokens": tokens, "texts": len(texts),
        "peakMemory": measuring.peak_memory(), "torch": torch.__version__,
    }))


if __name__ == "__main__":
    main()
