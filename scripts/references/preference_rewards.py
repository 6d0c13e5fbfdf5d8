"""Thirty steps of a reward model on a tiny Llama, written in PyTorch: with LLaMA-Factory's value head, and as
transformers' LlamaForSequenceClassification with one label.

python3 scripts/references/preference_rewards.py
Needs torch, transformers, peft. Reads the model of Tests/References/finetuning and the adapter of
Tests/References/preferences. Writes Tests/References/preference_rewards/: a value head, a model of the other
class, and `reference.json` with each step's loss and gradient norm and the scores after the last.
"""

import shutil

import torch
from manifest import REFERENCES, write_json, write_manifest
from preference_rows import ROWS
from preferences import BATCH, ACCUMULATION, MODEL, STEPS, Trainer, encode, load
from safetensors.torch import save_file
from torch.nn.functional import logsigmoid
from transformers import AutoModelForSequenceClassification, PreTrainedTokenizerFast

SEED = 23
FOLDER = REFERENCES / "preference_rewards"
ADAPTER = REFERENCES / "preferences" / "adapter"


class ValueHead(torch.nn.Module):
    """A language model's last states, and a number of each text's last token. Without dropout."""

    def __init__(self, model, weight, bias):
        super().__init__()
        self.model = model
        self.summary = torch.nn.Linear(weight.shape[1], 1)
        self.summary.weight.data = weight.clone()
        self.summary.bias.data = bias.clone()

    def forward(self, ids, mask):
        states = self.model(input_ids=ids, attention_mask=mask, output_hidden_states=True).hidden_states[-1]
        last = mask.sum(1) - 1
        return self.summary(states[torch.arange(len(ids)), last])[:, 0]


class Score(torch.nn.Module):
    """transformers' own class."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids, mask):
        return self.model(input_ids=ids, attention_mask=mask).logits[:, 0]


def batch(rows):
    width = max(map(len, rows))
    ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    return ids, mask


def train(model, pairs, rate):
    trainer = Trainer(model, rate)

    def scores(indices):
        found = model(*batch([pairs[i][s] for s in (0, 1) for i in indices]))
        return found.view(2, -1)

    def backward(number):
        size = BATCH * ACCUMULATION
        first = number % ((len(pairs) + size - 1) // size) * size
        chosen = list(range(first, min(first + size, len(pairs))))
        total, right = 0.0, 0.0
        for start in range(0, len(chosen), BATCH):
            better, worse = scores(chosen[start : start + BATCH])
            loss = -logsigmoid(better - worse).sum() / len(chosen)
            loss.backward()
            total += loss.item()
            right += (better > worse).sum().item()
        return total, {"accuracy": right / len(chosen)}

    for number in range(STEPS):
        trainer.step(number, lambda: backward(number))
    with torch.no_grad():
        found = scores(range(len(pairs)))
    return {"learning_rate": rate, **trainer.found, "scores": found.tolist()}


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "head").mkdir(parents=True)
    torch.manual_seed(SEED)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(MODEL)
    pairs = []
    for row in ROWS:
        prompt, answers = encode(tokenizer, row)
        pairs.append([prompt + answer for answer in answers])
    weight = torch.empty(1, 32).uniform_(-(32**-0.5), 32**-0.5)
    bias = torch.empty(1).uniform_(-(32**-0.5), 32**-0.5)
    save_file(
        {"v_head.summary.weight": weight, "v_head.summary.bias": bias},
        FOLDER / "head" / "value_head.safetensors", metadata={"format": "pt"})
    torch.save(
        {"v_head.summary.weight": weight, "v_head.summary.bias": bias},
        FOLDER / "head" / "value_head.bin")
    score = AutoModelForSequenceClassification.from_pretrained(
        MODEL, num_labels=1, dtype=torch.float32)
    score.config.pad_token_id = 0
    score.save_pretrained(FOLDER / "score")
    tokenizer.save_pretrained(FOLDER / "score")
    reference = {"pairs": pairs}
    reference["full"] = train(ValueHead(load(), weight, bias), pairs, 1e-3)
    reference["lora"] = train(ValueHead(load(ADAPTER), weight, bias), pairs, 1e-2)
    reference["score"] = train(Score(score.train()), pairs, 1e-3)
    write_json(FOLDER / "reference.json", reference)
    write_manifest(FOLDER, __file__, ["torch", "transformers", "peft", "safetensors"], SEED)
    for name in ("full", "lora", "score"):
        print(name, [round(loss, 4) for loss in reference[name]["losses"]][::6])


if __name__ == "__main__":
    main()
