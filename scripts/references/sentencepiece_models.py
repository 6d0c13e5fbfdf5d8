"""Writes Tests/References/sentencepiece_models: SentencePiece's own files, and its ids.

fairseq.json: what transformers' AutoTokenizer makes of fairseq.model as an XLM-R's sentencepiece.bpe.model.
Run with a Python that has `sentencepiece` and `transformers`:

    python scripts/references/sentencepiece_models.py
"""

import contextlib
import io
import json
import random
import tempfile
from pathlib import Path

import sentencepiece
from manifest import REFERENCES, write_manifest
from tokenizer_lines import lines
from transformers import AutoTokenizer

FOLDER = REFERENCES / "sentencepiece_models"
SEED = 20261128
WORDS = "the of and to in is that it was for a language model learns from words and numbers größe naïve 日本語 テスト 12 345 don't end."
EDGES = [
    "", " ", "  two  spaces  ", "the▁mark", "a\tb", "日本語テスト the größe", "😀 the 😀😀", "e\u0301 é", "x" * 60,
    "ﬁne ＡＢＣ", "\u200bthe\u00a0of", "naïve naïveté", "345 12,5", "THE", "don't don’t", "𝄞", "\u0001a",
]  # fmt: skip


def train(kind, texts, **settings):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_writer=model, model_type=kind, num_threads=1,
        hard_vocab_limit=False, minloglevel=2, **settings,
    )  # fmt: skip
    return model.getvalue()


def rules():
    """A small table, in SentencePiece's form."""
    pairs = {"ﬁ": "fi", "Ａ": "A", "Ｂ": "B", "Ｃ": "C", "\u00a0": " ", "\t": " ", "\u200b": " ", "e\u0301": "é"}
    hexadecimal = lambda text: " ".join(f"{ord(c):X}" for c in text)  # noqa: E731
    return "".join(f"{hexadecimal(old)}\t{hexadecimal(new)}\n" for old, new in pairs.items())


def fairseq(model, texts):
    """Ids by XLM-R's numbers, with and without special tokens, and of a pair."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "sentencepiece.bpe.model").write_bytes(model)
        Path(folder, "tokenizer_config.json").write_text('{"tokenizer_class": "XLMRobertaTokenizer"}')
        made = AutoTokenizer.from_pretrained(folder)
        return {
            "texts": texts, "size": len(made), "pair": made("the model", "größe")["input_ids"],
            "ids": [made(text, add_special_tokens=False)["input_ids"] for text in texts],
            "decoded": [made.decode(made(text)["input_ids"]) for text in texts],
            "special": [made.bos_token_id, made.pad_token_id, made.eos_token_id, made.unk_token_id, made.mask_token_id],
        }  # fmt: skip


def main():
    source = random.Random(SEED)
    texts = [" ".join(source.choices(WORDS.split(), k=9)) for _ in range(400)]
    # The models name the file of their rules: a name without a folder, the same at each run.
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(scratch):
        Path("rules.tsv").write_text(rules(), encoding="utf-8")
        identity = {"normalization_rule_name": "identity"}
        made = {
            "bpe": train("bpe", texts, vocab_size=420, byte_fallback=True, character_coverage=0.99,
                         remove_extra_whitespaces=False, **identity),
            "bpe_plain": train("bpe", texts, vocab_size=120, user_defined_symbols=["<user>"], **identity),
            "bpe_table": train("bpe", texts, vocab_size=120, normalization_rule_tsv="rules.tsv", pad_id=3),
            "unigram": train("unigram", texts, vocab_size=90, normalization_rule_tsv="rules.tsv",
                             pad_id=0, eos_id=1, unk_id=2, bos_id=-1),
            "unigram_bytes": train("unigram", texts, vocab_size=360, byte_fallback=True,
                                   add_dummy_prefix=False, **identity),
            "fairseq": train("unigram", texts, vocab_size=80, normalization_rule_tsv="rules.tsv"),
        }  # fmt: skip
    found = [line.decode(errors="ignore").replace("\r", " ") for line in lines(60, SEED)]
    texts = EDGES + texts[:10] + [text for text in found if not {"<", "\0"} & set(text)]
    FOLDER.mkdir(parents=True, exist_ok=True)
    ids = {}
    for name, model in made.items():
        (FOLDER / f"{name}.model").write_bytes(model)
        if name == "fairseq":
            more = [*EDGES, "the <mask> model", "<s> of </s>", "a <pad>"]
            content = json.dumps(fairseq(model, more), ensure_ascii=False, separators=(",", ":"))
            Path(FOLDER, "fairseq.json").write_text(content + "\n")
            continue
        program = sentencepiece.SentencePieceProcessor(model_proto=model)
        ids[name] = [[program.encode(text), program.decode(program.encode(text))] for text in texts]
    content = json.dumps({"texts": texts, "ids": ids}, ensure_ascii=False, separators=(",", ":"))
    Path(FOLDER, "ids.json").write_text(content + "\n")
    write_manifest(FOLDER, __file__, ["sentencepiece", "transformers", "tokenizers"], SEED)


if __name__ == "__main__":
    main()
