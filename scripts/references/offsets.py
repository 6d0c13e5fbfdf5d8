"""Writes Tests/References/offsets: where Hugging Face's tokens stand in their texts.

The tokenizers and texts are those of Tests/References/tokenizers, bert and sentencepiece. Run with a
Python that has `tokenizers`:

    python scripts/references/offsets.py
"""

import json
from urllib.parse import unquote_to_bytes

import bert_fixtures
import sentencepiece_fixtures
import tokenizer_fixtures
import tokenizers
from manifest import REFERENCES, write_manifest
from tokenizers import Tokenizer

FOLDER = REFERENCES / "offsets"
README = f"""Written by scripts/references/offsets.py with Hugging Face tokenizers {tokenizers.__version__}.

- tokenizers.txt, bert.txt, sentencepiece.txt: by kind of the folder of that name, for every third (bert:
  sixth, sentencepiece: second) text the low 32 bits of FNV-1a over the starts and ends of its tokens in
  decimal, special tokens added, all separated by spaces
- windows.json: texts with their pairs, cut into windows: ids and offsets of each
"""
EVERY = {"tokenizers": 3, "bert": 6, "sentencepiece": 2}
QUESTIONS = [
    ("  Who wrote the Größe?", "  It was  written in 1876, they said, by the quick brown fox; İstanbul 北京 of the end. "),
    ("the", "naïve café e\u0301 don't 👩\u200d👩\u200d👧 ﬁnance <mask> x the"),
    ("What  is it", "a"),
]
CUTS = [(24, 4), (17, 0), (40, 11)]


def texts(folder):
    escaped = (REFERENCES / folder / "lines.txt").read_text().split("\n")[:-1]
    return [unquote_to_bytes(line).decode(errors="replace") for line in escaped]


def files():
    """By folder and kind the text of tokenizer.json."""
    read = lambda name: json.loads((REFERENCES / name).read_text())  # noqa: E731
    shared = read("tokenizers/model.json")
    result = {"tokenizers": {}, "bert": {}, "sentencepiece": {}}
    for name, front in tokenizer_fixtures.kinds(shared["vocab"]).items():
        result["tokenizers"][name] = json.dumps(tokenizer_fixtures.tokenizer_json(shared, front))
    vocab = (REFERENCES / "bert/vocab.txt").read_text().split("\n")[:-1]
    for name, kind in bert_fixtures.kinds(vocab).items():
        result["bert"][name] = bert_fixtures.tokenizer_json(vocab, kind)
    bases = {name: read(f"sentencepiece/{name}.json") for name in ("bpe", "crossing", "unigram")}
    charsmap = (REFERENCES / "sentencepiece/charsmap.txt").read_text()
    fronts = json.loads(
        (REFERENCES / "sentencepiece/kinds.json").read_text().replace("CHARSMAP", charsmap))
    for name, front in fronts.items():
        made = sentencepiece_fixtures.tokenizer_json(front, bases)
        result["sentencepiece"][name] = json.dumps(made)
    return result


def numbers(encoding):
    return " ".join(f"{start} {end}" for start, end in encoding.offsets)


def windows(made):
    """Pairs cut into windows, or null where the library refuses."""
    cases = []
    for question, context in QUESTIONS:
        for length, stride in CUTS:
            try:
                made.enable_truncation(length, stride=stride, strategy="only_second")
                found = made.encode(question, context)
                every = [found, *found.overflowing]
                cases.append([[e.ids, [list(o) for o in e.offsets]] for e in every])
            except BaseException:  # the library panics where no room is left
                cases.append(None)
            made.no_truncation()
    return cases


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    found = files()
    lines = {name: texts("tokenizers" if name == "bert" else name) for name in found}
    for folder, kinds in found.items():
        rows = []
        for kind, text in kinds.items():
            made = Tokenizer.from_str(text)
            digests = [
                f"{tokenizer_fixtures.fnv(numbers(made.encode(line))) & 0xFFFFFFFF:x}"
                for line in lines[folder][:: EVERY[folder]]
            ]
            rows.append(" ".join([kind, *digests]) + "\n")
        (FOLDER / f"{folder}.txt").write_text("".join(rows))
    cases = {}
    for folder, kind in [
        ("tokenizers", "roberta"), ("tokenizers", "llama3"), ("bert", "uncased"), ("sentencepiece", "xlmr"),
        ("sentencepiece", "llama"), ("sentencepiece", "t5words"),
    ]:  # fmt: skip
        cases[f"{folder}/{kind}"] = windows(Tokenizer.from_str(found[folder][kind]))
    content = {"texts": QUESTIONS, "cuts": CUTS, "cases": cases}
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    (FOLDER / "windows.json").write_text(text + "\n")
    (FOLDER / "README.md").write_text(README)
    write_manifest(FOLDER, __file__, ["tokenizers"], None)


if __name__ == "__main__":
    main()
