"""Writes tiny random encoders with their hidden states, logits, loss, gradients and 30 steps of AdamW.

    python scripts/references/encoders.py

One folder per case in Tests/References/encoders/: config.json, model.safetensors as transformers saves
it, and reference.safetensors with what was read (ids, token types, the mask of padding on either side,
labels) and what came of it. transformers and PyTorch compute everything: CPU, float32, one thread, eager
attention.
"""

import numpy
import torch
from transformers import AutoConfig, AutoModelForMaskedLM

from manifest import REFERENCES, write_json
from model_cases import IGNORED, loss_sum, save_weights, train, write_cases, write_results
from models import fill

SEED = 20261128
BATCH, TIME, STEPS = 3, 21, 30
PACKAGES = ["torch", "transformers", "safetensors", "numpy"]
OUT = REFERENCES / "encoders"
KEYS = ["input_ids", "token_types", "mask", "labels"]

BERT = {
    "model_type": "bert",
    "architectures": ["BertForMaskedLM"],
    "vocab_size": 53,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "max_position_embeddings": 27,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}
MODERN = {
    "model_type": "modernbert",
    "architectures": ["ModernBertForMaskedLM"],
    "vocab_size": 53,
    "hidden_size": 24,
    "num_hidden_layers": 4,
    "num_attention_heads": 3,
    "intermediate_size": 20,
    "max_position_embeddings": 64,
    "local_attention": 8,
    "pad_token_id": 2,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "cls_token_id": 0,
    "sep_token_id": 1,
}
DISTIL = {
    "model_type": "distilbert",
    "architectures": ["DistilBertForMaskedLM"],
    "vocab_size": 53,
    "dim": 24,
    "n_layers": 2,
    "n_heads": 3,
    "hidden_dim": 40,
    "max_position_embeddings": 27,
    "dropout": 0.0,
    "attention_dropout": 0.0,
    "qa_dropout": 0.0,
    "seq_classif_dropout": 0.0,
}
MPNET = {key: value for key, value in BERT.items() if key != "type_vocab_size"} | {
    "model_type": "mpnet",
    "architectures": ["MPNetForMaskedLM"],
    "pad_token_id": 1,
    "layer_norm_eps": 1e-5,
    "relative_attention_num_buckets": 32,
}
ALBERT = BERT | {
    "model_type": "albert",
    "architectures": ["AlbertForMaskedLM"],
    "num_hidden_layers": 3,
    "embedding_size": 16,
    "hidden_act": "gelu_new",
    "classifier_dropout_prob": 0.0,
}
# The configurations as they are published, except those in RESAVED, which transformers 5 writes itself.
RESAVED = {"modernbert_resaved"}
CASES = {
    "bert": BERT,
    "bert_odd": BERT
    | {
        "hidden_act": "gelu_new",
        "type_vocab_size": 3,
        "layer_norm_eps": 1e-5,
        "pad_token_id": 7,
        "tie_word_embeddings": False,
    },
    "roberta": BERT
    | {
        "model_type": "roberta",
        "architectures": ["RobertaForMaskedLM"],
        "type_vocab_size": 1,
        "pad_token_id": 1,
        "layer_norm_eps": 1e-5,
        "hidden_act": "relu",
    },
    "xlm_roberta": BERT
    | {
        "model_type": "xlm-roberta",
        "architectures": ["XLMRobertaForMaskedLM"],
        "type_vocab_size": 2,
        "pad_token_id": 3,
        "max_position_embeddings": 30,
    },
    "electra": BERT
    | {"model_type": "electra", "architectures": ["ElectraForMaskedLM"], "embedding_size": 16},
    "modernbert": MODERN
    | {"global_attn_every_n_layers": 3, "global_rope_theta": 1000.0, "local_rope_theta": 100.0},
    "modernbert_biased": MODERN
    | {
        "norm_bias": True,
        "attention_bias": True,
        "mlp_bias": True,
        "classifier_bias": True,
        "decoder_bias": False,
        "hidden_activation": "silu",
        "classifier_activation": "relu",
        "tie_word_embeddings": False,
    },
    "modernbert_resaved": MODERN
    | {
        "layer_types": ["sliding_attention", "full_attention"] * 2,
        "rope_parameters": {
            "full_attention": {"rope_type": "default", "rope_theta": 5000.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 50.0},
        },
    },
    "distilbert": DISTIL | {"sinusoidal_pos_embds": False, "tie_weights_": True},
    "distilbert_odd": DISTIL
    | {
        "activation": "gelu_new",
        "pad_token_id": 7,
        "sinusoidal_pos_embds": True,
        "tie_word_embeddings": False,
    },
    "mpnet": MPNET,
    # More rows than transformers' buckets, whose padding token is 1 whatever the file says.
    "mpnet_odd": MPNET
    | {
        "hidden_act": "relu",
        "layer_norm_eps": 1e-6,
        "pad_token_id": 3,
        "relative_attention_num_buckets": 40,
        "tie_word_embeddings": False,
    },
    "albert": ALBERT,
    # Groups of two layers, embeddings as wide as they.
    "albert_odd": ALBERT
    | {
        "embedding_size": 24,
        "hidden_act": "gelu",
        "inner_group_num": 2,
        "num_hidden_groups": 2,
        "pad_token_id": 7,
        "tie_word_embeddings": False,
        "type_vocab_size": 3,
    },
}


def batch(config, generator):
    """Ids with padding behind the second row and before the third, types, mask and labels."""
    pad = 1 if config.model_type == "mpnet" else config.pad_token_id
    ids = generator.integers(8, config.vocab_size, (BATCH, TIME))
    mask = numpy.ones((BATCH, TIME), dtype=numpy.int64)
    mask[1, 15:] = 0
    mask[2, :6] = 0
    ids[mask == 0] = pad
    types = numpy.zeros((BATCH, TIME), dtype=numpy.int64)
    count = getattr(config, "type_vocab_size", 1)
    types[:, TIME // 2 :] = count - 1
    labels = numpy.full((BATCH, TIME), IGNORED)
    chosen = (generator.random((BATCH, TIME)) < 0.4) & (mask == 1)
    labels[chosen] = generator.integers(0, config.vocab_size, int(chosen.sum()))
    return ids, types, mask, labels


def call(model, ids, types, mask):
    """The last hidden states (B, T, C) and the logits (B, T, V)."""
    tensors = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
    if hasattr(model.config, "type_vocab_size"):
        tensors["token_type_ids"] = torch.from_numpy(types)
    output = model(**tensors, output_hidden_states=True)
    body = model.base_model(**tensors)
    return body.last_hidden_state, output.logits


def write_case(name, index):
    """Writes one folder of three files."""
    config = CASES[name]
    folder = OUT / name
    folder.mkdir(parents=True)
    generator = numpy.random.default_rng([SEED, index])
    model = AutoModelForMaskedLM.from_config(
        AutoConfig.for_model(**config), attn_implementation="eager", dtype=torch.float32
    )
    model.eval()
    fill(model, generator)
    with torch.no_grad():  # what padding_idx keeps at zero
        for module in model.modules():
            if isinstance(module, torch.nn.Embedding) and module.padding_idx is not None:
                module.weight[module.padding_idx] = 0
    saved = save_weights(model, folder)
    write_json(folder / "config.json", saved if name in RESAVED else config)
    loaded = AutoModelForMaskedLM.from_pretrained(folder, attn_implementation="eager").eval()

    ids, types, mask, labels = batch(model.config, generator)
    hidden, logits = call(model, ids, types, mask)
    if not torch.equal(call(loaded, ids, types, mask)[1], logits):
        raise SystemExit(f"{folder}: config.json means another model than the one written")
    loss = loss_sum(logits, labels)
    loss.backward()
    # A tied table has both of its names.
    gradients = {
        name: parameter.grad.numpy().copy()
        for name, parameter in model.named_parameters(remove_duplicate=False)
        if parameter.grad is not None
        and (name != "lm_head.decoder.weight" or not model.config.tie_word_embeddings)
    }
    batches = [batch(model.config, generator) for _ in range(STEPS)]
    losses = train(model, call, batches)
    first = (ids, types, mask, labels)
    write_results(folder, KEYS, first, {"hidden": hidden, "logits": logits, "loss": loss}, gradients, batches, losses)


def main():
    """Writes all cases anew."""
    write_cases(OUT, CASES, write_case, __file__, PACKAGES, SEED)


if __name__ == "__main__":
    main()
