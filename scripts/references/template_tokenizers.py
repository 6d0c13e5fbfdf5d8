"""The two byte-level BPE tokenizers that templates.py encodes with."""

import json

import template_rows
from manifest import REFERENCES

FOLDER = REFERENCES / "conversations"
SPECIAL = """<s> </s> <|endoftext|> <|im_start|> <|im_end|> <|im_sep|> <|start_header_id|>
<|end_header_id|> <|eot_id|> <|eom_id|> [INST] [/INST] [TOOL_CALLS] [AVAILABLE_TOOLS]
[/AVAILABLE_TOOLS] [TOOL_RESULTS] [/TOOL_RESULTS] <start_of_turn> <end_of_turn> <eos> <|user|>
<|assistant|> <|system|> <|observation|> <|end|> [gMASK] <sop> sop <｜User｜> <｜Assistant｜>
<reserved_106> <reserved_107>""".split()
PLAIN = ["<tool_call>", "</tool_call>", "<think>", "</think>"]
# Stop words and tokens of the templates that were added later, after all others.
MORE_SPECIAL = """<|end_of_text|> <|eot|> <|eom|> <|end_of_sentence|> <|eos|>
<｜hy_place▁holder▁no▁2｜> <｜hy_eos｜> <end_of_sentence> [e~[ <sep> <eod> <|tool_call_start|>
<|tool_call_end|>""".split()


def train_tokenizers():
    """Two byte-level BPE tokenizers: one as Llama's with a begin token, one as Qwen's without."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from tokenizers import AddedToken

    texts = [
        json.dumps(row, ensure_ascii=False)
        for rows in [template_rows.ALPACA, template_rows.SHAREGPT, template_rows.OPENAI]
        for row in rows
    ]
    split = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    kinds = {
        "llama": (None, pre_tokenizers.ByteLevel(add_prefix_space=False)),
        "qwen": (
            normalizers.NFC(),
            pre_tokenizers.Sequence(
                [
                    pre_tokenizers.Split(Regex(split), "isolated"),
                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
                ]
            ),
        ),
    }
    for name, (normalizer, pre_tokenizer) in kinds.items():
        tokenizer = Tokenizer(models.BPE())
        if normalizer:
            tokenizer.normalizer = normalizer
        tokenizer.pre_tokenizer = pre_tokenizer
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=560,
            special_tokens=[AddedToken(token, special=True) for token in SPECIAL],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer)
        tokenizer.add_tokens([AddedToken(token, normalized=False) for token in PLAIN])
        tokenizer.add_special_tokens([AddedToken(token, special=True) for token in MORE_SPECIAL])
        folder = FOLDER / name
        folder.mkdir(parents=True, exist_ok=True)
        tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
        names = {"eos_token": "</s>", "bos_token": "<s>"}
        if name == "qwen":
            names = {"eos_token": "<|endoftext|>"}
        (folder / "tokenizer_config.json").write_text(json.dumps(names) + "\n")


def load_tokenizer(name):
    """The tokenizer as transformers loads it."""
    from transformers import PreTrainedTokenizerFast

    names = json.loads((FOLDER / name / "tokenizer_config.json").read_text())
    return PreTrainedTokenizerFast(tokenizer_file=str(FOLDER / name / "tokenizer.json"), **names)
