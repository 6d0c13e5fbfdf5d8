"""Writes what transformers makes of T5's, mT5's and UMT5's keys that hold beside others.

    python scripts/references/t5_keys.py

Tests/References/t5_keys/cases.json: for each case a folder of encoder_decoders/ whose config.json is changed (a
key that is "(removed)" is taken away), and the log-probabilities of the targets. CPU, float32, one thread.
"""

import json
import shutil
import tempfile
from pathlib import Path

import torch
from transformers import AutoModelForSeq2SeqLM
from transformers.utils import logging

from manifest import REFERENCES, write_manifest

PACKAGES = ["torch", "transformers"]
OUT = REFERENCES / "t5_keys"
IDS, TARGETS = [7, 31, 12, 44, 9, 20, 5, 17, 50], [11, 8, 0, 29, 41, 1]
REMOVED = "(removed)"
CASES = [
    ("t5", {}),
    ("t5", {"dense_act_fn": "silu"}),
    ("t5", {"dense_act_fn": "gelu"}),
    ("t5", {"dense_act_fn": "gelu_new", "feed_forward_proj": "relu"}),
    ("t5", {"scale_decoder_outputs": None}),
    ("t5", {"scale_decoder_outputs": False}),
    ("t5", {"tie_word_embeddings": False}),
    ("t5", {"tie_word_embeddings": None}),
    ("t5", {"tie_word_embeddings": False, "scale_decoder_outputs": True}),
    ("t5", {"is_gated_act": None}),
    ("t5_gated", {"dense_act_fn": "relu"}),
    ("t5_gated", {"feed_forward_proj": "relu", "is_gated_act": True}),
    ("mt5", {"dense_act_fn": "relu"}),
    ("mt5", {"decoder_start_token_id": REMOVED, "pad_token_id": 5}),
    ("mt5", {"scale_decoder_outputs": True}),
    ("umt5_tied", {}),
    ("umt5_tied", {"scale_decoder_outputs": False}),
    ("umt5_tied", {"tie_word_embeddings": False}),
    ("umt5_tied", {"decoder_start_token_id": REMOVED, "pad_token_id": 5}),
]


def scores(base, change):
    """Log-probabilities of the targets."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        shutil.copytree(REFERENCES / "encoder_decoders" / base, folder)
        config = json.loads((folder / "config.json").read_text()) | change
        config = {key: value for key, value in config.items() if value != REMOVED}
        (folder / "config.json").write_text(json.dumps(config))
        model, notes = AutoModelForSeq2SeqLM.from_pretrained(
            folder, attn_implementation="eager", dtype=torch.float32, output_loading_info=True
        )
        if notes["missing_keys"] or notes["unexpected_keys"]:
            raise SystemExit(f"{base} {change}: {notes}")
        with torch.no_grad():
            logits = model.eval()(
                input_ids=torch.tensor([IDS]), labels=torch.tensor([TARGETS])
            ).logits[0]
    found = logits.double().log_softmax(-1)
    return [round(found[place, target].item(), 6) for place, target in enumerate(TARGETS)]


def main():
    """Writes all cases anew."""
    torch.set_num_threads(1)
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    cases = [{"base": b, "change": c, "logprobs": scores(b, c)} for b, c in CASES]
    lines = ",\n".join(json.dumps(case) for case in cases)
    (OUT / "cases.json").write_text(
        f'{{"ids": {IDS}, "targets": {TARGETS}, "cases": [\n{lines}\n]}}\n'
    )
    write_manifest(OUT, __file__, PACKAGES, None)


if __name__ == "__main__":
    main()
