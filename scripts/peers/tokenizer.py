#!/usr/bin/env python3
"""Tokenizers of Hugging Face tokenizers and SentencePiece, learned and used on one thread.

    python3 scripts/peers/tokenizer.py train KIND TEXT.txt SIZE
    python3 scripts/peers/tokenizer.py encode TOKENIZER.json TEXT.txt

Kinds are those of `lockstep tokenizer train --type`. Prints a line of JSON: seconds of learning, or tokens a
second of encoding the lines of a text that is in memory, without their offsets; loading is not timed.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"


def learn_pieces(kind, text, size, folder):
    """SentencePiece's trainer."""
    import sentencepiece

    settings = {"byte_fallback": True} if kind == "sentencepiece-bpe" else {}
    sentencepiece.SentencePieceTrainer.train(
        input=text, model_prefix=str(Path(folder, "peer")), vocab_size=size, num_threads=1, minloglevel=2,
        model_type="bpe" if kind == "sentencepiece-bpe" else "unigram", hard_vocab_limit=False, **settings,
    )  # fmt: skip


def learn_tokens(kind, text, size):
    """Hugging Face's trainers."""
    from tokenizers import BertWordPieceTokenizer, Tokenizer, models, pre_tokenizers, trainers

    if kind == "wordpiece":
        tokenizer = BertWordPieceTokenizer()
        tokenizer.train([text], vocab_size=size, limit_alphabet=1 << 20, show_progress=False)
        return
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train(
        [text], trainers.BpeTrainer(vocab_size=size, show_progress=False, initial_alphabet=alphabet)
    )


def train(arguments):
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        if arguments.kind in ("sentencepiece-bpe", "unigram"):
            learn_pieces(arguments.kind, arguments.text, arguments.size, folder)
        else:
            learn_tokens(arguments.kind, arguments.text, arguments.size)
        return {"seconds": time.perf_counter() - begun}


def encode(arguments):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(arguments.tokenizer)
    lines = Path(arguments.text).read_text(errors="replace").split("\n")
    begun = time.perf_counter()
    tokens = sum(len(line) for line in tokenizer.encode_batch_fast(lines, add_special_tokens=False))
    seconds = time.perf_counter() - begun
    return {"seconds": seconds, "tokens": tokens, "tokensPerSecond": tokens / seconds}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = parser.add_subparsers(required=True)
    part = parts.add_parser("train")
    part.add_argument("kind", choices=["bpe", "wordpiece", "unigram", "sentencepiece-bpe"])
    part.add_argument("text")
    part.add_argument("size", type=int)
    part.set_defaults(work=train)
    part = parts.add_parser("encode")
    part.add_argument("tokenizer")
    part.add_argument("text")
    part.set_defaults(work=encode)
    arguments = parser.parse_args()
    result = arguments.work(arguments)
    result["peakMemory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(result))


if __name__ == "__main__":
    main()
