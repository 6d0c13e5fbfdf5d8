#!/usr/bin/env python3
"""Writes Tests/References/described_tokens: the rows that new tokens with a description begin with.

What LLaMA-Factory's `init_special_tokens: desc_init` computes, in PyTorch, on the model and tokenizer
of Tests/References/finetuning: a row of the embedding, and of the head, is the mean of the embedding's
rows of the description's tokens. New tokens do not count; where no other is left, the row is the mean
of the matrix's own rows. The head that is meant is twice the embedding.

    python scripts/references/described_tokens.py
"""

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from manifest import REFERENCES, write_json, write_manifest
from transformers import AutoModelForCausalLM, AutoTokenizer

FOLDER = REFERENCES / "described_tokens"
MODEL = REFERENCES / "finetuning/model"
# In the order of the file; their ids follow the tokenizer's.
DESCRIPTIONS = {
    "<think>": "The model begins to reason, step by step.",
    "</think>": "reasoning ends",
    "<again>": "<think></think>",
    "<mixed>": "<think> then an answer 梯度 </think>",
    "<number>": "7",
}


def main():
    """Writes the rows."""
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32)
    embedding = model.get_input_embeddings().weight.data
    # The model is tied.
    head = 2 * embedding
    tokenizer.add_special_tokens({"additional_special_tokens": list(DESCRIPTIONS)})
    ids = tokenizer.convert_tokens_to_ids(list(DESCRIPTIONS))
    rows = {}
    for token, text in DESCRIPTIONS.items():
        kept = [id for id in tokenizer(text, add_special_tokens=False)["input_ids"] if id not in ids]
        matrices = [embedding[kept], embedding[kept]] if kept else [embedding, head]
        rows[token] = [matrix.mean(dim=0).tolist() for matrix in matrices]
    FOLDER.mkdir(exist_ok=True)
    lines = "".join(f'"{token}": "{text}"\n' for token, text in DESCRIPTIONS.items())
    (FOLDER / "tokens.yaml").write_text(lines)
    write_json(FOLDER / "rows.json", {"tokens": list(DESCRIPTIONS), "ids": ids, "rows": rows})
    write_manifest(FOLDER, __file__, ["torch", "transformers", "tokenizers"], None)


if __name__ == "__main__":
    main()
