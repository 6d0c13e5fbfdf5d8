"""Rows of preferences in the data formats of LLaMA-Factory and TRL, for preferences.py."""

import json

from manifest import write_json

ROWS = [
    ("Name the capital of France.", "", "Paris.", "It is a town in the north, I think."),
    ("Add the numbers.", "2 and 5", "2 + 5 = 7", "2 + 5 = 9"),
    ("用一句话解释梯度。", "", "梯度指出损失增长最快的方向。", "不知道。"),
    ("Repeat the word.", "lockstep", "lockstep", "The word that you gave me is long."),
    ("Give a synonym.", "fast", "quick", "slow"),
    ("Translate into Chinese.", "Good morning", "早上好", "Good morning"),
    ("List two colours.", "", "Red and blue.", "One and two."),
    ("What does LoRA train?", "", "Two small matrices beside each frozen weight.", "Cats."),
    ("把下面的句子译成英文。", "我喜欢读书。", "I like reading.", "我喜欢读书。"),
    ("Spell the word backwards.", "cat", "tac", "cat"),
    ("Is seven a prime number?", "", "Yes. Its only divisors are 1 and 7.", "No."),
    ("Count the letters.", "adapter", "7", "There may be six of them, or more than that."),
    ("Complete the series.", "1, 2, 4, 8", "16", "9"),
    ("谁写了《红楼梦》？", "", "曹雪芹。", "《红楼梦》是一本书。"),
    ("Name a unit of length.", "", "The metre.", "The hour is one, and the day is another."),
    ("Write a greeting.", "", "Hello, and welcome!", "Go away."),
    ("Which is larger?", "3/4 or 2/3", "3/4, since 9/12 is more than 8/12.", "2/3"),
    ("Give the opposite.", "up", "down", "up"),
]


def prompt_of(row):
    return row[0] + ("\n" + row[1] if row[1] else "")


def write_data(data):
    """The same pairs in every format, and answers with tags, which are returned."""
    data.mkdir(parents=True)

    def write(name, rows):
        (data / name).write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n")

    keys = ("instruction", "input", "chosen", "rejected")
    write("alpaca.json", [dict(zip(keys, row)) for row in ROWS])
    write("sharegpt.json", [
        {"conversations": [{"from": "human", "value": prompt_of(row)}],
         "chosen": {"from": "gpt", "value": row[2]}, "rejected": {"from": "gpt", "value": row[3]}}
        for row in ROWS])
    write("openai.json", [
        {"messages": [{"role": "user", "content": prompt_of(row)}],
         "chosen": {"role": "assistant", "content": row[2]},
         "rejected": {"role": "assistant", "content": row[3]}} for row in ROWS])
    write("trl.json", [
        {"prompt": prompt_of(row), "chosen": row[2], "rejected": row[3]} for row in ROWS])

    def message(role, text):
        return {"role": role, "content": text}

    write("trl_messages.json", [
        {"prompt": [message("user", prompt_of(row))], "chosen": [message("assistant", row[2])],
         "rejected": [message("assistant", row[3])]} for row in ROWS])
    write("trl_implicit.json", [
        {side: [message("user", prompt_of(row)), message("assistant", row[number])]
         for side, number in (("chosen", 2), ("rejected", 3))} for row in ROWS])
    tagged = [(row, row[2 + number % 2], number % 2 == 0) for number, row in enumerate(ROWS)]
    write("kto.json", [
        {"instruction": row[0], "input": row[1], "output": answer, "label": tag}
        for row, answer, tag in tagged])
    write("kto_sharegpt.json", [
        {"conversations": [{"from": "human", "value": prompt_of(row)}, {"from": "gpt", "value": answer}],
         "label": tag} for row, answer, tag in tagged])
    write("kto_trl.json", [
        {"prompt": prompt_of(row), "completion": answer, "label": tag} for row, answer, tag in tagged])
    messages = {"messages": "conversations", "chosen": "chosen", "rejected": "rejected"}
    info = {
        "alpaca": {
            "file_name": "alpaca.json", "ranking": True,
            "columns": {
                "prompt": "instruction", "query": "input", "chosen": "chosen",
                "rejected": "rejected"}},
        "sharegpt": {
            "file_name": "sharegpt.json", "ranking": True, "formatting": "sharegpt",
            "columns": messages},
        "openai": {
            "file_name": "openai.json", "ranking": True, "formatting": "openai",
            "columns": {**messages, "messages": "messages"}},
        "trl": {"file_name": "trl.json", "ranking": True},
        "kto": {
            "file_name": "kto.json",
            "columns": {
                "prompt": "instruction", "query": "input", "response": "output",
                "kto_tag": "label"}},
        "kto_sharegpt": {
            "file_name": "kto_sharegpt.json", "formatting": "sharegpt",
            "columns": {"messages": "conversations", "kto_tag": "label"}},
    }
    write_json(data / "dataset_info.json", info)
    return tagged
