"""What transformers makes of chat templates: texts of snippets and of 30 templates for 12 conversations.

    python scripts/references/jinja.py

The templates and conversations lie in Tests/References/jinja, written by hand; this writes snippets.json (each with its
text, or null where Python stops with an error), renderings.txt (template, conversation, length and FNV-1a of the text's
UTF-8, FNV-1a of the ids with the small tokenizer that lies beside them) and texts.json (some in full).
"""

import json
from datetime import datetime
from pathlib import Path

from jinja_snippets import HOSTILE, SNIPPETS, VALUES
from manifest import REFERENCES, write_manifest

FOLDER = REFERENCES / "jinja"
TOKENIZER = FOLDER / "tokenizer"
TODAY = datetime(2026, 1, 2)
IN_FULL = ["chatml_default", "glm_thoughts", "hermes_macros", "mistral_tools"]
TOKENS = {"bos_token": "<s>", "eos_token": "<|endoftext|>"}


def freeze_date():
    """Lets strftime_now tell TODAY."""
    import transformers.utils.chat_template_utils as utils

    class Frozen(datetime):
        @classmethod
        def now(cls, tz=None):
            return TODAY

    utils.datetime = Frozen


def fnv(data):
    """FNV-1a, 64 bits."""
    value = 0xCBF29CE484222325
    for byte in data:
        value = ((value ^ byte) * 0x100000001B3) % 2**64
    return value


def snippet_text(template):
    """The text of a snippet, or None for an error."""
    from transformers.utils.chat_template_utils import _compile_jinja_template

    try:
        return _compile_jinja_template(template).render(**VALUES)
    except Exception:
        return None


def load_tokenizer():
    """The small tokenizer, with tokens for templates to write."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast(tokenizer_file=str(TOKENIZER / "tokenizer.json"), **TOKENS)


def conversations():
    """The conversations as written, one a line."""
    return [json.loads(line) for line in (FOLDER / "conversations.jsonl").read_text().splitlines()]


def templates():
    """Names and texts of the templates."""
    return {path.stem: path.read_text() for path in sorted((FOLDER / "templates").glob("*.jinja"))}


def render(tokenizer, template, conversation):
    """Text and ids, or the error."""
    arguments = dict(conversation)
    messages = arguments.pop("messages")
    try:
        text = tokenizer.apply_chat_template(
            messages, chat_template=template, tokenize=False, **arguments
        )
        ids = tokenizer.apply_chat_template(
            messages, chat_template=template, return_dict=False, **arguments
        )
        return text, ids, None
    except Exception as error:
        return None, None, error


def main():
    freeze_date()
    snippets = [[text, snippet_text(text)] for text in SNIPPETS] + [[text, None] for text in HOSTILE]
    lines = ",\n".join(json.dumps(snippet, ensure_ascii=False) for snippet in snippets)
    values = json.dumps(VALUES, ensure_ascii=False)
    (FOLDER / "snippets.json").write_text(f'{{"values": {values},\n"snippets": [\n{lines}\n]}}\n')
    tokenizer = load_tokenizer()
    rows, full = [], {}
    for name, template in templates().items():
        for number, conversation in enumerate(conversations()):
            text, ids, error = render(tokenizer, template, conversation)
            if error is not None:
                rows.append(f"{name} {number} error")
                continue
            data = text.encode()
            numbers = b"".join(id.to_bytes(4, "little") for id in ids)
            rows.append(f"{name} {number} {len(data)} {fnv(data):016x} {fnv(numbers):016x}")
            if name in IN_FULL:
                full[f"{name} {number}"] = text
    (FOLDER / "renderings.txt").write_text("\n".join(rows) + "\n")
    (FOLDER / "texts.json").write_text(json.dumps(full, ensure_ascii=False, indent=0) + "\n")
    write_manifest(FOLDER, __file__, ["transformers", "jinja2", "tokenizers"], seed=0)


if __name__ == "__main__":
    main()
