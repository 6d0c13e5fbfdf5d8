"""Writes tiny random models with heads for labels of texts, of words and for answers: scores, loss, gradients,
30 steps.

    python scripts/references/task_heads.py

One folder per case in Tests/References/task_heads/: config.json, model.safetensors as transformers saves
it, and reference.safetensors with what was read (ids filled up behind each text, token types, lengths,
labels; of answers their first and last token, outside of a row that has none) and what came of it. What fills
rows up takes no part in an answer's softmax. transformers and PyTorch compute everything: CPU, float32, one thread, eager
attention.
"""

import numpy
import torch
from transformers import (
    AutoConfig,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)
from transformers.loss.loss_utils import ForQuestionAnsweringLoss

from encoders import ALBERT, BERT, DISTIL, MODERN, MPNET
from manifest import REFERENCES, write_json
from model_cases import IGNORED, save_weights, train_on, write_cases, write_results
from models import fill

SEED = 20261128
LENGTHS, STEPS = [9, 5, 7, 2], 30
PACKAGES = ["torch", "transformers", "safetensors", "numpy"]
OUT = REFERENCES / "task_heads"
KEYS = ["input_ids", "token_types", "mask", "labels"]

SMALL = {"hidden_size": 12, "num_hidden_layers": 1, "intermediate_size": 16, "vocab_size": 23}
BERT = BERT | SMALL | {"max_position_embeddings": 12}
LLAMA = SMALL | {
    "model_type": "llama",
    "num_attention_heads": 3,
    "num_key_value_heads": 1,
    "max_position_embeddings": 16,
    "pad_token_id": 5,
    "classifier_dropout": 0.0,
}
GPT2 = {
    "model_type": "gpt2",
    "n_embd": 12,
    "n_layer": 1,
    "n_head": 3,
    "n_positions": 16,
    "vocab_size": 23,
    "resid_pdrop": 0.0,
    "embd_pdrop": 0.0,
    "attn_pdrop": 0.0,
    "classifier_dropout": 0.0,
}
ROBERTA = BERT | {"model_type": "roberta", "type_vocab_size": 1, "pad_token_id": 1}
MODERN = MODERN | SMALL | {"num_hidden_layers": 2}
DISTIL = DISTIL | {"dim": 12, "n_layers": 1, "hidden_dim": 16, "vocab_size": 23, "max_position_embeddings": 12}
MPNET = MPNET | SMALL | {"max_position_embeddings": 12}
ALBERT = ALBERT | SMALL | {"embedding_size": 8, "num_hidden_layers": 2, "max_position_embeddings": 12}
XLM = ROBERTA | {"model_type": "xlm-roberta"}
T5 = {
    "model_type": "t5",
    "d_model": 12,
    "d_kv": 5,
    "num_heads": 3,
    "d_ff": 16,
    "num_layers": 2,
    "num_decoder_layers": 1,
    "vocab_size": 23,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 12,
    "dropout_rate": 0.0,
    "classifier_dropout": 0.0,
    "decoder_start_token_id": 0,
}
MT5 = T5 | {"model_type": "mt5", "feed_forward_proj": "gated-gelu"}
SEQUENCE, TOKENS, ANSWERS = "sequence", "tokens", "answers"
MAKERS = {
    SEQUENCE: AutoModelForSequenceClassification,
    TOKENS: AutoModelForTokenClassification,
    ANSWERS: AutoModelForQuestionAnswering,
}
# What gets labels, what they are, and how many there are.
CASES = {
    "bert": (BERT, SEQUENCE, "single_label_classification", 3),
    "bert_several": (BERT, SEQUENCE, "multi_label_classification", 4),
    "bert_number": (BERT, SEQUENCE, "regression", 1),
    "bert_words": (BERT, TOKENS, None, 5),
    "roberta": (ROBERTA, SEQUENCE, "single_label_classification", 2),
    "electra": (
        BERT | {"model_type": "electra", "embedding_size": 8},
        SEQUENCE,
        "single_label_classification",
        3,
    ),
    "modernbert": (MODERN, SEQUENCE, "single_label_classification", 3),
    "modernbert_mean": (
        MODERN | {"classifier_pooling": "mean", "classifier_bias": True},
        SEQUENCE,
        "regression",
        1,
    ),
    "modernbert_words": (MODERN, TOKENS, None, 3),
    "llama": (LLAMA, SEQUENCE, "single_label_classification", 3),
    "llama_words": (LLAMA, TOKENS, None, 3),
    "gpt2": (GPT2 | {"pad_token_id": 0}, SEQUENCE, "multi_label_classification", 3),
    "gpt2_words": (GPT2, TOKENS, None, 4),
    "bert_answers": (BERT, ANSWERS, None, 2),
    "electra_answers": (BERT | {"model_type": "electra", "embedding_size": 8}, ANSWERS, None, 2),
    "modernbert_answers": (MODERN, ANSWERS, None, 2),
    "llama_answers": (LLAMA, ANSWERS, None, 2),
    "roberta_answers": (ROBERTA, ANSWERS, None, 2),
    "xlm_roberta_answers": (XLM, ANSWERS, None, 2),
    "gpt2_answers": (GPT2, ANSWERS, None, 2),
    "t5": (T5, SEQUENCE, "single_label_classification", 3),
    "t5_number": (T5, SEQUENCE, "regression", 1),
    "mt5": (MT5, SEQUENCE, "multi_label_classification", 4),
    "t5_words": (T5, TOKENS, None, 4),
    "mt5_words": (MT5, TOKENS, None, 3),
    "t5_answers": (T5, ANSWERS, None, 2),
    "distilbert": (DISTIL, SEQUENCE, "single_label_classification", 3),
    "distilbert_words": (DISTIL, TOKENS, None, 4),
    "distilbert_answers": (DISTIL, ANSWERS, None, 2),
    "mpnet": (MPNET, SEQUENCE, "single_label_classification", 3),
    "mpnet_words": (MPNET, TOKENS, None, 4),
    "mpnet_answers": (MPNET, ANSWERS, None, 2),
    "albert": (ALBERT, SEQUENCE, "single_label_classification", 3),
    "albert_words": (ALBERT, TOKENS, None, 4),
    "albert_answers": (ALBERT, ANSWERS, None, 2),
}


def batch(config, kind, problem, outputs, generator):
    """Ids filled up with padding behind each text, types, mask and labels."""
    rows, columns = len(LENGTHS), max(LENGTHS)
    pad = config.pad_token_id or 0
    ids = generator.integers(8, config.vocab_size, (rows, columns))
    mask = numpy.array([[int(place < length) for place in range(columns)] for length in LENGTHS])
    ids[mask == 0] = pad
    if config.model_type in ("t5", "mt5"):  # what labels of a text are said of
        ids[range(rows), [length - 1 for length in LENGTHS]] = config.eos_token_id
    types = numpy.zeros((rows, columns), dtype=numpy.int64)
    types[:, 3:] = getattr(config, "type_vocab_size", 1) - 1
    types[mask == 0] = 0
    if kind == TOKENS:
        labels = generator.integers(0, outputs, (rows, columns))
        labels[(mask == 0) | (generator.random((rows, columns)) < 0.3)] = IGNORED
    elif kind == ANSWERS:
        labels = numpy.array([sorted(generator.integers(0, length, 2)) for length in LENGTHS])
        labels[generator.integers(0, rows)] = columns
    elif problem == "single_label_classification":
        labels = generator.integers(0, outputs, rows)
    elif problem == "regression":
        labels = generator.standard_normal((rows, outputs)).astype(numpy.float32)
    else:
        labels = generator.integers(0, 2, (rows, outputs)).astype(numpy.float32)
    return ids, types, mask, labels


def call(model, ids, types, mask, labels):
    """The scores and the mean loss."""
    tensors = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}
    if hasattr(model.config, "type_vocab_size"):
        tensors["token_type_ids"] = torch.from_numpy(types)
    if labels.ndim == 2 and "QuestionAnswering" in type(model).__name__:
        return call_for_answers(model, tensors, torch.from_numpy(labels))
    output = model(**tensors, labels=torch.from_numpy(labels))
    return output.logits, output.loss


def call_for_answers(model, tensors, labels):
    """The scores, one after another for each token, and the mean loss over real tokens."""
    positions = {"start_positions": labels[:, 0], "end_positions": labels[:, 1]}
    output = model(**tensors, **positions)
    filler = tensors["attention_mask"] == 0
    scores = [output.start_logits, output.end_logits]
    loss = ForQuestionAnsweringLoss(*(s.masked_fill(filler, -1e30) for s in scores), *labels.T)
    row = LENGTHS.index(max(LENGTHS))
    if labels[row, 0] < filler.shape[1]:  # a row that nothing fills up: transformers' own loss
        alone = model(
            **{key: value[row : row + 1] for key, value in tensors.items()},
            **{key: value[row : row + 1] for key, value in positions.items()},
        )
        own = ForQuestionAnsweringLoss(*(s[row : row + 1] for s in scores), *labels[row : row + 1].T)
        assert torch.allclose(alone.loss, own, atol=1e-5)
    return torch.stack(scores, dim=2), loss


def write_case(name, index):
    """Writes one folder of three files."""
    settings, kind, problem, outputs = CASES[name]
    folder = OUT / name
    folder.mkdir(parents=True)
    generator = numpy.random.default_rng([SEED, index])
    names = {number: f"label {number}" for number in range(outputs)}
    settings = settings | {"id2label": names, "label2id": {v: k for k, v in names.items()}}
    if problem:
        settings["problem_type"] = problem
    settings.pop("architectures", None)
    model = MAKERS[kind].from_config(
        AutoConfig.for_model(**settings), attn_implementation="eager", dtype=torch.float32
    ).eval()
    fill(model, generator)
    with torch.no_grad():  # what padding_idx keeps at zero
        for module in model.modules():
            if isinstance(module, torch.nn.Embedding) and module.padding_idx is not None:
                module.weight[module.padding_idx] = 0
    write_json(folder / "config.json", save_weights(model, folder))
    one = batch(model.config, kind, problem, outputs, generator)
    logits, loss = call(model, *one)
    loss.backward()
    gradients = {
        parameter_name: parameter.grad.numpy().copy()
        for parameter_name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    batches = [batch(model.config, kind, problem, outputs, generator) for _ in range(STEPS)]
    losses = train_on(model, lambda one: call(model, *one)[1], batches)
    results = {"logits": logits, "loss": loss}
    write_results(folder, KEYS, one, results, gradients, batches, losses)


def main():
    """Writes all cases anew."""
    write_cases(OUT, CASES, write_case, __file__, PACKAGES, SEED)


if __name__ == "__main__":
    main()
