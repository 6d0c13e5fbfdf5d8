"""Masks of `objective: mlm` by a second program: words, each word, spans; where words begin by transformers."""

import math

import numpy
from sample_draws import Draws
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import DataCollatorForLanguageModeling

SEED = 20261129
VOCABULARY, MASK, SPECIAL = 500, 3, {0, 1, 2}
IGNORED = -100
TEXTS = [
    "don't stop, friend!", "我是学生 你好", "The unbelievable\tstory (told twice)\nends here.", "a b  c,d", "x",
]


def sample(number, count):
    """Ids, of which each third goes on in the word before it, with some special ones."""
    ids = []
    for place in range(count):
        ids.append(place // 17 % 3 if place % 17 == 5 else 4 + (place * 31 + number * 7) % (VOCABULARY - 4))
    return ids


def goes_on(id_):
    """Whether a token of the made-up vocabulary is a piece within a word."""
    return id_ > 3 and id_ % 3 == 0


def words_of(ids):
    """Places of each word."""
    words, before = [], False
    for place, id_ in enumerate(ids):
        if id_ in SPECIAL:
            before = False
            continue
        if before and goes_on(id_):
            words[-1].append(place)
        else:
            words.append([place])
        before = True
    return words


class Hidden:
    """A sample in which tokens are hidden."""

    def __init__(self, ids):
        self.inputs, self.targets, self.count = list(ids), [IGNORED] * len(ids), 0

    def hide(self, place, id_):
        self.targets[place], self.inputs[place] = self.inputs[place], id_
        self.count += 1


def replaced(id_, kind, token):
    """80 % the mask, 10 % any token, 10 % the token itself."""
    if kind < 0.8:
        return MASK
    return int(token * VOCABULARY) if kind < 0.8 + 0.1 else id_


def mask_words(ids, draws, p, most, framing):
    """create_pretraining_data.py of BERT, do_whole_word_mask."""
    hidden, words = Hidden(ids), words_of(ids)
    wanted = min(most or len(ids), max(1, int(round((len(ids) + framing) * p))))
    for number in draws.order(len(words)):
        if hidden.count >= wanted:
            break
        if hidden.count + len(words[number]) > wanted:
            continue
        for place in words[number]:
            kind, token = draws.uniform(), draws.uniform()
            hidden.hide(place, replaced(ids[place], kind, token))
    return hidden


def mask_each_word(ids, draws, p):
    """whole_word_mask of transformers 5: all pieces of a word whose first one is drawn."""
    hidden = Hidden(ids)
    for word in words_of(ids):
        if draws.uniform() < p:
            for place in word:
                hidden.hide(place, MASK)
    return hidden


def mask_spans(ids, draws, p):
    """SpanBERT's PairWithSpanMaskingScheme, replacement by spans."""
    hidden, words = Hidden(ids), words_of(ids)
    places = [place for word in words for place in word]
    number_of = {place: number for number, word in enumerate(words) for place in word}
    budget = math.ceil(len(places) * p)
    shares = [0.2]
    while len(shares) < 10:
        shares.append(shares[-1] * 0.8)
    while hidden.count < budget:
        length = 1 + draws.choice(shares)
        anchor = places[draws.below(len(places))]
        if hidden.targets[anchor] != IGNORED:
            continue
        kind = draws.uniform()
        for word in words[number_of[anchor] :][:length]:
            for place in word:
                if hidden.count < budget and hidden.targets[place] == IGNORED:
                    hidden.hide(place, replaced(ids[place], kind, draws.uniform()))
    return hidden


PHRASES = [[91, 122], [91, 122, 153], [91, 122, 153, 184], [277, 308, 339], [277, 308, 339, 370, 401], [5, 36, 67], [5, 36, 67, 98, 129], [160, 191], [12, 43, 74, 105]]


def units_of(words, ids):
    """Longest phrases of whole words that follow one another, else words; marks 0 first, 1 inside as ERNIE's input."""
    units, number = [], 0
    while number < len(words):
        best = 1
        for count in range(1, len(words) - number + 1):
            run = [place for word in words[number : number + count] for place in word]
            if run[-1] - run[0] + 1 == len(run) and [ids[place] for place in run] in PHRASES:
                best = count
        units.append([place for word in words[number : number + best] for place in word])
        number += best
    return units


def mask_phrases(ids, draws, p, rate):
    """mask() of ERNIE 1.0's batching.py, u scaled by the probability in place of its 0.15."""
    hidden = Hidden(ids)
    if draws.uniform() < rate:
        units = units_of(words_of(ids), ids)
    else:
        units = [[place] for place, id_ in enumerate(ids) if id_ not in SPECIAL]
    for unit in units:
        chosen = False
        for number, place in enumerate(unit):
            u, token = draws.uniform(), draws.uniform()
            if number == 0:
                chosen, u = u < p, u / p
            if not chosen:
                continue
            if u > 0.2:
                id_ = MASK
            else:
                id_ = int(token * VOCABULARY) if u > 0.1 else ids[place]
            hidden.hide(place, id_)
    return hidden


def masks():
    """Cases of every unit."""
    cases = []
    for number, (unit, count, p, most) in enumerate(
        [("words", 126, 0.15, None), ("words", 126, 0.15, 7), ("words", 61, 0.4, None), ("each_word", 100, 0.15, None),
         ("each_word", 40, 0.5, None), ("spans", 126, 0.15, None), ("spans", 90, 0.3, None), ("spans", 3, 1.0, None), ("phrases", 126, 0.15, None),
         ("phrases", 90, 0.5, None)]
    ):
        for place in range(3):
            ids, draws = sample(number, count), Draws(SEED, 100 * number + place)
            if unit == "words":
                hidden = mask_words(ids, draws, p, most, framing=2)
            elif unit == "phrases":
                hidden = mask_phrases(ids, draws, p, 0.6)
            else:
                hidden = mask_each_word(ids, draws, p) if unit == "each_word" else mask_spans(ids, draws, p)
            cases.append(
                {"unit": unit, "probability": p, "most": most, "sample": 100 * number + place, "ids": ids,
                 "inputs": hidden.inputs, "targets": hidden.targets}
            )
    return cases


def bert():
    """A WordPiece tokenizer with BERT's normalizer."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + list("abcdefghijklmnopqrstuvwxyz,.!'()我是学生你好")
    pieces += ["##" + letter for letter in "abcdefghijklmnopqrstuvwxyz"] + ["don", "stop", "the", "friend", "story"]
    pieces += ["un", "##believ", "##able", "told", "twice", "end", "here"]
    tokenizer = Tokenizer(models.WordPiece({piece: id_ for id_, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def byte_level():
    """A tokenizer of bytes with a few merges, as RoBERTa's."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"] + letters
    merges = [("t", "h"), ("th", "e"), ("Ġ", "t"), ("Ġt", "w"), ("o", "n"), ("Ġ", "f")]
    pieces += ["".join(pair) for pair in merges]
    tokenizer = Tokenizer(models.BPE({piece: id_ for id_, piece in enumerate(pieces)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in pieces[:5]])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    return tokenizer


def words():
    """Texts with the first token of each word."""
    cases = []
    for name, tokenizer in {"bert": bert(), "bytes": byte_level()}.items():
        rows = []
        for text in TEXTS:
            encoded = tokenizer.encode(text, add_special_tokens=False)
            offsets = numpy.array([encoded.offsets])
            _, mask = DataCollatorForLanguageModeling._calc_word_ids_and_prob_mask(
                offsets, numpy.zeros(offsets.shape[:2], dtype=numpy.int64)
            )
            starts = [place for place, masked in enumerate(mask[0].tolist()) if not masked]
            rows.append({"text": text, "ids": encoded.ids, "starts": starts})
        cases.append({"name": name, "tokenizer": tokenizer.to_str(), "rows": rows})
    return cases
