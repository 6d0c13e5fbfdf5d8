#!/usr/bin/env python3
"""Chat templates against transformers: every template of Tests/References/jinja for every conversation.

    python scripts/sweeps/chat_templates.py [--lockstep .build/debug/lockstep] [TEMPLATE.jinja …]

Each template becomes a model folder; `lockstep doctor --model FOLDER --input FILE` has to give the text and the ids of
apply_chat_template, or to refuse what transformers refuses, too. Prints a line for each template, and ends with status 1
where text or ids differ, or where something is refused that transformers renders and whose line does not say so.
Needs transformers (scripts/references/requirements.txt).
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "references"))
import jinja as references  # noqa: E402


def lockstep_answers(program, template, lines):
    """What `lockstep doctor` makes of the conversations, one object each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in ["tokenizer.json", "tokenizer_config.json"]:
            shutil.copy(references.TOKENIZER / file, folder / file)
        (folder / "chat_template.jinja").write_text(template)
        (folder / "conversations.jsonl").write_text("\n".join(lines) + "\n")
        command = [program, "doctor", "--model", name, "--input", name + "/conversations.jsonl"]
        run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode != 0:
        return [{"error": run.stderr.strip()}] * len(lines)
    return [json.loads(line) for line in run.stdout.splitlines()]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lockstep", default=".build/debug/lockstep")
    parser.add_argument("templates", nargs="*", help="files; all committed ones unless given")
    arguments = parser.parse_args()
    references.freeze_date()
    tokenizer = references.load_tokenizer()
    templates = {Path(path).stem: Path(path).read_text() for path in arguments.templates}
    conversations = references.conversations()
    date = references.TODAY.strftime("%d %b %Y")
    lines = [json.dumps({**one, "date": date}) for one in conversations]
    totals = {"equal": 0, "both refuse": 0, "refused": 0, "WRONG": 0}
    for name, template in (templates or references.templates()).items():
        counts = dict.fromkeys(totals, 0)
        answers = lockstep_answers(arguments.lockstep, template, lines)
        for number, (conversation, answer) in enumerate(zip(conversations, answers, strict=True)):
            text, ids, error = references.render(tokenizer, template, conversation)
            if "error" in answer:
                kind = "both refuse" if error is not None else "refused"
                if error is None and "is not supported" not in answer["error"]:
                    kind = "WRONG"
            else:
                same = answer["text"] == text and answer["ids"] == ids
                kind = "equal" if same else "WRONG"
            counts[kind] += 1
            totals[kind] += 1
            if kind in ("refused", "WRONG"):
                print(f"  {name} {number}: {kind}")
                print(f"    transformers: {text if error is None else repr(error)!r}")
                print(f"    lockstep: {answer.get('text', answer.get('error'))!r}")
        print(f"{name}: " + ", ".join(f"{count} {kind}" for kind, count in counts.items() if count))
    print("all: " + ", ".join(f"{count} {kind}" for kind, count in totals.items()))
    return 1 if totals["WRONG"] else 0


if __name__ == "__main__":
    sys.exit(main())
