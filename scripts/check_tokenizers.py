"""Compares `lockstep tokenizer` with Hugging Face tokenizers, id by id.

    python scripts/check_tokenizers.py BINARY [LINES] [SEED]

For every kind of tokenizer in Tests/References/tokenizers, LINES (10 000) generated lines go
through `BINARY tokenizer encode --tokenizer FILE` and the library. Then `BINARY tokenizer train`
learns from such lines, its merges are compared with the library's, and transformers opens the
folder it wrote. A line ends at a line feed only; carriage returns belong to the text.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "references"))

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


def compare(binary, folder, count, seed):
    """The number of kinds whose ids differ anywhere."""
    model = json.loads((FOLDER / "model.json").read_text())
    fronts = json.loads((FOLDER / "kinds.json").read_text())
    texts = lines(count, seed)
    failures = 0
    for name, front in fronts.items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps(tokenizer_json(model, front)))
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
        print(f"{name}: {count - wrong} of {count} lines equal")
        failures += wrong > 0
        if name == "gpt2":
            whole = b"".join(t.decode(errors="replace").encode() + b"\n" for t in texts)
            if decoded(binary, path, ours) != whole:
                print("gpt2: decoding does not give the text back")
                failures += 1
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
        failures = compare(binary, Path(name), count, seed)
        failures += check_training(binary, Path(name), count, seed)
    print("all equal" if not failures else f"{failures} checks failed")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
