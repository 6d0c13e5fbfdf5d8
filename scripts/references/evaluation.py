"""What lm-evaluation-harness makes of small data files with a small random model.

    python evaluation.py

Wants lm-eval 0.4.13 beside torch, transformers and datasets. Reads the tokenizer of finetuning/, writes
Tests/References/evaluation/: a model, data of ten tasks in the columns of their data sets, task files that
use what these do not, and `reference.json`: of each task the answers of every document (log-likelihood and
whether it is greedy, or the text), and the figures with their standard errors.
"""

import json
import os
import random
import shutil
import tempfile
from pathlib import Path

os.environ.update(
    HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TOKENIZERS_PARALLELISM="false",
    DISABLE_MULTIPROC="1")

import lm_eval  # noqa: E402
import torch  # noqa: E402
import yaml  # noqa: E402
from lm_eval.models.huggingface import HFLM  # noqa: E402
from lm_eval.tasks import TaskManager  # noqa: E402
from manifest import REFERENCES, write_json, write_manifest  # noqa: E402
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM  # noqa: E402

SEED = 19
FOLDER = REFERENCES / "evaluation"
DRAW = random.Random(SEED)
WORDS = (
    "the a river stone light winter garden letter paper horse blue green old small runs sees takes "
    "gives under over before after seven four train bread water house tree window doctor music why "
    "because slowly never always morning café naïve über"
).split()


def words(least, most):
    return " ".join(DRAW.choice(WORDS) for _ in range(DRAW.randint(least, most)))


def sentence(least=3, most=9):
    return words(least, most).capitalize() + "."


def make_model():
    tokenizer = AutoTokenizer.from_pretrained(REFERENCES / "finetuning" / "model")
    torch.manual_seed(SEED)
    model = LlamaForCausalLM(LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=700,
        initializer_range=0.3, bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id, tie_word_embeddings=True))
    model.save_pretrained(FOLDER / "model")
    for name in ["tokenizer.json", "tokenizer_config.json"]:
        shutil.copy(REFERENCES / "finetuning" / "model" / name, FOLDER / "model" / name)


def options(count):
    return [words(1, 4) for _ in range(count)]


def labelled(texts, numbers=False):
    return {"text": texts, "label": [str(i + 1) if numbers else "ABCDE"[i] for i in range(len(texts))]}


def hellaswag(number):
    return {
        "ind": number, "activity_label": words(1, 2).capitalize(), "ctx_a": sentence(),
        "ctx_b": DRAW.choice(["", "then The man", "a [title] woman"]),
        "endings": [f"{words(2, 5)}{DRAW.choice(['', ' [title] more', ' [step]  here'])}."
                    for _ in range(4)],
        "label": str(DRAW.randrange(4))}


def arc(number):
    numbers = number % 3 == 0
    choices = labelled(options(DRAW.choice([3, 4])), numbers)
    return {"id": f"q{number}", "question": sentence() + " What?", "choices": choices,
            "answerKey": DRAW.choice(choices["label"])}


def piqa(number):
    return {"goal": sentence(), "sol1": sentence(), "sol2": sentence(), "label": DRAW.randrange(2)}


def winogrande(number):
    return {"sentence": f"{sentence()} So the _ was {words(2, 4)}.", "option1": words(1, 2),
            "option2": words(1, 2), "answer": DRAW.choice("12")}


def lambada(number):
    return {"text": words(8, 20)}


def gsm8k(number):
    return {"question": sentence() + f" How many are {number} and 3?",
            "answer": f"{sentence()}\n#### {number + 3}"}


def boolq(number):
    return {"question": words(3, 6), "passage": sentence(10, 30), "idx": number,
            "label": DRAW.randrange(2)}


def openbookqa(number):
    choices = labelled(options(4))
    return {"id": str(number), "question_stem": words(3, 8), "choices": choices,
            "answerKey": DRAW.choice(choices["label"])}


def triviaqa(number):
    return {"question": words(3, 8), "answer": {"aliases": options(3), "value": "x"}}


BUILT_IN = {
    "hellaswag": (hellaswag, ["train", "validation"]),
    "arc_easy": (arc, ["train", "validation", "test"]),
    "arc_challenge": (arc, ["train", "validation", "test"]),
    "piqa": (piqa, ["train", "validation"]), "winogrande": (winogrande, ["train", "validation"]),
    "lambada_openai": (lambada, ["test"]), "gsm8k": (gsm8k, ["train", "test"]),
    "boolq": (boolq, ["train", "validation"]),
    "openbookqa": (openbookqa, ["train", "validation", "test"]),
    "triviaqa": (triviaqa, ["train", "validation"]),
}

TASK_FILES = {
    "arc_easy": "arc/arc_easy.yaml", "arc_challenge": "arc/arc_challenge.yaml",
    "winogrande": "winogrande/default.yaml", "lambada_openai": "lambada/lambada_openai.yaml",
    "boolq": "super_glue/boolq/default.yaml", "triviaqa": "triviaqa/default.yaml",
}

# A chat template that changes what it is given, as models' own do.
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] | trim }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

CUSTOM = {
    "rolling": """\
task: rolling
dataset_path: json
dataset_kwargs:
  data_files:
    test: rolling/test.jsonl
test_split: test
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: page
metric_list:
  - metric: word_perplexity
    aggregation: weighted_perplexity
    higher_is_better: false
  - metric: byte_perplexity
    aggregation: weighted_perplexity
    higher_is_better: false
  - metric: bits_per_byte
    aggregation: bits_per_byte
    higher_is_better: false
metadata:
  version: 2.0
""",
    "shots": """\
task: shots
include: base.yaml
num_fewshot: 3
description: "Of {{topic}}.\\n\\n"
doc_to_text: "{% if topic == 'music' %}♪ {% endif %}Q: {{question | regex_replace('[aeiou]+', '*')}}\\nA:"
doc_to_target: gold
doc_to_choice: ["left", "right", "  up", "über"]
metric_list:
  - metric: acc
  - metric: acc_norm
  - metric: acc_bytes
  - metric: acc_mutual_info
  - metric: exact_match
metadata:
  version: 1
""",
    "base": """\
dataset_path: json
dataset_kwargs:
  data_files:
    train: shots/train.jsonl
    test: shots/test.jsonl
training_split: train
test_split: test
fewshot_split: test
output_type: multiple_choice
""",
    "grouped": """\
group: grouped
group_alias: All
task:
  - piqa
  - boolq
  - inner
aggregate_metric_list:
  - metric: acc
    weight_by_size: true
  - metric: acc_norm
    weight_by_size: false
    filter_list: none
metadata:
  version: 3
""",
    "inner": """\
group: inner
task: [shots, winogrande]
aggregate_metric_list:
  - metric: acc
    aggregation: mean
    weight_by_size: false
  - metric: exact_match
""",
    "first": """\
task: first
dataset_path: csv
dataset_kwargs:
  data_files:
    dev: first/dev.csv
    test: first/test.csv
test_split: test
fewshot_split: dev
fewshot_config:
  sampler: first_n
num_fewshot: 2
doc_to_text: "{{question}} "
doc_to_target: "{{['yes', 'no'][answer]}}"
gen_prefix: "I say"
target_delimiter: ""
fewshot_delimiter: "\\n--\\n"
output_type: generate_until
generation_kwargs:
  until: ["\\n", "e"]
  max_gen_toks: 12
filter_list:
  - name: first-word
    filter:
      - function: regex
        regex_pattern: "([a-z]+)"
        group_select: 0
        fallback: none
      - function: take_first
  - name: lower
    filter:
      - function: lowercase
      - function: remove_whitespace
      - function: take_first
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
    ignore_case: true
    ignore_punctuation: true
    ignore_numbers: true
metadata:
  version: 0
""",
}


def write_rows(name, rows):
    path = FOLDER / "data" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def make_data(count=8):
    """Rows of every task; `count` documents of each split of those that are built in."""
    for task, (make, splits) in BUILT_IN.items():
        for split in splits:
            write_rows(f"{task}/{split}.jsonl", [make(i) for i in range(count)])
    pages = [sentence(4, 12), " ".join(sentence(20, 40) for _ in range(16)), "\n \n" + words(5, 9)]
    write_rows("rolling/test.jsonl", [{"page": page} for page in pages])
    for split in ["train", "test"]:
        rows = [{"topic": DRAW.choice(["music", "trees"]), "question": sentence(),
                 "gold": DRAW.randrange(4)} for _ in range(9)]
        write_rows(f"shots/{split}.jsonl", rows + rows[:1])
    for split in ["dev", "test"]:
        lines = [f'"{words(2, 4)}, {words(1, 2)}?",{DRAW.randrange(2)}' for _ in range(6)]
        path = FOLDER / "data" / "first" / f"{split}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("question,answer\n" + "\n".join(lines) + "\n")
    for name, text in CUSTOM.items():
        (FOLDER / "data" / f"{name}.yaml").write_text(text)


def tasks(folder):
    """The harness's own task files, with local data."""
    own = Path(lm_eval.__file__).parent / "tasks"
    for task, (_, splits) in BUILT_IN.items():
        files = {split: str(FOLDER / "data" / task / f"{split}.jsonl") for split in splits}
        (folder / f"{task}.yaml").write_text(yaml.safe_dump({
            "include": str(own / TASK_FILES.get(task, f"{task}/{task}.yaml")), "task": task,
            "dataset_path": "json", "dataset_name": None,
            "dataset_kwargs": {"data_files": files}}))
    return [*BUILT_IN, "rolling", "shots", "first"]


def answers(sample):
    return [response[0] if isinstance(response[0], str) else list(response[0])
            if isinstance(response[0], (list, tuple)) else response[0]
            for response in sample["resps"]]


def evaluate(model, names=None, **options):
    """Figures and answers of some tasks, of all that are no groups unless named."""
    with tempfile.TemporaryDirectory() as folder:
        all_names = tasks(Path(folder))
        names = names or all_names
        manager = TaskManager(
            include_path=[str(FOLDER / "data"), folder], include_defaults=False)
        done = lm_eval.simple_evaluate(
            model=model, tasks=names, task_manager=manager, log_samples=True,
            bootstrap_iters=1000, **options)
    reference = {}
    for task, figures in done["results"].items():
        if task not in done["samples"]:
            reference[task] = {"figures": {name: value for name, value in figures.items() if "," in name}}
            continue
        samples = sorted(done["samples"][task], key=lambda sample: (sample["filter"], sample["doc_id"]))
        first = samples[0]["filter"]
        reference[task] = {
            "figures": {name: value for name, value in figures.items() if "," in name},
            "shots": done["n-shot"][task],
            "answers": [answers(sample) for sample in samples if sample["filter"] == first],
            "prompts": [sample["arguments"][0][0] for sample in samples
                        if sample["filter"] == first][:2],
        }
    return reference


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    make_model()
    make_data()
    os.chdir(FOLDER / "data")
    model = HFLM(pretrained=str(FOLDER / "model"), dtype="float32", device="cpu", batch_size=4)
    reference = {
        "own": evaluate(model), "two_shots": evaluate(model, num_fewshot=2),
        "groups": evaluate(model, ["grouped"]),
    }
    (FOLDER / "chat_template.jinja").write_text(CHAT)
    model.tokenizer.chat_template = CHAT
    reference["turns"] = evaluate(
        model, num_fewshot=2, apply_chat_template=True, fewshot_as_multiturn=True, system_instruction="Be brief.")
    reference["one_turn"] = evaluate(
        model, num_fewshot=1, apply_chat_template=True, fewshot_as_multiturn=False)
    reference["instruction"] = evaluate(model, ["piqa", "shots"], system_instruction="Be brief.")
    write_json(FOLDER / "reference.json", reference)
    write_manifest(
        FOLDER, __file__, ["lm-eval", "torch", "transformers", "datasets", "tokenizers"], SEED)


if __name__ == "__main__":
    main()
