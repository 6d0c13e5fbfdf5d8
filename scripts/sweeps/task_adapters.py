"""PEFT's SEQ_CLS, TOKEN_CLS and QUESTION_ANS adapters both ways, on tiny models without such a head.

    python scripts/sweeps/task_adapters.py PROGRAM

For each architecture: an adapter that `PROGRAM train` with stage cls writes, read by PEFT; and one of random
numbers that PEFT writes, read by `PROGRAM train` with do_eval. The mean loss over the same rows has to be
equal within 1e-5. transformers and PEFT compute in float32 on the CPU, a text at a time.
"""

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForQuestionAnswering,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)
from transformers.utils import logging

SEED = 20261128
WORDS = ["good", "fine", "nice", "bad", "poor", "sad", "day", "night", "food", "sea"]
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
SMALL = {
    "vocab_size": len(PIECES),
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 18,
    "pad_token_id": 0,
}
MODERN = {"bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2, "sep_token_id": 3}
# What further settings a model has, and PEFT's usual targets.
CASES = {
    "bert": ({}, ["query", "value"]),
    "roberta": ({"type_vocab_size": 1}, ["query", "value"]),
    "electra": ({"embedding_size": 8}, ["query", "value"]),
    "modernbert": (MODERN, ["Wqkv"]),
    "llama": ({"num_key_value_heads": 2, "tie_word_embeddings": False}, ["q_proj", "v_proj"]),
    "qwen3": ({"num_key_value_heads": 2, "head_dim": 8}, ["q_proj", "v_proj"]),
    "gpt2": ({"intermediate_size": None}, ["c_attn"]),
}
TASKS = {
    "SEQ_CLS": AutoModelForSequenceClassification,
    "TOKEN_CLS": AutoModelForTokenClassification,
    "QUESTION_ANS": AutoModelForQuestionAnswering,
}
LABELS = ["a", "b", "c"]


def write_tokenizer(folder):
    """A tokenizer of whole words, with the tokens that BERT puts around a text."""
    tokenizer = Tokenizer(
        models.WordPiece({piece: id for id, piece in enumerate(PIECES)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.add_special_tokens(PIECES[:5])
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    return tokenizer


def write_rows(path, task):
    """Texts, words or questions with labels; returned as (text, pair, labels of each token, of the text, or the
    first and last token of the answer)."""
    draw = random.Random(SEED)
    rows, lines = [], []
    for _ in range(30):
        words = [draw.choice(WORDS) for _ in range(draw.randint(1, 6))]
        labels = [draw.randrange(3) for _ in words]
        if task == "QUESTION_ANS":
            first = draw.randrange(len(words))
            last = draw.randrange(first, len(words))
            start = len(" ".join(words[:first])) + (first > 0)
            answer = {"text": [" ".join(words[first : last + 1])], "answer_start": [start]}
            lines.append({"question": "good sea", "context": " ".join(words), "answers": answer})
            # Behind [CLS] good sea [SEP].
            rows.append(("good sea", " ".join(words), [4 + first, 4 + last]))
            continue
        if task == "SEQ_CLS":
            lines.append({"text": " ".join(words), "label": LABELS[labels[0]]})
            rows.append((" ".join(words), None, [labels[0]]))
        else:
            lines.append({"tokens": words, "tags": [LABELS[label] for label in labels]})
            rows.append((" ".join(words), None, [-100, *labels, -100]))
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return rows


def mean_loss(model, tokenizer, rows):
    """Cross-entropy over all labels of the rows."""
    total, count = 0.0, 0
    with torch.no_grad():
        for text, pair, labels in rows:
            encoded = tokenizer.encode(text, pair)
            ids = torch.tensor([encoded.ids])
            if pair is not None:
                given = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
                if getattr(model.config, "type_vocab_size", 1) > 1:
                    given["token_type_ids"] = torch.tensor([encoded.type_ids])
                # PEFT's own forward of this task leaves token types out.
                inner = model.base_model.model if isinstance(model, PeftModel) else model
                total += inner(
                    **given, start_positions=torch.tensor(labels[:1]), end_positions=torch.tensor(labels[1:])
                ).loss.item()
                count += 1
                continue
            logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
            wanted = torch.tensor(labels)
            total += torch.nn.functional.cross_entropy(
                logits.reshape(-1, 3), wanted, ignore_index=-100, reduction="sum"
            ).item()
            count += int((wanted >= 0).sum())
    return total / count


def train(program, folder, *settings):
    """Runs `PROGRAM train`; its eval_loss where it has one."""
    (folder / "run.yaml").write_text("")
    common = ["stage=cls", "finetuning_type=lora", "cutoff_len=16", "threads_per_rank=1"]
    if "task_type=QUESTION_ANS" in settings:
        common.append("doc_stride=2")
    run = subprocess.run(
        [program, "train", "run.yaml", *common, *settings],
        capture_output=True,
        text=True,
        cwd=folder,
    )
    if run.returncode != 0:
        raise SystemExit(f"{settings}: {run.stderr.strip().splitlines()[-1]}")
    output = next(text for text in settings if text.startswith("output_dir=")).split("=")[1]
    results = folder / output / "eval_results.json"
    return json.loads(results.read_text())["eval_loss"] if results.exists() else None


def check(program, name, task, folder):
    """Both ways; the names of what differs."""
    further, targets = CASES[name]
    base = folder / "base"
    settings = {key: value for key, value in (SMALL | further).items() if value is not None}
    config = AutoConfig.for_model(name, **settings)
    is_decoder = name in ("llama", "qwen3", "gpt2")
    (AutoModelForCausalLM if is_decoder else AutoModelForMaskedLM).from_config(
        config
    ).save_pretrained(base)
    tokenizer = write_tokenizer(base)
    rows = write_rows(folder / "rows.jsonl", task)

    def peft_base():
        labels = 2 if task == "QUESTION_ANS" else 3
        model = TASKS[task].from_pretrained(base, num_labels=labels).eval()
        if task == "QUESTION_ANS" and name in ("llama", "qwen3"):
            # These classes call the body `transformer`, not `model` as in the folder, and draw it anew.
            model.transformer.load_state_dict(AutoModelForCausalLM.from_pretrained(base).model.state_dict())
        return model

    faults = []

    def compare(what, ours, theirs):
        if abs(ours - theirs) > 1e-5 * max(1, theirs):
            faults.append(f"{name} {task} {what}: {ours} but PEFT {theirs}")

    evaluating = ["model_name_or_path=base", "eval_dataset=rows.jsonl", "do_eval=true"]
    for number, target in enumerate(["all", ",".join(targets)]):
        train(
            program, folder, "model_name_or_path=base", "dataset=rows.jsonl", f"task_type={task}",
            f"lora_target={target}", "lora_rank=4", "max_steps=20", "learning_rate=3e-2",
            "per_device_train_batch_size=8", "peak_gflops=50", "save_strategy=no",
            f"output_dir=lora{number}",
        )  # fmt: skip
        ours = train(
            program, folder, *evaluating, f"task_type={task}",
            f"adapter_name_or_path=lora{number}", f"output_dir=eval{number}",
        )  # fmt: skip
        theirs = PeftModel.from_pretrained(peft_base(), folder / f"lora{number}").eval()
        compare(f"trained with lora_target {target}", ours, mean_loss(theirs, tokenizer, rows))
    extra = {"modules_to_save": ["pooler"]} if name == "bert" and task == "SEQ_CLS" else {}
    if name == "modernbert" and task == "QUESTION_ANS":
        # PEFT knows heads of this task as qa_outputs alone.
        extra = {"modules_to_save": ["classifier"]}
    model = get_peft_model(
        peft_base(), LoraConfig(task_type=task, r=4, target_modules=targets, **extra)
    )
    generator = torch.Generator().manual_seed(SEED)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "lora_" in key or "modules_to_save" in key:
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    model.eval()
    model.save_pretrained(folder / "peft")
    ours = train(
        program, folder, *evaluating, f"task_type={task}", "adapter_name_or_path=peft",
        "output_dir=eval-peft",
    )  # fmt: skip
    compare("written by PEFT", ours, mean_loss(model, tokenizer, rows))
    return faults


def main():
    """Checks all architectures and tasks."""
    program = str(Path(sys.argv[1]).resolve())
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.manual_seed(SEED)
    faults = []
    for name in CASES:
        for task in TASKS:
            with tempfile.TemporaryDirectory() as scratch:
                found = check(program, name, task, Path(scratch))
            print(f"{name} {task}: {'differs' if found else 'equal, three adapters'}")
            faults += found
    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
