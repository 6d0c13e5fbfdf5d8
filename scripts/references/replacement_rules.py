"""Writes Sources/Tokenizers/ReplacementRules.swift: what Unicode 10 to 17 added to SentencePiece's nmt_nfkc.

The rest follows from Unicode 9's tables (ReplacementTable.swift). Run with a Python that has `sentencepiece`
and `tokenizers`:

    python scripts/references/replacement_rules.py            writes the file
    python scripts/references/replacement_rules.py MODEL …    compares the rules of `.model` files with nmt_nfkc's
"""

import io
import struct
import sys
from pathlib import Path

import sentencepiece
from normalization_tables import SCALARS, Writer, literal
from tokenizers import normalizers

OUTPUT = Path(__file__).parents[2] / "Sources/Tokenizers/ReplacementRules.swift"
NFKC, NFKD = (f().normalize_str for f in (normalizers.NFKC, normalizers.NFKD))


def fields(message):
    """The fields of a message of Protocol Buffers that hold bytes: number and bytes."""
    place = 0

    def varint():
        nonlocal place
        number = shift = 0
        while True:
            byte = message[place]
            place += 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number

    while place < len(message):
        key = varint()
        if key & 7 == 0:
            varint()
        elif key & 7 == 2:
            size = varint()
            yield key >> 3, message[place : place + size]
            place += size
        else:
            place += {1: 8, 5: 4}[key & 7]


def table(model):
    """The table of replacements of a model's bytes: field 2 of the normalizer, which is field 3."""
    normalizer = dict(fields(model)).get(3, b"")
    return dict(fields(normalizer)).get(2, b"")


def rules(blob):
    """Every key of a table, and what it becomes."""
    size = struct.unpack("<I", blob[:4])[0]
    units = struct.unpack(f"<{size // 4}I", blob[4 : 4 + size])
    text = blob[4 + size :]
    offset = lambda unit: (unit >> 10) << ((unit & 0x200) >> 6)  # noqa: E731
    found, waiting = {}, [(0, b"")]
    while waiting:
        node, key = waiting.pop()
        base = node ^ offset(units[node])
        if key and units[node] >> 8 & 1:
            start = units[base] & 0x7FFFFFFF
            found[key.decode()] = text[start : text.index(b"\0", start)].decode()
        for byte in range(1, 256):
            place = base ^ byte
            if place < len(units) and units[place] & 0x800000FF == byte:
                waiting.append((place, key + bytes([byte])))
    return found


def published():
    """SentencePiece's own rules."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a b c"] * 9), model_writer=model, model_type="char", vocab_size=7,
        hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    return rules(table(model.getvalue()))


def newer(known):
    """Scalars that Unicode 9 does not know: whether a pair or more makes them, and what they are."""
    decomposed = {NFKD(chr(c)) for c in SCALARS}
    found = {}
    for key, target in known.items():
        if len(key) == 1:
            # Nmt's replacements are blanks or nothing.
            if NFKC(key) == key and target.strip():
                found[ord(key)] = (0, target)
    single = {chr(c) for c in found}
    for key, target in known.items():
        if len(key) > 1 and len(target) == 1 and NFKC(key) != target and not single & set(key):
            if key not in decomposed:
                found[ord(target)] = (1, key)
    return found


def write():
    writer = Writer()
    for scalar, (composes, parts) in sorted(newer(published()).items()):
        writer.entry(scalar, 2 * len(parts) + composes, map(ord, parts))
    OUTPUT.write_text(
        "// Written by scripts/references/replacement_rules.py; do not edit.\n"
        f"// As sentencepiece {sentencepiece.__version__} has them.\n\n"
        "/// Rules of SentencePiece's nmt_nfkc; numbers are written as in ``NormalizationTable``.\n"
        "enum ReplacementRules {\n"
        + literal(
            "newer",
            "Scalar, twice its parts (and one if they make it), what it decomposes to.",
            writer.text,
        )
        + "}\n"
    )
    print(OUTPUT.name, OUTPUT.stat().st_size, "bytes")


def main():
    if not sys.argv[1:]:
        return write()
    expected = published()
    failures = 0
    for path in sys.argv[1:]:
        found = rules(table(Path(path).read_bytes()))
        wrong = [key for key in {*found, *expected} if found.get(key) != expected.get(key)]
        for key in sorted(wrong)[:20]:
            print(f"{path}: {key!r}: {found.get(key)!r}, expected {expected.get(key)!r}")
        print(f"{path}: {len(found)} rules, {len(wrong)} differ from {len(expected)}")
        failures += bool(wrong)
    sys.exit(f"{failures} differ" if failures else 0)


if __name__ == "__main__":
    main()
