"""Writes word cuts by jieba and scores by rouge_chinese and nltk.

Tests/References/metrics/: `dict.txt` and `finalseg/prob_emit.py` are the entries of jieba's files
(MIT licence, Copyright 2013 Sun Junyi) that the texts below need; one entry of an unused word keeps
the sum of frequencies, so that cuts equal those with the whole dictionary, which is checked here.
`words.json` has the cuts of each text, `scores.json` the scores of each pair, computed with the
calls and roundings of LLaMA-Factory 0.9.5 (llamafactory/train/sft/metric.py).
"""

import json
import logging
import shutil

import jieba
import jieba.finalseg
import numpy
from manifest import REFERENCES, write_manifest
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from rouge_chinese import Rouge

PACKAGES = ["jieba", "nltk", "numpy", "rouge_chinese"]
UNUSED = "\u9fd5\u9fd5\u9fd5"

PAIRS = [
    ("我是 Lockstep 助手，帮助大家在普通处理器上训练模型。",
     "我是 Lockstep 助手，帮助大家在普通处理器上训练和微调语言模型。"),
    ("I am Lockstep's assistant.", "I am Lockstep's assistant, and I help people train models."),
    ("再运行同样的命令就能继续。", "再运行同样的命令；75 表示按要求停止，检查点已保存。"),
    ("学习率是 5e-5，损失下降了 12.5%！", "学习率为 5e-5，损失降低 12.5%。"),
    ("小明硕士毕业于中国科学院计算所，后在日本京都大学深造。",
     "小明硕士毕业于中国科学院，后来到日本京都大学深造"),
    ("他来到了网易杭研大厦。", "他走进了网易杭研大厦！"),
    ("李小福是创新办主任也是云计算方面的专家", "李小福主任是云计算专家"),
    ("南京市长江大桥", "南京市的长江大桥很长"),
    ("工信处女干事每月经过下属科室都要亲口交代24口交换机等技术性器件的安装工作",
     "工信处的女干事每月经过科室，交代交换机的安装工作。"),
    ("哈利波特和赫敏格兰杰去了霍格沃茨", "赫敏格兰杰没有去霍格沃茨"),
    ("乒乓球拍卖完了。真的吗？“真的！”他说。", "乒乓球拍卖完了？“真的！”她说。"),
    ("等一下......好了。等……好！", "等一下…………好了...... 好"),
    ("the cat sat on the mat the cat", "the the the cat cat sat"),
    ("C++ 和 C# 都要 T恤 3件，AA制，价格 19.99 元，涨 3%", "T恤 AA制 C++ 19.99 3%"),
    ("a_b-c&d #tag user@example.com http://x.y/z?q=1", "a_b-c&d user@example.com"),
    ("第一行\n第二行\r\n第三行\t末尾  空格", "第一行\r\n第二行\n\n第三行 末尾"),
    ("", "空的预测"),
    ("空的标签", ""),
    (" \n\u3000", "只有空白"),
    ("好", "好"),
    ("好", "坏"),
    ("完全相同的一句话，两边都一样。", "完全相同的一句话，两边都一样。"),
    ("完全不同", "ABCDEFG"),
    ("日本語のテキストと한국어 텍스트", "日本語のテキスト"),
    ("😀 emoji 与 e\u0301 组合 \u00e9", "emoji 😀 e\u0301 \u00e9"),
    ("𠮷野家的牛肉饭〇一二三㐀", "𠮷野家牛肉饭〇一二"),
    ("１２３全角ＡＢＣ，。！？", "123 半角 ABC"),
    ("......", "。"),
    ("v1.2.3-rc.4 50%% .5 5. 1.5.2% 100%abc", "v1.2.3 50% 0.5 5 1.5.2"),
    ("```yaml\nlora_rank: 8\nlora_target: all\n```", "```yaml\nlora_rank: 16\nlora_target: all\n```"),
    ("梯度累积把几个小批的梯度加起来再更新，用较小的内存得到大批的效果。",
     "把几个小批的梯度加起来再更新，内存更省。"),
    ("结婚的和尚未结婚的", "已结婚的和没有结婚的"),
    ("丰田太省了，张晓梅去人民医院做了个B超然后去买了件T恤", "张晓梅买了T恤"),
    ("他说：“好。”然后走了。“是吗？’再见", "他说“好。”。然后走了"),
]


def texts():
    """Every text of the pairs once, in order."""
    return list(dict.fromkeys(text for pair in PAIRS for text in pair))


def subset(folder):
    """Writes the entries that the texts need; returns a tokenizer of these alone."""
    joined = "\0".join(texts())
    source = [line.split(" ") for line in jieba.dt.get_dict_file().read().decode().splitlines()]
    kept = [entry for entry in source if entry[0] in joined]
    rest = sum(int(entry[1]) for entry in source) - sum(int(entry[1]) for entry in kept)
    assert UNUSED[0] not in joined
    lines = [" ".join(entry) for entry in kept + [[UNUSED, str(rest), "x"]]]
    (folder / "dict.txt").write_text("\n".join(lines) + "\n")

    table = {
        state: {letter: value for letter, value in letters.items() if letter in joined}
        for state, letters in jieba.finalseg.emit_P.items()
    }
    (folder / "finalseg").mkdir()
    # As jieba's file, but four letters a line.
    text = "P={"
    for number, (state, letters) in enumerate(table.items()):
        text += f"{',' if number else ''}\n '{state}': {{"
        for index, (letter, value) in enumerate(letters.items()):
            text += (" " if index % 4 else "\n  ") + f"{ascii(letter)}: {value!r},"
        text = text.rstrip(",") + "}"
    text += "}"
    (folder / "finalseg" / "prob_emit.py").write_text(text + "\n")
    found = {}
    exec(text, found)
    assert found["P"] == table
    tokenizer = jieba.Tokenizer(str(folder / "dict.txt"))
    tokenizer.cache_file = str(folder.parent / ".metrics.cache")
    tokenizer.initialize()
    assert tokenizer.total == jieba.dt.total
    return tokenizer


def scores(predict, label, cut):
    """ROUGE and BLEU of a pair as LLaMA-Factory's ComputeSimilarity rounds them."""
    hypothesis, reference = list(cut(predict)), list(cut(label))
    if not " ".join(hypothesis).split() or not " ".join(reference).split():
        result = {name: {"f": 0.0} for name in ("rouge-1", "rouge-2", "rouge-l")}
    else:
        result = Rouge().get_scores(" ".join(hypothesis), " ".join(reference))[0]
    bleu = sentence_bleu(
        [list(label)], list(predict), smoothing_function=SmoothingFunction().method3
    )
    found = {name: round(value["f"] * 100, 4) for name, value in result.items()}
    return found | {"bleu-4": round(bleu * 100, 4)}


def table(cut):
    """Scores of every pair, and their means."""
    pairs = [{"predict": a, "label": b, "scores": scores(a, b, cut)} for a, b in PAIRS]
    means = {
        name: float(numpy.mean([pair["scores"][name] for pair in pairs]))
        for name in pairs[0]["scores"]
    }
    return {"pairs": pairs, "means": means}


def main():
    """Writes the folder anew."""
    jieba.setLogLevel(logging.WARNING)
    jieba.initialize()
    folder = REFERENCES / "metrics"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tokenizer = subset(folder)
    cuts = {text: list(jieba.cut(text)) for text in texts()}
    assert all(list(tokenizer.cut(text)) == words for text, words in cuts.items())
    full = table(jieba.cut)

    # The same program without its model of unknown words, and without any dictionary as well.
    jieba.finalseg.__dict__["__cut"] = iter
    known = {text: list(tokenizer.cut(text)) for text in texts()}
    bare = jieba.Tokenizer()
    bare.FREQ, bare.total, bare.initialized = {}, 1, True
    letters = {text: list(bare.cut(text)) for text in texts()}
    (folder.parent / ".metrics.cache").unlink(missing_ok=True)

    words = [
        {"text": text, "words": cuts[text], "without_unknown_words": known[text],
         "without_dictionary": letters[text]}
        for text in texts()
    ]
    for name, value in [
        ("words", words), ("scores", {"jieba": full, "without_dictionary": table(bare.cut)})
    ]:
        text = json.dumps(value, indent=1, ensure_ascii=False)
        (folder / f"{name}.json").write_text(text + "\n")
    write_manifest(folder, __file__, PACKAGES, seed=None)


if __name__ == "__main__":
    main()
