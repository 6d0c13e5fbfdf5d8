"""Compares `.model` files with SentencePiece, line by line.

    python scripts/sweeps/piece_models.py PROGRAM MODEL … [--lines N] [--seed N]

N (10 000) varied lines go through `PROGRAM tokenizer encode --tokenizer MODEL` and SentencePiece (models:
PyPI mistral-common has some of BPE with byte fallback). Lines that spell a control symbol are left out:
here they count as such, as in Hugging Face's tokenizers, while SentencePiece takes them for text.
"""

import argparse
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "references"))

import sentencepiece  # noqa: E402
from tokenizer_lines import lines  # noqa: E402


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("models", nargs="+")
    parser.add_argument("--lines", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=20261128)
    arguments = parser.parse_args()
    # More than are asked for, since some are left out.
    found = [line.decode(errors="replace") for line in lines(2 * arguments.lines, arguments.seed)]
    failures = 0
    for path in arguments.models:
        program = sentencepiece.SentencePieceProcessor(model_file=path)
        control = [program.id_to_piece(i) for i in range(len(program)) if program.is_control(i)]
        control += [program.id_to_piece(program.unk_id())]
        texts = [text for text in found if "\0" not in text and not any(c in text for c in control)]
        texts = texts[: arguments.lines]
        command = [arguments.program, "tokenizer", "encode", "--tokenizer", path]
        done = subprocess.run(
            command, input="".join(text + "\n" for text in texts).encode(), capture_output=True
        )
        if done.returncode:
            sys.exit(f"{path}: status {done.returncode}: {done.stderr.decode()}")
        rows = [[int(x) for x in row.split()] for row in done.stdout.decode().split("\n")[:-1]]
        wrong = [place for place, row in enumerate(rows) if row != program.encode(texts[place])]
        for place in wrong[:3]:
            expected = program.encode(texts[place])
            print(f"{path}: {texts[place]!r}\n  library {expected}\n  program {rows[place]}")
        print(f"{Path(path).name}: {len(texts) - len(wrong)} of {len(texts)} lines equal", flush=True)
        failures += bool(wrong) or len(rows) != len(texts)
    sys.exit(f"{failures} differ" if failures else 0)


if __name__ == "__main__":
    main()
