"""Runs LLaMA-Factory's own evaluator on local folders of mmlu, ceval and cmmlu.

    python llamafactory_subjects.py REQUESTS.json

Wants llamafactory 0.9.3 with its requirements (transformers 4.52), so an environment of its own. REQUESTS.json is a list of objects of
the evaluator's arguments. The evaluator runs whole and as it is, but for two things: its data sets' loading scripts, which its package
does not have and which read archives from the Hub, are replaced by Python's csv module; and the shuffle of the shots leaves them in order.
"""

import csv
import json
import sys
from pathlib import Path

import datasets
import llamafactory.eval.evaluator as evaluator

COLUMNS = ["question", "A", "B", "C", "D", "answer"]
SPLITS = {"train": "dev", "validation": "val", "test": "test"}


def load_dataset(path, name, **_):
    """A subject's splits as the loading scripts give them."""
    path, found = Path(path), {}
    for split, folder in SPLITS.items():
        places = [path / "data" / folder / f"{name}_{folder}.csv", path / folder / f"{name}_{folder}.csv", path / folder / f"{name}.csv"]
        for file in filter(Path.exists, places):
            with open(file, newline="", encoding="utf-8") as lines:
                read = list(csv.reader(lines))
            heads = COLUMNS if path.name == "mmlu" else [head if len(head) == 1 else head.lower() for head in read.pop(0)]
            rows = [dict(zip(heads, row)) for row in read]
            found[split] = datasets.Dataset.from_list([{column: row[column] for column in COLUMNS} for row in rows])
    return datasets.DatasetDict(found)


def main():
    """Answers every request."""
    evaluator.load_dataset = load_dataset
    datasets.Dataset.shuffle = lambda self, *_, **__: self
    model = None
    for request in json.loads(Path(sys.argv[1]).read_text()):
        if model is not None:
            evaluator.load_model = lambda *_, **__: model  # the same weights
        made = evaluator.Evaluator(request)
        model = made.model
        made.eval()


if __name__ == "__main__":
    main()
