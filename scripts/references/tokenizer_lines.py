"""Lines of text that are hard for tokenizers, the same ones for the same seed."""

import random

WORDS = (
    "the of and to in is that it was for The THE iPhone HTTPServer camelCase snake_case naïve "
    "café Ångström Straße STRASSE ﬁnance ŁÓDŹ Ǆungla ǅungla don't I'm we're they'LL she'S "
    "he'd 'twas o'clock rock'n'roll don’t 'ſo 'Tis 'RE 'vE 'm's ''s x'y return self.value "
    'print("hi") a=b+c; //comment http://a.example/x?y=1&z=%20#top user@host.example '
    "C:\\dir\\file #tag @name $5.00 50% 3.14 1,000,000 x²y³ H₂O ½cup Ⅷ ⅷ Ⓐⓑ ①② ٣٤٥ १२३ 一二三 𝟘𝟙𝟚 "
    "᠐᠑ 〇 2024-01-31 12:34:56 007 1234567890 v1.2.3"
).split(" ")
# Tokens of the shared model that no merges make: only a tokenizer that ignores merges uses them.
UNMERGED = ["Quixotry", "Жёлудь", "617"]
SCRIPTS = [
    "Привет", "мир", "ЁЖИК", "Ελληνικά", "ΟΔΥΣΣΕΥΣ", "你好世界", "中文", "漢字かな交じり", "カタカナ", "ひらがな",
    "한국어", "안녕하세요", "각", "สว\u0e31สด\u0e35คร\u0e31บ", "नमस\u094dत\u0947", "क\u094dषत\u094dरिय",
    "العربية", "م\u064fح\u064eم\u064e\u0651د", "ש\u05b8\u05c1לו\u05b9ם", "עברית", "ქართული",
    "Հայերեն", "ភាសាខ\u17d2មែរ", "தமிழ\u0bcd", "বাংলা", "ਪ\u0a70ਜਾਬੀ", "ᏣᎳᎩ", "𐐀𐐨𐑀", "𝓗𝓮𝓵𝓵𝓸", "ﷺ",
    "ＦＵＬＬ", "ｶﾞ", "Việt", "Viê\u0323t", "a\u0323\u0307", "a\u0307\u0323", "e\u0301", "é",
    "n\u0303o", "\u1100\u1161\u11a8", "가\u11a8", "Å\u212bÅA\u030a", "ẛ\u0323", "q\u0307\u0323",
    "\u0344", "\u0958क\u093c", "\u2126Ω", "\ufb1d", "\uf900豈",
]  # fmt: skip
EMOJI = [
    "😀", "👍🏽", "👩\u200d👩\u200d👧\u200d👦", "🇩🇪", "❤\ufe0f", "☕", "🏳\ufe0f\u200d🌈", "1\ufe0f⃣",
    "🤷🏿\u200d♀\ufe0f", "©", "™", "→", "∑", "€", "𝄞", "🫠",
]  # fmt: skip
SIGNS = [
    "...", "!!!", "?!", "--", "—", "***", "((", "))", "[]", "{}", "<<", "/", "//", "\\", "`",
    "```", "~", "^", "|", "_", "__", "、", "。", "「」", "…", "¿", "«»", "“x”", "‘y’", "#!/", "</p>",
    "/\r", ".\r",
]  # fmt: skip
SPACES = [
    " ", "  ", "   ", "\t", "\t\t", "\u00a0", "\u2003", "\u3000", "\u200b", "\u200d", "\ufeff",
    "\u2028", "\u2029", "\u0085", "\r", "\r\r", " \r", "\r ", "\u000b", "\u000c", "\u1680",
    "\u180e", "\u202f", "", "",
]  # fmt: skip
SPECIALS = [
    "<|endoftext|>", "<|begin_of_text|>", "<|im_start|>", "<think>", "</think>", "<mask>", "<s>",
    "</s>", "<|end", "<|endoftext|", "Mixed Case", "mixed case", "ℌello", "<x><y>", "<x>",
]  # fmt: skip
INVALID = [
    b'\xff', b'\xc3', b'\xe2\x82', b'\xf0\x9f\x98', b'\xc0\xaf', b'\xed\xa0\x80', b'\xf5\x80',
    b'\x80\x80', b'\xe0\x80\x80', b'\xf4\x90\x80\x80', b'\xfe', b'\xf0\x82\x82\xac', b'\xe2(\xa1',
]  # fmt: skip


def scalar(random):
    """Any scalar value, those of the first planes more often; no line feed."""
    while True:
        value = random.choice(
            [
                random.randrange(0x80),
                random.randrange(0x250),
                random.randrange(0x3000),
                random.randrange(0x10000),
                random.randrange(0x10000, 0x20000),
                random.randrange(0x110000),
                random.randrange(0x300, 0x370),
                random.randrange(0x1AB0, 0x1B00),
            ]
        )
        if value != 0x0A and not 0xD800 <= value <= 0xDFFF:
            return chr(value)


def piece(random):
    """One ingredient, as bytes."""
    kind = random.randrange(100)
    if kind < 34:
        text = random.choice(WORDS + UNMERGED)
    elif kind < 50:
        text = random.choice(SCRIPTS)
    elif kind < 56:
        text = "".join(random.choice(EMOJI) for _ in range(random.randint(1, 3)))
    elif kind < 66:
        text = random.choice(SIGNS)
    elif kind < 76:
        text = "".join(scalar(random) for _ in range(random.randint(1, 6)))
    elif kind < 80:
        text = random.choice("aeqAΩ가한กक") + "".join(
            random.choice(
                "\u0300\u0301\u0315\u0323\u0327\u0328\u0334\u0345"
                "\u05b0\u064b\u0e38\u302a\u3099\u1dce\U0001d165"
            )
            for _ in range(random.randint(1, 5))
        )
    elif kind < 83:
        text = "".join(
            chr(random.choice([*range(10), *range(11, 32), 127]))
            for _ in range(random.randint(1, 4))
        )
    elif kind < 86:
        text = random.choice(
            ["a", "ab", "é", "1", "12", " ", "\t", "=", "-", "好", "😀", "\r", "aA", "Zz"]
        )
        text *= random.choice([5, 17, 60, 130])
    elif kind < 91:
        text = "".join(random.choice("0123456789") for _ in range(random.randint(1, 9)))
    elif kind < 95:
        text = random.choice(SPECIALS)
    elif kind < 97:
        return random.choice(INVALID)
    else:
        text = "".join(
            random.choice("abcdefghijklmnopqrstuvwxyzABCDEFGHIJ'")
            for _ in range(random.randint(1, 14))
        )
    return text.encode()


def lines(count, seed):
    """`count` lines as bytes, none with a line feed in it; some are not UTF-8, some end in CR."""
    source = random.Random(seed)
    result = [b"", b" ", b"\r", b"  \r"]
    while len(result) < count:
        line = b""
        for _ in range(source.choice([1, 2, 3, 5, 8, 12])):
            line += piece(source)
            line += source.choice(SPACES).encode() if source.random() < 0.5 else b" "
        if source.random() < 0.5:
            line = line.rstrip(b" ")
        result.append(line + (b"\r" if source.random() < 0.1 else b""))
    return result[:count]
