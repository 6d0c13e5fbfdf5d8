"""Writes Tests/References/encoder_folders: what AutoTokenizer makes of folders of encoders and T5.

As tokenizer_folders.py, with the classes that have rules and templates of their own: BERT's, MPNet's,
RoBERTa's, XLM-R's, T5's and ALBERT's, and folders with vocab.txt alone. Run with a Python that has
`transformers`:

    python scripts/references/encoder_folders.py
"""

import json
import os
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import tokenizer_folders as folders
from manifest import REFERENCES, write_manifest
from transformers import AutoTokenizer

FOLDER = REFERENCES / "encoder_folders"
WORDS = """[PAD] [UNK] [CLS] [SEP] [MASK] the quick dog ' s end , hello world 1 ##2 ##34 12 x it i ##s n ##t ? .
gr ##o ##ß ##e ##oß gro größe 日 本 e a A Größe ##ö <unk> <mask> tool < > / isn ##ew new""".split()
TEXTS = [*folders.TEXTS, "İt [MASK] Größe, [CLS] é日本 <extra_id_0> hello<extra_id_9>", "the\u00a0quick\tdog"]


def wordpiece(**changes):
    model = {
        "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100, "vocab": {word: place for place, word in enumerate(WORDS)},
    }  # fmt: skip
    normalizer = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                  "strip_accents": None, "lowercase": True}  # fmt: skip
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": p, **folders.token(t)} for p, t in enumerate(WORDS[:5])],
        "normalizer": normalizer, "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": None,
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True}, "model": {**model, **changes},
    }  # fmt: skip


def pieces(front):
    """A Unigram model with special tokens of a kind in front."""
    vocab = [[token, 0.0] for token in front]
    vocab += [[piece, -2.0 - 0.25 * place] for place, piece in enumerate(
        ["▁", "▁the", "▁hello", "▁dog", "o", "e", "l", "h", "s", "▁w", "or", "d", ",", "'", "1", "23",
         "ß", "日", "▁quick", "x", "<", ">", "t", "a", "k", "i"])]  # fmt: skip
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
        "normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None,
        "model": {"type": "Unigram", "unk_id": front.index("<unk>"), "vocab": vocab},
    }  # fmt: skip


VOCABULARY = "".join(word + "\n" for word in WORDS)
ALBERT = {"tokenizer_class": "AlbertTokenizer"}
BERT, FAST = {"tokenizer_class": "BertTokenizer"}, {"tokenizer_class": "PreTrainedTokenizerFast"}
CONFIG = "tokenizer_config.json"

# name: (base, files beside tokenizer.json, changes of tokenizer.json)
CASES = {
    "bert": ("wordpiece", {CONFIG: BERT}, {}),
    "bert that keeps case": ("wordpiece", {CONFIG: {**BERT, "do_lower_case": False}}, {}),
    "bert that keeps accents": ("wordpiece", {CONFIG: {**BERT, "strip_accents": False}}, {}),
    "bert without blanks": ("wordpiece", {CONFIG: {**BERT, "tokenize_chinese_chars": False}}, {}),
    "bert's rules win": ("wordpiece", {CONFIG: BERT}, {"pre_tokenizer": {"type": "WhitespaceSplit"}, "normalizer": None}),
    "bert as its file": ("wordpiece", {CONFIG: FAST}, {}),
    "bert with other names": (
        "wordpiece",
        {CONFIG: {**BERT, "cls_token": "<cls>", "sep_token": "hello", "mask_token": folders.named("<mask>", lstrip=True)}}, {}),
    "bert with more tokens": (
        "wordpiece", {CONFIG: {**BERT, "additional_special_tokens": ["<tool>"], "unk_token": "<unk>"}}, {}),
    "bert by its model": ("wordpiece", {"config.json": {"model_type": "bert"}}, {}),
    "electra": ("wordpiece", {CONFIG: {"tokenizer_class": "ElectraTokenizer"}, "config.json": {"model_type": "electra"}}, {}),
    "distilbert": (
        "wordpiece", {CONFIG: {"tokenizer_class": "DistilBertTokenizerFast"}, "config.json": {"model_type": "distilbert"}}, {}),
    "bert cleans up": ("wordpiece", {CONFIG: {**BERT, "clean_up_tokenization_spaces": True}}, {}),
    "mpnet": ("wordpiece", {CONFIG: {"tokenizer_class": "MPNetTokenizer"}}, {}),
    "vocab.txt": (None, {"vocab.txt": VOCABULARY, CONFIG: BERT}, {}),
    "vocab.txt with cases": (None, {"vocab.txt": VOCABULARY, CONFIG: {**BERT, "do_lower_case": False}}, {}),
    "vocab.txt by its model": (None, {"vocab.txt": VOCABULARY, "config.json": {"model_type": "bert"}}, {}),
    "vocab.txt with line ends and blanks": (
        None, {"vocab.txt": VOCABULARY.replace("\n", "\r\n") + "\n\u3000\nkeep  \n\n", CONFIG: BERT}, {}),
    "roberta": ("bytes", {CONFIG: {"tokenizer_class": "RobertaTokenizer"}, "config.json": {"model_type": "roberta"}}, {}),
    "roberta with a prefix": (
        "bytes", {CONFIG: {"tokenizer_class": "RobertaTokenizerFast", "add_prefix_space": True, "trim_offsets": False}}, {}),
    "bart": ("bytes", {CONFIG: {"tokenizer_class": "BartTokenizer"}, "config.json": {"model_type": "bart"}}, {}),
    "xlm-roberta": (
        "xlmr", {CONFIG: {"tokenizer_class": "XLMRobertaTokenizer"}, "config.json": {"model_type": "xlm-roberta"}}, {}),
    "t5": ("t5", {CONFIG: {"tokenizer_class": "T5Tokenizer"}, "config.json": {"model_type": "t5"}}, {}),
    "t5 with ten sentinels": ("t5", {CONFIG: {"tokenizer_class": "T5TokenizerFast", "extra_ids": 10}}, {}),
    "t5 with sentinels of its own": (
        "t5", {CONFIG: {"tokenizer_class": "T5Tokenizer", "extra_ids": 2,
                        "additional_special_tokens": ["<extra_id_9>", "<extra_id_0>"]}}, {}),
    "mt5 as its file": ("t5", {CONFIG: {"tokenizer_class": "MT5Tokenizer"}, "config.json": {"model_type": "mt5"}}, {}),
    "albert": ("albert", {CONFIG: ALBERT, "config.json": {"model_type": "albert"}}, {}),
    "albert by its model": ("albert", {"config.json": {"model_type": "albert"}}, {}),
    "albert that keeps case": ("albert", {CONFIG: {**ALBERT, "do_lower_case": False}}, {}),
    "albert that keeps accents": ("albert", {CONFIG: {**ALBERT, "keep_accents": True, "add_prefix_space": False}}, {}),
    "albert with other names": (
        "albert", {CONFIG: {**ALBERT, "cls_token": "▁the", "sep_token": "▁dog", "mask_token": "<mask>"}}, {}),
}  # fmt: skip


def case(base, files, changes):
    with tempfile.TemporaryDirectory() as folder:
        if base is not None:
            text = json.dumps({**base, **changes}, ensure_ascii=False)
            Path(folder, "tokenizer.json").write_text(text)
        for file, content in files.items():
            text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
            Path(folder, file).write_bytes(text.encode())
        made = AutoTokenizer.from_pretrained(folder)
        ids = [made(text, add_special_tokens=False)["input_ids"] for text in TEXTS]
        pair = made("the quick", "hello dog", return_token_type_ids=True)
        return {
            "class": type(made).__name__, "size": max(made.get_vocab().values()) + 1,
            "names": {key: getattr(made, key) for key in (
                "bos_token", "eos_token", "pad_token", "unk_token", "cls_token", "sep_token", "mask_token")},
            "ids": ids, "with_specials": made(TEXTS[0])["input_ids"],
            "pair": [pair["input_ids"], pair["token_type_ids"]],
            "decoded": [made.decode(row) for row in ids],
            "skipped": [made.decode(row, skip_special_tokens=True) for row in ids],
            "added": [[place, str(entry)] for place, entry in sorted(made.added_tokens_decoder.items())],
        }  # fmt: skip


def main():
    bases = {
        "wordpiece": wordpiece(), "bytes": folders.bytelevel(),
        "t5": pieces(["<pad>", "</s>", "<unk>"]), "xlmr": pieces(["<s>", "<pad>", "</s>", "<unk>"]),
        "albert": pieces(["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]),
    }  # fmt: skip
    cases = {}
    for name, (base, files, changes) in CASES.items():
        found = case(bases.get(base), files, changes)
        cases[name] = {"base": base, "files": files, "changes": changes, **found}
    FOLDER.mkdir(parents=True, exist_ok=True)
    content = {"texts": TEXTS, "bases": bases, "cases": cases}
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace('},"', '},\n"')
    (FOLDER / "folders.json").write_text(text + "\n")
    write_manifest(FOLDER, __file__, ["transformers", "tokenizers"], None)


if __name__ == "__main__":
    main()
