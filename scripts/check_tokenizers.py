"""Compares `lockstep tokenizer` with Hugging Face tokenizers, id by id.

    python scripts/check_tokenizers.py BINARY [LINES] [SEED] [PATH…]

For every kind of tokenizer in Tests/References/tokenizers and Tests/References/sentencepiece, for
Unigram models with SentencePiece's own nmt_nfkc table, and for every tokenizer.json at a PATH,
LINES (10 000) generated lines go through `BINARY tokenizer encode --tokenizer FILE` and the
library, and the ids back through decode. Then `BINARY tokenizer train` learns from such lines, its
merges are compared with the library's, and transformers opens the folder it wrote. A line ends at
a line feed only; carriage returns belong to the text.
"""

import base64
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "references"))

import sentencepiece_fixtures  # noqa: E402
from tokenizer_fixtures import FOLDER, tokenizer_json  # noqa: E402
from tokenizer_lines import lines  # noqa: E402
from tokenizers import Tokenizer, models, pre_tokenizers, trainers  # noqa: E402


def encoded(binary, path, texts):
    """What the binary prints for each line."""
    command = [binary, "tokenizer", "encode", "--tokenizer", str(path)]
    done = subprocess.run(command, input=b"".join(t + b"\n" for t in texts), capture_output=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: status {done.returncode}: {done.stderr.decode()}")
    rows = done.stdout.decode().split("\n")
    if rows[-1] == "":
        rows.pop()
    if len(rows) != len(texts):
        sys.exit(f"{path.name}: {len(rows)} lines of ids for {len(texts)} lines of text")
    return [[int(x) for x in row.split()] for row in rows]


def decoded(binary, path, rows):
    """What the binary's decode prints, as bytes."""
    command = [binary, "tokenizer", "decode", "--tokenizer", str(path)]
    text = "".join(" ".join(map(str, row)) + "\n" for row in rows)
    return subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout


def byte_level_kinds():
    """Name and tokenizer.json of each kind of Tests/References/tokenizers."""
    model = json.loads((FOLDER / "model.json").read_text())
    for name, front in json.loads((FOLDER / "kinds.json").read_text()).items():
        yield name, json.dumps(tokenizer_json(model, front))


def sentencepiece_kinds():
    """The same of Tests/References/sentencepiece, and kinds with a full table."""
    folder = sentencepiece_fixtures.FOLDER
    names = ("bpe", "unigram", "crossing")
    found = {name: json.loads((folder / f"{name}.json").read_text()) for name in names}
    charsmap = (folder / "charsmap.txt").read_text()
    text = (folder / "kinds.json").read_text()
    for name, front in json.loads(text.replace("CHARSMAP", charsmap)).items():
        yield name, json.dumps(sentencepiece_fixtures.tokenizer_json(front, found))
    for rules in ("nmt_nfkc", "nmt_nfkc_cf"):
        extractor = sentencepiece_fixtures.extractor(
            sentencepiece_fixtures.train(
                "unigram", sentencepiece_fixtures.training_texts(), vocab_size=500, unk_id=2,
                pad_id=0, eos_id=1, bos_id=-1, normalization_rule_name=rules,
            )
        )  # fmt: skip
        vocab = [list(pair) for pair in extractor.extract(None)["vocab"]]
        table = base64.b64encode(extractor.proto.normalizer_spec.precompiled_charsmap).decode()
        kinds = sentencepiece_fixtures.unigram_kinds([tuple(p) for p in vocab], table)
        found["unigram"]["vocab"] = vocab
        for name in ("t5", "xlmr", "albert"):
            whole = sentencepiece_fixtures.tokenizer_json(kinds[name], found)
            yield f"{name} {rules}", json.dumps(whole)


def compare_one(binary, path, name, texts):
    """1 if ids or decoded texts differ anywhere."""
    tokenizer = Tokenizer.from_file(str(path))
    ours = encoded(binary, path, texts)
    wrong = 0
    for text, ids in zip(texts, ours):
        expected = tokenizer.encode(text.decode(errors="replace"), add_special_tokens=False)
        if expected.ids == ids:
            continue
        wrong += 1
        if wrong <= 3:
            at = next((i for i, (a, b) in enumerate(zip(expected.ids, ids)) if a != b), None)
            print(
                f"{name}: {text!r}, from position {at}\n"
                f"  library {expected.ids}\n  binary  {ids}"
            )
            print("  library's tokens", expected.tokens)
    print(f"{name}: {len(texts) - wrong} of {len(texts)} lines equal")
    whole = "".join(tokenizer.decode(ids, skip_special_tokens=False) + "\n" for ids in ours)
    if decoded(binary, path, ours) != whole.encode():
        print(f"{name}: decoding differs")
        wrong += 1
    return wrong > 0


def compare(binary, folder, count, seed, paths):
    """The number of kinds whose ids or texts differ anywhere."""
    texts = lines(count, seed)
    marked = [edge.encode() for edge in sentencepiece_fixtures.EDGES if "\n" not in edge]
    failures = 0
    for kinds, more in [(byte_level_kinds(), []), (sentencepiece_kinds(), marked)]:
        for name, text in kinds:
            path = folder / f"{name}.json"
            path.write_text(text)
            failures += compare_one(binary, path, name, texts + more)
    for path in paths:
        failures += compare_one(binary, Path(path), path, texts + marked)
    return failures


def check_training(binary, folder, count, seed):
    """1 if the merges learned or the files written are not as the library's."""
    text = folder / "train.txt"
    text.write_bytes(
        b"".join(t.decode(errors="replace").encode() + b"\n" for t in lines(count, seed + 1))
    )
    output = folder / "trained"
    command = [
        binary,
        "tokenizer",
        "train",
        "--input",
        str(text),
        "--vocab-size",
        "4000",
        "--output",
        str(output),
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    library = Tokenizer(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.train(
        [str(text)],
        trainers.BpeTrainer(
            vocab_size=4000,
            special_tokens=["<|endoftext|>"],
            show_progress=False,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    ours = Tokenizer.from_file(str(output / "tokenizer.json"))
    same = json.loads(ours.to_str())["model"] == json.loads(library.to_str())["model"]
    print(f"training: {'equal' if same else 'DIFFERENT'} model")

    from transformers import AutoTokenizer

    opened = AutoTokenizer.from_pretrained(str(output))
    sample = "Hello <|endoftext|> world's 😀\r\n"
    loads = (
        opened.encode(sample) == library.encode(sample).ids and opened.eos_token == "<|endoftext|>"
    )
    print(f"transformers: {'opens' if loads else 'DOES NOT OPEN'} the folder")
    return int(not (same and loads))


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    binary, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 7
    with tempfile.TemporaryDirectory() as name:
        failures = compare(binary, Path(name), count, seed, sys.argv[4:])
        failures += check_training(binary, Path(name), count, seed)
    print("all equal" if not failures else f"{failures} checks failed")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
