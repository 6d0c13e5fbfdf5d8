#!/usr/bin/env python3
"""Compares vectors of a folder that a contrastive run has left with sentence-transformers, and the run's figures.

    python scripts/check_embeddings.py .build/release/lockstep FOLDER PAIRS.jsonl

FOLDER is a model or an adapter whose base can be found; PAIRS holds {"anchor": …, "positive": …} and is what the run evaluated on, whole
(`eval_dataset`), where FOLDER/eval_results.json is to be compared too. Needs the packages of scripts/references/requirements.txt. Ends
with status 1 when anything differs.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator

VECTOR_TOLERANCE = 1e-4  # float32 on both sides, sums in another order
FIGURE_TOLERANCE = 2e-3  # two candidates within rounding may change places
TEXTS = 200


def vectors(lockstep, folder, texts):
    """What `lockstep embed` makes of texts."""
    file = Path(folder) / "check_embeddings.jsonl"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    done = subprocess.run([lockstep, "embed", "--model", folder, "--input", str(file)], capture_output=True, text=True, check=False)
    file.unlink()
    if done.returncode:
        sys.exit(f"embed: {done.stderr.strip()}")
    return numpy.array([json.loads(line)["embedding"] for line in done.stdout.splitlines()])


def evaluate(model, pairs):
    """The peer's figures, of all different anchors among all different positives."""
    anchors = {text: f"q{number}" for number, text in enumerate(dict.fromkeys(pair["anchor"] for pair in pairs))}
    positives = {text: f"d{number:06}" for number, text in enumerate(dict.fromkeys(pair["positive"] for pair in pairs))}
    relevant = {}
    for pair in pairs:
        relevant.setdefault(anchors[pair["anchor"]], set()).add(positives[pair["positive"]])
    evaluator = InformationRetrievalEvaluator(
        {name: text for text, name in anchors.items()}, {name: text for text, name in positives.items()}, relevant
    )
    return evaluator(model)


def main():
    """Compares, and says what differs."""
    parser = argparse.ArgumentParser()
    for name in ("lockstep", "folder", "pairs"):
        parser.add_argument(name)
    options = parser.parse_args()
    model = SentenceTransformer(options.folder, device="cpu")
    pairs = [json.loads(line) for line in Path(options.pairs).read_text().splitlines()]
    texts = [text for pair in pairs[:TEXTS] for text in (pair["anchor"], pair["positive"])]
    difference = numpy.abs(vectors(options.lockstep, options.folder, texts) - model.encode(texts)).max()
    print(f"largest difference of {len(texts)} vectors: {difference:.2e}")
    failed = not difference < VECTOR_TOLERANCE
    results = Path(options.folder) / "eval_results.json"
    if results.exists():
        own = json.loads(results.read_text())
        for name, value in evaluate(model, pairs).items():
            found = own.get(f"eval_{name}")
            if found is None:
                continue
            print(f"{name}: {found:.4f}, sentence-transformers {value:.4f}")
            failed = failed or abs(found - value) > FIGURE_TOLERANCE
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
