"""Writes Tests/References/piece_training: what SentencePiece's trainers make of small corpora.

Run with a Python that has `sentencepiece`:

    python scripts/references/piece_training.py
"""

import io
import json
import random
import tempfile

import sentencepiece
from manifest import REFERENCES, write_manifest
from tokenizer_lines import lines

FOLDER = REFERENCES / "piece_training"
SEED = 20261129
LATIN = "the of and to in is that it was for a language model learns from words numbers größe naïve end. don't café".split()
CJK = "日本語の文章 東京都 テスト カタカナ 中文 漢字 你好世界 ー データ 学習 する 言葉 한국어 안녕하세요".split()
MIXED = "Привет мир Ελληνικά שלום नमस्ते 12 345 1.5 abc123 x² v1.2 a_b 😀 😀👍 № ½ ａｂｃ ｶﾞｷﾞ".split()
MARKS = "e\u0301 a\u0323\u0307 n\u0303o \u0301a x\u0334y q\u0307\u0323 क\u094dषत\u094dरिय م\u064fح\u064eم\u064e\u0651د \u1100\u1161\u11a8 가\u11a8 각".split()
SPECIAL = "<s> a</s>b <unk> <0x41> x<0x0A>y <0x4> </s </s> \x1f a\x1fb the <s>the".split(" ")


def corpora():
    """Named lists of lines, each with some regularity."""
    source = random.Random(SEED)

    def some(words, count, most=9):
        weights = [1 / (place + 1) for place in range(len(words))]
        return [" ".join(source.choices(words, weights, k=source.randint(1, most))) for _ in range(count)]

    varied = [line.decode(errors="ignore").replace("\0", "") for line in lines(160, SEED)]
    return {
        "latin": some(LATIN, 120),
        "cjk": some(CJK, 80, 4),
        "mixed": some(MIXED + LATIN[:6], 100),
        "marks": some(MARKS + LATIN[:4], 80) + ["aaaa aaaaaa abababab aaab", "bbbbb abab"],
        "special": some(SPECIAL, 80) + ["long " * 900, "the ▅ mark", "  two  spaces ", "a▁b ▁c"],
        "varied": [line for line in varied if "\n" not in line],
    }  # fmt: skip


# Corpus, size, share of characters, rule.
CASES = [
    ("latin", 330, 0.9995, "nmt_nfkc"), ("latin", 420, 0.98, "identity"), ("cjk", 380, 0.9995, "nmt_nfkc"),
    ("cjk", 340, 1.0, "identity"), ("mixed", 400, 0.9995, "nmt_nfkc"), ("mixed", 440, 0.985, "identity"),
    ("marks", 360, 1.0, "nmt_nfkc"), ("marks", 420, 1.0, "identity"), ("special", 300, 1.0, "identity"),
    ("special", 310, 0.9995, "nmt_nfkc"), ("varied", 1000, 0.9995, "nmt_nfkc"), ("varied", 820, 0.98, "identity"),
    ("varied", 1500, 1.0, "nmt_nfkc"),
]  # fmt: skip


def train(texts, size, coverage, rule, **settings):
    """The bytes of a model of SentencePiece's BPE with byte fallback, from a file: its iterator drops CR."""
    model = io.BytesIO()
    with tempfile.NamedTemporaryFile() as file:
        file.write("".join(text + "\n" for text in texts).encode())
        file.flush()
        sentencepiece.SentencePieceTrainer.train(
            input=file.name, model_writer=model, model_type="bpe", byte_fallback=True,
            vocab_size=size, character_coverage=coverage, normalization_rule_name=rule, num_threads=1,
            hard_vocab_limit=False, minloglevel=2, **settings,
        )  # fmt: skip
    return model.getvalue()


def main():
    texts = corpora()
    probes = [line.decode(errors="ignore") for line in lines(120, SEED + 1)]
    probes = [text for text in probes if not {"<", "\0"} & set(text)] + ["ｶﾞ ｷﾞ", "각 ㄱㅏ", "  a  b ", "x" * 50]
    cases = []
    for corpus, size, coverage, rule in CASES:
        program = sentencepiece.SentencePieceProcessor(
            model_proto=train(texts[corpus], size, coverage, rule)
        )
        cases.append(
            {
                "corpus": corpus, "size": size, "coverage": coverage, "rule": rule,
                "pieces": [program.id_to_piece(i) for i in range(259, len(program))],
                "ids": [program.encode(text) for text in probes[:: 1 if corpus == "varied" else 4]],
            }
        )  # fmt: skip
        scores = [program.get_score(i) for i in range(len(program))]
        assert scores == [0.0] * 259 + [float(-i) for i in range(len(program) - 259)]
    FOLDER.mkdir(parents=True, exist_ok=True)
    content = {"corpora": texts, "probes": probes, "cases": cases}
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    (FOLDER / "pieces.json").write_text(text + "\n")
    normalizer = sentencepiece.SentencePieceNormalizer(rule_name="nmt_nfkc")
    found = [line.decode(errors="ignore") for line in lines(400, SEED + 2)]
    found = [text for text in found if not {"<", "\0"} & set(text)]
    rows = [[text, normalizer.normalize(text)] for text in found]
    text = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
    (FOLDER / "normalized.json").write_text(text + "\n")
    write_manifest(FOLDER, __file__, ["sentencepiece"], SEED)


if __name__ == "__main__":
    main()
