"""What lm-evaluation-harness, its Jinja environment and Python's patterns make of inputs that tests hold as
literals (see literals.py).

    python scripts/references/harness_literals.py

JinjaDialectTests, HarnessTaskTests. Wants lm-eval beside torch, transformers and datasets. Reads the model of
Tests/References/evaluation.
"""

import json
import os
import re
import tempfile
import warnings
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TOKENIZERS_PARALLELISM="false")

import datasets  # noqa: E402
import jinja2  # noqa: E402
from datasets.exceptions import DatasetGenerationError  # noqa: E402
from literals import Literals, text  # noqa: E402
from lm_eval.api.task import ConfigurableTask  # noqa: E402
from lm_eval.models.huggingface import HFLM  # noqa: E402
from lm_eval.utils import apply_template  # noqa: E402
from manifest import REFERENCES  # noqa: E402

BLOCKS = ["a\n  {% if true %}\nb\n{% endif %}\n", "{{ 1 }}\n", "a {%- if true -%} b {% endif %}"]
UNDEFINED = [
    "{{ x }}", "{% if x %}a{% endif %}", "{{ x or 1 }}", "{{ x | upper }}", "{% for a in x %}{% endfor %}",
    "{{ x.y }}", "{{ not x }}",
]  # fmt: skip
REPLACED = [
    (r"{{ t | regex_replace('(\\w)-(\\w)', '\\2\\1') }}", "a-b c-d"),
    ("{{ t | regex_replace('[aeiou]', '*', 2) }}", "banana"),
]
FOUND = [(r"(-?[$0-9.,]{2,})|(-?[0-9]+)", "x 1,200 y 7"), ("a.c$", "abc adc\n")]
CLASSES = [
    (r"[[]?([a-z]+)[]]?", "[ab] c]"), (r"([^[\]]+)", "a[b]c"), (r"#[#[]x|(\S+)", "#[x ##x #x"), ("[^]a]", "]ab"),
    ("[a-z&&e]+", "a&e-"), ("[a||b~~c]+", "|~a-"), ("[+--]+", "+,-."), ("[:a:]+", ":b:a"), (r"[\w-]+", "a-b c"),
    ("[-a]+", "a-b"), (r"[\b\v\x41\u0042\103]+", "\b\vABCb"), (r"[\d.]+", "1.5 x"), (r"[^\W\d_]+", "ab1_c"),
    (r"(\w+)\Z", "a b\n"), (r"(\w+)$", "a b\n"), (r"a\vb", "a\nb a\vb"), (r"(?x) [ ] \w # [ a class", "a b"),
    (r"(?P<x>\w)\1", "abb"), (r"\101[é-ü]", "Aê"),
]  # fmt: skip
UNREADABLE = [
    "(", "(?P=x)", r"[\w--]", "[b-a]", r"[a-\d]", "[]", "[a", r"[\h]", r"[\8]", r"\Q[\E", r"\p{L}", r"\R", "\\",
]  # fmt: skip

QUESTIONS = '{"q": "a", "label": 1}\n{"q": "b", "label": 0}\n'
WRITTEN = {"output_type": "generate_until", "doc_to_text": "{{q}}", "doc_to_target": "label"}
CHOSEN = {"output_type": "multiple_choice", "doc_to_choice": ["opt", "x", "None"]}


def swift(value):
    """Lists of texts as Swift has them; control characters as it escapes them."""
    if isinstance(value, list):
        return "[" + ", ".join(map(swift, value)) + "]"
    return re.sub(r"[\b\v]", lambda one: f"\\u{{{ord(one[0]):X}}}", text(value))


def fails(call, error):
    """Whether a call ends with an error of this kind."""
    try:
        call()
    except error:
        return True
    return False


def matches(pattern, subject):
    """The groups of each match, or the match where there are none."""
    return [list(one) if isinstance(one, tuple) else [one] for one in re.findall(pattern, subject)]


def dialect(printed):
    printed.test("JinjaDialectTests")
    for source in BLOCKS:
        printed.value(f"{source!r}", swift(apply_template(source, {})))
    for source in UNDEFINED:
        printed.holds(f"{source} stops", fails(lambda: apply_template(source, {}), jinja2.UndefinedError))
    default = apply_template("{{ x | default('d') }}{{ x is defined }}", {})
    printed.value("default", swift(default))
    for source, value in REPLACED:
        printed.value(source, swift(apply_template(source, {"t": value})))
    for pattern, subject in FOUND:
        printed.value(f"{pattern} in {subject!r}", swift(matches(pattern, subject)))
    for pattern, subject in CLASSES:
        printed.value(f"{pattern} in {subject!r}", f'{swift(subject)}, {swift(matches(pattern, subject))}')
    for pattern in UNREADABLE:
        printed.holds(f"{pattern} is no pattern", fails(lambda: re.compile(pattern), re.error))


def task(folder, rows, keys, train=None, kind="jsonl"):
    """A task of rows in files, those of the split train first: datasets takes types from the first file."""
    files = ({"train": train} if train else {}) | {"test": rows}
    for split, content in files.items():
        Path(folder, f"{split}.{kind}").write_text(content)
    kwargs = {"data_files": {split: str(Path(folder, f"{split}.{kind}")) for split in files}}
    made = ConfigurableTask(config={
        "task": "t", "dataset_path": "csv" if kind == "csv" else "json", "test_split": "test",
        "dataset_kwargs": kwargs, **keys,
    })  # fmt: skip
    made.build_all_requests()
    return made


def prompts(made):
    """The first request's text of each document."""
    first = {}
    for instance in made.instances:
        first.setdefault(instance.doc_id, instance.args[0])
    return list(first.values())


def exact(made, answers):
    """exact_match of an answer to each document."""
    documents = list(made.test_docs())
    return [int(made.process_results(doc, [answer])["exact_match"]) for doc, answer in zip(documents, answers)]


def tasks(printed, folder):
    printed.test("HarnessTaskTests")
    made = lambda *given, **named: task(tempfile.mkdtemp(dir=folder), *given, **named)  # noqa: E731
    choices = made(QUESTIONS, WRITTEN | {"doc_to_choice": ["aaa", "bbb"]})
    printed.value("bbb, aaa", exact(choices, ["bbb", "aaa"]))
    printed.value("targets", [choices.doc_to_target(doc) for doc in choices.test_docs()])
    printed.value("1, 0", exact(choices, ["1", "0"]))
    printed.value("1, aaa without choices", exact(made(QUESTIONS, WRITTEN), ["1", "aaa"]))
    lacking = made(
        '{"a": "one", "opt": "x"}\n{"a": "two"}\n',
        CHOSEN | {"doc_to_text": "{{a}} {{opt}}", "doc_to_target": 1})  # fmt: skip
    printed.value("a column that a row lacks", swift(prompts(lacking)))
    typed = CHOSEN | {"doc_to_text": "{{n}} {{code}} {{flag}}", "doc_to_target": 0}
    table = made("n,code,flag\n3,007,True\n", typed, "n,code,flag\n2.50,012,False\n", "csv")
    printed.value("csv", swift(prompts(table)))
    printed.value("its document", json.dumps(list(table.test_docs())[0]))
    test, train = '{"n": 3, "code": "2023-01-15"}\n', '{"n": 2.5, "flag": 1}\n'
    refused = fails(lambda: made(test, typed, train), DatasetGenerationError)
    printed.holds("jsonl in two splits is refused", refused)
    printed.value("jsonl in one file", swift(prompts(made(test + train, typed))[:1]))
    limits = {"generation_kwargs": {"until": [], "max_gen_toks": 9}}
    model = HFLM(pretrained=str(REFERENCES / "evaluation/model"), dtype="float32", device="cpu")
    counts, generate = [], model._model_generate

    def counted(context, **options):
        made = generate(context, **options)
        counts.append(made.shape[1] - context.shape[1])
        return made

    model._model_generate = counted
    model.generate_until(made(QUESTIONS, WRITTEN | limits).instances, disable_tqdm=True)
    printed.holds(f"without stops, {counts} tokens", counts == [9, 9])


def main():
    datasets.disable_progress_bars()
    warnings.simplefilter("ignore")  # of patterns that a later Python may read in another way
    printed = Literals(__file__, ["lm-eval", "jinja2", "datasets", "transformers", "torch"])
    dialect(printed)
    with tempfile.TemporaryDirectory() as folder:
        tasks(printed, folder)
    printed.finish()


if __name__ == "__main__":
    main()
