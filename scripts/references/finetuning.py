"""Thirty finetuning steps of a tiny Llama with transformers and PEFT: LoRA, DoRA and all weights.

python3 scripts/references/finetuning.py
Needs torch, transformers, peft, tokenizers. Writes Tests/References/finetuning/: the model folder, the
rows, the adapters that the runs begin with, and each step's loss and gradient norm.
"""

import json
import shutil

import torch
from manifest import REFERENCES, write_json, write_manifest
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SEED = 11
FOLDER = REFERENCES / "finetuning"
STEPS, BATCH, ACCUMULATION, WARMUP = 30, 2, 2, 3
ROWS = [
    ("Name the capital of France.", "", "The capital of France is Paris."),
    ("Add the numbers.", "2 and 5", "2 + 5 = 7"),
    ("用一句话解释梯度。", "", "梯度是损失对参数的导数，指出损失增长最快的方向。"),
    ("Repeat the word.", "lockstep", "lockstep"),
    ("Give a synonym.", "fast", "quick"),
    ("Translate into Chinese.", "Good morning", "早上好"),
    ("List two colours.", "", "Red and blue."),
    ("What does LoRA train?", "", "LoRA trains two small matrices beside each frozen weight."),
    ("把下面的句子译成英文。", "我喜欢读书。", "I like reading."),
    ("Spell the word backwards.", "cat", "tac"),
    ("Is seven a prime number?", "", "Yes. Its only divisors are 1 and 7."),
    ("Count the letters.", "adapter", "The word has 7 letters."),
    ("Complete the series.", "1, 2, 4, 8", "16"),
    ("谁写了《红楼梦》？", "", "曹雪芹。"),
    ("Name a unit of length.", "", "The metre."),
    ("Write a greeting.", "", "Hello, and welcome!"),
    ("Which is larger?", "3/4 or 2/3", "3/4, since 9/12 is more than 8/12."),
    ("What is a batch?", "", "The samples whose gradients are summed before one update."),
    ("Give the opposite.", "up", "down"),
    ("计算。", "12 × 3", "36"),
    ("Make it polite.", "Give me the file.", "Could you please give me the file?"),
    ("Name three ranks' numbers.", "", "0, 1 and 2."),
    ("Finish the sentence.", "The step is over when", "all ranks have updated their weights."),
    ("Who are you?", "", "I am a very small model, trained for a test."),
]
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def make_tokenizer():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=384, special_tokens=SPECIAL, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    texts = [part for row in ROWS for part in row] + ["system user assistant\n"] * 3
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>",
        bos_token="<|endoftext|>", unk_token="<|endoftext|>")


def encode(tokenizer, row):
    """Ids and labels as LLaMA-Factory's template chatml makes them: every slot by itself."""
    instruction, addition, answer = row
    text = instruction + ("\n" + addition if addition else "")
    prompt = tokenizer.encode(
        f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n", add_special_tokens=False)
    answer = tokenizer.encode(f"{answer}<|im_end|>\n", add_special_tokens=False)
    return prompt + answer, [-100] * len(prompt) + answer


def train(model, examples, rate):
    """Losses and gradient norms as Hugging Face Trainer computes them, rows in file order."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.999), eps=1e-8, weight_decay=0)
    model.train()
    losses, norms, position = [], [], 0
    for step in range(STEPS):
        factor = step / WARMUP if step < WARMUP else (STEPS - step) / (STEPS - WARMUP)
        for group in optimizer.param_groups:
            group["lr"] = rate * factor
        chosen = [examples[(position + i) % len(examples)] for i in range(BATCH * ACCUMULATION)]
        position += len(chosen)
        targets = sum(sum(label != -100 for label in labels[1:]) for _, labels in chosen)
        total = 0.0
        for start in range(0, len(chosen), BATCH):
            rows = chosen[start : start + BATCH]
            width = max(len(ids) for ids, _ in rows)
            ids = torch.tensor([ids + [0] * (width - len(ids)) for ids, _ in rows])
            mask = torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids, _ in rows])
            labels = torch.tensor([lab + [-100] * (width - len(lab)) for _, lab in rows])
            logits = model(input_ids=ids, attention_mask=mask).logits
            loss = torch.nn.functional.cross_entropy(
                logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100,
                reduction="sum") / targets
            loss.backward()
            total += loss.item()
        norms.append(torch.nn.utils.clip_grad_norm_(parameters, 1.0).item())
        optimizer.step()
        optimizer.zero_grad()
        losses.append(total)
    return {"losses": losses, "gradient_norms": norms, "learning_rate": rate}


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "data").mkdir(parents=True)
    torch.manual_seed(SEED)
    tokenizer = make_tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256,
        tie_word_embeddings=True, rms_norm_eps=1e-5, initializer_range=0.1,
        bos_token_id=0, eos_token_id=2, pad_token_id=0)
    base = LlamaForCausalLM(config)
    base.save_pretrained(FOLDER / "model")
    tokenizer.save_pretrained(FOLDER / "model")
    rows = [dict(zip(("instruction", "input", "output"), row)) for row in ROWS]
    (FOLDER / "data" / "rows.json").write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n")
    write_json(FOLDER / "data" / "dataset_info.json", {"rows": {"file_name": "rows.json"}})
    examples = [encode(tokenizer, row) for row in ROWS]
    reference = {
        "steps": STEPS, "batch": BATCH, "accumulation": ACCUMULATION, "warmup": WARMUP,
        "ids": [ids for ids, _ in examples], "labels": [labels for _, labels in examples]}
    for name, dora in (("lora", False), ("dora", True)):
        torch.manual_seed(SEED + 1)
        model = get_peft_model(
            LlamaForCausalLM.from_pretrained(FOLDER / "model", dtype=torch.float32),
            LoraConfig(
                r=4, lora_alpha=8, target_modules=TARGETS, use_dora=dora, task_type="CAUSAL_LM"))
        model.peft_config["default"].base_model_name_or_path = "model"
        model.save_pretrained(FOLDER / f"{name}_start")
        (FOLDER / f"{name}_start" / "README.md").unlink(missing_ok=True)
        model = PeftModel.from_pretrained(
            LlamaForCausalLM.from_pretrained(FOLDER / "model", dtype=torch.float32),
            FOLDER / f"{name}_start", is_trainable=True)
        reference[name] = train(model, examples, 2e-2)
    model = LlamaForCausalLM.from_pretrained(FOLDER / "model", dtype=torch.float32)
    reference["full"] = train(model, examples, 3e-3)
    write_json(FOLDER / "reference.json", reference)
    write_manifest(FOLDER, __file__, ["torch", "transformers", "peft", "tokenizers"], SEED)
    for name in ("lora", "dora", "full"):
        print(name, [round(loss, 4) for loss in reference[name]["losses"]][::6])


if __name__ == "__main__":
    main()
