"""Blank infilling by a second program: ConstructBlockStrategy of GLM's data_utils/collator code."""

import math

from sample_draws import Draws

SEED = 20261129
IGNORED, CLS, MASK, REST, START, END, EOS = -100, 1, 2, 3, 4, 5, 6


def spans_of(lengths, total, offset, draws):
    """sample_spans."""
    free = total - sum(lengths) - len(lengths) + 1
    places = sorted(draws.below(free + 1) for _ in lengths)
    spans = []
    for place, length in zip(places, lengths):
        spans.append((offset + place, offset + place + length))
        offset += length + 1
    return spans


def spans_in_documents(ids, lengths, share, draws):
    """sample_span_in_document, whose document ends are not masked."""
    ends = [-1] + [place for place, id_ in enumerate(ids) if id_ == EOS]
    last, documents = len(ids), []
    for end in reversed(ends):
        documents.append((end + 1, last - end - 1))
        last = end
    documents.sort(key=lambda document: document[1])
    spans, index = [], 0
    for number, (offset, length) in enumerate(documents):
        masked, count = 0, 0
        if number == len(documents) - 1:
            while index + count < len(lengths) and lengths[index + count] + masked + count <= length:
                masked += lengths[index + count]
                count += 1
        else:
            room = int(length * share)
            while index + count < len(lengths) and lengths[index + count] + masked <= room:
                masked += lengths[index + count]
                count += 1
        spans += spans_of(lengths[index : index + count], length, offset, draws)
        index += count
    return sorted(spans)


def sample(ids, spans, order, mask):
    """make_block_data: ids, targets, both positions, and the length of part A."""
    read, positions, blanks, start = [CLS], [], [], 0
    for first, last in spans:
        read += ids[start:first]
        blanks.append(len(read))
        read.append(mask)
        start = last
    read += ids[start:]
    length = len(read)
    targets, positions, inner = [IGNORED] * length, list(range(length)), [0] * length
    for number in order:
        block = ids[spans[number][0] : spans[number][1]]
        read += [START] + block
        targets += block + [END]
        positions += [blanks[number]] * (len(block) + 1)
        inner += list(range(1, len(block) + 2))
    return {"read": read, "targets": targets, "positions": positions, "inner": inner, "text": length}


def blanks():
    """Samples with documents of several lengths."""
    cases = []
    shares = [math.exp(-3)]
    for length in range(1, 40):
        shares.append(shares[-1] * 3 / length)
    for number in range(16):
        length, rate = [(120, 0), (64, 0), (30, 0.5), (200, 0)][number % 4]
        ids = [7 + (place * 5 + number) % 90 for place in range(length)]
        for place in range(11 + number, length, 37 + 5 * number):
            ids[place] = EOS
        draws = Draws(SEED, number)
        if draws.uniform() < rate:
            least = max(1, int(0.25 * length))
            rest = min(least + draws.below(max(1, length - least)), length - 1)
            made = sample(ids, [(length - rest, length)], [0], REST)
        else:
            lengths = []
            while sum(lengths) < int(0.15 * length):
                lengths.append(1 + draws.choice(shares[1:]))
            lengths = [lengths[place] for place in draws.order(len(lengths))]
            spans = spans_in_documents(ids, lengths, 0.15, draws)
            made = sample(ids, spans, draws.order(len(spans)), MASK)
        cases.append({"rate": rate, "sample": number, "ids": ids, **made})
    return cases
