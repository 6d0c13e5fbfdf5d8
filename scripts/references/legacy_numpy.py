"""Rows that `num_samples` draws in LLaMA-Factory: NumPy's legacy generator, seeded once a run.

    python legacy_numpy.py
"""

import json

import numpy
from manifest import REFERENCES, write_manifest

SEEDS = [42, 0, 2**32 - 1, 1234567]


def drawn(count, wanted):
    """What LLaMA-Factory 0.9.5's data/loader.py computes for an entry with `num_samples`."""
    rows = numpy.random.permutation(count)[:wanted]
    wanted -= len(rows)
    if wanted > 0:
        rows = numpy.concatenate((rows, numpy.random.choice(count, wanted)), axis=0)
    return rows.tolist()


def main():
    folder = REFERENCES / "legacy_numpy"
    folder.mkdir(exist_ok=True)
    cases = []
    for seed in SEEDS:
        numpy.random.seed(seed)
        # One after another from one generator, as datasets of one run are.
        for count, wanted in [(10, 4), (7, 20), (1, 3), (300, 12), (1000, 5), (5, 5), (2, 9)]:
            cases.append([seed, count, wanted, drawn(count, wanted)])
    (folder / "drawn.json").write_text(json.dumps(cases) + "\n")
    write_manifest(folder, __file__, ["numpy"], SEEDS[0])


main()
