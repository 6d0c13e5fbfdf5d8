"""Writes Tests/References/sentencepiece: small SentencePiece models, and Hugging Face's ids.

SentencePiece learns one BPE and one Unigram model; transformers' converters turn them into
tokenizer.json, in the layouts of several models. Run with a Python that has `sentencepiece`,
`tokenizers` and `transformers`:

    python scripts/references/sentencepiece_fixtures.py
"""

import base64
import io
import json
import random
import tempfile
from collections import Counter
from pathlib import Path

import sentencepiece
import tokenizers
from manifest import REFERENCES, write_manifest
from tokenizer_fixtures import escaped, fnv
from tokenizer_lines import lines
from tokenizers import Tokenizer
from transformers import GemmaTokenizerFast, LlamaTokenizerFast, T5TokenizerFast
from transformers.convert_slow_tokenizer import SentencePieceExtractor

FOLDER = REFERENCES / "sentencepiece"
SEED, LINES = 20260102, 150
MARK = "▁"
# What SentencePiece's own rules are made of; nmt_nfkc itself is too large for a fixture.
RULES = {
    "\ufb01": "fi", "\ufb00": "ff", "\u212b": "\u00c5", "\uff21": "A", "\uff26": "F",
    "\uff35": "U", "\uff2c": "L", "\uff76\uff9e": "\u30ac", "\u00b2": "2", "\u00bd": "1\u20442",
    "\t": " ", "\r": " ", "\n": " ", "\u00a0": " ", "\u3000": " ", "\u2003": " ", "\u200b": "",
    "\ufeff": "", "\u0001": "", "\u2026": "...", "\u2122": "TM", "e\u0301": "\u00e9",
    "n\u0303": "\u00f1", "\u2167": "VIII", "\u2460": "1", "\uf900": "\u8c48",
    "\u1100\u1161\u11a8": "\uac01", "\u0085": " ",
}  # fmt: skip
EDGES = [
    "▁", "▁▁", " ▁ a", "a▁b", "▁ a ▁", "a  b   c", "   lead", "trail   ", "  both  ", "\n",
    "a\nb", "\n\n", " \n ", "\ta\t\tb", "<s>", "<s>a", " <s> a", "a<s>b</s>", "<s> <s>", "</s> ",
    "<0x0A>", "<0x41>a", "<unk>", "<unk><unk> x", "<extra_id_0>", "a <extra_id_1> b", "<pad>",
    "<|user|>\nhi <|end|> \n there", "``quoted''", "`` ''", "\u0001\u0001a", "\u200ba", " \u200ba",
    "\ufeff", "\u200b", "é e\u0301 ñ n\u0303", "日本語テスト", "日本 語", "😀", "😀😀 a😀", "a😀é😀",
    "\u0000a", "the the  the", "thethe", "x" * 70, "好" * 50, "a b " * 40, "▁" * 30, "1234 567",
    "𝄞𝄞", "e\u0301\u0301\u0301", "👩\u200d👩\u200d👧", "\r\n", "a\r\nb", "\u00a0a\u3000",
]  # fmt: skip

README = f"""Written by scripts/references/sentencepiece_fixtures.py, seed {SEED}, with Hugging Face
tokenizers {tokenizers.__version__} and SentencePiece {sentencepiece.__version__}.

- lines.txt: texts, other than printable ASCII as %XX (some are not UTF-8)
- bpe.json, unigram.json: the two models; crossing.json: bpe.json with merges across marks
- kinds.json: what each kind of tokenizer adds to them, and
  the model it has (`base`, with changes)
- ids.txt: by kind, for each text the number of ids (special tokens added), the low 32 bits of
  FNV-1a over them in decimal, separated by spaces, and those of FNV-1a over the text decoded with
  and, after a line feed, without special tokens
- decoded.txt: by kind, for 40 lists of ids from a generator (see the test) the same of the text
- gguf.json: the BPE model's pieces, scores and types, as GGUF stores them; its ids are legacy's
- charsmap.txt: the Precompiled table that kinds.json names CHARSMAP
"""


def train(kind, texts, **settings):
    """A SentencePiece model, serialized."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_writer=model, model_type=kind, num_threads=1,
        hard_vocab_limit=False, character_coverage=1.0, minloglevel=2, **settings,
    )  # fmt: skip
    return model.getvalue()


def training_texts():
    texts = [line.decode(errors="ignore").replace("\0", "") for line in lines(3000, SEED + 1)]
    words = "the of and to in is that it was for a language model learns from words and numbers"
    source = random.Random(SEED)
    texts += [" ".join(source.choices(words.split(), k=9)) + "." for _ in range(600)]
    common = {c for c, _ in Counter("".join(texts)).most_common(120)} - set("\r\t")
    return ["".join(c for c in text if c in common) for text in texts]


def models():
    """The extractors of a BPE model with byte tokens and of a Unigram model with rules."""
    texts = training_texts()
    bpe = train(
        "bpe", texts, vocab_size=560, byte_fallback=True, normalization_rule_name="identity",
        remove_extra_whitespaces=False, user_defined_symbols=["  ", "   ", "<user>"], pad_id=3,
    )  # fmt: skip
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
        for old, new in RULES.items():
            codes = [" ".join(f"{ord(c):X}" for c in text) for text in (old, new)]
            file.write("\t".join(codes) + "\n")
        file.flush()
        unigram = train(
            "unigram", texts, vocab_size=500, normalization_rule_tsv=file.name, pad_id=0, eos_id=1,
            unk_id=2, bos_id=-1,
        )  # fmt: skip
    return [extractor(bpe), extractor(unigram)]


def extractor(model):
    """transformers' reader of a serialized model."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spm.model"
        path.write_bytes(model)
        return SentencePieceExtractor(str(path))


def replace(old, new, kind="String"):
    return {"type": "Replace", "pattern": {kind: old}, "content": new}


def sequence(name, *parts):
    return {"type": "Sequence", name: list(parts)}


def metaspace(scheme, split=True):
    return {
        "type": "Metaspace",
        "replacement": MARK,
        "prepend_scheme": scheme,
        "split": split,
    }


def split(text, behavior):
    return {"type": "Split", "pattern": {"String": text}, "behavior": behavior, "invert": False}


def added(token_id, content, *flags):
    names = ["single_word", "lstrip", "rstrip", "normalized", "special"]
    return {"id": token_id, "content": content, **{name: name in flags for name in names}}


def template(before, after):
    """Puts single tokens, given as (content, id), around a text."""
    parts = [{"SpecialToken": {"id": name, "type_id": 0}} for name, _ in before]
    parts.append({"Sequence": {"id": "A", "type_id": 0}})
    parts += [{"SpecialToken": {"id": name, "type_id": 0}} for name, _ in after]
    pair = [{"Sequence": {"id": x, "type_id": i}} for i, x in enumerate("AB")]
    specials = {n: {"id": n, "ids": [i], "tokens": [n]} for n, i in before + after}
    return {
        "type": "TemplateProcessing",
        "single": parts,
        "pair": pair,
        "special_tokens": specials,
    }


def layout(tokenizer):
    """The parts of a transformers tokenizer's file apart from vocabulary and merges."""
    file = json.loads(tokenizer.backend_tokenizer.to_str())
    file["model"] = {k: v for k, v in file["model"].items() if k not in ("vocab", "merges")}
    return {k: v for k, v in file.items() if k not in ("version", "truncation", "padding")}


def crossing(vocab, merges):
    """A vocabulary and merges in which marks also end a token, and lie within one."""
    more = [("e", MARK), ("e" + MARK, "t"), ("e" + MARK, "a"), ("o", MARK)]
    vocab = dict(vocab)
    for pair in more:
        vocab["".join(pair)] = len(vocab)
    return {"vocab": vocab, "merges": [list(pair) for pair in more + list(merges)]}


def bpe_kinds(vocab, merges):
    size = len(vocab)
    specials = [added(vocab[t], t, "special") for t in ("<unk>", "<s>", "</s>")]
    user = [added(vocab[t], t) for t in ("  ", "   ", "<user>")]
    end = [replace(MARK, " "), {"type": "ByteFallback"}, {"type": "Fuse"}]
    strip = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    prepend = sequence("normalizers", {"type": "Prepend", "prepend": MARK}, replace(" ", MARK))
    bytes_ = {"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True}
    plain = {"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": False}
    begin = template([("<s>", vocab["<s>"])], [])
    both = template([("<s>", vocab["<s>"])], [("</s>", vocab["</s>"])])

    def kind(model=bytes_, decoder=None, tokens=specials, **parts):
        decoder = decoder or sequence("decoders", *end, strip)
        return {"model": model, "decoder": decoder, "added_tokens": tokens, **parts}

    phi = [added(size, "<|user|>", "special", "rstrip"), added(size + 1, "<|end|>", "rstrip")]
    result = {
        "llama": layout(LlamaTokenizerFast(vocab=vocab, merges=merges)),
        "gemma": layout(
            GemmaTokenizerFast(
                vocab=vocab, merges=merges, bos_token="<s>", eos_token="</s>", mask_token="<user>"
            )
        ),
        "legacy": kind(
            normalizer=prepend,
            post_processor=begin,
            tokens=specials + [added(vocab["<pad>"], "<pad>", "special")] + user,
        ),
        "phi3": kind(normalizer=prepend, tokens=specials + phi),
        "first": kind(pre_tokenizer=metaspace("first"), post_processor=both),
        "stripped": kind(
            pre_tokenizer=metaspace("first"),
            normalizer=sequence(
                "normalizers",
                {"type": "Strip", "strip_left": True, "strip_right": True},
                {"type": "NFKC"},
                replace("a", ""),
            ),
        ),
        "never": kind(
            pre_tokenizer=metaspace("never"),
            decoder=sequence("decoders", {"type": "ByteFallback"}, metaspace("never")),
        ),
        "whole": kind(model={**bytes_, "ignore_merges": True}, normalizer=prepend),
        "unfused": kind(model={**plain, "fuse_unk": False}, pre_tokenizer=metaspace("always")),
        "fused": kind(
            model=plain,
            pre_tokenizer=metaspace("always", False),
            decoder=metaspace("always"),
            tokens=specials + [added(size, "the", "normalized", "single_word")],
        ),
        "bare": kind(model={**plain, "unk_token": None}, decoder=sequence("decoders", *end)),
        "crossing": kind(normalizer=prepend),
    }
    behaviors = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
    for behavior in behaviors:
        result["split" + behavior] = kind(
            normalizer=replace(" ", MARK),
            pre_tokenizer=sequence("pretokenizers", split("a", behavior), metaspace("first")),
        )
    for name, front in result.items():
        front["base"] = "crossing" if name == "crossing" else "bpe"
    return result


def unigram_kinds(vocab, charsmap):
    pad, end, unknown = ("<pad>", 0), ("</s>", 1), ("<unk>", 2)
    specials = [added(i, t, "special") for t, i in (pad, end, unknown)]
    extra = [added(len(vocab) + i, f"<extra_id_{i}>", "special") for i in range(2)]
    precompiled = {"type": "Precompiled", "precompiled_charsmap": charsmap}
    strip = {"type": "Strip", "strip_left": False, "strip_right": True}
    squeeze = replace(" {2,}", MARK, "Regex")
    albert = [
        replace("``", '"'), replace("''", '"'), {"type": "NFKD"}, {"type": "StripAccents"},
        {"type": "Lowercase"}, precompiled, replace(" {2,}", " ", "Regex"),
    ]  # fmt: skip
    words = sequence("pretokenizers", {"type": "WhitespaceSplit"}, metaspace("always"))

    def kind(normalizer, pre_tokenizer, tokens=specials, fallback=False, scheme="always"):
        return {
            "base": "unigram",
            "model": {"byte_fallback": fallback, "unk_id": 2},
            "normalizer": normalizer,
            "pre_tokenizer": pre_tokenizer,
            "decoder": metaspace(scheme),
            "post_processor": template([], [end]),
            "added_tokens": tokens,
        }

    t5 = layout(T5TokenizerFast(vocab=vocab, _spm_precompiled_charsmap=base64.b64decode(charsmap), extra_ids=2))
    return {
        "t5": {**t5, "base": "unigram"},
        "t5words": kind(precompiled, words, specials + extra),
        "xlmr": kind(sequence("normalizers", precompiled, strip, squeeze), metaspace("always")),
        "firstword": kind(
            sequence("normalizers", precompiled, strip), metaspace("first"), scheme="first"
        ),
        "albert": kind(sequence("normalizers", *albert), metaspace("always")),
        "unsplit": kind(replace(" ", MARK), None, fallback=True),
        "firstofwords": kind(
            None, sequence("pretokenizers", {"type": "WhitespaceSplit"}, metaspace("first"))
        ),
    }


def tokenizer_json(front, bases):
    """The whole tokenizer.json of a kind."""
    front = dict(front)
    base = front.pop("base")
    empty = dict.fromkeys(
        ["truncation", "padding", "normalizer", "pre_tokenizer", "post_processor", "decoder"]
    )
    model = {**bases[base], **front.pop("model", {})}
    return {"version": "1.0", "added_tokens": [], **empty, **front, "model": model}


def bases(bpe, unigram):
    """The two models as tokenizer.json has them."""
    made = bpe.extract(None)
    types = {"BPE": {"vocab": made["vocab"], "merges": [list(m) for m in made["merges"]]}}
    types["Unigram"] = {"vocab": [list(pair) for pair in unigram.extract(None)["vocab"]]}
    result = {name.lower(): {"type": name, **model} for name, model in types.items()}
    result["crossing"] = {"type": "BPE", **crossing(made["vocab"], made["merges"])}
    charsmap = base64.b64encode(unigram.proto.normalizer_spec.precompiled_charsmap).decode()
    return result, charsmap


def kinds(found, charsmap):
    bpe = found["bpe"]
    merges = [tuple(pair) for pair in bpe["merges"]]
    vocab = [tuple(pair) for pair in found["unigram"]["vocab"]]
    return {**bpe_kinds(bpe["vocab"], merges), **unigram_kinds(vocab, charsmap)}


def digest(text):
    return f"{fnv(text) & 0xFFFFFFFF:x}"


def random_ids(count, size, seed):
    """Lists of ids from a linear congruential generator that the test has too."""
    state, result = seed, []
    for _ in range(count):
        row = []
        for _ in range(24):
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            row.append((state >> 33) % size)
        result.append(row)
    return result


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    found, charsmap = bases(*(extractors := models()))
    texts = [edge.encode() for edge in EDGES] + lines(LINES, SEED)
    (FOLDER / "lines.txt").write_text("".join(escaped(t) + "\n" for t in texts))
    compact = {"ensure_ascii": False, "separators": (",", ":")}
    for name, model in found.items():
        (FOLDER / f"{name}.json").write_text(json.dumps(model, **compact))
    pieces = extractors[0].proto.pieces
    gguf = {
        "tokens": [p.piece for p in pieces],
        "scores": [p.score for p in pieces],
        "types": [p.type for p in pieces],
    }
    # In ASCII: Foundation's reader drops a byte order mark that is a token.
    (FOLDER / "gguf.json").write_text(json.dumps(gguf, separators=(",", ":")))
    fronts = kinds(found, charsmap)
    text = json.dumps(fronts, indent=1, ensure_ascii=False)
    (FOLDER / "kinds.json").write_text(text.replace(charsmap, "CHARSMAP"))
    (FOLDER / "charsmap.txt").write_text(charsmap)
    golden, decoded = [], []
    for name, front in fronts.items():
        tokenizer = Tokenizer.from_str(json.dumps(tokenizer_json(front, found)))
        row = []
        for text in texts:
            ids = tokenizer.encode(text.decode(errors="replace")).ids
            both = [tokenizer.decode(ids, skip_special_tokens=skip) for skip in (False, True)]
            row.append(f"{len(ids)}:{digest(' '.join(map(str, ids)))}:{digest(chr(10).join(both))}")
        golden.append(f"{name} {' '.join(row)}\n")
        lists = random_ids(40, tokenizer.get_vocab_size(), SEED)
        texts_ = [tokenizer.decode(ids, skip_special_tokens=False) for ids in lists]
        decoded.append(f"{name} {' '.join(map(digest, texts_))}\n")
    (FOLDER / "ids.txt").write_text("".join(golden))
    (FOLDER / "decoded.txt").write_text("".join(decoded))
    (FOLDER / "README.md").write_text(README)
    write_manifest(FOLDER, __file__, ["tokenizers", "sentencepiece", "transformers"], SEED)


if __name__ == "__main__":
    main()
