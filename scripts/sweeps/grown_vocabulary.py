#!/usr/bin/env python3
"""Trains with new tokens and compares what was written with transformers and PEFT.

    python scripts/sweeps/grown_vocabulary.py .build/release/lockstep

For a LoRA and for whole weights, on the tied model of Tests/References/finetuning and on the same with a head of
its own: ids of the new tokens, scores of texts by `lockstep score` and by the library that loads the same files, and
of the merged model. Needs torch, transformers and peft. Exit status 1 where a score differs by more than 1e-3.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

REFERENCES = Path(__file__).resolve().parents[2] / "Tests" / "References" / "finetuning"
TEXTS = ["The capital of France is <think>Paris</think>.", "newword and Red 梯度"]
KEYS = ["add_special_tokens=<think>,</think>", "add_tokens=newword"]


def run(*arguments, folder):
    done = subprocess.run([str(word) for word in arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{arguments}: status {done.returncode}\n{done.stderr}")
    return done.stdout


def settings(folder):
    (folder / "run.yaml").write_text(
        "stage: sft\nmodel_name_or_path: model\ndataset: rows\ndataset_dir: data\ntemplate: chatml\n"
        "cutoff_len: 256\nlearning_rate: 1e-2\nmax_steps: 8\nper_device_train_batch_size: 4\nthreads_per_rank: 1\n"
    )


def scores(program, model, folder):
    (folder / "texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    lines = run(program, "score", "--model", model, "--input", "texts.jsonl", folder=folder).splitlines()
    return [(line["ids"], line["logprobs"][1:]) for line in map(json.loads, lines)]


def differences(found, model, tokenizer):
    for text, (ids, logprobs) in zip(TEXTS, found):
        expected = tokenizer(text)["input_ids"]
        if expected != ids:
            yield f"ids {ids}, expected {expected}", True
            continue
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits.log_softmax(-1)[0]
        values = [logits[place, id_].item() for place, id_ in enumerate(ids[1:])]
        distance = max(abs(a - b) for a, b in zip(values, logprobs))
        yield f"largest difference {distance:.1e}", distance > 1e-3


def main():
    program, wrong = Path(sys.argv[1]).resolve(), 0

    def tell(name, found, model, tokenizer):
        nonlocal wrong
        for line, bad in differences(found, model.eval(), tokenizer):
            print(f"{name}: {line}{' WRONG' if bad else ''}")
            wrong += bad

    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        for tied in (True, False):
            name = "tied" if tied else "own head"
            shutil.copytree(REFERENCES / "model", folder / "model", dirs_exist_ok=True)
            shutil.copytree(REFERENCES / "data", folder / "data", dirs_exist_ok=True)
            if not tied:
                weights = load_file(folder / "model/model.safetensors")
                weights["lm_head.weight"] = weights["model.embed_tokens.weight"].flip(0).contiguous()
                save_file(weights, folder / "model/model.safetensors", {"format": "pt"})
                configuration = json.loads((folder / "model/config.json").read_text())
                configuration["tie_word_embeddings"] = False
                (folder / "model/config.json").write_text(json.dumps(configuration))
            settings(folder)
            for output, method in (("lora", "lora"), ("full", "full")):
                shutil.rmtree(folder / output, ignore_errors=True)
                run(program, "train", "run.yaml", f"output_dir={output}", f"finetuning_type={method}", *KEYS,
                    folder=folder)
            tokenizer = AutoTokenizer.from_pretrained(folder / "lora")
            base = AutoModelForCausalLM.from_pretrained(folder / "model", dtype=torch.float32)
            base.resize_token_embeddings(len(tokenizer), pad_to_multiple_of=64, mean_resizing=False)
            tell(f"{name}, LoRA", scores(program, "lora", folder),
                 PeftModel.from_pretrained(base, folder / "lora"), tokenizer)
            run(program, "export", "run.yaml", "adapter_name_or_path=lora", "finetuning_type=lora",
                "export_dir=merged", "export_gguf=f16", folder=folder)
            for output in ("merged", "full"):
                tell(f"{name}, {output}", scores(program, output, folder),
                     AutoModelForCausalLM.from_pretrained(folder / output, dtype=torch.float32),
                     AutoTokenizer.from_pretrained(folder / output))
            gguf = [line[0] for line in scores(program, "merged/model-f16.gguf", folder)]
            same = gguf == [line[0] for line in scores(program, "merged", folder)]
            print(f"{name}, GGUF: ids {'equal' if same else 'WRONG'}")
            wrong += not same
            shutil.rmtree(folder / "merged")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
