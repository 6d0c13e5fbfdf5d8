#!/usr/bin/env python3
"""Writes Tests/References/corpus: packed texts, cleaning and JSON cases, sample orders,
token files.

Made with gzip, zstd and dictzip, with Python's own UTF-8 decoder and json module, and with numpy,
so that nothing here comes from the code under test. Run: scripts/references/corpus.py
"""

import json
import math
import os
import random
import subprocess
import unicodedata

import numpy
from manifest import REFERENCES, write_manifest

SEED = 20240607
FOLDER = REFERENCES / "corpus"


def output_of(*command, data=None):
    return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout


def story(generator, characters):
    """Paragraphs of made-up words, hard-wrapped, some beyond ASCII."""
    letters = "abcdefghijklmnopqrstuvwxyz" * 3 + "éüßñλжש文字"
    lines, size = [], 0
    while size < characters:
        words = []
        for _ in range(generator.randint(3, 12)):
            words.append("".join(generator.choices(letters, k=generator.randint(1, 9))))
        lines.append(" ".join(words) + generator.choice([".", ",", ""]))
        if generator.random() < 0.1:
            lines.append("")
        size += len(lines[-1]) + 1
    return "\n".join(lines) + "\n"


def cleaned(data):
    """The cleaning rules, by Python's decoder (U+FFFD for each maximal subpart)."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) != "Cc")


def cleaning_cases(generator):
    cases = [
        b"plain", b"a\r\nb\rc\n\r\n\rd", b"nul\x00 bell\x07 tab\t del\x7f esc\x1b[0m",
        "c1 \u0080\u0085\u009f nbsp\u00a0".encode(), "e\u0301 \U0001f600 \u200d \u4e2d\u6587".encode(),
        b"\xff\xfe\xfd", b"a\xc3", b"a\xe4\xb8", b"a\xf0\x9f\x98", b"\xc0\xaf\xe0\x80\xaf",
        b"\xed\xa0\x80\xed\xbf\xbf", b"\xf4\x90\x80\x80\xf5\x80", b"\xf0\x80\x80\x80\xe0\xa0",
        b"\x80\xbf", b"mid \xe4\xb8 dle \xf0\x9f\x98\x80\x80", "\ufeffnot at the start \ufeff".encode()[3:],
    ]
    pieces = [b"a", b"abcdefgh", b"\r", b"\n", b"\x00", b"\x1f", b" ", b"\xc2", b"\xc2\x85", b"\xe2\x80\x8b",
              b"\xe4", b"\xb8", b"\xad", b"\xf0", b"\x9f", b"\x98", b"\xed", b"\xa0", b"\xff", b"\x7f"]
    for _ in range(60):
        cases.append(b"".join(generator.choices(pieces, k=generator.randint(1, 40))))
    # A letter in front: a document without any is dropped, which is another test's matter.
    return [{"bytes": (b"x" + c).hex(), "text": cleaned(b"x" + c)} for c in cases]


def records(generator):
    """JSON objects as several writers spell them, and the text that Python's json finds."""
    texts = ["one line", "two\nlines\tand \"quotes\" \\ / back", "\U0001f600 emoji, 中文, é",
             "a" * 300 + "\u2028end", "controls \b\f\u0001 inside", "x" + story(generator, 2000)]
    lines = []
    for index, text in enumerate(texts):
        for ascii_only in (True, False):
            record = {"id": index, "meta": {"text": "not this", "list": [1, -2.5e3, True, None, {}, []]}}
            record["text"] = text
            record["after"] = ["]}", "\\\"{", []]
            separators = (",", ":") if ascii_only else (" , ", " : ")
            lines.append(json.dumps(record, ensure_ascii=ascii_only, separators=separators))
    lines.append('{"text":"first","text":"\\u0041\\/\\ud83d\\ude00 last counts"}')
    lines.append('{"te\\u0078t": "escaped key", "nan": NaN, "big": -Infinity}')
    lines.append('  {"text": "spaces around", "empty": {}}  ')
    found = [cleaned(json.loads(line)["text"].encode("utf-8", "replace")) for line in lines]
    return lines, found


def mix(value):
    """SplitMix64's output function."""
    z = (value + 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
    return z ^ z >> 31


def shuffled(position, count, seed):
    """The sample at a position: eight Feistel rounds over a x b >= count, and cycle walking."""
    epoch, value = divmod(position, count)
    left = math.isqrt(count - 1) + 1 if count > 1 else 1
    right = -(-count // left)
    key = mix(mix(seed) ^ epoch + 1)
    while True:
        a, b = divmod(value, right)
        for number in range(8):
            round_key = (key + (number + 1) * 0x9E3779B97F4A7C15) % 2**64
            if number % 2 == 0:
                a = (a + mix(round_key ^ b)) % left
            else:
                b = (b + mix(round_key ^ a)) % right
        value = a * right + b
        if value < count:
            return value


def orders():
    cases = [(10, 42, range(30)), (1, 7, range(3)), (1000, 2**64 - 1, range(990, 1010)),
             (12_345_678, 0, range(12_345_670, 12_345_690)), (5_000_000_000, 3, range(10**10, 10**10 + 20))]
    return [{"count": count, "seed": seed, "first": positions[0],
             "indices": [shuffled(p, count, seed) for p in positions]} for count, seed, positions in cases]


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    generator = random.Random(SEED)
    text = story(generator, 40_000).encode()
    half = len(text) // 2 + 1
    (FOLDER / "story.txt").write_bytes(text)
    members = [output_of("gzip", "-9n", data=part) for part in (text[:half], b"", text[half:])]
    (FOLDER / "story.txt.gz").write_bytes(b"".join(members) + bytes(512))
    frames = [output_of("zstd", "-19", "-c", data=text[:half]),
              output_of("zstd", "--long=31", "-c", data=text[half:])]
    (FOLDER / "story.txt.zst").write_bytes(b"".join(frames))
    plain = FOLDER / "story.dict"
    plain.write_bytes(text)
    os.utime(plain, (SEED, SEED))  # dictzip writes the time into the file
    subprocess.run(["dictzip", str(plain)], check=True)

    (FOLDER / "cleaning.json").write_text(json.dumps(cleaning_cases(generator), indent=0))
    lines, found = records(generator)
    (FOLDER / "records.jsonl").write_text("\n".join(lines[:4]) + "\n\n\r\n" + "\r\n".join(lines[4:]))
    (FOLDER / "records.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
    (FOLDER / "records-texts.json").write_text(json.dumps(found, indent=0))

    (FOLDER / "orders.json").write_text(json.dumps(orders(), indent=0))

    ids = numpy.arange(1000) * 7 % 50_257
    ids.astype("<u2").tofile(FOLDER / "nanogpt.bin")
    for name, magic, version, kind, tokens in [
        ("llmc-gpt2.bin", 20240520, 1, "<u2", ids), ("llmc-llama3.bin", 20240801, 7, "<u4", ids + 70_000)
    ]:
        header = numpy.zeros(256, dtype="<i4")
        header[:3] = magic, version, len(tokens)
        (FOLDER / name).write_bytes(header.tobytes() + tokens.astype(kind).tobytes())

    programs = {
        "unicode": unicodedata.unidata_version,
        "gzip": output_of("gzip", "--version").decode().splitlines()[0],
        "zstd": output_of("zstd", "--version").decode().strip(),
        "dictzip": subprocess.run(["dictzip", "--version"], capture_output=True).stderr.decode().splitlines()[0],
    }
    write_manifest(FOLDER, __file__, ["numpy"], SEED, programs)


main()
