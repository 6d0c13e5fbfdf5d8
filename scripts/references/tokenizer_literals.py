"""Ids and offsets of Hugging Face's tokenizers that tests hold as literals (see literals.py).

    python scripts/references/tokenizer_literals.py

SpaceRunTests, AddedTokenTests, WhitespaceTests, TokenizerEditingTests. Reads Tests/References/tokenizers.
"""

import json
import re

import tokenizer_fixtures
from literals import Literals, source
from manifest import REFERENCES
from tokenizers import Tokenizer, normalizers

FOLDER = REFERENCES / "tokenizers"
SHARED = json.loads((FOLDER / "model.json").read_text())
KINDS = json.loads((FOLDER / "kinds.json").read_text())

SPACES = ["voilà la mer", "日本 語  \u3000ok", "\u2003\xa0é  x", "é", "a  Привет \x85", "  😀 "]
MARKED = ["a", " a", "  a"]
METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
RUNS = [(r"\s+", " "), (r"\s+", ""), (r"\s{2,}", " "), (r"\s{2,}", "")]
MARKED_RUNS = [(r"\s+", ""), (r"\s+", " "), (r"\s+", "a"), (" {2,}", "a"), (r"\A +| +\z", ""), (r"\A +| +\z", "a")]
WORDS = [
    "Hello, y'all! How are you 😁 ?",
    "  don't_stop --é\u0301x٣‿…\u200d\u3000«日本語»\t.",
    "e\u0301\u0300!a\xa0b\u2028c$5.00",
    "!?",
    " ",
]
# (content, lstrip, rstrip) of each token, with the texts in the order of the test
LEFT, RIGHT = (True, False), (False, True)
ADDED = [
    ([("  ", *RIGHT)], ["é    b", "[X]     é"]),
    ([("[X]", *RIGHT), ("  ", False, False)], ["[X]     é", "[X]  \té"]),
    ([("  ", True, True)], ["é    b", "[X]     é"]),
    ([("[X]", *RIGHT), ("\t", *LEFT)], ["[X]\té\t"]),
]


def kind(name, **changes):
    """A kind of Tests/References/tokenizers with other parts."""
    front = {**KINDS[name], **changes}
    return Tokenizer.from_str(json.dumps(tokenizer_fixtures.tokenizer_json(SHARED, front)))


def replace(run, new):
    """A normalizer's JSON."""
    return {"type": "Replace", "pattern": {"Regex": run}, "content": new}


def ids(tokenizer, texts):
    """The ids of each text."""
    return [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]


def space_runs(printed):
    printed.test("SpaceRunTests")
    for run, new in RUNS:
        found = ids(kind("gpt2", normalizer=replace(run, new)), SPACES)
        printed.value(f"{run} {new!r}", found)
    for run, new in MARKED_RUNS:
        file = {
            "normalizer": replace(run, new), "pre_tokenizer": METASPACE, "decoder": METASPACE,
            "model": {"type": "BPE", "vocab": {"▁": 0, "a": 1, "▁a": 2, " ": 3}, "merges": [["▁", "a"]]},
        }  # fmt: skip
        printed.value(f"mark, {run} {new!r}", ids(Tokenizer.from_str(json.dumps(file)), MARKED))


def with_tokens(tokens, normalized):
    """The gpt2 kind with further tokens, from the next id on."""
    entries = [
        {"id": 2907 + number, "content": content, "single_word": False, "lstrip": left, "rstrip": right,
         "normalized": normalized, "special": False}
        for number, (content, left, right) in enumerate(tokens)
    ]  # fmt: skip
    return kind("gpt2", added_tokens=KINDS["gpt2"]["added_tokens"] + entries)


def added_tokens(printed):
    printed.test("AddedTokenTests")
    for number, (tokens, texts) in enumerate(ADDED):
        tokenizer = with_tokens(tokens, normalized=False)
        for text in texts:
            found = tokenizer.encode(text, add_special_tokens=False)
            offsets = [list(pair) for pair in found.offsets]
            printed.value(f"{tokens} {text!r}", f"{found.ids}, {offsets}")
            if number == 1:
                other = with_tokens(tokens, normalized=True).encode(text, add_special_tokens=False)
                same = (other.ids, other.offsets) == (found.ids, found.offsets)
                printed.holds("the same where the tokens are normalized", same)


def whitespace(printed):
    printed.test("WhitespaceTests")
    file = re.search(r'file = #"""(.*?)"""#', source("WhitespaceTests"), re.DOTALL)[1]
    tokenizer = Tokenizer.from_str(file)
    for text in WORDS:
        found = tokenizer.encode(text, add_special_tokens=False)
        printed.value(f"{text!r} ids", found.ids)
        printed.value(f"{text!r} starts", [start for start, _ in found.offsets])
    tokenizer.add_special_tokens(["<a>"])
    printed.value("with <a>", ids(tokenizer, ["a!<a>!a"])[0])


def lowercasing(printed):
    printed.test("TokenizerEditingTests")
    for name in ["gpt2", "smollm2"]:
        first = kind(name)
        first.add_special_tokens(["<|END|>"])
        first.add_tokens(["[Odd]"])
        second = Tokenizer.from_str(first.to_str())
        steps = [normalizers.Lowercase()] + ([first.normalizer] if first.normalizer else [])
        second.normalizer = normalizers.Sequence(steps)
        written, plain = ids(second, ["The END<|END|>ÀB <|End|>"]), ids(first, ["the end<|END|>àb <|end|>"])
        printed.holds(f"{name}: texts, but not special tokens: {written[0]}", written == plain)
        odd = ids(second, ["[odd][ODD][Odd]"])[0]
        printed.holds(f"{name}: tokens in any letters: {odd}", odd == [first.token_to_id("[Odd]")] * 3)


def main():
    printed = Literals(__file__, ["tokenizers"])
    for part in [space_runs, added_tokens, whitespace, lowercasing]:
        part(printed)
    printed.finish()


if __name__ == "__main__":
    main()
