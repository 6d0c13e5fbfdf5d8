"""Texts that transformers' beam search finds in tiny models.

    python beams.py

Reads Tests/References/models/ and architectures/, writes Tests/References/beams/searches.json: each
case has a model, the settings of the search, a prompt and the new ids of the best text, the end
included. Cases whose ids are others in double precision are left out: they hang on a rounding.
Also the texts that the model of finetuning/ adds to its rows' prompts (`predictions`).
"""

import json
import random

import torch
from manifest import REFERENCES, write_manifest
from transformers import AutoModelForCausalLM, AutoTokenizer

SEED = 11
MODELS = ["models/llama", "models/gpt2", "models/mistral", "models/qwen3", "architectures/gemma2"]
COUNT = 12


def settings(draw, vocabulary):
    """Settings of a search that ends at one of several ids."""
    return {
        "num_beams": draw.choice([2, 3, 4, 6]),
        "length_penalty": draw.choice([1.0, 0.0, 2.0, -1.0, 0.6]),
        "early_stopping": draw.choice([False, True, "never"]),
        "repetition_penalty": draw.choice([1.0, 1.0, 1.3]),
        "eos_token_id": sorted(draw.sample(range(vocabulary), draw.choice([1, 4, 12]))),
    }


def search(model, prompt, options):
    """The new ids of the best text."""
    ids = torch.tensor([prompt])
    with torch.no_grad():
        made = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False,
            max_new_tokens=COUNT, pad_token_id=0, **options)[0].tolist()[len(prompt):]
    ends = options["eos_token_id"]
    place = next((i for i, id in enumerate(made) if id in ends), len(made) - 1)
    return made[:place + 1]


def predictions():
    """Texts of the rows of finetuning/ with its bare model, by three beams."""
    source = REFERENCES / "finetuning"
    tokenizer = AutoTokenizer.from_pretrained(source / "model")
    reference = json.loads((source / "reference.json").read_text())
    options = {
        "num_beams": 3, "length_penalty": 0.5, "early_stopping": False,
        "repetition_penalty": 1.0, "eos_token_id": [tokenizer.eos_token_id]}
    models = [
        AutoModelForCausalLM.from_pretrained(source / "model", dtype=type).eval()
        for type in (torch.float32, torch.float64)]
    texts = []
    for ids, labels in zip(reference["ids"], reference["labels"]):
        prompt = ids[:sum(label == -100 for label in labels)]
        made = search(models[0], prompt, options)
        assert made == search(models[1], prompt, options)
        texts.append(tokenizer.decode(made, skip_special_tokens=True))
    return texts


def main():
    """Writes the file anew."""
    torch.set_num_threads(1)
    draw = random.Random(SEED)
    cases, left = [], 0
    for name in MODELS:
        single, double = (
            AutoModelForCausalLM.from_pretrained(
                REFERENCES / name, dtype=type, attn_implementation="eager").eval()
            for type in (torch.float32, torch.float64))
        for _ in range(24):
            vocabulary = single.config.vocab_size
            options = settings(draw, vocabulary)
            prompt = [draw.randrange(vocabulary) for _ in range(draw.choice([1, 2, 5, 9]))]
            ids = search(single, prompt, options)
            if ids != search(double, prompt, options):
                left += 1
                continue
            greedy = search(single, prompt, options | {"num_beams": 1})
            cases.append(
                {"model": name, "settings": options, "prompt": prompt, "ids": ids}
                | ({"is_greedy": True} if ids == greedy else {}))
    folder = REFERENCES / "beams"
    folder.mkdir(exist_ok=True)
    lines = ",\n".join(json.dumps(case) for case in cases)
    (folder / "searches.json").write_text(
        json.dumps({"max_new_tokens": COUNT, "predictions": predictions()})[:-1] + ', "cases": [\n' + lines + "\n]}\n")
    write_manifest(folder, __file__, ["torch", "transformers"], seed=SEED)
    print(len(cases), "cases,", left, "left out,", sum("is_greedy" in x for x in cases), "greedy,",
          sum(len(x["ids"]) < COUNT for x in cases), "ended early")


if __name__ == "__main__":
    main()
