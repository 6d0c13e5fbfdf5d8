"""Writes Tests/References/tokenizers: small tokenizers of many kinds, and Hugging Face's ids.

All kinds share one model, learned without any cuts between words, so that a cut at a wrong place
shows in the ids. Run with a Python that has `tokenizers`:

    python scripts/references/tokenizer_fixtures.py
"""

import json
import tempfile

import tokenizers
from manifest import REFERENCES, write_manifest
from tokenizer_lines import SPECIALS, UNMERGED, lines
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

FOLDER = REFERENCES / "tokenizers"
SEED, LINES = 20260101, 400
L3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?"
SIGNS = r" ?[^\s\p{L}\p{N}]+[\r\n]*"
END = r"\s*[\r\n]+|\s+(?!\S)|\s+"
UP, LOW = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
LEAD, SUFFIX = r"[^\r\n\p{L}\p{N}]?", r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
PATTERNS = {
    "llama3": L3 + r"\p{L}+|\p{N}{1,3}|" + SIGNS + "|" + END,
    "gpt4": L3 + r"+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+",
    "qwen2": L3 + r"\p{L}+|\p{N}|" + SIGNS + "|" + END,
    "qwen35": L3 + r"[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + END,
    "gpt4o": f"{LEAD}{UP}*{LOW}+{SUFFIX}|{LEAD}{UP}+{LOW}*{SUFFIX}"
    + r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|"
    + END,
    "tekken": f"{LEAD}{UP}*{LOW}+|{LEAD}{UP}+{LOW}*" + r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + END,
    "gpt2split": r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
}
DEEPSEEK = [
    r"\p{N}{1,3}",
    "[一-龥぀-ゟ゠-ヿ]+",
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
    r"| ?[\p{P}\p{S}]+[\r\n]*|" + END,
]
# As tokenizer.json of deepseek-llm-7b-base and deepseek-coder-6.7b-base has them.
EAST = "[一-龥\u0800-一\uac00-\ud7ff]+"
ALPHABETS = (
    "A-Za-z\xb5\xc0-\xd6\xd8-\xf6\xf8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-"
    "\u0373\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-"
    "\u03f5\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd"
    "\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a\u1e00-\u1f15\u1f18-"
    "\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-"
    "\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-"
    "\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124"
    "\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149\u214e\u2183"
    "\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b"
    "\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-"
    "\uff3a\uff41-\uff5a\U00010400-\U0001044f\U000104b0-\U000104d3\U000104d8-\U000104fb"
    "\U00010c80-\U00010cb2\U00010cc0-\U00010cf2\U000118a0-\U000118df\U0001e900-\U0001e943"
)
DEEPSEEK_LLM = [
    r"[\r\n]",
    rf"\s?[{ALPHABETS}]+",
    "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+",
    r"\s+$",
    EAST,
]
DEEPSEEK_CODER = [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", EAST]

README = f"""Written by scripts/references/tokenizer_fixtures.py, seed {SEED}, with Hugging Face
tokenizers {tokenizers.__version__}.

- lines.txt: texts, other than printable ASCII as %XX (some are not UTF-8)
- model.json, kinds.json: the shared BPE model, and what each kind of tokenizer adds to it
- ids.txt: by kind, for each text the number of ids (special tokens added) and the low 32 bits of
  FNV-1a over them in decimal, separated by spaces
- training.txt: by pre-tokenizer, number and FNV-1a of the merges learned from all texts
"""


def byte_level(prefix=False, regex=True):
    return {
        "type": "ByteLevel",
        "add_prefix_space": prefix,
        "trim_offsets": True,
        "use_regex": regex,
    }


def split(pattern):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def sequence(*stages):
    return {"type": "Sequence", "pretokenizers": list(stages)}


def digits(individual):
    return {"type": "Digits", "individual_digits": individual}


def added(vocabulary, *tokens):
    """Entries of added_tokens from (content, flags); tokens of the model keep their ids."""
    flags = ["single_word", "lstrip", "rstrip", "normalized", "special"]
    entries, next_id = [], len(vocabulary)
    for content, names in tokens:
        known = content in vocabulary
        token_id = vocabulary[content] if known else next_id
        next_id += not known
        entries.append({"id": token_id, "content": content, **{f: f in names for f in flags}})
    return entries


def kinds(vocabulary):
    """Each kind's parts of tokenizer.json apart from the model, and its changes of the model."""
    size = len(vocabulary)
    end = ("<|endoftext|>", ["special"])
    result = {
        "gpt2": {"pre_tokenizer": byte_level(), "added_tokens": added(vocabulary, end)},
        "smollm2": {
            "pre_tokenizer": sequence(digits(True), byte_level()),
            "added_tokens": added(vocabulary, end, ("<|im_start|>", ["special"])),
        },
        "digitruns": {"pre_tokenizer": sequence(digits(False), byte_level(prefix=True))},
        "deepseek": {"pre_tokenizer": sequence(*map(split, DEEPSEEK), byte_level(regex=False))},
    }
    for name, patterns in [("deepseekllm", DEEPSEEK_LLM), ("deepseekcoder", DEEPSEEK_CODER)]:
        stages = [*map(split, patterns), digits(True), byte_level(regex=False)]
        result[name] = {"pre_tokenizer": sequence(*stages)}
    for name, pattern in PATTERNS.items():
        result[name] = {
            "pre_tokenizer": sequence(split(pattern), byte_level(regex=False)),
            "added_tokens": added(vocabulary, end, ("<|begin_of_text|>", ["special"])),
        }
    result["gpt4"]["pre_tokenizer"]["pretokenizers"][0].update(behavior="Removed", invert=True)
    result["llama3"]["model"] = {"ignore_merges": True}
    result["llama3"]["post_processor"] = {
        "type": "Sequence",
        "processors": [
            byte_level(),
            {
                "type": "TemplateProcessing",
                "single": [
                    {"SpecialToken": {"id": "<|begin_of_text|>", "type_id": 0}},
                    {"Sequence": {"id": "A", "type_id": 0}},
                ],
                "pair": [
                    {"Sequence": {"id": "A", "type_id": 0}},
                    {"Sequence": {"id": "B", "type_id": 1}},
                ],
                "special_tokens": {
                    "<|begin_of_text|>": {
                        "id": "<|begin_of_text|>",
                        "ids": [size + 1],
                        "tokens": ["<|begin_of_text|>"],
                    }
                },
            },
        ],
    }
    result["qwen2"]["normalizer"] = {"type": "NFC"}
    result["qwen2"]["added_tokens"] = added(
        vocabulary, end, ("<|im_start|>", ["special"]), ("<think>", [])
    )
    result["roberta"] = {
        "pre_tokenizer": byte_level(prefix=True),
        "post_processor": {
            "type": "RobertaProcessing",
            "sep": ["</s>", size + 1],
            "cls": ["<s>", size],
            "trim_offsets": True,
            "add_prefix_space": True,
        },
        "added_tokens": added(
            vocabulary,
            ("<s>", ["special"]),
            ("</s>", ["special", "normalized"]),
            ("<mask>", ["special", "lstrip"]),
            ("Mixed Case", ["normalized", "lstrip", "rstrip"]),
            ("the", ["single_word", "normalized"]),
        ),
    }
    forms = {"nfd": "NFD", "nfkc": "NFKC", "nfkd": "NFKD"}
    for name, form in forms.items():
        steps = [{"type": form}, {"type": "Lowercase"}]
        result[name] = {
            "pre_tokenizer": byte_level(),
            "normalizer": {"type": "Sequence", "normalizers": steps},
            "added_tokens": added(
                vocabulary, ("Mixed Case", ["normalized", "rstrip"]), ("ℌello", ["normalized"])
            ),
        }
    result["replaced"] = {
        "pre_tokenizer": byte_level(),
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": "▁"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
            ],
        },
    }
    return result


def model():
    """The shared model: merges over whole lines, and some long words that no merge makes."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    trainer = trainers.BpeTrainer(
        vocab_size=2900, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    texts = [line.decode(errors="replace") + "\n" for line in lines(4000, SEED + 1)]
    for token in SPECIALS + UNMERGED:  # which must not become tokens by merging
        texts = [text.replace(token, "") for text in texts]
    tokenizer.train_from_iterator(texts, trainer)
    result = json.loads(tokenizer.to_str())["model"]
    cut = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str
    whole = [cut(space + word)[0][0] for word in UNMERGED for space in ("", " ")]
    assert not set(SPECIALS + whole) & set(result["vocab"])
    for word in whole:
        result["vocab"][word] = len(result["vocab"])
    return result


def tokenizer_json(model, front):
    """The whole tokenizer.json of a kind."""
    base = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": byte_level(),
    }
    return {**base, **front, "model": {**model, **front.get("model", {})}}


def fnv(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def escaped(line):
    """A line of bytes as ASCII: everything but printable ASCII is %XX."""
    return "".join(chr(b) if 0x20 <= b < 0x7F and b != 0x25 else f"%{b:02X}" for b in line)


def training(texts):
    """The merges that Hugging Face learns from lines.txt, as a count and a hash, by kind."""
    stages = {"gpt2": byte_level(), "smollm2": sequence(digits(True), byte_level())}
    for name in ["llama3", "qwen2"]:
        stages[name] = sequence(split(PATTERNS[name]), byte_level(regex=False))
    stages["uncut"] = byte_level(regex=False)
    rows = []
    for name, stage in stages.items():
        empty = models.BPE()
        base = {"type": "BPE", "vocab": {}, "merges": []}
        normalizer = {"type": "NFC"} if name == "qwen2" else None
        whole = tokenizer_json(base, {"pre_tokenizer": stage, "normalizer": normalizer})
        tokenizer = Tokenizer.from_str(json.dumps(whole))
        tokenizer.model = empty
        trainer = trainers.BpeTrainer(
            vocab_size=1500,
            min_frequency=2,
            special_tokens=["<|endoftext|>"],
            show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        )
        with tempfile.NamedTemporaryFile("wb", suffix=".txt") as file:
            file.write("".join(texts).encode())
            file.flush()
            tokenizer.train([file.name], trainer)
        merges = json.loads(tokenizer.to_str())["model"]["merges"]
        text = "".join(f"{a} {b}\n" for a, b in merges)
        rows.append(f"{name} {len(merges)} {fnv(text):016x}")
    return rows


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    texts = [line + (b"" if i % 3 else b"\n") for i, line in enumerate(lines(LINES, SEED))]
    texts = [b"".join(texts[i : i + 2]) if i % 10 == 0 else t for i, t in enumerate(texts)]
    (FOLDER / "lines.txt").write_text("".join(escaped(t) + "\n" for t in texts))
    shared = model()
    compact = {"ensure_ascii": False, "separators": (",", ":")}
    (FOLDER / "model.json").write_text(json.dumps(shared, **compact))
    golden = {}
    fronts = kinds(shared["vocab"])
    for name, front in fronts.items():
        tokenizer = Tokenizer.from_str(json.dumps(tokenizer_json(shared, front)))
        rows = []
        for text in texts:
            ids = tokenizer.encode(text.decode(errors="replace")).ids
            rows.append(f"{len(ids)}:{fnv(' '.join(map(str, ids))) & 0xFFFFFFFF:x}")
        golden[name] = " ".join(rows)
    (FOLDER / "kinds.json").write_text(
        json.dumps(
            {n: {k: v for k, v in f.items()} for n, f in fronts.items()},
            indent=1,
            ensure_ascii=False,
        )
    )
    (FOLDER / "ids.txt").write_text("".join(f"{n} {row}\n" for n, row in golden.items()))
    decoded = [t.decode(errors="replace") for t in texts]
    (FOLDER / "training.txt").write_text("\n".join(training(decoded)) + "\n")
    (FOLDER / "README.md").write_text(README)
    write_manifest(FOLDER, __file__, ["tokenizers"], SEED)


if __name__ == "__main__":
    main()
