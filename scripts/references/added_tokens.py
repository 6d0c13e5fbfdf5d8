#!/usr/bin/env python3
"""Writes Tests/References/added_tokens: tokenizers that got more tokens, and models with rows for them.

What LLaMA-Factory 0.9.5 calls in patch_tokenizer, Template.fix_special_tokens and
resize_embedding_layer is called here, in transformers, on the small tokenizers of tokenizer_folders/:

    python scripts/references/added_tokens.py
"""

import json
import os
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from manifest import REFERENCES, write_manifest
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

SEED = 20260302
FOLDER = REFERENCES / "added_tokens"
FAST = {"tokenizer_class": "PreTrainedTokenizerFast"}
END = {**FAST, "eos_token": "<|endoftext|>"}
LLAMA = {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
TEXTS = [
    "the quick <think>dog's</think> end, hello 1234 world",
    "<|im_start|>user\nhello<|im_end|>\n<|eot_id|> the <tool> fox<tool>es  <TOOL> größe",
    "a<|endoftext|>b <end_of_turn> </s> <|eom_id|> 日本  newword newwords x",
]

# The stop words of LLaMA-Factory's templates, and whether the first takes the end's place.
TEMPLATES = {
    "llama3": (["<|eot_id|>", "<|eom_id|>"], True),
    "chatml": (["<|im_end|>", "<|im_start|>"], True),
    "gemma2": (["<eos>", "<end_of_turn>"], False),
    "default": ([], False),
}

# name: (base, tokenizer_config.json, add_tokens, add_special_tokens, template)
CASES = {
    "text": ("bytes", END, ["newword", "<tool>"], [], None),
    "special": ("bytes", END, [], ["<think>", "</think>"], None),
    "both, some known": ("bytes", END, ["<tool>", "hello"], ["<think>", "<tool>", "<|endoftext|>"], None),
    "llama": ("llama", LLAMA, ["newword"], ["<think>", "</think>"], None),
    "unigram": ("unigram", {**FAST, "eos_token": "</s>", "unk_token": "<unk>"}, ["newword"], ["<think>"], None),
    "template's end": ("bytes", END, [], [], "llama3"),
    "template's end after others": ("bytes", END, ["<tool>"], ["<think>"], "chatml"),
    "stop words": ("llama", LLAMA, [], [], "gemma2"),
    "no end": ("bytes", FAST, [], ["<think>"], "default"),
}


def made(folder):
    """The tokenizer of each case."""
    bases = json.loads((REFERENCES / "tokenizer_folders/folders.json").read_text())["bases"]
    cases = {}
    for name, (base, configuration, tokens, special, template) in CASES.items():
        path = Path(folder) / name.replace(" ", "-")
        path.mkdir()
        (path / "tokenizer.json").write_text(json.dumps(bases[base]))
        (path / "tokenizer_config.json").write_text(json.dumps(configuration))
        tokenizer = AutoTokenizer.from_pretrained(path)
        before = len(tokenizer)
        if tokens:
            tokenizer.add_tokens(new_tokens=tokens, special_tokens=False)
        if special:
            tokenizer.add_tokens(new_tokens=special, special_tokens=True)
        words, replaces = TEMPLATES[template] if template else ([], False)
        if replaces:
            tokenizer.add_special_tokens({"eos_token": words[0]})
            words = words[1:]
        if template and tokenizer.eos_token_id is None:
            tokenizer.add_special_tokens({"eos_token": "<|endoftext|>"})
        if words:
            tokenizer.add_tokens(new_tokens=words, special_tokens=True)
        cases[name] = {
            "base": base, "configuration": configuration, "add_tokens": tokens, "add_special_tokens": special,
            "template": template, "before": before, "size": len(tokenizer),
            "new": {tokenizer.convert_ids_to_tokens(id_): id_ for id_ in range(before, len(tokenizer))},
            "ids": [tokenizer.encode(text, add_special_tokens=False) for text in TEXTS],
            "skipped": [
                tokenizer.decode(tokenizer.encode(text, add_special_tokens=False), skip_special_tokens=True)
                for text in TEXTS
            ],
        }
    return cases


def rows():
    """[tokens, rows of the model before, rows afterwards], for a tied model and one with its own head."""
    found = []
    for size, before in [(97, 97), (98, 97), (128, 97), (129, 97), (96, 97), (257, 256)]:
        for tied in (False, True):
            configuration = AutoConfig.from_pretrained(REFERENCES / "models/llama")
            configuration.vocab_size, configuration.tie_word_embeddings = before, tied
            model = AutoModelForCausalLM.from_config(configuration)
            if size > model.get_input_embeddings().weight.size(0):
                model.resize_token_embeddings(size, pad_to_multiple_of=64, mean_resizing=False)
            shape = model.get_input_embeddings().weight.shape
            assert model.get_output_embeddings().weight.shape == shape and model.config.vocab_size == shape[0]
            found.append([size, before, shape[0]])
    return sorted(map(list, {tuple(row) for row in found}))


def main():
    torch.manual_seed(SEED)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        cases = made(folder)
    text = json.dumps({"texts": TEXTS, "cases": cases, "rows": rows()}, ensure_ascii=False, separators=(",", ":"))
    (FOLDER / "tokens.json").write_text(text + "\n")
    write_manifest(FOLDER, Path(__file__), ["torch", "transformers", "tokenizers"], SEED)


if __name__ == "__main__":
    main()
