"""Texts in parts by a second program: fill in the middle, and UL2's denoisers."""

from sample_draws import Draws
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

SEED = 20261129
DOCUMENTS = [
    "def add(a, b):\n    return a + b\n", "Ein Wörterbuch: größer, älter, schöner.\n", "x", "今日は良い天気です。散歩に行きましょう。\n",
    "for i in range(10):\n    print(i)  # the numbers, each on a line\n",
]
KINDS = {
    "R": [(3, 0.15), (8, 0.15)], "S": [None], "X": [(3, 0.5), (8, 0.5), (64, 0.15), (64, 0.5)],
}


def fim_tokenizer():
    """Bytes with a few merges, and StarCoder's marks."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("t", "h"), ("i", "n"), ("Ġ", "Ġ"), ("ĠĠ", "ĠĠ"), ("Ċ", "ĠĠĠĠ"), ("e", "r"), ("Ġ", "a")]
    pieces = ["<|endoftext|>", "<fim_prefix>", "<fim_middle>", "<fim_suffix>"] + letters
    pieces += ["".join(pair) for pair in merges]
    tokenizer = Tokenizer(models.BPE({piece: id_ for id_, piece in enumerate(pieces)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in pieces[:4]])
    return tokenizer


def fim_document(ids, numbers, tokenizer, rate, suffix_first):
    """One document's tokens, permuted or not, as Bavarian et al. have it."""
    if numbers[0] >= rate or not ids:
        return ids
    data = "".join(tokenizer.id_to_token(id_) for id_ in ids)
    characters = {letter: byte for byte, letter in byte_letters().items()}
    try:
        text = bytes(characters[letter] for letter in data).decode()
    except UnicodeDecodeError:
        return ids
    first, second = sorted(int(number * (len(text) + 1)) for number in numbers[1:3])
    prefix, middle, suffix = (
        tokenizer.encode(part).ids for part in (text[:first], text[first:second], text[second:])
    )
    if numbers[3] < suffix_first:
        return [1, 3] + suffix + [2] + prefix + middle
    return [1] + prefix + [3] + suffix + [2] + middle


def byte_letters():
    """GPT-2's stand-ins for bytes."""
    kept = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    letters = {byte: chr(byte) for byte in kept}
    others = [byte for byte in range(256) if byte not in letters]
    return letters | {byte: chr(256 + number) for number, byte in enumerate(others)}


def fim():
    """Samples of running text."""
    tokenizer = fim_tokenizer()
    row = []
    for number in range(12):
        row += tokenizer.encode(DOCUMENTS[number % len(DOCUMENTS)]).ids + [0]
    cases = []
    for number in range(12):
        rate, suffix_first = [(0.5, 0.5), (1, 0), (1, 1), (0.9, 0.5)][number % 4]
        length = 60 + 7 * number
        ids, draws, cut, start = row[5 * number : 5 * number + length], Draws(SEED, number), [], 0
        while start < len(ids):
            end = ids.index(0, start) if 0 in ids[start:] else len(ids)
            numbers = [draws.uniform() for _ in range(4)]
            cut += fim_document(ids[start:end], numbers, tokenizer, rate, suffix_first) + ids[end : end + 1]
            start = end + 1
        cases.append(
            {"rate": rate, "suffix_first": suffix_first, "sample": number, "ids": ids, "cut": cut[:length]}
        )
    return {"tokenizer": tokenizer.to_str(), "cases": cases}


def counts(length, mean, density):
    """random_spans_noise_mask of T5: tokens that are hidden, and their spans."""
    noise = min(max(round(length * density), 1), length - 1)
    return noise, min(max(round(noise / mean), 1), noise, length - noise)


def input_length(length, mean, density):
    """With sentinels and an end."""
    noise, spans = counts(length, mean, density)
    return length - noise + spans + 1, noise + spans + 1


def raw_length(limit, mean, density):
    """compute_input_and_target_lengths."""
    length = 2
    while input_length(length + 1, mean, density)[0] <= limit:
        length += 1
    inputs, targets = input_length(length, mean, density)
    return length - 1 if density == 0.5 and targets > inputs else length


def composition(total, parts, draws):
    """Positive parts of a total, each way of dividing it as likely."""
    lengths, length, wanted = [], 1, parts - 1
    for place in range(total - 1):
        if draws.uniform() * (total - 1 - place) < wanted:
            lengths.append(length)
            length, wanted = 0, wanted - 1
        length += 1
    return lengths + [length]


def corrupt(ids, mean, density, draws, sentinels, end):
    """What an encoder reads, and what a decoder is to write."""
    noise, spans = counts(len(ids), mean, density)
    hidden = composition(noise, spans, draws)
    kept = composition(len(ids) - noise, spans, draws)
    read, written, place = [], [], 0
    for number in range(spans):
        read += ids[place : place + kept[number]] + [sentinels[number]]
        place += kept[number]
        written += [sentinels[number]] + ids[place : place + hidden[number]]
        place += hidden[number]
    return read + [end], written + [end]


def ul2():
    """Samples under each denoiser."""
    cases = []
    sentinels = list(range(999, 899, -1))
    for limit, rates in [(32, [0.4, 0.2, 0.4]), (64, [0, 0, 1]), (48, [0.2, 0.6, 0.2])]:
        length = min(raw_length(limit - 1, *kind) for kinds in KINDS.values() for kind in kinds if kind)
        for sample in range(12):
            draws = Draws(SEED, sample)
            mode = list(KINDS)[draws.choice(rates)]
            number = draws.below(len(KINDS[mode]))
            ids = [10 + place for place in range(length)]
            draws = Draws(SEED, sample, stream=1)
            if mode == "S":
                split = 1 + draws.below(min(length - 1, limit - 2))
                read, written = ids[:split] + [1], ids[split:] + [1]
            else:
                read, written = corrupt(ids, *KINDS[mode][number], draws, sentinels, 1)
            read = [{"R": 5, "S": 6, "X": 7}[mode]] + read
            cases.append(
                {"limit": limit, "rates": rates, "sample": sample, "length": length, "input": read, "target": written}
            )
    return cases
