"""Greedy answers, loss and accuracy of a tiny finetuned model, computed with transformers and PEFT.

python3 scripts/references/predictions.py
Needs torch, transformers, peft. Reads Tests/References/finetuning/ and writes
Tests/References/predictions/: an adapter that has learned the rows half by heart; for every row the text that `generate` adds to its prompt in template chatml, and over all rows the mean
loss of the answers' tokens and the mean share of them that is likeliest, row by row as LLaMA-Factory's
compute_accuracy has it.
"""

import json
import shutil

import torch
from manifest import REFERENCES, write_json, write_manifest
from peft import LoraConfig, get_peft_model
from transformers import AutoTokenizer, LlamaForCausalLM

COUNT = 12
SEED = 5
STEPS = 60
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def finetuned(model, examples, folder):
    """The model with an adapter that was trained on all rows for a while, and is saved."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    model = get_peft_model(
        model, LoraConfig(r=8, lora_alpha=16, target_modules=TARGETS, task_type="CAUSAL_LM"))
    model.peft_config["default"].base_model_name_or_path = "model"
    optimizer = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], lr=2e-2, weight_decay=0)
    for _ in range(STEPS):
        for ids, labels in examples:
            loss = model(torch.tensor([ids]), labels=torch.tensor([labels])).loss
            (loss / len(examples)).backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    return model.eval()


def main():
    source = REFERENCES / "finetuning"
    folder = REFERENCES / "predictions"
    shutil.rmtree(folder, ignore_errors=True)
    tokenizer = AutoTokenizer.from_pretrained(source / "model")
    reference = json.loads((source / "reference.json").read_text())
    examples = list(zip(reference["ids"], reference["labels"]))
    model = finetuned(
        LlamaForCausalLM.from_pretrained(source / "model", dtype=torch.float32), examples,
        folder / "adapter")
    prompts, answers, losses, shares, gaps = [], [], [], [], []
    for ids, labels in examples:
        length = sum(label == -100 for label in labels)
        prompt = torch.tensor([ids[:length]])
        with torch.no_grad():
            made = model.generate(
                input_ids=prompt, attention_mask=torch.ones_like(prompt), do_sample=False,
                max_new_tokens=COUNT, eos_token_id=tokenizer.eos_token_id, pad_token_id=0,
                output_logits=True, return_dict_in_generate=True)
            logits = model(torch.tensor([ids])).logits[0, :-1]
        for step in made.logits:
            best = step[0].topk(2).values
            gaps.append((best[0] - best[1]).item())
        prompts.append(tokenizer.decode(ids[:length]))
        answers.append(tokenizer.decode(made.sequences[0, length:], skip_special_tokens=True))
        wanted = torch.tensor(labels[1:])
        places = wanted != -100
        losses += torch.nn.functional.cross_entropy(
            logits[places], wanted[places], reduction="none").tolist()
        shares.append((logits.argmax(-1)[places] == wanted[places]).float().mean().item())
    assert min(gaps) > 1e-4, min(gaps)
    write_json(
        folder / "reference.json",
        {
            "max_new_tokens": COUNT, "prompts": prompts, "answers": answers,
            "loss": sum(losses) / len(losses), "accuracy": sum(shares) / len(shares),
        })
    write_manifest(folder, __file__, ["torch", "transformers", "peft"], SEED)


if __name__ == "__main__":
    main()
