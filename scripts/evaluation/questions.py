"""Folders of mmlu, ceval and cmmlu with questions that a small model can partly answer, in the benchmarks' own layouts."""

import csv
import json
import random

COLUMNS = ["question", "A", "B", "C", "D", "answer"]
CAPITALS = {
    "France": "Paris", "Italy": "Rome", "Japan": "Tokyo", "Egypt": "Cairo", "Spain": "Madrid", "Peru": "Lima", "Kenya": "Nairobi",
    "Norway": "Oslo", "Cuba": "Havana", "Greece": "Athens", "Austria": "Vienna", "Chile": "Santiago", "Iran": "Tehran", "Poland": "Warsaw",
}
SYMBOLS = {
    "hydrogen": "H", "helium": "He", "carbon": "C", "nitrogen": "N", "oxygen": "O", "sodium": "Na", "iron": "Fe", "copper": "Cu",
    "silver": "Ag", "gold": "Au", "lead": "Pb", "tin": "Sn", "zinc": "Zn", "calcium": "Ca", "potassium": "K", "mercury": "Hg",
}
OPPOSITES = {"大": "小", "高": "低", "长": "短", "多": "少", "冷": "热", "快": "慢", "新": "旧", "黑": "白", "左": "右", "早": "晚"}


def sums(draw):
    """A sum with numbers near it."""
    first, second = draw.randint(2, 60), draw.randint(2, 60)
    wrong = draw.sample([delta for delta in range(-9, 10) if delta], 3)
    return f"What is {first} + {second}?", str(first + second), [str(first + second + delta) for delta in wrong]


def one_of(pairs, question):
    """Questions for the second of a pair."""
    def make(draw):
        key = draw.choice(sorted(pairs))
        others = draw.sample(sorted(set(pairs.values()) - {pairs[key]}), 3)
        return question.format(key), pairs[key], others
    return make


SUBJECTS = {
    "elementary_mathematics": ("elementary mathematics", "STEM", sums),
    "chemistry": ("chemistry", "STEM", one_of(SYMBOLS, "Which is the chemical symbol of {}?")),
    "geography": ("world geography, \"capitals\"", "Social Sciences", one_of(CAPITALS, "What is the capital of {}?")),
    "chinese": ("汉语", "Humanities", one_of(OPPOSITES, "“{}”的反义词是哪一个？")),
    "countries": ("miscellany", "Other", one_of({city: land for land, city in CAPITALS.items()}, "{} is a city.\nIn which country is it?")),
}


def rows(make, count, draw):
    """Questions with the right choice in some place."""
    found = []
    for _ in range(count):
        question, right, others = make(draw)
        letter = draw.randrange(4)
        choices = others[:letter] + [right] + others[letter:]
        found.append([question, *choices, "ABCD"[letter]])
    return found


def write_csv(path, lines, ending="\n"):
    """A file of separated fields."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator=ending).writerows(lines)


def write(folder, count=24, seed=19):
    """The three benchmarks below a folder; `count` questions of each subject to be tried."""
    draw = random.Random(seed)
    for benchmark in ("mmlu", "ceval", "cmmlu"):
        mapping = {key: {"name": title, "category": category} for key, (title, category, _) in SUBJECTS.items()}
        place = folder / benchmark
        place.mkdir(parents=True)
        (place / "mapping.json").write_text(json.dumps(mapping, ensure_ascii=False, indent=2))
        for key, (_, _, make) in SUBJECTS.items():
            for split in ("dev", "val", "test"):
                made = rows(make, 5 if split == "dev" else count, draw)
                if benchmark == "mmlu":
                    write_csv(place / "data" / split / f"{key}_{split}.csv", made)
                elif benchmark == "ceval":
                    lines = [[str(number), *row, "because" if split == "dev" else ""] for number, row in enumerate(made)]
                    write_csv(place / split / f"{key}_{split}.csv", [["id", *COLUMNS, "explanation"], *lines], "\r\n")
                elif split != "val":
                    lines = [[str(number), *row] for number, row in enumerate(made)]
                    write_csv(place / split / f"{key}.csv", [["", "Question", "A", "B", "C", "D", "Answer"], *lines])
