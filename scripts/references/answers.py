"""Writes answers to questions with their figures, and scores with the answers that are found in them.

    python scripts/references/answers.py FOLDER

FOLDER holds transformers 4.57.1 (`pip install --no-deps --target FOLDER transformers==4.57.1`), the last one
with SQuAD's program for figures. Writes to Tests/References/answers:

- metrics.json: cases of found and wanted answers, with the figures of SQuAD 1 and 2; words of answers
- search.json: windows over contexts with scores of their tokens, and the answers that the Hugging Face
  example's procedure (utils_qa.py, `postprocess_qa_predictions`) finds, written anew here
- squad.json: questions as SQuAD has them; windows.json: the windows that Hugging Face's tokenizers cuts them
  into (RoBERTa's kind of Tests/References/tokenizers), with the first and last token of the answer as the
  example's `prepare_train_features` finds them, but never beyond the context
"""

import argparse
import json
import math
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy
from tokenizers import Tokenizer

import offsets
from manifest import REFERENCES, write_manifest

SEED = 20261129
OUT = REFERENCES / "answers"
WORDS = (
    "the a an The A. river, Nile THE «Σίσυφος» ΟΔΟΣ naïve café I.B.M. 1,000 x—a—y under_score  and\u00a0of "
    "\u3000 東京 a東 İstanbul rock'n'roll (the) ½ ² क्षत्रिय ab\u0301 ... “the” ß"
).split(" ")


def load(path):
    """The module alone, for its package wants other versions of what it imports."""
    text = path.read_text().replace("from ...utils", "from transformers.utils")
    module = ModuleType("squad_metrics")
    exec(text.replace("from ...models.bert import BasicTokenizer", ""), module.__dict__)
    return module


def answer(generator, most=5):
    return " ".join(generator.choice(WORDS, generator.integers(0, most)))


def metrics(squad, generator):
    """Questions with what was found and wanted, and the figures of both versions."""
    cases = []
    for count in [1, 2, 7, 40]:
        rows = []
        for number in range(count):
            wanted = [answer(generator, 4) or "Nile" for _ in range(generator.integers(1, 4))]
            if number % 3 == 2:
                wanted = []
            found = generator.choice([*wanted, answer(generator)]) if wanted else answer(generator, 3)
            rows.append([str(found), wanted, round(float(generator.normal()), 3)])
        examples = [
            SimpleNamespace(qas_id=str(i), answers=[{"text": t} for t in wanted])
            for i, (_, wanted, _) in enumerate(rows)
        ]
        found = {str(i): row[0] for i, row in enumerate(rows)}
        odds = {str(i): row[2] for i, row in enumerate(rows)}
        second = squad.squad_evaluate(examples, found, odds, math.inf)
        known = [row for row in rows if row[1]]
        first = {
            "exact_match": 100 * sum(
                max(float(squad.normalize_answer(w) == squad.normalize_answer(f)) for w in wanted)
                for f, wanted, _ in known) / len(known),
            "f1": 100 * sum(max(f1(squad, f, w) for w in wanted) for f, wanted, _ in known) / len(known),
        } if known else {}  # fmt: skip
        cases.append({"rows": rows, "first": first, "second": {k: float(v) for k, v in second.items()}})
    texts = [answer(generator, 8) for _ in range(40)]
    return {"cases": cases, "words": [[text, squad.get_tokens(text)] for text in texts]}


def f1(squad, found, wanted):
    """SQuAD 1's: of no words at all it is 0."""
    found, wanted = (squad.normalize_answer(text).split() for text in (found, wanted))
    same = sum(min(found.count(word), wanted.count(word)) for word in set(found))
    if not same:
        return 0.0
    precision, recall = same / len(found), same / len(wanted)
    return 2 * precision * recall / (precision + recall)


def find(context, windows, with_none, threshold, kept, longest):
    """The answer, the likeliest ones and the odds of none."""
    found, none = [], None
    for offsets, starts, ends in windows:
        starts, ends = numpy.float32(starts), numpy.float32(ends)
        score = starts[0] + ends[0]
        if none is None or none["score"] > score:
            none = {"at": (0, 0), "score": score, "start": starts[0], "end": ends[0]}
        for i in numpy.argsort(starts)[: -kept - 1 : -1]:
            for j in numpy.argsort(ends)[: -kept - 1 : -1]:
                if offsets[i] is None or offsets[j] is None or j < i or j - i + 1 > longest:
                    continue
                found.append({
                    "at": (offsets[i][0], offsets[j][1]), "score": starts[i] + ends[j],
                    "start": starts[i], "end": ends[j]})  # fmt: skip
    if with_none:
        found.append(none)
    best = sorted(found, key=lambda one: one["score"], reverse=True)[:kept]
    if with_none and all(one["at"] != (0, 0) for one in best):
        best.append(none)
    best = [{**one, "text": context[one["at"][0] : one["at"][1]]} for one in best]
    if not best or (len(best) == 1 and not best[0]["text"]):
        best.insert(0, {"text": "empty", "start": 0.0, "end": 0.0, "score": 0.0})
    scores = numpy.array([one["score"] for one in best])
    powers = numpy.exp(scores - scores.max())
    shares = (powers / powers.sum()).tolist()
    listed = [[one["text"], float(one["start"]), float(one["end"]), p] for one, p in zip(best, shares)]
    if not with_none:
        return [best[0]["text"], listed, 0.0]
    likeliest = next(one for one in best if one["text"])
    odds = none["score"] - likeliest["start"] - likeliest["end"]
    return ["" if odds > threshold else likeliest["text"], listed, float(odds)]


def search(generator):
    cases = []
    settings = [(False, 0.0, 20, 30), (True, 0.0, 20, 30), (True, 1.5, 3, 2), (False, 0.0, 2, 4), (True, -1.0, 1, 1)]
    for with_none, threshold, kept, longest in settings:
        for _ in range(2):
            words = [w for w in generator.choice(WORDS, 11).tolist() if w]
            context = " ".join(words)
            places, start = [], 0
            for word in words:
                places.append([start, start + len(word)])
                start += len(word) + 1
            windows = []
            for first in range(0, len(words), 4):
                part = places[first : first + 6]
                offsets = [None] * 3 + part + [None]
                scores = generator.normal(size=(2, len(offsets))).astype(numpy.float32) * 2
                windows.append([offsets, scores[0].tolist(), scores[1].tolist()])
            asked = [with_none, threshold, kept, longest]
            cases.append([asked, context, windows, find(context, windows, *asked)])
    context, one = "", [[[None], [0.5], [0.25]]]
    cases.append([[False, 0.0, 20, 30], context, one, find(context, one, False, 0.0, 20, 30)])
    cases.append([[True, 0.0, 20, 30], context, one, find(context, one, True, 0.0, 20, 30)])
    return cases


CONTEXTS = [
    (
        "The river Nile flows north through eleven countries, over 6,650 km; its two sources meet near Khartoum. "
        "Ancient people called it Iteru, naïve travellers « le Nil », and 埃及 lives from it to this day",
        [
            ("  Which river flows north?", ["The river Nile", "river Nile"]),
            ("Where do the sources meet?", ["Khartoum"]),
            ("How do travellers call it?", ["« le Nil »"]),
            ("Until when?", ["this day"]),
            ("What is said of its length, and of much else that no one window holds?", [
                "eleven countries, over 6,650 km; its two sources meet near Khartoum. Ancient people"]),
            ("Who was Cleopatra?", []),
        ],
    ),
    ("é", [("What is this?", ["é"])]),
]


def squad():
    """SQuAD 2's layout."""
    paragraphs = []
    for place, (context, questions) in enumerate(CONTEXTS):
        entries = [
            {
                "id": f"{place}-{number}", "question": question, "is_impossible": not answers,
                "answers": [{"text": text, "answer_start": context.index(text)} for text in answers],
            }
            for number, (question, answers) in enumerate(questions)
        ]  # fmt: skip
        # The context comes last once: order within an object means nothing.
        pair = [("context", context), ("qas", entries)]
        paragraphs.append(dict(pair[:: -1 if place else 1]))
    return {"version": "v2.0", "data": [{"title": "Rivers", "paragraphs": [p]} for p in paragraphs]}


def span(encoding, start, end):
    """The first and last token of an answer, (0, 0) for the first token of all where it is not all there."""
    context = [i for i, s in enumerate(encoding.sequence_ids) if s == 1]
    at = encoding.offsets
    if not (at[context[0]][0] <= start and at[context[-1]][1] >= end):
        return [0, 0]
    first, last = context[0], context[-1]
    while first <= context[-1] and at[first][0] <= start:
        first += 1
    while last >= context[0] and at[last][1] >= end:
        last -= 1
    return [first - 1, last + 1]


def windows():
    made = Tokenizer.from_str(offsets.files()["tokenizers"]["roberta"])
    made.enable_truncation(96, stride=16, strategy="only_second")
    result = []
    for context, questions in CONTEXTS:
        for question, answers in questions:
            found = made.encode(question.lstrip(), context)
            rows = []
            for encoding in [found, *found.overflowing]:
                place = [0, 0]
                if answers:
                    start = context.index(answers[0])
                    place = span(encoding, start, start + len(answers[0]))
                rows.append([encoding.ids, place])
            result.append(rows)
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    squad_metrics = load(parser.parse_args().folder / "transformers/data/metrics/squad_metrics.py")
    OUT.mkdir(parents=True, exist_ok=True)
    generator = numpy.random.default_rng(SEED)
    content = {
        "metrics.json": metrics(squad_metrics, generator), "search.json": search(generator),
        "squad.json": squad(), "windows.json": windows(),
    }  # fmt: skip
    for name, value in content.items():
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        (OUT / name).write_text(text.replace("]]],[[", "]]],\n[[") + "\n")
    write_manifest(OUT, __file__, ["numpy", "tokenizers"], SEED, {"transformers": "4.57.1"})


if __name__ == "__main__":
    main()
