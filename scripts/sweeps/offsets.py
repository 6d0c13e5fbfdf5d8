"""Compares where tokens stand in their lines with Hugging Face's tokenizers.

    python scripts/sweeps/offsets.py PROGRAM [FOLDER …] [--lines N] [--seed N]

N (3 000) varied lines and blocks of all Unicode scalars go through `PROGRAM tokenizer encode --offsets
--add-special-tokens` and Hugging Face's tokenizers: those of Tests/References/tokenizers, bert and
sentencepiece, and AutoTokenizer's for each FOLDER.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "references"))

import offsets  # noqa: E402
import wordpiece  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402


def compare(program, path, name, made, texts):
    """1 if ids or offsets of any line differ."""
    command = [program, "tokenizer", "encode", "--tokenizer", str(path), "--offsets", "--add-special-tokens"]
    rows = wordpiece.output(command, "".join(text + "\n" for text in texts))
    wrong = []
    for place, (row, found) in enumerate(zip(rows, made.encode_batch(texts), strict=True)):
        line = json.loads(row)
        if [line["ids"], line["offsets"]] != [found.ids, [list(o) for o in found.offsets]]:
            wrong.append((texts[place], found, line))
    for text, found, line in wrong[:3]:
        print(f"{name}: {text!r}\n  library {found.ids} {found.offsets}\n  program {line}")
    print(f"{name}: {len(texts) - len(wrong)} of {len(texts)} lines equal", flush=True)
    return bool(wrong)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("folders", nargs="*")
    parser.add_argument("--lines", type=int, default=3_000)
    parser.add_argument("--seed", type=int, default=20261129)
    arguments = parser.parse_args()
    texts = wordpiece.varied(arguments.lines, arguments.seed) + wordpiece.scalars()[::4]
    failures = 0
    for folder in arguments.folders:
        made = AutoTokenizer.from_pretrained(folder).backend_tokenizer
        made.no_truncation()
        made.no_padding()
        failures += compare(arguments.program, folder, Path(folder).name, made, texts)
    with tempfile.TemporaryDirectory() as folder:
        for name, kinds in offsets.files().items():
            for kind, text in kinds.items():
                path = Path(folder, f"{name} {kind}.json")
                path.write_text(text)
                made = Tokenizer.from_str(text)
                failures += compare(arguments.program, path, f"{name} {kind}", made, texts)
    sys.exit(f"{failures} differ" if failures else 0)


if __name__ == "__main__":
    main()
