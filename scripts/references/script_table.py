"""Writes Sources/TokenizerTraining/ScriptTable.swift: which scalars are of one script.

Asked of Hugging Face tokenizers' UnicodeScripts, which takes Hiragana and Katakana for Han, as
SentencePiece does. Run with a Python that has `tokenizers`:

    python scripts/references/script_table.py
"""

from pathlib import Path

import tokenizers
from normalization_tables import literal, runs
from tokenizers import pre_tokenizers

OUTPUT = Path(__file__).parents[2] / "Sources/TokenizerTraining/ScriptTable.swift"
SCALARS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]


def numbers():
    """The number of each scalar's script, from 1; 0 for scalars that go with every script."""
    cut = pre_tokenizers.UnicodeScripts().pre_tokenize_str
    together = lambda a, b: len(cut(chr(a) + chr(b))) == 1  # noqa: E731
    known = [ord("a"), ord("α")]
    found, last = {}, 0
    for c in SCALARS:
        if all(together(one, c) for one in known[:2]):
            found[c] = 0
            continue
        for place in [last, *range(len(known))]:
            if together(known[place], c):
                break
        else:
            place = len(known)
            known.append(c)
        last, found[c] = place, place + 1
    assert len(known) < 255
    return found


def main():
    OUTPUT.write_text(
        "// Written by scripts/references/script_table.py; do not edit.\n"
        f"// As Hugging Face tokenizers {tokenizers.__version__} has them.\n\n"
        "/// Scripts of scalars; numbers are written as in ``NormalizationTable``.\n"
        "enum ScriptTable {\n"
        + literal(
            "runs",
            "Scalar, number of its script, how many scalars from there on.",
            runs(numbers().items()),
        )
        + "}\n"
    )
    print(OUTPUT.name, OUTPUT.stat().st_size, "bytes,", OUTPUT.read_text().count("\n"), "lines")


if __name__ == "__main__":
    main()
