#!/usr/bin/env python3
"""DPO with PEFT's LoRA by TRL's DPOTrainer on the CPU: pairs of random tokens, half of them prompt.

    python3 scripts/peers/preference.py MODEL_FOLDER --batch 4 --length 256 --lora-rank 8 --threads 2

A step takes `--batch` pairs. TRL asks the reference, the model without its adapter, in each step unless
`--precompute` has it do so ahead, which is not timed.
"""

import json
import tempfile
import time

import measuring
import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import DPOConfig, DPOTrainer

LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


class Clock(TrainerCallback):
    """The seconds of each step."""

    def __init__(self):
        self.seconds = []

    def on_step_begin(self, *_, **__):
        self.begun = time.perf_counter()

    def on_step_end(self, *_, **__):
        self.seconds.append(time.perf_counter() - self.begun)


def pairs(arguments, tokenizer):
    """Pairs of texts that come to the asked number of tokens each, half of them the prompt's."""
    words = [
        token for token, id in sorted(tokenizer.get_vocab().items(), key=lambda pair: pair[1])
        if token.startswith("Ġ") and token[1:].isascii() and token[1:].isalpha()
    ]
    generator = torch.Generator().manual_seed(1)

    def text(count):
        numbers = torch.randint(0, len(words), (count,), generator=generator).tolist()
        return "".join(" " + words[number][1:] for number in numbers)

    count = arguments.batch * (arguments.steps + 1)
    half = arguments.length // 2
    return Dataset.from_list([
        # The end of the text is the answer's last token.
        {"prompt": text(half), "chosen": text(half - 1), "rejected": text(half - 1)}
        for _ in range(count)
    ])


def main():
    parser = measuring.options(__doc__.splitlines()[0])
    parser.add_argument("--lora-rank", type=int, default=8)
    parser.add_argument("--weights", choices=["fp32", "bf16"], default="bf16")
    parser.add_argument("--precompute", action="store_true")
    arguments = parser.parse_args()
    measuring.start(arguments)
    kind = torch.bfloat16 if arguments.weights == "bf16" else torch.float32
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    model = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=kind)
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        trainer = DPOTrainer(
            model=model,
            args=DPOConfig(
                output_dir=folder, per_device_train_batch_size=arguments.batch,
                max_steps=arguments.steps + 1, learning_rate=1e-4, beta=0.1,
                max_length=arguments.length, bf16=arguments.dtype == "bf16", use_cpu=True,
                gradient_checkpointing=False, save_strategy="no", report_to="none",
                logging_steps=1, disable_tqdm=True, dataloader_num_workers=0,
                precompute_ref_log_probs=arguments.precompute),
            train_dataset=pairs(arguments, tokenizer), processing_class=tokenizer,
            peft_config=LoraConfig(
                r=arguments.lora_rank, lora_alpha=2 * arguments.lora_rank, target_modules=LINEARS,
                task_type="CAUSAL_LM"),
            callbacks=[clock])
        lengths = []
        compute = trainer.compute_loss

        def counted(model, inputs, *rest, **named):
            lengths.append(inputs["input_ids"].numel())
            return compute(model, inputs, *rest, **named)

        trainer.compute_loss = counted
        trainer.train()
    counted_seconds = sorted(clock.seconds[1:]) or clock.seconds
    median = counted_seconds[len(counted_seconds) // 2]
    print(json.dumps({
        # Both answers of a pair are read.
        "tokensPerSecond": 2 * arguments.batch * arguments.length / median,
        "medianStepSeconds": median, "peakMemory": measuring.peak_memory(),
        "tokensOfABatch": lengths[-1], "threads": arguments.threads,
        "lastLoss": next(
            (line["loss"] for line in reversed(trainer.state.log_history) if "loss" in line), None),
        "torch": torch.__version__,
    }), flush=True)


if __name__ == "__main__":
    main()
