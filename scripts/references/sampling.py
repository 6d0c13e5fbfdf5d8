"""Writes which tokens transformers lets be drawn, and their probabilities.

Tests/References/sampling/candidates.json: rows of logits, and cases that name a row, the tokens so
far and the settings, with the tokens whose probability is above 0, ascending, and the probabilities.
"""

import shutil

import torch
from manifest import REFERENCES, write_json, write_manifest
from transformers.generation.logits_process import (
    MinPLogitsWarper, RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper,
    TopPLogitsWarper,
)

SEED = 11
PACKAGES = ["torch", "transformers"]

SETTINGS = [
    {},
    {"temperature": 0.7},
    {"temperature": 1.8, "top_k": 5},
    {"top_k": 1},
    {"top_k": 12},
    {"top_p": 0.5},
    {"top_p": 0.95},
    {"top_p": 1e-6},
    {"temperature": 0.95, "top_k": 50, "top_p": 0.7},
    {"temperature": 1.3, "top_k": 20, "top_p": 0.9, "repetition_penalty": 1.2},
    {"repetition_penalty": 2.5, "top_k": 10},
    {"repetition_penalty": 0.8, "top_p": 0.8},
    {"min_p": 0.1},
    {"temperature": 1.5, "top_p": 0.9, "min_p": 0.05},
    {"temperature": 1.5, "top_k": 7, "top_p": 0.99, "min_p": 0.2, "repetition_penalty": 1.1},
    {"temperature": 3.0, "top_p": 0.99},
]


def processors(settings):
    """transformers' processors in the order of `_get_logits_processor`."""
    if "repetition_penalty" in settings:
        yield RepetitionPenaltyLogitsProcessor(settings["repetition_penalty"])
    if "temperature" in settings:
        yield TemperatureLogitsWarper(settings["temperature"])
    if "top_k" in settings:
        yield TopKLogitsWarper(settings["top_k"])
    if "top_p" in settings:
        yield TopPLogitsWarper(settings["top_p"])
    if "min_p" in settings:
        yield MinPLogitsWarper(settings["min_p"])


def main():
    folder = REFERENCES / "sampling"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    generator = torch.Generator().manual_seed(SEED)
    # Two decimals: short in the file, and with ties.
    rows = [
        torch.round(torch.randn(width, generator=generator) * deviation * 100) / 100
        for width, deviation in [(61, 2.0), (1200, 1.5)]
    ]
    history = [3, 3, 17, 0, 44, 60, 3]
    cases = []
    for index, row in enumerate(rows):
        for settings in SETTINGS:
            scores = row[None].clone()
            for processor in processors(settings):
                scores = processor(torch.tensor([history]), scores)
            probabilities = torch.softmax(scores[0].double(), -1)
            kept = torch.nonzero(scores[0] > -torch.inf).flatten().tolist()
            cases.append({
                "row": index, "history": history, "settings": settings, "tokens": kept,
                "probabilities": [float(f"{probabilities[token]:.9g}") for token in kept],
            })
    write_json(
        folder / "candidates.json",
        {"rows": [[round(value, 2) for value in row.tolist()] for row in rows], "cases": cases})
    write_manifest(folder, __file__, PACKAGES, SEED)


if __name__ == "__main__":
    main()
