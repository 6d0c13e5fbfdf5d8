"""What LLaMA-Factory 0.9.3's evaluator and CORE's rules make of small folders.

    python subjects.py FOLDER

FOLDER holds the unpacked wheel of llamafactory 0.9.3 (pip download --no-deps). Its Evaluator runs as it is,
but for three things that no machine of today has or that draw anew each time: its model and tokenizer are
loaded here, its data sets' scripts are replaced by Python's csv module, and the shuffle of the shots, which
has no seed there, leaves them in order. Reads the model of evaluation/, writes Tests/References/subjects/:
folders of mmlu, ceval and cmmlu, what the evaluator wrote of each (`results`), a bundle of CORE with
`core.json`, computed here with transformers by nanochat's rules and Python's own random, and
`random.json`, numbers of Python's random.
"""

import csv
import importlib.util
import json
import random
import shutil
import sys
import types
from pathlib import Path

import torch
from manifest import REFERENCES, write_json, write_manifest
from transformers import AutoModelForCausalLM, AutoTokenizer

SEED = 23
FOLDER = REFERENCES / "subjects"
DRAW = random.Random(SEED)
WORDS = "sum root cell law king river force prime vowel acid 数学 光 水 历史 法律 语文".split()
COLUMNS = ["question", "A", "B", "C", "D", "answer"]
SUBJECTS = {
    "algebra": ("abstract algebra", "STEM"), "history": ("world history", "Humanities"),
    "law": ("law, \"civil\"", "Social Sciences"), "cooking": ("烹饪", "Other"),
}
TASKS = {"mmlu_test": "en", "mmlu_validation": "zh", "ceval_validation": "zh", "cmmlu_test": "en"}


def words(least, most):
    return " ".join(DRAW.choice(WORDS) for _ in range(DRAW.randint(least, most)))


def rows(count):
    found = []
    for _ in range(count):
        question = words(2, 5) + DRAW.choice(["?", ", and?", '\n"so"?'])
        found.append([question] + [words(1, 3) for _ in range(4)] + [DRAW.choice("ABCD")])
    return found


def write_csv(path, lines, ending="\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator=ending).writerows(lines)


def make_subjects():
    for name, subjects in [("mmlu", 3), ("ceval", 4), ("cmmlu", 2)]:
        keys = list(SUBJECTS)[:subjects]
        mapping = {key: dict(zip(["name", "category"], SUBJECTS[key])) for key in keys}
        (FOLDER / "tasks" / name).mkdir(parents=True)
        (FOLDER / "tasks" / name / "mapping.json").write_text(
            json.dumps(mapping, ensure_ascii=False, indent=2))
        for key in keys:
            for split in ["dev", "val", "test"]:
                made = rows(5 if split == "dev" else 4)
                if name == "mmlu":
                    write_csv(FOLDER / f"tasks/mmlu/data/{split}/{key}_{split}.csv", made)
                elif name == "ceval":
                    lines = [["id", *COLUMNS, "explanation"]] + [
                        [str(i), *row, "x" if split == "dev" else ""] for i, row in enumerate(made)]
                    write_csv(FOLDER / f"tasks/ceval/{split}/{key}_{split}.csv", lines, "\r\n")
                elif split != "val":
                    lines = [["", "Question", "A", "B", "C", "D", "Answer"]] + [
                        [str(i), *row] for i, row in enumerate(made)]
                    write_csv(FOLDER / f"tasks/cmmlu/{split}/{key}.csv", lines)


class Rows(list):
    """As much of a data set as the evaluator asks for."""

    def shuffle(self):
        return self

    def select(self, places):
        return [self[place] for place in places]


def load_dataset(path, name, **_):
    """The splits of a subject."""
    path, found = Path(path), {}
    for split, folder in [("train", "dev"), ("validation", "val"), ("test", "test")]:
        for place in [path, path / "data"]:
            for file in [f"{name}_{folder}.csv", f"{name}.csv"]:
                if (place / folder / file).exists():
                    with open(place / folder / file, newline="", encoding="utf-8") as lines:
                        read = list(csv.reader(lines))
                    heads = COLUMNS if path.name == "mmlu" else [
                        head.lower() if len(head) > 1 else head for head in read.pop(0)]
                    found[split] = Rows(dict(zip(heads, row)) for row in read)
    return found


def module(name, **members):
    made = types.ModuleType(name)
    made.__dict__.update(members)
    made.__path__ = []
    sys.modules[name] = made


def evaluator(folder):
    """LLaMA-Factory's class, with the rest of its package left away."""
    class Role:
        USER, ASSISTANT = types.SimpleNamespace(value="user"), types.SimpleNamespace(value="assistant")

    for name in ["", ".eval"]:
        module("llamafactory" + name)
    module("llamafactory.data", Role=Role, get_template_and_fix_tokenizer=None)
    module("llamafactory.extras")
    module("llamafactory.extras.constants", CHOICES=["A", "B", "C", "D"],
           SUBJECTS=["Average", "STEM", "Social Sciences", "Humanities", "Other"])
    module("llamafactory.hparams", get_eval_args=None)
    module("llamafactory.model", load_model=None, load_tokenizer=None)
    for name in ["template", "evaluator"]:
        spec = importlib.util.spec_from_file_location(
            f"llamafactory.eval.{name}", Path(folder) / "llamafactory" / "eval" / f"{name}.py")
        made = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = made
        spec.loader.exec_module(made)
    made.load_dataset = load_dataset
    return made.Evaluator, sys.modules["llamafactory.eval.template"].get_eval_template


class FewShot:
    """The template `fewshot`: questions as they are, answers with an empty line."""

    def encode_oneturn(self, tokenizer, messages):
        parts = [tokenizer.encode(message["content"] + ("\n\n" if number % 2 else ""),
                                  add_special_tokens=False)
                 for number, message in enumerate(messages)]
        return sum(parts[:-1], []), parts[-1]


def run_subjects(folder, model, tokenizer):
    kind, template = evaluator(folder)
    for task, lang in TASKS.items():
        for shots in [0, 3, 5]:
            made = kind.__new__(kind)
            made.model, made.tokenizer, made.template = model, tokenizer, FewShot()
            made.model_args = types.SimpleNamespace(
                cache_dir=None, hf_hub_token=None, trust_remote_code=False)
            made.eval_template = template(lang)
            made.choice_inputs = [tokenizer.encode(choice, add_special_tokens=False)[-1]
                                  for choice in "ABCD"]
            made.eval_args = types.SimpleNamespace(
                task=task, task_dir=str(FOLDER / "tasks"), lang=lang, n_shot=shots, batch_size=3,
                save_dir=str(FOLDER / "results" / f"{task}-{shots}"), download_mode=None)
            made.eval()


CORE = [
    ("plain", "multiple_choice", 2, 25, {}), ("pairs", "schema", 1, 50, {}),
    ("words", "language_modeling", 3, 0, {}),
    ("answers", "multiple_choice", 0, 40.3, {"continuation_delimiter": "\nAnswer: "}),
    ("free", "language_modeling", 0, 0, {}),
]


def core_rows(kind, count):
    for _ in range(count):
        if kind == "multiple_choice":
            yield {"query": words(2, 5), "choices": [words(1, 3) for _ in range(3)],
                   "gold": DRAW.randrange(3)}
        elif kind == "schema":
            yield {"context_options": [words(1, 3), words(1, 3)], "continuation": words(2, 4),
                   "gold": DRAW.randrange(2)}
        else:
            yield {"context": words(2, 6) + DRAW.choice(["", " ", "\n"]),
                   "continuation": DRAW.choice(WORDS)}


def make_core():
    bundle = FOLDER / "tasks" / "eval_bundle"
    (bundle / "eval_data").mkdir(parents=True)
    lines = "icl_tasks:\n"
    for label, kind, shots, _, more in CORE:
        lines += (f"  - label: {label}\n    dataset_uri: {label}.jsonl\n"
                  f"    num_fewshot: [{shots}]\n    icl_task_type: {kind}\n")
        for key, value in more.items():
            lines += f"    {key}: {json.dumps(value)}\n"
        (bundle / "eval_data" / f"{label}.jsonl").write_text("".join(
            json.dumps(row, ensure_ascii=False) + "\n" for row in core_rows(kind, 12)))
    (bundle / "core.yaml").write_text(lines)
    write_csv(bundle / "eval_meta_data.csv", [["Eval Task", "Task Category", "Random baseline"]] + [
        [label, "x", baseline] for label, _, _, baseline, _ in CORE])


def prompts(row, kind, shots, delimiter):
    def solved(shot):
        if kind == "multiple_choice":
            return shot["query"] + delimiter + shot["choices"][shot["gold"]]
        if kind == "schema":
            return shot["context_options"][shot["gold"]] + delimiter + shot["continuation"]
        return shot["context"].strip() + delimiter + shot["continuation"]

    before = "".join(solved(shot) + "\n\n" for shot in shots)
    if kind == "multiple_choice":
        return [before + row["query"] + delimiter + choice for choice in row["choices"]]
    if kind == "schema":
        return [before + context + delimiter + row["continuation"]
                for context in row["context_options"]]
    bare = before + row["context"].strip() + delimiter
    return [bare.strip(), bare + row["continuation"]]


def common(sequences):
    length = min(map(len, sequences))
    return next((i for i in range(length) if len({ids[i] for ids in sequences}) > 1), length)


def is_right(model, tokenizer, row, kind, texts):
    ids = [[tokenizer.bos_token_id] + tokenizer.encode(text, add_special_tokens=False)
           for text in texts]
    if kind == "language_modeling":
        start = common(ids)
        logits = model(torch.tensor([ids[1]])).logits[0]
        return logits[start - 1:-1].argmax(-1).tolist() == ids[1][start:]
    shared = common(ids) if kind == "multiple_choice" else common([row[::-1] for row in ids])
    losses = []
    for option in ids:
        start = shared if kind == "multiple_choice" else len(option) - shared
        logits = model(torch.tensor([option])).logits[0]
        # Of an option that others begin with nothing is left: no number, as there.
        losses.append(torch.nn.functional.cross_entropy(
            logits[start - 1:-1], torch.tensor(option[start:], dtype=torch.long)).item())
    return losses.index(min(losses)) == row["gold"]


def run_core(model, tokenizer):
    results, centred = {}, {}
    for label, kind, shots, baseline, more in CORE:
        path = FOLDER / "tasks" / "eval_bundle" / "eval_data" / f"{label}.jsonl"
        data = [json.loads(line) for line in path.read_text().splitlines()]
        random.Random(1337).shuffle(data)
        right = 0
        for number, row in enumerate(data):
            others = [i for i in range(len(data)) if i != number]
            drawn = random.Random(1234 + number).sample(others, shots) if shots else []
            texts = prompts(row, kind, [data[i] for i in drawn],
                            more.get("continuation_delimiter", " "))
            right += is_right(model, tokenizer, row, kind, texts)
        results[label] = right / len(data)
        centred[label] = (results[label] - 0.01 * baseline) / (1 - 0.01 * baseline)
    write_json(FOLDER / "core.json", {
        "results": results, "centered_results": centred,
        "core_metric": sum(centred.values()) / len(centred)})


def make_random():
    cases = []
    for seed in [0, 1, 42, 1234, 1337, 2**31, 2**40 + 7]:
        draw = random.Random(seed)
        order = list(range(17))
        draw.shuffle(order)
        cases.append({
            "seed": seed, "shuffle": order, "below": [draw.randrange(n) for n in range(1, 40)],
            "samples": [{"k": k, "n": n, "places": draw.sample(range(n), k)}
                        for k, n in [(0, 3), (3, 3), (3, 21), (3, 22), (5, 100), (10, 85), (10, 86),
                                     (40, 41), (40, 5000)]],
            "uniform": [draw.random() for _ in range(5)]})
    write_json(FOLDER / "random.json", cases)


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    make_subjects()
    make_core()
    make_random()
    tokenizer = AutoTokenizer.from_pretrained(REFERENCES / "evaluation" / "model")
    tokenizer.padding_side = "right"
    model = AutoModelForCausalLM.from_pretrained(
        REFERENCES / "evaluation" / "model", dtype=torch.float32).eval()
    with torch.no_grad():
        run_subjects(sys.argv[1], model, tokenizer)
        run_core(model, tokenizer)
    write_manifest(
        FOLDER, __file__, ["torch", "transformers", "tokenizers"], SEED,
        {"llamafactory": "0.9.3"})


if __name__ == "__main__":
    main()
