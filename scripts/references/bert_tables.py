"""Writes Sources/Tokenizers/BertScalarTable.swift: what BERT's normalizer does with every scalar.

Everything is asked of Hugging Face tokenizers itself, whose tables are of Unicode 8 or so where it
cleans texts and strips accents, and newer where it makes lower case. Run with a Python that has
`tokenizers`:

    python scripts/references/bert_tables.py
"""

from pathlib import Path

import tokenizers
from normalization_tables import digits, known_class, literal, runs, signed
from tokenizers import normalizers

OUTPUT = Path(__file__).parents[2] / "Sources/Tokenizers/BertScalarTable.swift"
SCALARS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
DROPPED, BLANK, IDEOGRAPH, NONSPACING, MOVING = 1, 2, 4, 8, 16
FLAGS = ("clean_text", "handle_chinese_chars", "strip_accents", "lowercase")


def only(flag):
    """BERT's normalizer with one of its four changes."""
    return normalizers.BertNormalizer(**{name: name == flag for name in FLAGS}).normalize_str


def classes():
    """Runs of scalars with a class: where they begin, the class, how many they are."""
    clean, spaced, stripped = map(only, FLAGS[:3])

    def kind(c):
        text = chr(c)
        cleaned = clean(text)
        assert cleaned in ("", " ", text)
        value = DROPPED if cleaned == "" else BLANK if cleaned == " " and text != " " else 0
        value |= IDEOGRAPH if spaced(text) != text else 0
        assert spaced(text) in (text, f" {text} ")
        if stripped(text) == "":
            return value | NONSPACING
        return value | (MOVING if known_class(c) else 0)

    return runs((c, kind(c)) for c in SCALARS)


def lowercase():
    """Runs of scalars of which every one or every second has lower case at one distance."""
    lower = only("lowercase")
    assert all(normalizers.Lowercase().normalize_str(chr(c)) == lower(chr(c)) for c in SCALARS)
    found = {c: lower(chr(c)) for c in SCALARS if lower(chr(c)) != chr(c)}
    assert found.pop(0x130) == "i\u0307" and all(len(text) == 1 for text in found.values())
    runs = []
    for c, text in found.items():
        distance = ord(text) - c
        if runs and runs[-1][3] == distance:
            first, step, count, _ = runs[-1]
            last = first + step * (count - 1)
            if count == 1 and c - last in (1, 2):
                runs[-1][1:3] = [c - last, 2]
                continue
            if count > 1 and c - last == step:
                runs[-1][2] += 1
                continue
        runs.append([c, 1, 1, distance])
    text, last = "", 0
    for first, step, count, distance in runs:
        text += digits(first - last) + digits(step) + digits(count) + signed(distance)
        last = first
    return text


def main():
    OUTPUT.write_text(
        "// Written by scripts/references/bert_tables.py; do not edit.\n"
        f"// As Hugging Face tokenizers {tokenizers.__version__} has them.\n\n"
        "/// What BERT's normalizer drops, spaces and strips, and lower case.\n///\n"
        "/// Numbers are written as in ``NormalizationTable``.\n"
        "enum BertScalarTable {\n"
        + literal(
            "classes",
            "Scalar, class (bits of ``BertNormalization/Kind``), how many scalars from there on.",
            classes(),
        )
        + "\n"
        + literal(
            "lowercase",
            "Scalar, step, count, distance to lower case; all but U+0130, which becomes two.",
            lowercase(),
        )
        + "}\n"
    )
    print(OUTPUT.name, OUTPUT.stat().st_size, "bytes,", OUTPUT.read_text().count("\n"), "lines")


if __name__ == "__main__":
    main()
