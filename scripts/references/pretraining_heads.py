"""Writes tiny random models with the heads of BERT's and ELECTRA's pretraining: losses, gradients, 30 steps.

    python scripts/references/pretraining_heads.py

One folder per case in Tests/References/pretraining_heads/: config.json, model.safetensors and reference.safetensors with
texts, filled up behind (ids, token types, mask, whether the second text is another one), and what came of them. Ids from 15 on are
hidden by id 4. `pairs` is `BertForPreTraining`. `electra` is `ElectraForPreTraining` and, under `generator.`, `ElectraForMaskedLM` of
half the width on the same embeddings; its tokens are drawn by the numbers of sample_draws.py, and the loss is the generator's mean and
50 times the discriminator's. transformers and PyTorch compute everything: CPU, float32, one thread, eager attention.
"""

import numpy
import torch
from encoders import BERT
from manifest import REFERENCES, write_json
from model_cases import IGNORED, train_on, write_cases, write_results
from models import fill
from safetensors.numpy import save_file
from sample_draws import Draws
from transformers import AutoConfig, BertForPreTraining, ElectraForMaskedLM, ElectraForPreTraining

SEED = 20261129
LENGTHS, STEPS, COLUMNS = [9, 5, 7, 2], 30, 10
PACKAGES = ["torch", "transformers", "safetensors", "numpy"]
OUT = REFERENCES / "pretraining_heads"
FIRST_HIDDEN, MASK = 15, 4
SMALL = BERT | {
    "hidden_size": 12, "num_hidden_layers": 1, "intermediate_size": 16, "vocab_size": 23, "max_position_embeddings": 12,
}
SMALL.pop("architectures")
PREFIX = "generator."


def hidden(ids):
    """What is read, and what is to be found."""
    chosen = ids >= FIRST_HIDDEN
    return torch.from_numpy(numpy.where(chosen, MASK, ids)), torch.from_numpy(numpy.where(chosen, ids, IGNORED))


class Pairs:
    """BERT's two losses."""

    keys = ["input_ids", "token_types", "mask", "labels"]

    def __init__(self, generator):
        config = AutoConfig.for_model(**SMALL)
        config._attn_implementation = "eager"
        self.model = BertForPreTraining(config).eval()
        fill(self.model, generator)
        with torch.no_grad():
            self.model.bert.embeddings.word_embeddings.weight[0] = 0

    def batch(self, generator):
        rows, columns = len(LENGTHS), max(LENGTHS)
        ids = generator.integers(5, 23, (rows, columns))
        mask = numpy.array([[int(place < length) for place in range(columns)] for length in LENGTHS])
        ids[mask == 0] = 0
        types = numpy.zeros((rows, columns), dtype=numpy.int64)
        types[:, 3:] = 1
        types[mask == 0] = 0
        ids[0, 0] = 20  # something to find in each batch
        return ids, types, mask, generator.integers(0, 2, rows)

    def losses(self, ids, types, mask, labels):
        """The sum of both means."""
        read, targets = hidden(ids)
        return self.model(
            input_ids=read, token_type_ids=torch.from_numpy(types), attention_mask=torch.from_numpy(mask), labels=targets,
            next_sentence_label=torch.from_numpy(labels),
        ).loss

    def parameters(self):
        """Names and tensors, each once."""
        return dict(self.model.named_parameters())

    def config(self):
        return self.model.config.to_diff_dict()


class Electra(torch.nn.Module):
    """ELECTRA's generator and discriminator."""

    keys = ["input_ids", "labels"]

    def __init__(self, generator):
        super().__init__()
        base = SMALL | {"model_type": "electra", "embedding_size": 8}
        config = AutoConfig.for_model(**base)
        smaller = AutoConfig.for_model(
            **base | {"hidden_size": 6, "num_attention_heads": 1, "intermediate_size": 24}
        )
        config._attn_implementation = smaller._attn_implementation = "eager"
        self.discriminator = ElectraForPreTraining(config).eval()
        self.generator = ElectraForMaskedLM(smaller).eval()
        words = self.discriminator.electra.embeddings
        self.generator.electra.embeddings = words
        self.generator.generator_lm_head.weight = words.word_embeddings.weight
        fill(self.discriminator, generator)
        with torch.no_grad():
            kept = words.word_embeddings.weight.clone()
            own = {name: value.clone() for name, value in words.named_parameters()}
            fill(self.generator, generator)
            for name, value in words.named_parameters():
                value.copy_(own[name])
            words.word_embeddings.weight.copy_(kept)
            words.word_embeddings.weight[0] = 0

    def batch(self, generator):
        ids = generator.integers(5, 23, (len(LENGTHS), COLUMNS))
        ids[0, 0] = 20
        return ids, numpy.where(ids >= FIRST_HIDDEN, ids, IGNORED)

    def losses(self, ids, _):
        """The generator's mean and 50 times the discriminator's."""
        read, targets = hidden(ids)
        output = self.generator(input_ids=read, labels=targets)
        drawn = ids.copy()
        for row in range(len(ids)):
            draws = Draws(SEED, row, stream=3)
            for place in numpy.flatnonzero(ids[row] >= FIRST_HIDDEN):
                scores = output.logits[row, place].detach().numpy().astype(numpy.float64)
                powers = numpy.exp(scores - scores.max())
                left = draws.uniform() * powers.sum()
                for token, power in enumerate(powers):
                    left -= power
                    if left < 0:
                        break
                drawn[row, place] = token
        labels = torch.from_numpy((drawn != ids).astype(numpy.int64))
        found = self.discriminator(input_ids=torch.from_numpy(drawn), labels=labels)
        return output.loss + 50 * found.loss

    def parameters(self, recurse=True):
        return list(self.named().values())

    def named(self):
        """Names as they are trained together."""
        own = dict(self.discriminator.named_parameters())
        shared = {id(value) for value in own.values()}
        for name, value in self.generator.named_parameters():
            if id(value) not in shared:
                own[PREFIX + name] = value
        return own

    def config(self):
        return self.discriminator.config.to_diff_dict()


CASES = {"pairs": Pairs, "electra": Electra}


def write_case(name, index):
    """Writes one folder of three files."""
    folder = OUT / name
    folder.mkdir(parents=True)
    generator = numpy.random.default_rng([SEED, index])
    case = CASES[name](generator)
    named = case.named() if name == "electra" else case.parameters()
    save_file(
        {key: numpy.ascontiguousarray(value.detach().numpy()) for key, value in named.items()}, folder / "model.safetensors"
    )
    config = SMALL | case.config()
    for key in ("transformers_version", "_attn_implementation", "dtype"):
        config.pop(key, None)
    write_json(folder / "config.json", config)
    one = case.batch(generator)
    loss = case.losses(*one)
    loss.backward()
    gradients = {key: value.grad.numpy().copy() for key, value in named.items() if value.grad is not None}
    batches = [case.batch(generator) for _ in range(STEPS)]
    model = case if name == "electra" else case.model
    losses = train_on(model, lambda batch: case.losses(*batch), batches)
    write_results(folder, case.keys, one, {"loss": loss}, gradients, batches, losses)


def main():
    """Writes all cases anew."""
    write_cases(OUT, CASES, write_case, __file__, PACKAGES, SEED)


if __name__ == "__main__":
    main()
