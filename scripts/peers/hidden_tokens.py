#!/usr/bin/env python3
"""BERT on hidden tokens, or T5 on hidden spans, with transformers and PyTorch on the CPU, alone or under
DistributedDataParallel (gloo), from random weights.

    mpirun -np 2 --bind-to core python3 scripts/peers/hidden_tokens.py examples/bench/bert-base \\
        --length 128 --meeting $(mktemp -u)

An encoder has labels for 15 % of its tokens, -100 for the others. An encoder-decoder reads --length tokens and
writes those that T5's spans hide (arXiv:1910.10683, 3.1.4): 15 % in spans of 3, a sentinel for each, and an end.
"""

import measuring
import torch
from transformers import AutoConfig, AutoModelForMaskedLM, AutoModelForSeq2SeqLM

SHARE, SPAN = 0.15, 3


def target_length(length):
    """Tokens that T5 writes for an input of `length`: lockstep's `cutoff_len` is that input."""
    text = length
    while True:
        hidden = round((text + 1) * SHARE)
        spans = max(1, round(hidden / SPAN))
        if text + 1 - hidden + spans + 1 > length:
            return written
        written = hidden + spans + 1
        text += 1


def masked_loss(step, configuration):
    """A loss of ids and other random ones: a seventh of the places is to be found."""
    mask = configuration.mask_token_id

    def loss(ids, others):
        hidden = torch.rand(ids.shape) < SHARE
        return step(
            input_ids=ids.masked_fill(hidden, mask), labels=others.masked_fill(~hidden, -100)).loss

    return loss


def main():
    arguments = measuring.options(__doc__.splitlines()[0]).parse_args()
    _, ranks = measuring.start(arguments)
    configuration = AutoConfig.from_pretrained(arguments.model)
    kind = AutoModelForSeq2SeqLM if configuration.is_encoder_decoder else AutoModelForMaskedLM
    model = kind.from_config(configuration, dtype=torch.float32)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    step = measuring.distributed(model, ranks)
    if configuration.is_encoder_decoder:
        written = target_length(arguments.length)

        def loss(ids, targets):
            return step(input_ids=ids, labels=targets[:, :written].contiguous(), use_cache=False).loss
    else:
        configuration.mask_token_id = getattr(configuration, "mask_token_id", None) or 103
        loss = masked_loss(step, configuration)
    measuring.measure(arguments, ranks, model, optimizer, loss, configuration.vocab_size)


if __name__ == "__main__":
    main()
