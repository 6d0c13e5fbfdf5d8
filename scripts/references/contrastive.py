"""Writes contrastive losses of vectors, and tiny models that learn vectors of texts: loss, gradients, 30 steps.

    python scripts/references/contrastive.py

Tests/References/contrastive/ gets a folder for each model (config.json, model.safetensors, reference.safetensors with ids filled up
behind each text and their mask, for each text of a sample, and what came of them) and vectors.safetensors: unit vectors (N, texts, C)
of some forms of the loss with the mean loss and its gradient by them, and rows that torch divides by their lengths (`units`), a zero one
among them, with their gradient; retrieval.json has rankings with the figures that InformationRetrievalEvaluator gives; …_adapter/ are PEFT's, with vectors. The losses are sentence-transformers' MultipleNegativesRankingLoss,
of one direction or both; with a weight of a sample's own hard negatives, which those have not, it is SimCSE's formula
(princeton-nlp/SimCSE, simcse/models.py: the weight is added to the logits on the diagonal). CPU, float32, one thread, eager attention.
"""

import json

import numpy
import torch
from peft import LoraConfig, get_peft_model
from safetensors.numpy import save_file
from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from transformers import AutoConfig, AutoModel

from encoders import BERT, MODERN
from manifest import REFERENCES, write_json, write_manifest
from model_cases import save_weights, train_on, write_cases
from models import fill
from task_heads import ALBERT, DISTIL, LLAMA, MPNET, ROBERTA, SMALL

SEED = 20261129
ROWS, STEPS = 5, 30
PACKAGES = ["torch", "transformers", "sentence-transformers", "peft", "safetensors", "numpy"]
OUT = REFERENCES / "contrastive"
FORMS = "vectors.safetensors"

# What a model is, how its texts are pooled, texts of a sample, scale, whether both directions count, weight of own hard negatives.
CASES = {
    "bert": (BERT | SMALL | {"max_position_embeddings": 12}, "mean", 2, 20.0, False, 0.0),
    "roberta": (ROBERTA, "cls", 3, 10.0, True, 0.0),
    "modernbert": (MODERN | SMALL | {"num_hidden_layers": 2}, "mean", 2, 20.0, False, 0.0),
    "llama": (LLAMA, "lasttoken", 3, 15.0, False, 0.7),
    "distilbert": (DISTIL, "mean", 2, 20.0, False, 0.0),
    "mpnet": (MPNET, "mean", 2, 20.0, False, 0.0),
    "albert": (ALBERT, "mean", 2, 20.0, False, 0.0),
}
# Samples, texts of each, width, scale, whether both directions count, weight; more samples than are scored at once.
VECTORS = {
    "pairs": (300, 2, 3, 20.0, False, 0.0),
    "symmetric": (7, 2, 6, 20.0, True, 0.0),
    "negatives": (270, 3, 3, 5.0, True, 0.0),
    "weighted": (9, 3, 4, 12.0, False, 0.9),
    "masked": (11, 3, 4, 10.0, True, 0.0),
}
MASKED = "masked"  # this one has equal texts, which are no negatives


def mean_loss(texts, scale, symmetric, weight):
    """The mean over samples. `texts`: anchors, positives, hard negatives, each (N, C)."""
    if weight == 0:
        both = {"directions": ("query_to_doc", "doc_to_query"), "partition_mode": "per_direction"} if symmetric else {}
        return MultipleNegativesRankingLoss(None, scale=scale, **both).compute_loss_from_embeddings(texts, None)
    units = [torch.nn.functional.normalize(text, dim=-1) for text in texts]
    scores = [units[0] @ other.T * scale for other in units[1:]]
    for score in scores[1:]:
        score.diagonal().add_(weight)
    return torch.nn.functional.cross_entropy(torch.cat(scores, dim=1), torch.arange(len(units[0])))


def masked_loss(texts, identities, scale):
    """The mean over samples and both directions, without candidates that equal the query or what it has to find, or belong to an equal query."""
    sums = []
    for query, candidates in ((0, range(1, len(texts))), (1, [0])):
        target = candidates[0]
        scores = torch.cat([texts[query] @ texts[candidate].T * scale for candidate in candidates], dim=1)
        rows = len(identities)
        for row in range(rows):
            for number, candidate in enumerate(candidates):
                for other in range(rows):
                    equal = identities[other, candidate] in (identities[row, query], identities[row, target])
                    equal = equal or (candidate == target and identities[other, query] == identities[row, query])
                    if equal and (other, candidate) != (row, target):
                        scores[row, number * rows + other] = -torch.inf
        sums.append(torch.nn.functional.cross_entropy(scores, torch.arange(rows)))
    return sum(sums) / 2


def pooled(states, mask, pooling):
    """One vector of each text."""
    if pooling == "cls":
        return states[:, 0]
    if pooling == "lasttoken":
        return states[torch.arange(len(mask)), mask.sum(1) - 1]
    return (states * mask.unsqueeze(-1)).sum(1) / mask.sum(1, keepdim=True)


def batch(config, texts, generator):
    """Ids and mask of each text of the samples."""
    columns = []
    for text in range(texts):
        lengths = generator.integers(1, 9 - text, ROWS)
        ids = generator.integers(8, config.vocab_size, (ROWS, lengths.max()))
        mask = (numpy.arange(lengths.max()) < lengths[:, None]).astype(numpy.int64)
        ids[mask == 0] = config.pad_token_id or 0
        columns += [ids, mask]
    return columns


def call(model, case, columns):
    """The mean loss."""
    _, pooling, texts, scale, symmetric, weight = case
    vectors = []
    for text in range(texts):
        ids, mask = (torch.from_numpy(part) for part in columns[2 * text : 2 * text + 2])
        states = model(input_ids=ids, attention_mask=mask).last_hidden_state
        vectors.append(pooled(states, mask, pooling))
    return mean_loss(vectors, scale, symmetric, weight)


def write_case(name, index):
    """Writes one folder of three files."""
    case = CASES[name]
    folder = OUT / name
    folder.mkdir(parents=True)
    generator = numpy.random.default_rng([SEED, index])
    settings = {key: value for key, value in case[0].items() if key != "architectures"}
    model = AutoModel.from_config(
        AutoConfig.for_model(**settings), attn_implementation="eager", dtype=torch.float32
    ).eval()
    if hasattr(model, "pooler"):
        model.pooler = None
    fill(model, generator)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.Embedding) and module.padding_idx is not None:
                module.weight[module.padding_idx] = 0
    write_json(folder / "config.json", save_weights(model, folder))
    columns = batch(model.config, case[2], generator)
    loss = call(model, case, columns)
    loss.backward()
    arrays = {"loss": loss.detach().numpy().reshape(1)}
    arrays |= {f"grad.{key}": value.grad.numpy().copy() for key, value in model.named_parameters() if value.grad is not None}
    steps = [columns] + [batch(model.config, case[2], generator) for _ in range(STEPS)]
    arrays["steps.losses"] = numpy.array(train_on(model, lambda one: call(model, case, one), steps[1:]), dtype=numpy.float32)
    for number, columns in enumerate(steps):
        for place, part in enumerate(columns):
            key = f"{number}.{place // 2}.{('ids', 'mask')[place % 2]}"
            arrays[key] = part.astype(numpy.int32)
    save_file({key: numpy.ascontiguousarray(value) for key, value in arrays.items()}, folder / "reference.safetensors")
    print(f"{name}: loss {loss.item():.4f}, then {arrays['steps.losses'][[0, -1]]}")


def write_vectors():
    """Writes the losses of vectors."""
    arrays = {}
    for index, (name, (rows, texts, width, scale, symmetric, weight)) in enumerate(VECTORS.items()):
        generator = torch.Generator().manual_seed(SEED + index)
        values = torch.randn(rows, texts, width, generator=generator)
        units = torch.nn.functional.normalize(values, dim=-1).requires_grad_()
        # Gradients by unit vectors as they are, without what the losses' own normalisation takes out of them.
        plain = torch.nn.functional.normalize
        torch.nn.functional.normalize = lambda x, *_, **__: x
        columns = [units[:, text] for text in range(texts)]
        try:
            if name == MASKED:
                identities = torch.randint(0, 14, (rows, texts), generator=generator)
                loss = masked_loss(columns, identities, scale)
                arrays[f"{name}.identities"] = identities.to(torch.int32)
            else:
                loss = mean_loss(columns, scale, symmetric, weight)
        finally:
            torch.nn.functional.normalize = plain
        loss.backward()
        arrays |= {
            f"{name}.vectors": units.detach().numpy(),
            f"{name}.loss": loss.detach().numpy().reshape(1),
            f"{name}.gradient": units.grad.numpy(),
        }
    x = 3 * torch.randn(4, 7, generator=torch.Generator().manual_seed(SEED))
    x[2] = 0
    x.requires_grad_()
    dy = torch.randn(4, 7, generator=torch.Generator().manual_seed(SEED + 1))
    y = torch.nn.functional.normalize(x, dim=-1)
    y.backward(dy)
    arrays |= {"units.x": x, "units.y": y, "units.dy": dy, "units.dx": x.grad}
    arrays = {key: numpy.ascontiguousarray(torch.as_tensor(value).detach().numpy()) for key, value in arrays.items()}
    save_file(arrays, OUT / FORMS)


def write_adapters():
    """Writes PEFT adapters of bodies alone (FEATURE_EXTRACTION), and the mean vectors of texts that come of them."""
    for name in ("bert", "llama"):
        model = AutoModel.from_pretrained(OUT / name, attn_implementation="eager", dtype=torch.float32).eval()
        targets = ["query", "value"] if name == "bert" else ["q_proj", "down_proj"]
        torch.manual_seed(SEED)
        settings = LoraConfig(
            r=2, lora_alpha=6, target_modules=targets, task_type="FEATURE_EXTRACTION", init_lora_weights=False
        )
        adapted = get_peft_model(model, settings)
        folder = OUT / f"{name}_adapter"
        adapted.save_pretrained(folder)
        (folder / "README.md").unlink()
        texts = [[9, 12, 20, 11], [8, 13], [22, 21, 20, 10, 9, 8, 14]]
        with torch.no_grad():
            vectors = [adapted(input_ids=torch.tensor([ids])).last_hidden_state[0].mean(0).tolist() for ids in texts]
        keys = json.loads((folder / "adapter_config.json").read_text())
        keys["base_model_name_or_path"] = "base"
        write_json(folder / "adapter_config.json", keys)
        write_json(folder / "vectors.json", {"ids": texts, "vectors": vectors})


def write_retrieval():
    """Writes what InformationRetrievalEvaluator says of rankings: which of the first 100 candidates belong to each query."""
    generator = numpy.random.default_rng(SEED)
    queries, corpus, relevant, results = {}, {str(number): "" for number in range(130)}, {}, []
    for query in range(40):
        own = generator.choice(130, size=generator.integers(1, 15 if query % 4 else 120), replace=False)
        order = generator.permutation(130)
        near = own[: generator.integers(0, len(own) + 1)]
        order = numpy.concatenate([near, order[~numpy.isin(order, near)]])
        if query % 2:
            order[:6] = generator.permutation(order[:6])
        queries[str(query)], relevant[str(query)] = "", {str(number) for number in own}
        results.append([{"corpus_id": str(number), "score": -place} for place, number in enumerate(order[:100])])
    evaluator = InformationRetrievalEvaluator(queries, corpus, relevant)
    figures = {
        f"cosine_{name.replace('@k', '')}@{k}": float(value)
        for name, values in evaluator.compute_metrics(results).items()
        for k, value in values.items()
    }
    rankings = [
        {
            "relevant": len(relevant[str(query)]),
            "hits": [place for place, hit in enumerate(result) if hit["corpus_id"] in relevant[str(query)]],
        }
        for query, result in enumerate(results)
    ]
    write_json(OUT / "retrieval.json", {"rankings": rankings, "figures": figures})


def main():
    """Writes all cases anew."""
    write_cases(OUT, CASES, write_case, __file__, PACKAGES, SEED)
    write_vectors()
    write_retrieval()
    write_adapters()
    write_manifest(OUT, __file__, PACKAGES, SEED)


if __name__ == "__main__":
    main()
