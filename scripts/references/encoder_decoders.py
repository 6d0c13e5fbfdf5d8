"""Writes tiny random encoder-decoders with their states, logits, loss, gradients and 30 steps of AdamW.

    python scripts/references/encoder_decoders.py

One folder per case in Tests/References/encoder_decoders/: config.json, model.safetensors as transformers
saves it, and reference.safetensors with what was read (sources with padding on either side and their mask,
decoder inputs, labels) and what came of it. transformers and PyTorch compute everything: CPU, float32, one
thread, eager attention.
"""

import numpy
import torch
from transformers import AutoConfig, AutoModelForSeq2SeqLM

from manifest import REFERENCES, write_json
from model_cases import IGNORED, loss_sum, save_weights, train, write_cases, write_results
from models import fill

SEED = 20261129
BATCH, SOURCE, TIME, STEPS = 3, 23, 13, 30
PACKAGES = ["torch", "transformers", "safetensors", "numpy"]
OUT = REFERENCES / "encoder_decoders"
KEYS = ["input_ids", "mask", "decoder_ids", "labels"]

T5 = {
    "model_type": "t5",
    "architectures": ["T5ForConditionalGeneration"],
    "vocab_size": 53,
    "d_model": 20,
    "d_kv": 7,
    "d_ff": 34,
    "num_layers": 2,
    "num_heads": 3,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 12,
    "dropout_rate": 0.0,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "decoder_start_token_id": 0,
    "is_encoder_decoder": True,
}
# Whether the folder's weights hold a head of their own; `None` where config.json says so.
CASES = {
    "t5": (T5, None),
    "t5_gated": (
        T5
        | {
            "feed_forward_proj": "gated-gelu",
            "tie_word_embeddings": False,
            "num_decoder_layers": 3,
            "layer_norm_epsilon": 1e-5,
        },
        True,
    ),
    # As transformers 5 has it: no head in the file, so the embedding, unscaled.
    "t5_shared": (T5 | {"feed_forward_proj": "gated-silu", "tie_word_embeddings": False}, False),
    "mt5": (
        T5
        | {
            "model_type": "mt5",
            "architectures": ["MT5ForConditionalGeneration"],
            "feed_forward_proj": "gated-gelu",
            "tie_word_embeddings": False,
        },
        True,
    ),
    "umt5": (
        T5
        | {
            "model_type": "umt5",
            "architectures": ["UMT5ForConditionalGeneration"],
            "feed_forward_proj": "gated-gelu",
            "tie_word_embeddings": False,
            "decoder_start_token_id": 4,
        },
        True,
    ),
    # As transformers writes a new one.
    "umt5_tied": (
        T5
        | {
            "model_type": "umt5",
            "architectures": ["UMT5ForConditionalGeneration"],
            "feed_forward_proj": "gated-gelu",
            "tie_word_embeddings": True,
        },
        False,
    ),
}


def batch(config, generator):
    """Sources with padding behind the second row and before the third, decoder inputs and labels."""
    ids = generator.integers(5, config.vocab_size, (BATCH, SOURCE))
    mask = numpy.ones((BATCH, SOURCE), dtype=numpy.int64)
    mask[1, 17:] = 0
    mask[2, :6] = 0
    ids[mask == 0] = 0
    labels = generator.integers(5, config.vocab_size, (BATCH, TIME))
    labels[0, 9:] = IGNORED
    labels[2, 12:] = IGNORED
    start = config.decoder_start_token_id
    shifted = numpy.concatenate([numpy.full((BATCH, 1), start), labels[:, :-1]], axis=1)
    shifted[shifted == IGNORED] = 0
    return ids, mask, shifted, labels


def call(model, ids, mask, shifted):
    """The decoder's last hidden states (B, T, C) and the logits (B, T, V)."""
    output = model(
        input_ids=torch.from_numpy(ids),
        attention_mask=torch.from_numpy(mask),
        decoder_input_ids=torch.from_numpy(shifted),
        output_hidden_states=True,
        use_cache=False,
    )
    return output.decoder_hidden_states[-1], output.logits


def untie(model, generator):
    """A head of its own, as files of T5 1.1 and mT5 hold."""
    size = (model.config.vocab_size, model.config.d_model)
    head = torch.from_numpy((0.15 * generator.standard_normal(size)).astype(numpy.float32))
    model.lm_head.weight = torch.nn.Parameter(head)


def write_case(name, index):
    """Writes one folder of three files."""
    config, has_head = CASES[name]
    folder = OUT / name
    folder.mkdir(parents=True)
    generator = numpy.random.default_rng([SEED, index])
    model = AutoModelForSeq2SeqLM.from_config(
        AutoConfig.for_model(**config), attn_implementation="eager", dtype=torch.float32
    )
    model.eval()
    fill(model, generator)
    if has_head:
        untie(model, generator)
    saved = save_weights(model, folder)
    write_json(folder / "config.json", config)
    loaded = AutoModelForSeq2SeqLM.from_pretrained(folder, attn_implementation="eager").eval()
    if config["model_type"] == "umt5" and has_head:
        # transformers 5.23 sets it to true whatever the file says, and so divides the states of the
        # published models, which have a head of their own and were trained without that (4.x).
        model.config.tie_word_embeddings = loaded.config.tie_word_embeddings = False

    ids, mask, shifted, labels = batch(model.config, generator)
    hidden, logits = call(loaded, ids, mask, shifted)
    if not torch.equal(call(model, ids, mask, shifted)[1], logits):
        raise SystemExit(f"{folder}: config.json means another model than the one written: {saved}")
    loss = loss_sum(logits, labels)
    loss.backward()
    gradients = {
        name: parameter.grad.numpy().copy()
        for name, parameter in loaded.named_parameters()
        if parameter.grad is not None
    }
    batches = [batch(model.config, generator) for _ in range(STEPS)]
    losses = train(loaded, call, batches)
    first = (ids, mask, shifted, labels)
    write_results(folder, KEYS, first, {"hidden": hidden, "logits": logits, "loss": loss}, gradients, batches, losses)


def main():
    """Writes all cases anew."""
    write_cases(OUT, CASES, write_case, __file__, PACKAGES, SEED)


if __name__ == "__main__":
    main()
