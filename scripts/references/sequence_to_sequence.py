"""Finetunes tiny encoder-decoders on pairs of texts with transformers and PEFT, and lets them write.

    python scripts/references/sequence_to_sequence.py

Writes Tests/References/sequence_to_sequence/:

- `model/`, a random mT5 (mt0's architecture) with a Unigram tokenizer that ends each text with `</s>`, and `data/`, the rows;
- `start/`, an adapter as PEFT's LoRA of q and v saves it, and `trained/`, the same after the steps;
- `reference.json`: the ids of texts and targets, cut at given lengths; the losses and gradient norms of steps over the
  rows in their order, of the adapter and of all weights; what `generate` writes of each text, and the targets' mean loss and the
  share of their tokens that is likeliest, with the adapter `trained`;
- `generation.json`: texts that greedy and beam search of the models of encoder_decoders/ write. Those whose ids are
  others in double precision are left out: they hang on a rounding.

transformers, PEFT and PyTorch compute everything: CPU, float32, one thread, eager attention, no dropout.
"""

import json
import random
import shutil

import torch
from manifest import REFERENCES, write_json, write_manifest
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import AutoConfig, AutoModelForSeq2SeqLM, PreTrainedTokenizerFast
from transformers.utils import logging

SEED = 20261128
OUT = REFERENCES / "sequence_to_sequence"
BATCH, STEPS = 4, 12
SOURCE_LENGTH, TARGET_LENGTH, COUNT = 20, 10, 12
PREFIX = "turn: "
NAMES = ["t5", "t5_gated", "t5_shared", "mt5", "umt5"]

WORDS = {
    "red": "rot", "house": "Haus", "small": "klein", "tree": "Baum", "old": "alt", "dog": "Hund",
    "green": "grün", "street": "Straße", "long": "lang", "river": "Fluss", "cold": "kalt", "wind": "Wind",
}


def rows():
    """Sixteen rows of different lengths; some have an input beside the instruction."""
    draw = random.Random(SEED)
    made = []
    for number in range(16):
        words = [draw.choice(list(WORDS)) for _ in range(1 + number % 5 * 2)]
        text, target = " ".join(words), " ".join(WORDS[word] for word in words)
        row = {"instruction": f"say {number}", "input": text, "output": target}
        if number % 3 == 0:
            row = {"instruction": f"{text} 北", "input": "", "output": target}
        made.append(row)
    return made


def source(row):
    """The text that is read, as LLaMA-Factory joins the columns."""
    return PREFIX + "\n".join(part for part in (row["instruction"], row["input"]) if part)


def make_tokenizer(texts, folder):
    """A Unigram tokenizer in T5's layout: characters and some words, whose scores are made up."""
    draw = random.Random(SEED)
    letters = sorted(set("".join(texts)) - set(" 北"))
    words = [f"▁{word}" for pair in WORDS.items() for word in pair if len(word) % 2] + ["▁turn", "er", "▁s"]
    pieces = [(piece, 0.0) for piece in ("<pad>", "</s>", "<unk>")]
    pieces += [(piece, -3 - draw.random()) for piece in words]
    pieces += [(piece, -6 - draw.random()) for piece in ["▁"] + letters]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.add_special_tokens(["<pad>", "</s>", "<unk>"])
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", **names})
    return PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **names)


def make_model(size, folder):
    """A random mT5 with a head of its own."""
    config = {
        "model_type": "mt5", "architectures": ["MT5ForConditionalGeneration"], "vocab_size": size + 6,
        "d_model": 18, "d_kv": 6, "d_ff": 30, "num_layers": 2, "num_decoder_layers": 2, "num_heads": 3,
        "relative_attention_num_buckets": 8, "relative_attention_max_distance": 12, "dropout_rate": 0.0,
        "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False, "is_encoder_decoder": True,
        "pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0,
    }
    torch.manual_seed(SEED)
    model = AutoModelForSeq2SeqLM.from_config(
        AutoConfig.for_model(**config), attn_implementation="eager", dtype=torch.float32)
    for name, parameter in model.named_parameters():
        scale = 1.0 if "layer_norm" in name else 0.3
        with torch.no_grad():
            noise = scale * torch.randn_like(parameter)
            parameter.copy_(1 + 0.1 * noise if "layer_norm" in name else noise)
    model.lm_head.weight = torch.nn.Parameter(0.3 * torch.randn_like(model.shared.weight))
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    write_json(folder / "config.json", config)
    return load(folder)


def load(folder, kind=torch.float32):
    return AutoModelForSeq2SeqLM.from_pretrained(folder, attn_implementation="eager", dtype=kind).eval()


def batch(examples):
    """Filled up to the longest: ids, mask and labels."""
    longest = max(len(ids) for ids, _ in examples)
    longest_target = max(len(labels) for _, labels in examples)
    return {
        "input_ids": torch.tensor([ids + [0] * (longest - len(ids)) for ids, _ in examples]),
        "attention_mask": torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids, _ in examples]),
        "labels": torch.tensor([labels + [-100] * (longest_target - len(labels)) for _, labels in examples]),
    }


def train(model, examples, rate):
    """Mean losses and gradient norms of steps over the rows in their order, each before its update."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=rate, betas=(0.9, 0.999), eps=1e-8, weight_decay=0)
    losses, norms = [], []
    for step in range(STEPS):
        start = step * BATCH % len(examples)
        loss = model(**batch(examples[start:start + BATCH])).loss
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(trained, 1.0).item())
        optimizer.step()
        losses.append(loss.item())
    return {"losses": losses, "gradient_norms": norms}


def written(model, ids, **options):
    """The new ids of a text, without what follows its end, and what was clearest by least."""
    mask = torch.ones(1, len(ids), dtype=torch.long)
    with torch.no_grad():
        made = model.generate(
            input_ids=torch.tensor([ids]), attention_mask=mask, do_sample=False, max_new_tokens=COUNT,
            **options)[0].tolist()[1:]
    ends = options.get("eos_token_id", [1])
    place = next((i for i, id in enumerate(made) if id in ends), len(made) - 1)
    return made[:place + 1]


def evaluate(model, examples):
    """Mean loss over all targets, and the mean over rows of the share that is likeliest."""
    losses, shares = [], []
    for example in examples:
        given = batch([example])
        with torch.no_grad():
            logits = model(**given).logits[0]
        wanted = given["labels"][0]
        losses += torch.nn.functional.cross_entropy(logits, wanted, reduction="none").tolist()
        shares.append((logits.argmax(-1) == wanted).float().mean().item())
    return sum(losses) / len(losses), sum(shares) / len(shares)


def write_generation():
    """Texts of the models of encoder_decoders/."""
    draw = random.Random(SEED)
    cases, left = [], 0
    for name in NAMES:
        folder = REFERENCES / "encoder_decoders" / name
        pair = [load(folder, kind) for kind in (torch.float32, torch.float64)]
        if name == "umt5":
            for model in pair:  # as encoder_decoders.py has it
                model.config.tie_word_embeddings = False
        start = pair[0].config.decoder_start_token_id
        for number in range(16):
            ids = [draw.randrange(5, 53) for _ in range(draw.choice([1, 2, 7, 19]))]
            options = {"num_beams": 1, "eos_token_id": sorted(draw.sample(range(2, 53), draw.choice([1, 4])))}
            if number % 2:
                options |= {
                    "num_beams": draw.choice([2, 3, 4]), "length_penalty": draw.choice([1.0, 0.0, 2.0, -1.0]),
                    "early_stopping": draw.choice([False, True, "never"]),
                }
            options["repetition_penalty"] = draw.choice([1.0, 1.0, 1.3])
            # transformers' cache has as many layers as the encoder.
            given = {"decoder_start_token_id": start, "pad_token_id": 0, "use_cache": name != "t5_gated"}
            found = [written(model, ids, **given, **options) for model in pair]
            if found[0] != found[1]:
                left += 1
                continue
            cases.append({"model": name, "settings": options, "prompt": ids, "ids": found[0]})
    text = ",\n".join(json.dumps(case) for case in cases)
    (OUT / "generation.json").write_text(
        json.dumps({"max_new_tokens": COUNT})[:-1] + ', "cases": [\n' + text + "\n]}\n")
    print(len(cases), "cases,", left, "left out")


def save(adapter, folder):
    adapter.peft_config["default"].base_model_name_or_path = "model"
    adapter.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)


def main():
    """Writes all files anew."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    shutil.rmtree(OUT, ignore_errors=True)
    for name in ["model", "data"]:
        (OUT / name).mkdir(parents=True)
    data = rows()
    (OUT / "data" / "rows.json").write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    write_json(OUT / "data" / "dataset_info.json", {"rows": {"file_name": "rows.json"}})
    tokenizer = make_tokenizer(
        [source(row) for row in data] + [row["output"] for row in data], OUT / "model")
    model = make_model(len(tokenizer), OUT / "model")
    examples = [
        (
            tokenizer(source(row), max_length=SOURCE_LENGTH, truncation=True).input_ids,
            tokenizer(row["output"], max_length=TARGET_LENGTH, truncation=True).input_ids,
        )
        for row in data
    ]
    full = train(load(OUT / "model"), examples, 2e-3)
    adapter = get_peft_model(
        model, LoraConfig(task_type="SEQ_2_SEQ_LM", r=4, lora_alpha=16, target_modules=["q", "v"]))
    generator = torch.Generator().manual_seed(SEED)
    for parameter in adapter.parameters():
        if parameter.requires_grad:
            with torch.no_grad():
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    save(adapter, OUT / "start")
    lora = train(adapter, examples, 1e-2)
    save(adapter, OUT / "trained")
    tuned = PeftModel.from_pretrained(load(OUT / "model"), OUT / "trained").eval()
    loss, accuracy = evaluate(tuned, examples)
    double = PeftModel.from_pretrained(load(OUT / "model", torch.float64), OUT / "trained").double().eval()
    texts = {}
    for name, options in [("greedy", {}), ("beams", {"num_beams": 3, "length_penalty": 0.5})]:
        found = [[written(one, ids, **options) for ids, _ in examples] for one in (tuned, double)]
        assert found[0] == found[1], name
        texts[name] = [tokenizer.decode(ids, skip_special_tokens=True) for ids in found[0]]
    write_json(
        OUT / "reference.json",
        {
            "source_prefix": PREFIX, "max_source_length": SOURCE_LENGTH, "max_target_length": TARGET_LENGTH,
            "sources": [ids for ids, _ in examples], "targets": [labels for _, labels in examples],
            "lora": lora, "full": full, "eval_loss": loss, "eval_accuracy": accuracy,
            "max_new_tokens": COUNT, "texts": texts,
        })
    print(lora["losses"][::11], full["losses"][::11], texts["greedy"][:3])
    write_generation()
    write_manifest(OUT, __file__, ["torch", "transformers", "peft", "tokenizers", "safetensors"], SEED)


if __name__ == "__main__":
    main()
