#!/usr/bin/env python3
"""Compares `lockstep eval` with LLaMA-Factory's evaluator and with lm-evaluation-harness on the same weights.

    python scripts/check_evaluation.py .build/release/lockstep MODEL SCRATCH [--llamafactory PYTHON] [--documents N] [--questions N]
        [--ranks 1,2,4] [--parts harness,subjects] [--cases own,two,chat]

MODEL is a Hugging Face folder, such as `lockstep export` writes of a GGUF file. SCRATCH, a new folder, gets all that is made.
 1. Folders of mmlu, ceval and cmmlu (scripts/evaluation/questions.py) are evaluated with no and with five shots, with `fewshot` and a
    chat template, by LLaMA-Factory 0.9.3 (PYTHON: an interpreter that has it) and by lockstep: both files of results are equal byte for byte.
 2. Ten tasks of lm-evaluation-harness and three task files on data that are drawn here, with the tasks' own shots, with two, and with one
    and the model's chat template: log-likelihoods agree per document within 1e-3,
    whether they are greedy, texts, and all figures are equal.
 3. Both again on several numbers of ranks: the same files to the last bit.
Ends with status 1 when anything differs.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parent
sys.path[:0] = [str(SCRIPTS / "evaluation"), str(SCRIPTS / "references")]
import questions  # noqa: E402

TASKS = [("mmlu_test", "en"), ("mmlu_validation", "en"), ("ceval_validation", "zh"), ("cmmlu_test", "zh")]
# Sums of float32 logarithms, added in float32 there: an ulp of a sum near 256 is 3e-5, and products are added in another order. Of a
# long text's sum, which is in the thousands, an ulp is 5e-4, so that beyond 1000 it is a part of the sum.
TOLERANCE = 1e-3


def close(found, expected):
    """Whether two numbers agree."""
    return found is not None and abs(found - expected) <= TOLERANCE * max(1, abs(expected) / 1000)


class Check:
    """What is compared, and what was found."""

    def __init__(self, options):
        self.options = options
        self.scratch = Path(options.scratch).resolve()
        self.model = str(Path(options.model).resolve())
        self.program = str(Path(options.program).resolve())
        self.problems = []

    def lockstep(self, folder, ranks=1, **settings):
        """Runs `eval`; gives the seconds."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        file = folder.with_name(folder.name + ".yaml")
        settings = {"model_name_or_path": self.model, "save_dir": str(folder), **settings}
        file.write_text(json.dumps(settings))
        # One number of threads for all: sums are divided by them.
        command = [self.program, "eval", str(file), "threads_per_rank=1"]
        if ranks > 1:
            command = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-q", "-np", str(ranks), *command]
        begin = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.scratch / "data")
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)}: status {done.returncode}\n{done.stderr}")
        return time.monotonic() - begin

    def equal(self, first, second, names):
        """Whether files of two folders are equal byte for byte."""
        for name in names:
            if (first / name).read_bytes() != (second / name).read_bytes():
                self.problems.append(f"{first / name} and {second / name} differ")

    def subjects(self):
        """LLaMA-Factory's tasks."""
        folder = self.scratch / "evaluation"
        questions.write(folder, self.options.questions)
        requests, cases = [], []
        for task, lang in TASKS:
            for shots in (0, 5):
                for template in ("fewshot", "chatml"):
                    name = f"{task}-{shots}-{template}"
                    cases.append((name, task, lang, shots, template))
                    requests.append({
                        "model_name_or_path": self.model, "infer_dtype": "float32", "template": template, "task": task, "lang": lang,
                        "n_shot": shots, "task_dir": str(folder), "save_dir": str(self.scratch / "llamafactory" / name), "batch_size": 4})
        if self.options.llamafactory:
            (self.scratch / "requests.json").write_text(json.dumps(requests))
            subprocess.run([self.options.llamafactory, SCRIPTS / "evaluation" / "llamafactory_subjects.py", self.scratch / "requests.json"],
                           check=True, env=os.environ | {"HF_HUB_OFFLINE": "1", "HOME": str(self.scratch)}, stdout=subprocess.DEVNULL,
                           stderr=open(self.scratch / "llamafactory.log", "w"))
        for name, task, lang, shots, template in cases:
            settings = {"task": task, "lang": lang, "n_shot": shots, "template": template, "task_dir": str(folder)}
            for ranks in self.options.ranks:
                self.lockstep(self.scratch / f"lockstep-{ranks}" / name, ranks, **settings)
                if self.options.llamafactory:
                    self.equal(self.scratch / "llamafactory" / name, self.scratch / f"lockstep-{ranks}" / name,
                               ["results.json", "results.log"])
                else:
                    self.equal(self.scratch / f"lockstep-{self.options.ranks[0]}" / name, self.scratch / f"lockstep-{ranks}" / name,
                               ["results.json", "results.log"])
            log = (self.scratch / f"lockstep-{self.options.ranks[0]}" / name / "results.log").read_text()
            count = sum(map(len, json.loads((self.scratch / "lockstep-1" / name / "results.json").read_text()).values()))
            print(f"{name}: {count} predictions, {log.splitlines()[0].strip()}", flush=True)

    def harness(self):
        """lm-evaluation-harness's tasks."""
        import evaluation
        from lm_eval.models.huggingface import HFLM

        evaluation.FOLDER = self.scratch
        evaluation.make_data(self.options.documents)
        os.chdir(self.scratch / "data")
        model = HFLM(pretrained=self.model, dtype="float32", device="cpu", batch_size=4)
        names = [*evaluation.BUILT_IN, *(str(self.scratch / "data" / f"{name}.yaml") for name in ("rolling", "shots", "first"))]
        for label, theirs, ours in (
            ("own", {}, {}), ("two", {"num_fewshot": 2}, {"n_shot": 2}),
            ("chat", {"num_fewshot": 1, "apply_chat_template": True}, {"n_shot": 1, "apply_chat_template": True}),
        ):
            if label not in self.options.cases.split(","):
                continue
            reference = evaluation.evaluate(model, **theirs)
            settings = {"task": names, "task_dir": str(self.scratch / "data"), **ours}
            for ranks in self.options.ranks:
                self.lockstep(self.scratch / f"harness-{label}-{ranks}", ranks, **settings)
            first = self.scratch / f"harness-{label}-{self.options.ranks[0]}"
            for ranks in self.options.ranks[1:]:
                self.equal(first, self.scratch / f"harness-{label}-{ranks}", [path.name for path in first.glob("samples_*.jsonl")])
            self.compare(first, reference, label)

    def compare(self, folder, reference, label):
        """Answers and figures of one evaluation."""
        results = json.loads(next(folder.glob("results_*.json")).read_text())["results"]
        for task, wanted in reference.items():
            for figure, value in wanted["figures"].items():
                found = results[task].get(figure)
                # A perplexity is e to the power of a mean, whose error it multiplies.
                scale = max(1, abs(value)) if "perplexity" in figure and not isinstance(value, str) else 1
                if not (found == value if isinstance(value, str) else found is not None and abs(found - value) <= TOLERANCE * scale):
                    self.problems.append(f"{label} {task} {figure}: found {found}, expected {value}")
            samples = [json.loads(line) for line in (folder / f"samples_{task}.jsonl").read_text().splitlines()]
            filter_ = min(sample["filter"] for sample in samples)
            found = [[response[0] for response in sample["resps"]] for sample in samples if sample["filter"] == filter_]
            if len(found) != len(wanted["answers"]):
                self.problems.append(f"{label} {task}: {len(found)} documents, expected {len(wanted['answers'])}")
            furthest, count = 0, 0
            for number, (own, other) in enumerate(zip(found, wanted["answers"])):
                for one, two in zip(own, other, strict=True):
                    count += 1
                    if isinstance(two, (list, tuple)):
                        distance, isEqual = abs(one[0] - two[0]), close(*[pair[0] for pair in (one, two)]) and one[1] == two[1]
                    elif isinstance(two, str):
                        distance, isEqual = 0, one == two
                    else:
                        distance, isEqual = abs(one - two), close(one, two)
                    furthest = max(furthest, distance)
                    if not isEqual:
                        self.problems.append(f"{label} {task} document {number}: found {one}, expected {two}")
            names = [f"{name} {results[task][name]:.4f}" for name in wanted["figures"] if "stderr" not in name]
            print(f"{label} {task}: {count} answers, furthest {furthest:.1e}; {', '.join(names)}", flush=True)


def main():
    """Runs all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("scratch")
    parser.add_argument("--llamafactory")
    parser.add_argument("--documents", type=int, default=24)
    parser.add_argument("--questions", type=int, default=6)
    parser.add_argument("--ranks", default="1,2,4")
    parser.add_argument("--parts", default="harness,subjects")
    parser.add_argument("--cases", default="own,two,chat")
    options = parser.parse_args()
    options.ranks = [int(word) for word in options.ranks.split(",")]
    check = Check(options)
    check.scratch.mkdir(parents=True)
    (check.scratch / "data").mkdir()
    for part in options.parts.split(","):
        {"harness": check.harness, "subjects": check.subjects}[part]()
    for problem in check.problems:
        print(problem)
    print("all is equal" if not check.problems else f"{len(check.problems)} differences")
    sys.exit(1 if check.problems else 0)


if __name__ == "__main__":
    main()
