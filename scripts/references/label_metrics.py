"""Writes figures of labels, numbers and tagged words, as scikit-learn, SciPy and seqeval compute them.

    python scripts/references/label_metrics.py

Tests/References/label_metrics/metrics.json: cases with what was found, what was wanted, and the figures.
"""

import warnings

import numpy
from scipy.stats import pearsonr, spearmanr
from seqeval.metrics import accuracy_score as tag_accuracy
from seqeval.metrics import f1_score as entity_f1
from seqeval.metrics import precision_score, recall_score
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef, mean_squared_error

from manifest import REFERENCES, write_json, write_manifest

SEED = 20261128
OUT = REFERENCES / "label_metrics"
PACKAGES = ["numpy", "scipy", "scikit-learn", "seqeval"]
TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "I-a-b", "B-a-b", "E-PER", "S-LOC", "B", "I"]


def one_of_several(generator, labels, count):
    wanted = generator.integers(0, labels, count)
    found = numpy.where(generator.random(count) < 0.6, wanted, generator.integers(0, labels, count))
    figures = {
        "accuracy": accuracy_score(wanted, found),
        "matthews_correlation": matthews_corrcoef(wanted, found),
    }
    if labels == 2:
        figures["f1"] = f1_score(wanted, found, zero_division=0)
    else:
        figures["f1_macro"] = f1_score(wanted, found, average="macro", zero_division=0)
    return {
        "labels": labels,
        "found": found.tolist(),
        "wanted": wanted.tolist(),
        "figures": {key: float(value) for key, value in figures.items()},
    }


def any_of_several(generator, labels, count):
    wanted = generator.integers(0, 2, (count, labels))
    found = numpy.where(generator.random(wanted.shape) < 0.8, wanted, 1 - wanted)
    return {
        "found": found.astype(bool).tolist(),
        "wanted": wanted.astype(bool).tolist(),
        "figures": {
            "accuracy": float(accuracy_score(wanted, found)),
            "f1": float(f1_score(wanted, found, average="micro", zero_division=0)),
        },
    }


def numbers(generator, count, ties):
    wanted = generator.standard_normal(count)
    found = wanted + generator.standard_normal(count)
    if ties:
        wanted, found = wanted.round(), found.round()
    pearson, spearman = pearsonr(found, wanted)[0], spearmanr(found, wanted)[0]
    return {
        "found": found.tolist(),
        "wanted": wanted.tolist(),
        "figures": {
            "mse": float(mean_squared_error(wanted, found)),
            "pearson": float(pearson),
            "spearmanr": float(spearman),
            "combined_score": float((pearson + spearman) / 2),
        },
    }


def tags(generator, sentences, known):
    wanted = [
        [known[place] for place in generator.integers(0, len(known), generator.integers(1, 9))]
        for _ in range(sentences)
    ]
    found = [
        [tag if generator.random() < 0.8 else known[generator.integers(0, len(known))] for tag in one]
        for one in wanted
    ]
    return {
        "found": found,
        "wanted": wanted,
        "figures": {
            "precision": float(precision_score(wanted, found)),
            "recall": float(recall_score(wanted, found)),
            "f1": float(entity_f1(wanted, found)),
            "accuracy": float(tag_accuracy(wanted, found)),
        },
    }


def main():
    """Writes all cases anew."""
    warnings.simplefilter("ignore")
    generator = numpy.random.default_rng(SEED)
    OUT.mkdir(parents=True, exist_ok=True)
    write_json(
        OUT / "metrics.json",
        {
            "one": [one_of_several(generator, labels, 40) for labels in [2, 2, 3, 5, 30]],
            "several": [any_of_several(generator, labels, 20) for labels in [2, 3, 6]],
            "numbers": [numbers(generator, 25, ties) for ties in [False, True]],
            "tags": [
                tags(generator, 12, known)
                for known in [TAGS[:5], TAGS[:7], TAGS, ["NN", "VB", "DT", "I", "O"]]
            ],
        },
    )
    write_manifest(OUT, __file__, PACKAGES, SEED)


if __name__ == "__main__":
    main()
