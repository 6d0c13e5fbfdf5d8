"""A folder in which the board can be tried: a tiny model that is drawn anew, a byte tokenizer, questions and answers."""

import json


def write_model(folder):
    """A Llama of 40 thousand parameters whose tokens are bytes, with ChatML's marks."""
    folder.mkdir(parents=True)
    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    # GPT-2's letters for bytes: printable ones stand for themselves, the others follow from 256 on.
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {**{byte: chr(byte) for byte in printable}, **{byte: chr(256 + place) for place, byte in enumerate(others)}}
    vocabulary = {letters[byte]: byte for byte in range(256)}
    added = [
        {"id": 256 + place, "content": mark, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
        for place, mark in enumerate(marks)
    ]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
        "pre_tokenizer": byte_level, "post_processor": None, "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": vocabulary, "merges": []},
    }
    configuration = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 259, "hidden_size": 32, "intermediate_size": 64,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256, "rms_norm_eps": 1e-5,
        "hidden_act": "silu", "tie_word_embeddings": True, "bos_token_id": 256, "eos_token_id": 258,
    }
    template = (
        "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": marks[0], "eos_token": marks[2], "chat_template": template}
    for name, value in (("config", configuration), ("tokenizer", tokenizer), ("tokenizer_config", settings)):
        (folder / f"{name}.json").write_text(json.dumps(value))


def write_data(folder):
    """Sums, asked and answered."""
    folder.mkdir(parents=True)
    rows = [{"instruction": f"What is {a} + {b}?", "input": "", "output": f"{a} + {b} is {a + b}."} for a in range(24) for b in range(24)]
    (folder / "sums.json").write_text(json.dumps(rows))
    pairs = [{"instruction": f"What is {a} + 1?", "chosen": f"It is {a + 1}.", "rejected": f"It is {a}."} for a in range(9)]
    (folder / "pairs.json").write_text(json.dumps(pairs))
    (folder / "lines.txt").write_text("".join(f"{a} and 1 are {a + 1}\n" for a in range(9)))
    (folder / "dataset_info.json").write_text(json.dumps({
        "sums": {"file_name": "sums.json"},
        "pairs": {"file_name": "pairs.json", "ranking": True, "columns": {"prompt": "instruction", "chosen": "chosen", "rejected": "rejected"}},
        "lines": {"file_name": "lines.txt"},
    }))


def write_task(folder):
    """Questions with two choices, in piqa's columns."""
    folder.mkdir(parents=True)
    rows = [{"goal": f"What is {a} + 1?", "sol1": f"{a + a % 2}", "sol2": f"{a + 1 - a % 2}", "label": 1 - a % 2} for a in range(12)]
    (folder / "validation.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
