"""Measures what `lockstep tokenizer` learns and how fast it is, beside Hugging Face tokenizers and SentencePiece.

    python scripts/measure_tokenizers.py PROGRAM TEXT [--only wordpiece/unigram/pieces/speed …] [--size N]

TEXT is a file of some 40 MB (data/gcide/gcide.txt of scripts/pretrain.sh); every twentieth line is held out.

wordpiece  the vocabulary as a set beside two of Hugging Face's, and why tokens differ
unigram    tokens of the held-out lines by both models, and seconds of both trainers
pieces     the same of SentencePiece's BPE with byte fallback, whose pieces have to be equal
speed      seconds to encode the held-out lines ten times on one thread, of each kind, beside its peer
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import sentencepiece  # noqa: E402
from tokenizers import BertWordPieceTokenizer, Tokenizer, models, pre_tokenizers, trainers  # noqa: E402

TIMES = 10


def timed(work):
    begun = time.perf_counter()
    result = work()
    return result, time.perf_counter() - begun


def learn(program, text, kind, size, folder, *more):
    """The folder that the program writes, and seconds."""
    command = [
        program, "tokenizer", "train", "--type", kind, "--input", str(text), "--vocab-size", str(size),
        "--output", str(folder), *more,
    ]  # fmt: skip
    _, seconds = timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
    return Path(folder), seconds


def peer(text, kind, size, prefix, **settings):
    """SentencePiece's model, and seconds, on as many threads as there are cores."""
    _, seconds = timed(
        lambda: sentencepiece.SentencePieceTrainer.train(
            input=str(text), model_prefix=str(prefix), model_type=kind, vocab_size=size,
            num_threads=os.cpu_count(), minloglevel=2, hard_vocab_limit=False, **settings,
        )
    )  # fmt: skip
    return sentencepiece.SentencePieceProcessor(model_file=f"{prefix}.model"), seconds


def hugging_face(text, size):
    made = BertWordPieceTokenizer()
    _, seconds = timed(
        lambda: made.train(
            [str(text)], vocab_size=size, min_frequency=2, limit_alphabet=1 << 20, show_progress=False
        )
    )
    return made, seconds


def wordpiece(arguments, train, held, scratch):
    folder, own = learn(arguments.program, train, "wordpiece", arguments.size, scratch / "w")
    ours = set((folder / "vocab.txt").read_text().split("\n")[:-1])
    (first, seconds), (second, _) = (hugging_face(train, arguments.size) for _ in range(2))
    one, two = set(first.get_vocab()), set(second.get_vocab())
    print(f"wordpiece: {len(ours)} tokens, {len(ours - one)} of them not Hugging Face's, {len(one - ours)} the other way;")
    print(f"  two runs of Hugging Face's differ in {len(one - two)}; {own:.1f} s, Hugging Face {seconds:.1f} s")
    words = Counter()
    split = first.pre_tokenizer.pre_tokenize_str
    for line in train.read_text(errors="replace").split("\n"):
        words.update(word for word, _ in split(first.normalizer.normalize_str(line)))
    for token in sorted(ours ^ one)[:12]:
        inner = token[2:] if token.startswith("##") else token
        begins = not token.startswith("##")
        count = sum(n for word, n in words.items() if (word.startswith(inner) if begins else inner in word[1:]))
        print(f"    {'ours alone' if token in ours else 'theirs alone'}: {token}, in words {count} times")


def compressed(name, own, seconds, other, peer_seconds, held):
    counts = [sum(map(len, program.encode(held))) for program in (own, other)]
    ratio = 100 * (counts[0] / counts[1] - 1)
    print(f"{name}: {counts[0]} tokens of the held-out lines, SentencePiece {counts[1]} ({ratio:+.3f} %)")
    print(f"  trained in {seconds:.1f} s, SentencePiece {peer_seconds:.1f} s ({peer_seconds / seconds:.1f} x)")


def unigram(arguments, train, held, scratch):
    size = arguments.size
    folder, own = learn(arguments.program, train, "unigram", size, scratch / "u", "--sentinels", "0")
    other, seconds = peer(train, "unigram", size, scratch / "peer", pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    made = sentencepiece.SentencePieceProcessor(model_file=str(folder / "spiece.model"))
    compressed("unigram", made, own, other, seconds, held)


def pieces(arguments, train, held, scratch):
    folder, own = learn(arguments.program, train, "sentencepiece-bpe", arguments.size, scratch / "p")
    other, seconds = peer(train, "bpe", arguments.size, scratch / "peer", byte_fallback=True)
    made = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    compressed("sentencepiece-bpe", made, own, other, seconds, held)
    content = lambda p: [(p.id_to_piece(i), p.get_score(i)) for i in range(len(p))]  # noqa: E731
    print(f"  pieces and scores are {'equal' if content(made) == content(other) else 'DIFFERENT'}")


def speed(arguments, train, held, scratch):
    size, text = arguments.size, scratch / "held.txt"
    text.write_text("".join(line + "\n" for line in held * TIMES))
    few = scratch / "few.txt"
    few.write_text("a\n")
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    _, seconds = timed(
        lambda: bpe.train(
            [str(train)], trainers.BpeTrainer(vocab_size=size, show_progress=False, initial_alphabet=alphabet)
        )
    )
    for kind in ("bpe", "wordpiece", "unigram", "sentencepiece-bpe"):
        folder, own = learn(arguments.program, train, kind, size, scratch / kind)
        if kind == "bpe":
            print(f"bpe: trained in {own:.1f} s, Hugging Face {seconds:.1f} s ({seconds / own:.1f} x)")

        def ours(path):
            command = [arguments.program, "tokenizer", "encode", "--tokenizer", str(folder)]
            with open(path) as file:
                subprocess.run(command, stdin=file, stdout=subprocess.DEVNULL, check=True)

        # The start, reading the files, is not encoding.
        start = min(timed(lambda: ours(few))[1] for _ in range(3))
        own = min(timed(lambda: ours(text))[1] for _ in range(3)) - start
        made = Tokenizer.from_file(str(folder / "tokenizer.json"))
        found = {"Hugging Face": min(timed(lambda: made.encode_batch(held * TIMES))[1] for _ in range(2))}
        for name in ("spiece.model", "tokenizer.model"):
            if (folder / name).exists():
                program = sentencepiece.SentencePieceProcessor(model_file=str(folder / name))
                found["SentencePiece"] = min(
                    timed(lambda: program.encode(held * TIMES, num_threads=1))[1] for _ in range(2)
                )
        rest = ", ".join(f"{name} {s:.2f} s ({s / own:.1f} x)" for name, s in found.items())
        size_ = text.stat().st_size / 1e6
        print(f"{kind}: {size_:.0f} MB encoded in {own:.2f} s ({size_ / own:.1f} MB/s), {rest}", flush=True)


def main():
    every = {"wordpiece": wordpiece, "unigram": unigram, "pieces": pieces, "speed": speed}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("text", type=Path)
    parser.add_argument("--only", nargs="+", choices=every, default=list(every))
    parser.add_argument("--size", type=int, default=8192)
    arguments = parser.parse_args()
    lines = arguments.text.read_text(errors="replace").split("\n")
    held = [line for line in lines[::20] if line]
    with tempfile.TemporaryDirectory() as name:
        train = Path(name, "train.txt")
        train.write_text("".join(line + "\n" for place, line in enumerate(lines) if place % 20))
        print(f"{train.stat().st_size / 1e6:.1f} MB to learn from, {len(held)} lines held out")
        for part in arguments.only:
            every[part](arguments, train, held, Path(name))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
