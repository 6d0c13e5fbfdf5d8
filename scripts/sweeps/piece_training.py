"""Compares `lockstep tokenizer train --type sentencepiece-bpe` with SentencePiece's own trainer.

    python scripts/sweeps/piece_training.py PROGRAM [--runs N] [--lines N] [--seed N]

N (60) corpora of other scripts, sizes, shares of characters and rules: pieces, scores and ids of both; the
tokenizer.model that was written, read by SentencePiece, gives the ids of varied lines (400) that the program
gives from that file and from its tokenizer.json. Lines that spell a special token are left out, which the
program takes for one.
"""

import argparse
import random
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "references"))

import sentencepiece  # noqa: E402
from piece_training import CJK, LATIN, MARKS, MIXED, SPECIAL, train  # noqa: E402
from tokenizer_lines import lines  # noqa: E402

WORDS = {"latin": LATIN, "cjk": CJK, "marks": MARKS, "mixed": MIXED + LATIN, "special": SPECIAL + LATIN}


def corpus(source, number):
    """Lines of words that are drawn by rank, of parts of words, and varied ones."""
    kind = source.choice([*WORDS, "varied"])
    if kind == "varied":
        found = [line.decode(errors="ignore") for line in lines(source.choice([50, 300]), number)]
        return kind, [line for line in found if line]
    words = list(WORDS[kind])
    for _ in range(source.choice([0, 20, 200])):
        left, right = source.choice(WORDS[kind]), source.choice(WORDS[kind])
        words.append(left[: source.randint(1, len(left))] + right[source.randrange(len(right)) :])
    source.shuffle(words)
    weights = [1 / (place + 1) for place in range(len(words))]
    count = source.choice([10, 100, 1000])
    made = [" ".join(source.choices(words, weights, k=source.randint(1, 12))) for _ in range(count)]
    return kind, [line for line in made if line]


def encoded(program, path, texts):
    command = [program, "tokenizer", "encode", "--tokenizer", str(path)]
    done = subprocess.run(
        command, input="".join(text + "\n" for text in texts).encode(), capture_output=True
    )
    if done.returncode:
        sys.exit(f"{path}: status {done.returncode}: {done.stderr.decode()}")
    return [[int(x) for x in row.split()] for row in done.stdout.decode().split("\n")[:-1]]


def compare(program, source, number, probes, folder):
    """What differs in a run: its name, and a list of texts."""
    kind, texts = corpus(source, number)
    coverage = source.choice([1.0, 0.9995, 0.98])
    rule = source.choice(["identity", "nmt_nfkc"])
    size = source.choice([300, 350, 500, 1000, 3000])
    name = f"{number} {kind} {len(texts)} lines, {size}, {coverage}, {rule}"
    (folder / "text.txt").write_bytes("".join(text + "\n" for text in texts).encode())
    command = [
        program, "tokenizer", "train", "--type", "sentencepiece-bpe", "--input", str(folder / "text.txt"),
        "--vocab-size", str(size), "--character-coverage", str(coverage), "--normalization", rule,
        "--output", str(folder / "made"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        expected = sentencepiece.SentencePieceProcessor(
            model_proto=train(texts, size, coverage, rule)
        )
    except RuntimeError as error:
        refused = "smaller than required_chars" in str(error)
        if refused and done.returncode == 2 and "frequent characters" in done.stderr:
            return name + ": both refuse", []
        return name, [f"status {done.returncode}: {done.stderr}, but {error}"]
    if done.returncode:
        return name, [done.stderr]
    made = sentencepiece.SentencePieceProcessor(model_file=str(folder / "made/tokenizer.model"))
    wrong = []
    content = lambda p: [(p.id_to_piece(i), p.get_score(i)) for i in range(len(p))]  # noqa: E731
    for place, (one, other) in enumerate(zip(content(made), content(expected))):
        if one != other:
            wrong.append(f"id {place}: {one}, expected {other}")
            break
    if len(made) != len(expected):
        wrong.append(f"{len(made)} pieces, expected {len(expected)}")
    ids = [made.encode(text) for text in probes]
    for path in ("made/tokenizer.model", "made/tokenizer.json"):
        rows = encoded(program, folder / path, probes)
        differ = [place for place, row in enumerate(rows) if row != ids[place]]
        if differ:
            text = probes[differ[0]]
            wrong.append(f"{path}: {len(differ)} lines differ, {text!r}: {rows[differ[0]]}, expected {made.encode(text)}")
    return name, wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--lines", type=int, default=400)
    parser.add_argument("--seed", type=int, default=20261129)
    arguments = parser.parse_args()
    found = [line.decode(errors="ignore") for line in lines(arguments.lines, arguments.seed)]
    probes = [text for text in found if not {"\0", "<"} & set(text)]
    source = random.Random(arguments.seed)
    failures = 0
    for number in range(arguments.runs):
        with tempfile.TemporaryDirectory() as folder:
            name, wrong = compare(arguments.program, source, number, probes, Path(folder))
        print(name + (": equal" if not wrong else ""), flush=True)
        for text in wrong:
            print("   " + text)
        failures += bool(wrong)
    print(f"{arguments.runs - failures} of {arguments.runs} runs equal")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
