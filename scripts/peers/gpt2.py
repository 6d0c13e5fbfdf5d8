#!/usr/bin/env python3
"""GPT-2 trained with PyTorch on the CPU, alone or under DistributedDataParallel (gloo).

    mpirun -np 2 --bind-to core python3 scripts/peers/gpt2.py examples/bench/gpt2-124m \\
        --meeting $(mktemp -u)

Plain modules with fused attention and a fused AdamW; float32 weights, autocast for bf16.
"""

import json
from pathlib import Path

import measuring
import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    """Attention and feed-forward, each after its norm and added to what came in."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.c_fc, self.c_out = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (
            part.view(b, t, self.heads, c // self.heads).transpose(1, 2)
            for part in self.c_attn(self.ln_1(x)).split(c, dim=2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.c_proj(y.transpose(1, 2).reshape(b, t, c))
        return x + self.c_out(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))


class GPT2(nn.Module):
    """Embeddings, blocks, and the mean cross-entropy of the tied output."""

    def __init__(self, configuration):
        super().__init__()
        width = configuration["n_embd"]
        self.wte = nn.Embedding(configuration["vocab_size"], width)
        self.wpe = nn.Embedding(configuration["n_positions"], width)
        self.h = nn.ModuleList(
            Block(width, configuration["n_head"]) for _ in range(configuration["n_layer"]))
        self.ln_f = nn.LayerNorm(width)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, ids, targets):
        x = self.wte(ids) + self.wpe.weight[: ids.shape[1]]
        for block in self.h:
            x = block(x)
        logits = F.linear(self.ln_f(x), self.wte.weight)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def main():
    arguments = measuring.options(__doc__.splitlines()[0]).parse_args()
    _, ranks = measuring.start(arguments)
    configuration = json.loads((Path(arguments.model) / "config.json").read_text())
    model = GPT2(configuration)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    measuring.measure(
        arguments, ranks, model, optimizer, measuring.distributed(model, ranks, arguments.compile),
        configuration["vocab_size"])


if __name__ == "__main__":
    main()
