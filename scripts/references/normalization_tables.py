"""Writes Sources/Tokenizers/NormalizationTable.swift: Unicode's normalization forms.

Only what Hugging Face tokenizers' normalizers know is kept: their Unicode version is 9.0, and
later scalars must be left alone. Run with a Python that has `tokenizers`:

    python scripts/references/normalization_tables.py
"""

import unicodedata
from pathlib import Path

import tokenizers
from tokenizers import normalizers

OUTPUT = Path(__file__).parents[2] / "Sources/Tokenizers/NormalizationTable.swift"
HANGUL = range(0xAC00, 0xD7A4)
SCALARS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF and c not in HANGUL]
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-"
NFC, NFD, NFKD = (f().normalize_str for f in (normalizers.NFC, normalizers.NFD, normalizers.NFKD))


def digits(number):
    """A number as base-32 digits, lowest first; all but the last one have 32 added."""
    text = ""
    while number > 31:
        text += DIGITS[32 + number % 32]
        number //= 32
    return text + DIGITS[number]


def signed(number):
    """A number that may be negative: the sign is the lowest bit."""
    return digits(2 * abs(number) + (number < 0))


def runs(numbers):
    """Runs of scalars with one number that is not 0: scalar, number, length."""
    found = []
    for scalar, number in numbers:
        if not number:
            continue
        if found and found[-1][0] + found[-1][2] == scalar and found[-1][1] == number:
            found[-1][2] += 1
        else:
            found.append([scalar, number, 1])
    text, last = "", 0
    for scalar, number, length in found:
        text += digits(scalar - last) + digits(number) + digits(length)
        last = scalar
    return text


def known_class(c):
    """The canonical combining class of a scalar, 0 for those that the library does not know."""
    if not unicodedata.combining(chr(c)):
        return 0
    # Known if it moves across a mark of the lowest or highest class.
    moves = any(NFD(text) != text for text in ("a" + chr(c) + "\u0334", "a\u0345" + chr(c)))
    return unicodedata.combining(chr(c)) if moves else 0


class Writer:
    """Numbers as differences from the ones before."""

    def __init__(self):
        self.text, self.scalar, self.target = "", 0, 0

    def entry(self, scalar, kind, targets):
        self.text += digits(scalar - self.scalar) + digits(kind)
        self.scalar = scalar
        for target in targets:
            self.text += signed(target - self.target)
            self.target = target


def canonical():
    """One step of each canonical decomposition.

    Kind 1: one scalar, 2: two that compose, 3: two that do not.
    """
    writer = Writer()
    for c in SCALARS:
        if NFD(chr(c)) == chr(c):
            continue
        targets = [int(part, 16) for part in unicodedata.decomposition(chr(c)).split()]
        kind = 1 if len(targets) == 1 else 2 if NFC(chr(c)) == chr(c) else 3
        writer.entry(c, kind, targets)
    return writer.text


def compatibility():
    """Whole compatibility decompositions, where not the canonical ones; kind is length."""
    writer = Writer()
    for c in SCALARS:
        whole = NFKD(chr(c))
        if whole != NFD(chr(c)):
            writer.entry(c, len(whole), map(ord, whole))
    return writer.text


def classes():
    """Canonical combining classes that are not 0, as runs: scalar, class, length."""
    return runs((c, known_class(c)) for c in SCALARS)


def literal(name, comment, text):
    lines = [text[i : i + 90] for i in range(0, len(text), 90)]
    body = "".join(f"        {line}\\\n" for line in lines[:-1]) + f"        {lines[-1]}\n"
    return f'    /// {comment}\n    static let {name} = """\n{body}        """\n'


def main():
    OUTPUT.write_text(
        "// Written by scripts/references/normalization_tables.py; do not edit.\n"
        f"// Unicode 9.0, as Hugging Face tokenizers {tokenizers.__version__} knows it.\n\n"
        "/// Unicode's decompositions and combining classes, Hangul syllables aside.\n///\n"
        "/// Numbers are base-32 digits, lowest first, from A-Z a-z 0-9 + -; all but the last have\n"
        "/// 32 added. Scalars are written as what they exceed the one before by; targets too, with\n"
        "/// the sign in the lowest bit.\n"
        "enum NormalizationTable {\n"
        + literal(
            "canonical",
            "Scalar, kind (1: one scalar, 2: a pair that composes, 3: one that does not), targets.",
            canonical(),
        )
        + "\n"
        + literal("compatibility", "Scalar, length, targets.", compatibility())
        + "\n"
        + literal(
            "classes", "Scalar, combining class, how many scalars have it from there on.", classes()
        )
        + "}\n"
    )
    print(OUTPUT.name, OUTPUT.stat().st_size, "bytes,", OUTPUT.read_text().count("\n"), "lines")


if __name__ == "__main__":
    main()
