"""Writes Tests/References/tokenizer_folders: what transformers' AutoTokenizer makes of a folder.

A tokenizer is more than its tokenizer.json: tokens and settings that only the files beside it have
change ids. Each case is a folder; its ids, texts and tokens are AutoTokenizer's. Run with a Python
that has `transformers`:

    python scripts/references/tokenizer_folders.py
"""

import copy
import json
import os
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

from manifest import REFERENCES, write_manifest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer

FOLDER = REFERENCES / "tokenizer_folders"
CORPUS = ["the quick brown fox jumps over the lazy dog, hello hello world's end 12 34"] * 40
TEXTS = [
    "the quick dog's end, hello 1234 world",
    " hello  <tool>x</tool> the <|im_end|>hello <mask> world",
    "<s>the</s> the <pad><unk><|endoftext|>  dog <extra> hello <keep> x",
    "hello .  the dog , isn't it ? it 's",
    "größe 日本 🙂 e\u0301 A",
]
SPECIAL = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}


def token(content, **flags):
    """A token as tokenizer_config.json has it in its added_tokens_decoder."""
    return {"content": content, **SPECIAL, **flags}


def named(content, **flags):
    """A token as save_pretrained writes it under its own key."""
    return {"__type": "AddedToken", **token(content, **flags)}


def bytelevel():
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=310, special_tokens=["<|endoftext|>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    made.train_from_iterator(CORPUS, trainer)
    return json.loads(made.to_str())


def characters(cut=False):
    """A BPE of characters with bytes, as Llama's."""
    made = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    made.normalizer = normalizers.Replace(" ", "▁")
    made.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    trainer = trainers.BpeTrainer(vocab_size=90, show_progress=False, special_tokens=[])
    made.train_from_iterator([" " + text for text in CORPUS], trainer)
    json_ = json.loads(made.to_str())
    first = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    words = sorted(json_["model"]["vocab"], key=json_["model"]["vocab"].get)
    json_["model"]["vocab"] = {word: place for place, word in enumerate(first + words)}
    json_["added_tokens"] = [{"id": place, **token(first[place])} for place in range(3)]
    json_["normalizer"] = {
        "type": "Sequence",
        "normalizers": [
            {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        ],
    }
    json_["pre_tokenizer"] = None
    json_["decoder"] = {
        "type": "Sequence",
        "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ],
    }
    begin = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    json_["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [begin, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [begin, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
    }
    return json_


def unigram():
    made = Tokenizer(models.Unigram())
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=60, show_progress=False, special_tokens=["<pad>", "</s>", "<unk>"],
        unk_token="<unk>", seed_size=2000,
    )
    made.train_from_iterator(CORPUS, trainer)
    return json.loads(made.to_str())


def bases():
    """Those of the last run, where there was one: UnigramTrainer makes others each time."""
    last = Path(FOLDER, "folders.json")
    if last.exists():
        return json.loads(last.read_text())["bases"]
    return {"bytes": bytelevel(), "llama": characters(), "unigram": unigram()}


FAST = {"tokenizer_class": "PreTrainedTokenizerFast"}
LLAMA = {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
T5 = {"tokenizer_class": "T5Tokenizer", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
END = {"eos_token": "<|endoftext|>"}


def decoder(*entries):
    return {"added_tokens_decoder": {str(place): entry for place, entry in entries}}


# name: (base, files beside tokenizer.json, changes of tokenizer.json)
CASES = {
    "plain": ("bytes", {"tokenizer_config.json": {**FAST, **END}}, {}),
    "no files": ("bytes", {}, {}),
    "decoder adds": (
        "bytes",
        {"tokenizer_config.json": {**FAST, **END, **decoder(
            (0, token("<|endoftext|>")), (310, token("<tool>")), (311, token("</tool>", special=False)))}}, {}),
    "decoder out of order": (
        "bytes",
        {"tokenizer_config.json": {**FAST, **decoder((400, token("<extra>")), (350, token("<keep>")))}}, {}),
    "decoder of words": (
        "bytes", {"tokenizer_config.json": {**FAST, **decoder((300, token("hello", normalized=True, special=False)))}},
        {}),
    "decoder with flags": (
        "bytes",
        {"tokenizer_config.json": {**FAST, **decoder(
            (0, token("<|endoftext|>", lstrip=True, rstrip=True)), (310, token("<mask>", lstrip=True)),
            (311, token("dog", single_word=True, special=False)))}}, {}),
    "additional special tokens": (
        "bytes", {"tokenizer_config.json": {**FAST, **END, "additional_special_tokens": ["<|im_end|>", "<tool>"]}}, {}),
    "extra special tokens": (
        "bytes", {"tokenizer_config.json": {**FAST, "extra_special_tokens": ["<tool>", named("<mask>", lstrip=True)]}},
        {}),
    "extra special tokens win": (
        "bytes",
        {"tokenizer_config.json": {**FAST, "extra_special_tokens": ["<tool>"], "additional_special_tokens": ["<extra>"]}},
        {}),
    "extra tokens by name": (
        "bytes",
        {"tokenizer_config.json": {**FAST, "image_token": "<keep>", "extra_special_tokens": {"tool_token": "<tool>"}}},
        {}),
    "unknown end": ("bytes", {"tokenizer_config.json": {**FAST, "eos_token": "<|im_end|>", "pad_token": "<pad>"}}, {}),
    "all names": (
        "bytes",
        {"tokenizer_config.json": {
            **FAST, "mask_token": "<mask>", "cls_token": "<extra>", "sep_token": "</s>", "pad_token": "<pad>",
            "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}}, {}),
    "names with flags": (
        "bytes", {"tokenizer_config.json": {**FAST, "mask_token": named("<mask>", lstrip=True, rstrip=True, special=False)}},
        {}),
    "a word ends a text": ("bytes", {"tokenizer_config.json": {**FAST, "eos_token": "hello"}}, {}),
    "special tokens map": (
        "bytes",
        {"tokenizer_config.json": {**FAST, "eos_token": "<keep>"},
         "special_tokens_map.json": {"eos_token": {**token("<|im_end|>", rstrip=True)}, "pad_token": "<pad>",
                                     "additional_special_tokens": ["<tool>", "<extra>"]}}, {}),
    "special tokens map beside a decoder": (
        "bytes",
        {"tokenizer_config.json": {**FAST, **END, **decoder((0, token("<|endoftext|>")))},
         "special_tokens_map.json": {"eos_token": "<|im_end|>", "pad_token": "<pad>"}}, {}),
    "added tokens": (
        "bytes",
        {"tokenizer_config.json": {**FAST, **END}, "added_tokens.json": {"<tool>": 311, "<keep>": 310, "dog": 312}}, {}),
    "added tokens beside a decoder": (
        "bytes",
        {"tokenizer_config.json": {**FAST, **decoder((0, token("<|endoftext|>")))}, "added_tokens.json": {"<tool>": 310}},
        {}),
    "split special tokens": (
        "bytes", {"tokenizer_config.json": {**FAST, **END, "split_special_tokens": True, "pad_token": "<pad>"}}, {}),
    "cleans up": ("bytes", {"tokenizer_config.json": {**FAST, "clean_up_tokenization_spaces": True}}, {}),
    "cleans up all the same": (
        "bytes",
        {"tokenizer_config.json": {
            **FAST, "clean_up_tokenization_spaces": True,
            "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output": True}}, {}),
    "truncation and padding": (
        "bytes", {"tokenizer_config.json": {**FAST, "model_max_length": 4, "padding_side": "left"}},
        {"truncation": {"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0},
         "padding": {"strategy": {"Fixed": 64}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 7,
                     "pad_type_id": 0, "pad_token": "<pad>"}}),
    "bos and eos are the post-processor's": (
        "bytes", {"tokenizer_config.json": {**FAST, **END, "add_bos_token": True, "add_eos_token": True,
                                            "bos_token": "<|endoftext|>"}}, {"post_processor": None}),
    "lower case is not asked for": ("bytes", {"tokenizer_config.json": {**FAST, "do_lower_case": True}}, {}),
    "prefix space of a fast tokenizer": ("bytes", {"tokenizer_config.json": {**FAST, "add_prefix_space": True}}, {}),
    "gpt2": ("bytes", {"tokenizer_config.json": {"tokenizer_class": "GPT2Tokenizer"}, "config.json": {"model_type": "gpt2"}},
             {}),
    "gpt2 with a prefix space": (
        "bytes", {"tokenizer_config.json": {"tokenizer_class": "GPT2TokenizerFast", "add_prefix_space": True}}, {}),
    "gpt2 with a decoder": (
        "bytes", {"tokenizer_config.json": {"tokenizer_class": "GPT2Tokenizer", **decoder((310, token("<tool>")))}}, {}),
    "gpt2 by its model": ("bytes", {"tokenizer_config.json": {"add_prefix_space": True},
                                    "config.json": {"model_type": "gpt2"}}, {}),
    "gpt2 cuts as it does": (
        "bytes", {"tokenizer_config.json": {"tokenizer_class": "GPT2Tokenizer"}},
        {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Digits", "individual_digits": True},
            {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": False}]}}),
    "qwen2": ("bytes", {"tokenizer_config.json": {"tokenizer_class": "Qwen2Tokenizer"},
                        "config.json": {"model_type": "qwen2"}}, {}),
    "qwen2 says llama": ("bytes", {"tokenizer_config.json": {"tokenizer_class": "LlamaTokenizerFast"},
                                   "config.json": {"model_type": "qwen2"}}, {}),
    "qwen3 of a fast tokenizer": ("bytes", {"tokenizer_config.json": FAST, "config.json": {"model_type": "qwen3"}}, {}),
    "gpt_neox": ("bytes", {"tokenizer_config.json": {"tokenizer_class": "GPTNeoXTokenizer", "add_prefix_space": True},
                           "config.json": {"model_type": "gpt_neox"}}, {}),
    "llama of bytes": ("bytes", {"tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer"},
                                 "config.json": {"model_type": "llama"}}, {}),
    "llama": ("llama", {"tokenizer_config.json": LLAMA, "config.json": {"model_type": "llama"}}, {}),
    "llama as its file": ("llama", {"tokenizer_config.json": {**LLAMA, **FAST}, "config.json": {"model_type": "llama"}}, {}),
    "llama legacy": ("llama", {"tokenizer_config.json": {**LLAMA, "legacy": True}, "config.json": {"model_type": "llama"}},
                     {}),
    "llama without a prefix": (
        "llama", {"tokenizer_config.json": {**LLAMA, "add_prefix_space": False, "legacy": False}}, {}),
    "llama with more tokens": (
        "llama",
        {"tokenizer_config.json": {**LLAMA, "additional_special_tokens": ["<tool>", "</tool>"], "pad_token": "<pad>"}}, {}),
    "mistral says llama": ("llama", {"tokenizer_config.json": LLAMA, "config.json": {"model_type": "mistral"}}, {}),
    "phi3 says llama": (
        "llama", {"tokenizer_config.json": {**LLAMA, **decoder(
            (0, token("<unk>")), (1, token("<s>")), (2, token("</s>", rstrip=True)), (400, token("<|im_end|>", rstrip=True)))},
            "config.json": {"model_type": "phi3"}}, {}),
    "gemma": ("llama", {"tokenizer_config.json": {"tokenizer_class": "GemmaTokenizer", "bos_token": "<s>", "eos_token": "</s>",
                                                  "unk_token": "<unk>", "pad_token": "<pad>"},
                        "config.json": {"model_type": "gemma"}}, {}),
    "cohere": ("bytes", {"tokenizer_config.json": {"tokenizer_class": "CohereTokenizerFast", "bos_token": "<s>",
                                                  "eos_token": "<|im_end|>"}, "config.json": {"model_type": "cohere"}}, {}),
    "qwen3_5": ("bytes", {"tokenizer_config.json": {"tokenizer_class": "Qwen3_5Tokenizer", "pad_token": "<pad>"},
                          "config.json": {"model_type": "qwen3_5"}}, {}),
    "an end that its list calls no special token": (
        "bytes",
        {"tokenizer_config.json": {**FAST, "eos_token": "<tool>", **decoder(
            (0, token("<|endoftext|>")), (306, token("<tool>", special=False)), (307, token("<extra>", normalized=True)))}},
        {}),
    "a list that forgets a token": (
        "bytes", {"tokenizer_config.json": {"tokenizer_class": "GPT2Tokenizer", "bos_token": "<s>", "eos_token": "<s>",
                                            "unk_token": "<s>", **decoder((5, token("<tool>")))}}, {}),
    "flags that qwen2 resets": (
        "bytes",
        {"tokenizer_config.json": {
            "tokenizer_class": "Qwen2Tokenizer", "pad_token": named("<pad>", rstrip=True), "eos_token": "<|endoftext|>",
            "extra_special_tokens": [named("<extra>", lstrip=True)], **decoder((0, token("<|endoftext|>", rstrip=True)))}},
        {}),
    "extra tokens of both files": (
        "bytes",
        {"tokenizer_config.json": {**FAST, "additional_special_tokens": ["<tool>", "<extra>"]},
         "special_tokens_map.json": {"additional_special_tokens": ["<keep>"]}}, {}),
    "extra tokens beside additional ones of a map": (
        "bytes",
        {"tokenizer_config.json": {**FAST, "extra_special_tokens": ["<tool>"]},
         "special_tokens_map.json": {"additional_special_tokens": ["<keep>"]}}, {}),
    "extra tokens of a map are appended": (
        "bytes",
        {"tokenizer_config.json": {"tokenizer_class": "GPT2Tokenizer", "additional_special_tokens": ["<tool>", "<extra>"]},
         "special_tokens_map.json": {"extra_special_tokens": ["<keep>", "<tool>"]}}, {}),
    "an empty list of extra tokens": (
        "bytes",
        {"tokenizer_config.json": {**FAST, "additional_special_tokens": []},
         "special_tokens_map.json": {"additional_special_tokens": ["<keep>"]}}, {}),
    "extra tokens by name beside a map": (
        "bytes",
        {"tokenizer_config.json": {**FAST, "extra_special_tokens": {"tool_token": "<tool>"}},
         "special_tokens_map.json": {"additional_special_tokens": ["<keep>"]}}, {}),
    "added tokens that a map calls additional": (
        "bytes",
        {"tokenizer_config.json": FAST, "special_tokens_map.json": {"additional_special_tokens": ["<keep>", "<tool>"]},
         "added_tokens.json": {"<keep>": 310}}, {}),
    "added tokens that are extra ones": (
        "bytes",
        {"tokenizer_config.json": {**FAST, "additional_special_tokens": ["<keep>"]}, "added_tokens.json": {"<keep>": 310}},
        {}),
    "t5": ("unigram", {"tokenizer_config.json": T5}, {}),
    "t5 with three sentinels": ("unigram", {"tokenizer_config.json": {**T5, "extra_ids": 3}}, {}),
    "t5 without sentinels": ("unigram", {"tokenizer_config.json": {**T5, "additional_special_tokens": []}}, {}),
    "t5 without extra tokens": ("unigram", {"tokenizer_config.json": {**T5, "extra_special_tokens": []}}, {}),
    "t5 with extra tokens": (
        "unigram", {"tokenizer_config.json": {**T5, "extra_ids": 3, "additional_special_tokens": ["<extra>"]}}, {}),
    "t5 with tokens by name": (
        "unigram", {"tokenizer_config.json": {**T5, "extra_ids": 3, "extra_special_tokens": {"tool_token": "<tool>"}}}, {}),
    "t5 with a map": (
        "unigram", {"tokenizer_config.json": {**T5, "extra_ids": 3},
                    "special_tokens_map.json": {"additional_special_tokens": ["<extra>"]}}, {}),
    "t5 with a map of sentinels": (
        "unigram", {"tokenizer_config.json": {**T5, "extra_ids": 2},
                    "special_tokens_map.json": {"additional_special_tokens": ["<extra_id_1>", "<tool>", "<extra_id_0>"]}}, {}),
    "t5 with extra tokens of a map": (
        "unigram", {"tokenizer_config.json": T5, "special_tokens_map.json": {"extra_special_tokens": ["<extra>"]}}, {}),
    "t5 with lists in both files": (
        "unigram", {"tokenizer_config.json": {**T5, "additional_special_tokens": ["<extra>"]},
                    "special_tokens_map.json": {"additional_special_tokens": ["<tool>"]}}, {}),
    "unigram cleans up": ("unigram", {"tokenizer_config.json": {**FAST, "clean_up_tokenization_spaces": True}}, {}),
    "unigram with more tokens": (
        "unigram", {"tokenizer_config.json": {**FAST, "additional_special_tokens": ["<extra>", "<tool>"], "eos_token": "</s>",
                                              "mask_token": named("<mask>", lstrip=True)}}, {}),
}


def case(name, base, files, changes):
    with tempfile.TemporaryDirectory() as folder:
        merged = {**copy.deepcopy(base), **changes}
        Path(folder, "tokenizer.json").write_text(json.dumps(merged, ensure_ascii=False))
        for file, content in files.items():
            Path(folder, file).write_text(json.dumps(content, ensure_ascii=False))
        made = AutoTokenizer.from_pretrained(folder)
        ids = [made(text, add_special_tokens=False)["input_ids"] for text in TEXTS]
        names = ["bos_token", "eos_token", "pad_token", "unk_token"]
        return {
            "class": type(made).__name__, "size": len(made),
            "names": {key: getattr(made, key) for key in names},
            "ids": ids, "with_specials": made(TEXTS[0])["input_ids"],
            "decoded": [made.decode(row) for row in ids],
            "skipped": [made.decode(row, skip_special_tokens=True) for row in ids],
            "added": [[place, str(entry)] for place, entry in sorted(made.added_tokens_decoder.items())],
        }


def main():
    made = bases()
    cases = {}
    for name, (base, files, changes) in CASES.items():
        cases[name] = {"base": base, "files": files, "changes": changes, **case(name, made[base], files, changes)}
    FOLDER.mkdir(parents=True, exist_ok=True)
    content = {"texts": TEXTS, "bases": made, "cases": cases}
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    Path(FOLDER, "folders.json").write_text(text + "\n")
    write_manifest(FOLDER, __file__, ["transformers", "tokenizers"], 0)


if __name__ == "__main__":
    main()
