"""What sentence-transformers makes of inputs that SentenceFolderTests holds as literals (see literals.py).

    python scripts/references/sentence_literals.py

Reads the models of Tests/References/sentence_folders and evaluation. CPU, float64, one thread.
"""

import json
import os
import shutil
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from literals import Literals, floats
from manifest import REFERENCES
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer

PLACE = REFERENCES / "sentence_folders"
CASES = json.loads((PLACE / "folders.json").read_text())
POOLING = ("1_Pooling", "Pooling")
MARKED = ["The [MASK] DOG", "[mask] Dog [SEP]Cat", "THE [CLS] cat"]
LONG = " ".join(f"river {number}" for number in range(400))
SENTENCE = "the dog sees a cat"
ACTIVATIONS = ["ReLU", "GELU", "Sigmoid", "SiLU", "Tanh"]
NORMS = {
    "norm.weight": torch.arange(1, 9) / 4,
    "norm.bias": torch.tensor([0.5, -0.5] * 4),
}
LENGTH = {"sentence_bert_config.json": {"max_seq_length": 900}}


def folder_of(scratch, base, modules, files):
    """A folder of a model with modules and files beside it."""
    folder = Path(tempfile.mkdtemp(dir=scratch), "model")
    shutil.copytree(base, folder)
    listed = [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for number, (path, kind) in enumerate([("", "Transformer"), *modules])
    ]
    width = json.loads((folder / "config.json").read_text())["hidden_size"]
    pooling = {"embedding_dimension": width, "pooling_mode": "mean"}
    for name, content in {"modules.json": listed, "1_Pooling/config.json": pooling, **files}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    return folder


def load(*given):
    """The model of a folder, in float64, where no order of sums changes the digits that are printed."""
    return opened(folder_of(*given))


def opened(folder):
    return SentenceTransformer(str(folder), device="cpu").double()


def lowercased(printed, scratch):
    (files,) = [case["files"] for case in CASES["cases"] if case["name"] == "do_lower_case"]
    model = load(scratch, PLACE / "model", [POOLING], files)
    for sentence in MARKED:
        ids = model.preprocess([sentence])["input_ids"][0].tolist()
        printed.value(sentence, f'"{sentence}", {ids}')


def long_texts(printed, scratch):
    """A decoder reads as far as the folder says; a model with a table of positions fails behind it."""
    model = load(scratch, REFERENCES / "evaluation/model", [POOLING], LENGTH)
    printed.value("tokens of the text", len(model.tokenizer(LONG)["input_ids"]))
    printed.value("that are read", model.preprocess([LONG])["input_ids"].shape[1])
    printed.value("vector", floats(model.encode(LONG)[:8].tolist()))
    bounded = load(scratch, PLACE / "model", [POOLING], LENGTH)
    printed.holds("a short text has a vector", bounded.encode("the dog").shape == (8,))
    try:
        bounded.encode(CASES["texts"][1])
        printed.holds("a text of more than 16 tokens fails", False)
    except (IndexError, RuntimeError):
        printed.holds("a text of more than 16 tokens fails", True)


def modules(printed, scratch):
    for name in ACTIVATIONS:
        dense = {"in_features": 8, "out_features": 5, "bias": True}
        dense["activation_function"] = f"torch.nn.modules.activation.{name}"
        model = load(
            scratch, PLACE / "model", [POOLING, ("2_Dense", "Dense"), ("3_Dropout", "Dropout")],
            {"2_Dense/config.json": dense, "3_Dropout/config.json": {"dropout": 0.3}},
        )  # fmt: skip
        printed.value(name, f'"{name}", {floats(model.encode(SENTENCE).tolist())}')
    files = {"2_LayerNorm/config.json": {"dimension": 8}}
    listed = [POOLING, ("2_LayerNorm", "LayerNorm")]
    folder = folder_of(scratch, PLACE / "model", listed, files)
    save_file(NORMS, folder / "2_LayerNorm/model.safetensors")
    printed.value("LayerNorm", floats(opened(folder).encode(SENTENCE).tolist()))


def main():
    torch.set_num_threads(1)
    printed = Literals(__file__, ["sentence-transformers", "transformers", "tokenizers", "torch", "safetensors"])
    printed.test("SentenceFolderTests")
    for part in [lowercased, long_texts, modules]:
        with tempfile.TemporaryDirectory() as scratch:
            part(printed, scratch)
    printed.finish()


if __name__ == "__main__":
    main()
