"""Writes a tiny sentence-transformers folder, changes of its files, and the vectors that come of them.

    python scripts/references/sentence_folders.py

Tests/References/sentence_folders/ gets model/ (a BERT of one layer with its WordPiece tokenizer and a
Dense module's weights) and folders.json: texts, and for each case the files that lie beside or instead of the
model's, and the vectors that sentence-transformers makes of the texts. CPU, float32, one thread.
"""

import json
import shutil
import tempfile
from pathlib import Path

import numpy
import torch
from safetensors.numpy import save_file
from sentence_transformers import SentenceTransformer
from transformers import BertConfig, BertModel, BertTokenizerFast

from manifest import REFERENCES, write_manifest
from models import fill

SEED = 20261130
PACKAGES = ["torch", "transformers", "sentence-transformers", "safetensors", "numpy"]
OUT = REFERENCES / "sentence_folders"
WORDS = "the a dog cat sun rain sees and not Dog Cat big old on in under we ##s ##ing ##y".split()
TEXTS = [
    "the dog sees a cat",
    "the old dogs and the big cats in the rain and the sun under a big old sun",
    "Dog Cat rainy",
]

POOLING = {"embedding_dimension": 8, "pooling_mode": "mean", "include_prompt": True}
OLDER = {
    "word_embedding_dimension": 8,
    "pooling_mode_cls_token": False,
    "pooling_mode_mean_tokens": False,
    "pooling_mode_max_tokens": False,
    "pooling_mode_mean_sqrt_len_tokens": False,
}
SETTINGS = "sentence_bert_config.json"
CONFIG = "config_sentence_transformers.json"
MODULES = [("", "Transformer"), ("1_Pooling", "Pooling")]
DENSE = {"in_features": 8, "out_features": 5, "bias": True}
ACTIVATION = "torch.nn.modules.activation.Tanh"
NEWEST = {
    "transformer_task": "feature-extraction",
    "modality_config": {
        "text": {"method": "forward", "method_output_name": "last_hidden_state"}
    },
    "module_output_name": "token_embeddings",
}


def modules(*more):
    """modules.json of the older spelling."""
    return [
        {"idx": place, "name": str(place), "path": path,
         "type": f"sentence_transformers.models.{kind}"}
        for place, (path, kind) in enumerate([*MODULES, *more])
    ]  # fmt: skip


def case(pooling=None, steps=()):
    """Files by path."""
    return {"modules.json": modules(*steps), "1_Pooling/config.json": pooling or POOLING}


def older(**flags):
    """A Pooling of the older spelling."""
    return case(OLDER | flags)


def dense(**changes):
    """A Dense module behind the pooling."""
    return case(steps=[("2_Dense", "Dense")]) | {
        "2_Dense/config.json": DENSE | {"activation_function": ACTIVATION} | changes
    }


def cases():
    """Every case's files by their paths."""
    limit = {"model_max_length": 9}
    tokenizer = json.loads((OUT / "model/tokenizer_config.json").read_text())
    return {
        "mean": case(),
        "older mean": older(pooling_mode_mean_tokens=True),
        "older cls": older(pooling_mode_cls_token=True),
        "older mean and max": older(pooling_mode_mean_tokens=True, pooling_mode_max_tokens=True),
        "older root": older(pooling_mode_mean_sqrt_len_tokens=True),
        "older weighted": older(pooling_mode_weightedmean_tokens=True),
        "older last": older(pooling_mode_lasttoken=True),
        "several in their order": case(POOLING | {"pooling_mode": ["max", "cls"]}),
        "newer beside older": case(
            POOLING | {"pooling_mode": "cls", "pooling_mode_mean_tokens": True}
        ),
        "no way named": case({"word_embedding_dimension": 8}),
        "normalized": case(steps=[("2_Normalize", "Normalize")]),
        "normalized, newest": case(steps=[("2_Normalize", "Normalize")])
        | {
            "2_Normalize/config.json": {
                "module_input_name": "sentence_embedding",
                "module_output_name": "sentence_embedding",
            }
        },
        "dense": dense(),
        "dense without activation": dense(
            activation_function="torch.nn.modules.linear.Identity"
        ),
        "dense, newest": dense(
            module_input_name="sentence_embedding", module_output_name="sentence_embedding"
        ),
        "newest settings": case() | {SETTINGS: NEWEST},
        "max_seq_length": case() | {SETTINGS: {"max_seq_length": 7, "do_lower_case": False}},
        "max_seq_length, RoBERTa": case()
        | {"sentence_roberta_config.json": {"max_seq_length": 6, "do_lower_case": False}},
        "do_lower_case": case() | {SETTINGS: {"max_seq_length": None, "do_lower_case": True}},
        "model_max_length": case() | {"tokenizer_config.json": tokenizer | limit},
        "model_max_length, newest": case()
        | {"tokenizer_config.json": tokenizer | limit, SETTINGS: NEWEST},
        "both lengths": case()
        | {"tokenizer_config.json": tokenizer | limit, SETTINGS: {"max_seq_length": 12}},
        "cut at the left": case()
        | {"tokenizer_config.json": tokenizer | limit | {"truncation_side": "left"}},
        "truncate_dim": case(steps=[("2_Normalize", "Normalize")])
        | {CONFIG: {"truncate_dim": 5, "similarity_fn_name": "dot"}},
        "prompt": case()
        | {CONFIG: {"prompts": {"q": "we not ", "d": ""}, "default_prompt_name": "q"}},
        "prompts that nothing chooses": case()
        | {CONFIG: {"prompts": {"q": "we not "}, "default_prompt_name": None}},
    }


def make_model():
    """The folder that all cases share."""
    folder = OUT / "model"
    folder.mkdir(parents=True)
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    with tempfile.TemporaryDirectory() as scratch:
        vocabulary = Path(scratch) / "vocab.txt"
        vocabulary.write_text("\n".join(tokens) + "\n")
        tokenizer = BertTokenizerFast.from_pretrained(scratch, do_lower_case=False)
        tokenizer.save_pretrained(folder)
        config = BertConfig(
            vocab_size=len(tokens),
            hidden_size=8,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=12,
            max_position_embeddings=16,
        )
        model = BertModel(config).eval()
        fill(model, numpy.random.default_rng(SEED))
        model.save_pretrained(scratch)
        for name in ["config.json", "model.safetensors"]:
            shutil.copyfile(Path(scratch) / name, folder / name)
    (folder / "2_Dense").mkdir()
    generator = numpy.random.default_rng([SEED, 1])
    weights = {
        "linear.weight": generator.normal(size=(5, 8)).astype(numpy.float32),
        "linear.bias": generator.normal(size=5).astype(numpy.float32),
    }
    save_file(weights, folder / "2_Dense/model.safetensors")


def vectors(files):
    """What sentence-transformers makes of the texts, each alone."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        shutil.copytree(OUT / "model", folder)
        for name, value in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(json.dumps(value))
        model = SentenceTransformer(str(folder), device="cpu")
        return [model.encode(text).tolist() for text in TEXTS]


def main():
    """Writes all anew."""
    torch.set_num_threads(1)
    shutil.rmtree(OUT, ignore_errors=True)
    make_model()
    made = [{"name": n, "files": f, "vectors": vectors(f)} for n, f in cases().items()]
    plain = made[0]["vectors"]
    for one in made:
        moved = [i for i in range(len(TEXTS)) if one["vectors"][i] != plain[i]]
        print(f"{one['name']}: texts {moved} differ from the first case's")
    lines = ",\n".join(json.dumps(one) for one in made)
    (OUT / "folders.json").write_text(
        f'{{"texts": {json.dumps(TEXTS)}, "cases": [\n{lines}\n]}}\n'
    )
    write_manifest(OUT, __file__, PACKAGES, SEED)


if __name__ == "__main__":
    main()
