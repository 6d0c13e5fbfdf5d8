#!/usr/bin/env python3
"""A causal language model of transformers, trained with PyTorch on the CPU, alone or under
DistributedDataParallel (gloo): from random weights, or with PEFT's LoRA on a folder's weights.

    mpirun -np 2 --bind-to core python3 scripts/peers/causal_lm.py examples/bench/llama-12x512 \\
        --length 512 --meeting $(mktemp -u)
    python3 scripts/peers/causal_lm.py MODEL_FOLDER --lora-rank 8 --batch 4 --threads 2
"""

import measuring
import torch
from transformers import AutoConfig, AutoModelForCausalLM

LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def adapted(folder, rank):
    """The folder's model with LoRA on every linear layer; autocast wants float32 weights."""
    from peft import LoraConfig, get_peft_model

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    settings = LoraConfig(
        r=rank, lora_alpha=2 * rank, target_modules=LINEARS, task_type="CAUSAL_LM")
    return get_peft_model(model, settings)


def main():
    parser = measuring.options(__doc__.splitlines()[0])
    parser.add_argument("--lora-rank", type=int, help="trains LoRA of this rank")
    arguments = parser.parse_args()
    _, ranks = measuring.start(arguments)
    if arguments.lora_rank:
        model = adapted(arguments.model, arguments.lora_rank)
    else:
        configuration = AutoConfig.from_pretrained(arguments.model)
        model = AutoModelForCausalLM.from_config(configuration, dtype=torch.float32)
    model.train()
    vocabulary = model.config.vocab_size
    optimizer = torch.optim.AdamW(
        [p for p in model.parameters() if p.requires_grad], lr=1e-4, fused=True)
    step = measuring.distributed(model, ranks, arguments.compile)
    measuring.measure(
        arguments, ranks, model, optimizer,
        # The labels are the ids: transformers shifts them itself.
        lambda ids, _: step(input_ids=ids, labels=ids, use_cache=False).loss, vocabulary)


if __name__ == "__main__":
    main()
