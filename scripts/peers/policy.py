#!/usr/bin/env python3
"""GRPO with PEFT's LoRA by TRL's GRPOTrainer on the CPU, which has transformers generate.

    python3 scripts/peers/policy.py MODEL_FOLDER PROMPTS.json --lora-rank 8 --threads 2

A step takes `--batch` completions of one prompt, of `--length` tokens at most.
"""

import json
import re
import tempfile
import time

import measuring
import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import GRPOConfig, GRPOTrainer

LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


class Clock(TrainerCallback):
    """The seconds of each step, from the end of the one before: TRL generates before a step begins."""

    def __init__(self):
        self.seconds, self.last = [], None

    def on_train_begin(self, *_, **__):
        self.last = time.perf_counter()

    def on_step_end(self, *_, **__):
        now = time.perf_counter()
        self.seconds.append(now - self.last)
        self.last = now


def main():
    parser = measuring.options(__doc__.splitlines()[0])
    parser.add_argument("prompts", help="rows with `instruction` and `output`, JSON")
    parser.add_argument("--lora-rank", type=int, default=8)
    parser.set_defaults(batch=8, length=128)
    arguments = parser.parse_args()
    measuring.start(arguments)
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    model = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.bfloat16)
    # The message alone, as lockstep's template `smollm2` writes it.
    with open(arguments.prompts) as file:
        rows = [
            {"prompt": "<|im_start|>user\n" + row["instruction"] + "<|im_end|>\n<|im_start|>assistant\n",
             "answer": row["output"]}
            for row in json.load(file)]
    generated = []

    def reward(completions, completion_ids, answer, **_):
        generated.append((time.perf_counter(), sum(map(len, completion_ids))))
        return [float(bool(re.search(re.escape(a), c))) for c, a in zip(completions, answer)]

    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        trainer = GRPOTrainer(
            model=model, reward_funcs=reward,
            args=GRPOConfig(
                output_dir=folder, per_device_train_batch_size=arguments.batch,
                num_generations=arguments.batch, max_completion_length=arguments.length,
                max_steps=arguments.steps + 1, learning_rate=1e-5, beta=0.0, temperature=1.0,
                bf16=True, use_cpu=True, gradient_checkpointing=False, save_strategy="no",
                report_to="none", logging_steps=1, disable_tqdm=True, dataloader_num_workers=0),
            train_dataset=Dataset.from_list(rows), processing_class=tokenizer,
            peft_config=LoraConfig(
                r=arguments.lora_rank, lora_alpha=2 * arguments.lora_rank, target_modules=LINEARS,
                task_type="CAUSAL_LM"),
            callbacks=[clock])
        trainer.train()
    # Steps after the first; each has a rollout of its own.
    rates = sorted(
        tokens / seconds
        for (_, tokens), seconds in list(zip(generated, clock.seconds))[1:])
    print(json.dumps({
        "tokensPerSecond": rates[len(rates) // 2], "completionTokens": [t for _, t in generated],
        "stepSeconds": clock.seconds, "peakMemory": measuring.peak_memory(),
        "threads": arguments.threads, "torch": torch.__version__,
    }), flush=True)


if __name__ == "__main__":
    main()
