"""Writes the sums that examples/preference/smollm2_grpo_sums.yaml learns from.

python3 scripts/sums.py
Every sum of two numbers from 1 to 9, asked in two ways; a quarter of the pairs are held out. Writes
examples/preference/data/sums.json and sums_held_out.json.
"""

import json
import random
from pathlib import Path

SEED = 7
FOLDER = Path(__file__).resolve().parents[1] / "examples" / "preference" / "data"
QUESTIONS = ("What is {a} + {b}? Answer with the number only.", "Add {a} and {b}. Give only the result.")


def main():
    pairs = [(a, b) for a in range(1, 10) for b in range(1, 10)]
    random.Random(SEED).shuffle(pairs)
    held = len(pairs) // 4
    for name, part in (("sums_held_out", pairs[:held]), ("sums", pairs[held:])):
        rows = [
            {"instruction": question.format(a=a, b=b), "input": "", "output": str(a + b)}
            for a, b in part for question in QUESTIONS]
        lines = ",\n".join(" " + json.dumps(row) for row in rows)
        (FOLDER / f"{name}.json").write_text(f"[\n{lines}\n]\n")
        print(name, len(rows))


if __name__ == "__main__":
    main()
