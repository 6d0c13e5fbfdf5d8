"""Writes Sources/Tokenizers/ScalarClassTable.swift: what every Unicode scalar counts as.

The classes are asked of Hugging Face tokenizers itself (its regular expressions, its Digits
pre-tokenizer, its whole-word test), because its engines differ in their Unicode versions.
Run with a Python that has `tokenizers`: python scripts/references/tokenizer_tables.py
"""

import unicodedata
from pathlib import Path

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

OUTPUT = Path(__file__).parents[2] / "Sources/Tokenizers/ScalarClassTable.swift"
SCALARS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
BITS = [
    "upper",
    "lower",
    "otherLetter",
    "mark",
    "number",
    "punctuation",
    "symbol",
    "space",
    "newline",
    "other",
    "word",
    "numeric",
    "composing",
    "accent",
    "isolated",
]


def matching(pattern):
    """Scalars that one regular-expression class matches, according to the library."""
    split = pre_tokenizers.Split(Regex(pattern), "removed")
    found = set()
    for start in range(0, len(SCALARS), 4096):
        block = SCALARS[start : start + 4096]
        kept = {c for piece, _ in split.pre_tokenize_str("".join(map(chr, block))) for c in piece}
        found.update(c for c in block if chr(c) not in kept)
    return found


def numeric():
    """Scalars that the Digits pre-tokenizer splits off."""
    digits = pre_tokenizers.Digits(individual_digits=True)
    return {c for c in SCALARS if len(digits.pre_tokenize_str("aa" + chr(c))) == 2}


def words_and_spaces():
    """Scalars that a single_word token may not touch, and those that lstrip takes away."""
    tokenizer = Tokenizer(models.BPE(vocab={"a": 0}, merges=[], unk_token="a"))
    tokenizer.add_tokens(
        [
            AddedToken("<w>", single_word=True, normalized=False),
            AddedToken("<l>", lstrip=True, normalized=False),
        ]
    )
    single = tokenizer.token_to_id("<w>")
    word = {c for c in SCALARS if tokenizer.encode("<w>" + chr(c)).ids[:1] != [single]}
    space = {c for c in SCALARS if len(tokenizer.encode(chr(c) + "<l>").ids) == 1}
    return word, space


def composing():
    """Scalars whose presence means that NFC may change a text; all others are left alone."""
    nfc = normalizers.NFC()
    found = {c for c in SCALARS if nfc.normalize_str(chr(c)) != chr(c)}
    found |= {c for c in SCALARS if unicodedata.combining(chr(c))}
    found |= set(range(0x1161, 0x1176)) | set(range(0x11A8, 0x11C3))  # Hangul vowels and finals
    for c in SCALARS:
        parts = unicodedata.decomposition(chr(c)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            found.add(int(parts[1], 16))
    return found


def accents():
    """Scalars that the StripAccents normalizer removes."""
    strip = normalizers.StripAccents()
    return {c for c in SCALARS if not strip.normalize_str(chr(c))}


def isolated():
    """Scalars that the BertPreTokenizer cuts off."""
    bert = pre_tokenizers.BertPreTokenizer()
    return {c for c in SCALARS if len(bert.pre_tokenize_str("a" + chr(c) + "b")) == 3}


def main():
    names = [
        ("upper", r"[\p{Lu}\p{Lt}]"),
        ("lower", r"\p{Ll}"),
        ("otherLetter", r"[\p{Lm}\p{Lo}]"),
        ("mark", r"\p{M}"),
        ("number", r"\p{N}"),
        ("punctuation", r"\p{P}"),
        ("symbol", r"\p{S}"),
        ("space", r"\s"),
    ]
    sets = {name: matching(pattern) for name, pattern in names}
    assert matching(r"\p{L}") == sets["upper"] | sets["lower"] | sets["otherLetter"]
    sets["word"], stripped = words_and_spaces()
    assert stripped == sets["space"]
    sets["newline"] = {0x0A, 0x0D}
    sets["space"] -= sets["newline"]
    sets["numeric"], sets["composing"] = numeric(), composing()
    sets["accent"], sets["isolated"] = accents(), isolated()
    mask = {c: 0 for c in range(0x110000)}
    for name, members in sets.items():
        for c in members:
            mask[c] |= 1 << BITS.index(name)
    for c in mask:
        if not mask[c] & ((1 << BITS.index("other")) - 1):
            mask[c] |= 1 << BITS.index("other")

    runs, start = [], 0
    for c in range(1, 0x110001):
        if c == 0x110000 or mask[c] != mask[start]:
            runs.append((mask[start], c - start))
            start = c
    masks = sorted({m for m, _ in runs})
    codes = {
        m: chr(ord("A") + i) if i < 26 else chr(ord("a") + i - 26) for i, m in enumerate(masks)
    }
    text = "".join(codes[m] + (str(n) if n > 1 else "") for m, n in runs)
    lines = [text[i : i + 90] for i in range(0, len(text), 90)]
    OUTPUT.write_text(
        "// Written by scripts/references/tokenizer_tables.py; do not edit.\n"
        f"// Classes as Hugging Face tokenizers {tokenizers.__version__} sees them.\n\n"
        f"/// The class of every Unicode scalar, as {len(runs)} runs.\n"
        "enum ScalarClassTable {\n"
        "    /// What each code letter (A to Z, a to z) stands for: bits of ``ScalarClass``.\n"
        "    static let masks: [UInt16] = [\n"
        + "".join(
            "        " + ", ".join(f"{m}" for m in masks[i : i + 12]) + ",\n"
            for i in range(0, len(masks), 12)
        )
        + "    ]\n\n"
        "    /// Runs of scalars from U+0000: a code letter, and the length where it is not 1.\n"
        '    static let runs = """\n'
        + "".join(f"        {line}\\\n" for line in lines[:-1])
        + f'        {lines[-1]}\n        """\n}}\n'
    )
    print(len(runs), "runs,", len(masks), "classes,", len(lines), "lines")


if __name__ == "__main__":
    main()
