"""Writes Tests/References/bert: BERT's tokenizers in many settings, and Hugging Face's ids.

The texts are those of Tests/References/tokenizers. Run with a Python that has `tokenizers`:

    python scripts/references/bert_fixtures.py
"""

import json
from collections import Counter
from urllib.parse import unquote_to_bytes

import tokenizers
from manifest import REFERENCES, write_manifest
from tokenizer_fixtures import fnv
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

FOLDER = REFERENCES / "bert"
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
README = f"""Written by scripts/references/bert_fixtures.py with Hugging Face tokenizers
{tokenizers.__version__}. The texts are those of ../tokenizers/lines.txt.

- vocab.txt: a WordPiece vocabulary
- kinds.json: by kind, what a tokenizer.json has besides it
- ids.txt: by kind, for every second text the number of ids, the low 32 bits of FNV-1a over them in decimal,
  separated by spaces, and those of FNV-1a over the text decoded with and, after a line feed, without
  special tokens
- scalars.txt: by kind of normalizer, FNV-1a over the ids that a tokenizer of single bytes gives the
  scalars of each block of 4096, each between a and b
- pairs.json: by post-processor, pairs with truncation: ids, types and special masks, or null where
  the library refuses
"""
NORMALIZERS = {
    "uncased": {},
    "cased": {"lowercase": False},
    "accents": {"strip_accents": False},
    "stripped": {"lowercase": False, "strip_accents": True},
    "dirty": {"clean_text": False},
    "unspaced": {"handle_chinese_chars": False},
    "nothing": {"clean_text": False, "handle_chinese_chars": False, "lowercase": False},
}


def normalizer(settings):
    base = {"clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}
    return {"type": "BertNormalizer", **base, **settings}


def vocabulary(texts):
    """Characters and the commonest parts of words, at their beginnings and within."""
    normalize = normalizers.BertNormalizer().normalize_str
    plain = normalizers.BertNormalizer(lowercase=False, strip_accents=False).normalize_str
    cut = pre_tokenizers.BertPreTokenizer().pre_tokenize_str
    words = Counter()
    for text in texts:
        for form in (normalize(text), plain(text)):
            words.update(word for word, _ in cut(form))
    characters, parts = Counter(), Counter()
    for word, count in words.items():
        for start in range(min(len(word), 30)):
            mark = "##" if start else ""
            characters[mark + word[start]] += count
            for end in range(start + 2, min(len(word), start + 9) + 1):
                parts[mark + word[start:end]] += count * (end - start)
    # The rarest characters stay unknown.
    kept = sorted(c for c, n in characters.items() if n > 1 and not c.isspace())
    best = sorted(parts, key=lambda part: (-parts[part], part))[:1800]
    return list(dict.fromkeys(SPECIAL + kept + best + ["##", "[unused]", "un", "##un"]))


def added(*tokens):
    flags = ["single_word", "lstrip", "rstrip", "normalized", "special"]
    return [
        {"id": place, "content": content, **{f: f in names for f in flags}}
        for place, content, names in tokens
    ]


def kinds(vocab):
    specials = [(place, token, ["special"]) for place, token in enumerate(SPECIAL)]
    size = len(vocab)
    more = [(size, "<mask>", ["special", "lstrip"]), (size + 1, "Straßenbahn", ["normalized"])]
    bert = {"pre_tokenizer": {"type": "BertPreTokenizer"}, "added_tokens": added(*specials)}
    bert["decoder"] = {"type": "WordPiece", "prefix": "##", "cleanup": True}
    bert["post_processor"] = {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]}
    result = {name: {**bert, "normalizer": normalizer(s)} for name, s in NORMALIZERS.items()}
    plain = {**bert, "normalizer": normalizer({})}
    result["more tokens"] = {**plain, "added_tokens": added(*specials, *more)}
    result["no decoder"] = {**plain, "decoder": None}
    result["uncleaned"] = {**plain, "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": False}}
    result["short words"] = {**plain, "model": {"max_input_chars_per_word": 6}}
    result["no mark"] = {
        **plain, "model": {"continuing_subword_prefix": ""},
        "decoder": {"type": "WordPiece", "prefix": "", "cleanup": True},
    }
    result["whole lines"] = {**plain, "pre_tokenizer": None, "model": {"max_input_chars_per_word": 1000}}
    result["split signs"] = {
        **plain, "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Nmt"}, {"type": "NFKD"}, {"type": "Lowercase"}, {"type": "StripAccents"}]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "WhitespaceSplit"}, {"type": "Punctuation", "behavior": "Isolated"}]},
    }
    return {name.replace(" ", "-"): kind for name, kind in result.items()}


def tokenizer_json(vocab, kind):
    model = {
        "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100, **kind.get("model", {}),
        "vocab": {token: place for place, token in enumerate(vocab)},
    }
    front = {key: value for key, value in kind.items() if key != "model"}
    return json.dumps({"version": "1.0", **front, "model": model}, ensure_ascii=False)


def low(text):
    return f"{fnv(text) & 0xFFFFFFFF:x}"


def rows(vocab, texts):
    for name, kind in kinds(vocab).items():
        made = Tokenizer.from_str(tokenizer_json(vocab, kind))
        fields = [name]
        for text in texts:
            ids = made.encode(text).ids
            decoded = "\n".join(made.decode(ids, skip_special_tokens=skip) for skip in (False, True))
            fields.append(f"{len(ids)}:{low(' '.join(map(str, ids)))}:{low(decoded)}")
        yield " ".join(fields)


def bytes_json(settings):
    """A tokenizer that shows a text's bytes after BERT's normalizer, and where words begin."""
    names = [f"<0x{byte:02X}>" for byte in range(256)] + ["▁", "<unk>"]
    return json.dumps({
        "version": "1.0", "normalizer": normalizer(settings),
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "BertPreTokenizer"},
            {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": False}]},
        "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]},
        "model": {"type": "BPE", "byte_fallback": True, "unk_token": "<unk>", "merges": [],
                  "vocab": {token: place for place, token in enumerate(names)}},
    })  # fmt: skip


def block(start, size=4096):
    return "".join(f"a{chr(c)}b" for c in range(start, start + size) if not 0xD800 <= c <= 0xDFFF)


BLOCKS = [*range(0, 0x32000, 4096), 0xE0000, 0xF0000, 0x10F000]


def scalar_rows():
    for name in ("uncased", "cased", "stripped"):
        made = Tokenizer.from_str(bytes_json(NORMALIZERS[name]))
        hashes = []
        for start in BLOCKS if name == "uncased" else BLOCKS[:4]:
            hashes.append(f"{start:x}:{low(' '.join(map(str, made.encode(block(start)).ids)))}")
        yield " ".join([name, *hashes])


def template(single, pair):
    tokens = [("[CLS]", 2), ("[SEP]", 3), ("[MASK]", 4)]
    return processors.TemplateProcessing(single=single, pair=pair, special_tokens=tokens)


POST_PROCESSORS = {
    "bert": template("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1"),
    "bert processing": processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2)),
    "roberta": processors.RobertaProcessing(("[SEP]", 3), ("[CLS]", 2)),
    "t5": template("$A [SEP]", "$A [SEP] $B [SEP]"),
    "second first": template("[MASK]:7 $A:3", "$B:2 [MASK]:5 $A:4 [CLS]"),
    "one only": processors.TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", 2)]),
    "bytes": processors.Sequence([processors.ByteLevel(trim_offsets=True)]),
    "none": None,
}
PAIRS = [
    ("the quick brown fox, they said", "jumps over"), ("un", "the Größe of words and numbers; one"),
    ("", "the"), ("of the", ""), ("Hello [MASK] world of the", None), ("the " * 9, "of " * 8),
]


def pairs(vocab):
    made = Tokenizer.from_str(tokenizer_json(vocab, kinds(vocab)["uncased"]))
    result = []
    for name, processor in POST_PROCESSORS.items():
        if processor is None:
            text = json.loads(made.to_str())
            text["post_processor"] = None
            made = Tokenizer.from_str(json.dumps(text))
        else:
            made.post_processor = processor
        file = json.loads(made.to_str())["post_processor"]
        cases = []
        for first, second in PAIRS:
            limits = [None, *((s, n, d) for s in ("longest_first", "only_first", "only_second")
                              for n in (4, 9) for d in ("right", "left"))]
            for limit in limits:
                for add in (True, False):
                    made.no_truncation()
                    try:
                        if limit:
                            strategy, length, side = limit
                            made.enable_truncation(length, strategy=strategy, direction=side)
                        found = made.encode(first, second, add_special_tokens=add)
                    except Exception:
                        found = None
                    cases.append([first, second, limit, add, found and [
                        found.ids, found.type_ids, found.special_tokens_mask]])
        result.append({"name": name, "post_processor": file, "cases": cases})
    return result


def compact(cases):
    """Every case on a line; texts by their place."""
    lines_ = []
    for first, second, limit, add, found in cases:
        place = PAIRS.index((first, second))
        lines_.append(json.dumps([place, limit, add, found], separators=(",", ":")))
    return "[\n" + ",\n".join(lines_) + "\n]"


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    escaped = (REFERENCES / "tokenizers/lines.txt").read_text().split("\n")[:-1]
    texts = [unquote_to_bytes(line).decode(errors="replace") for line in escaped]
    vocab = vocabulary(texts)
    (FOLDER / "vocab.txt").write_text("".join(token + "\n" for token in vocab))
    (FOLDER / "kinds.json").write_text(json.dumps(kinds(vocab), ensure_ascii=False, indent=1) + "\n")
    (FOLDER / "ids.txt").write_text("".join(row + "\n" for row in rows(vocab, texts[::2])))
    (FOLDER / "scalars.txt").write_text("".join(row + "\n" for row in scalar_rows()))
    entries = []
    for entry in pairs(vocab):
        head = json.dumps({"name": entry["name"], "post_processor": entry["post_processor"]})
        entries.append(f'{head[:-1]}, "cases": {compact(entry["cases"])}}}')
    head = json.dumps({"texts": PAIRS}, ensure_ascii=False)
    body = ",\n".join(entries)
    (FOLDER / "pairs.json").write_text(f'{head[:-1]}, "processors": [\n{body}\n]}}\n')
    (FOLDER / "README.md").write_text(README)
    write_manifest(FOLDER, __file__, ["tokenizers"], None)


if __name__ == "__main__":
    main()
