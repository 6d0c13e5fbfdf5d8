"""Pairs of texts by a second program: create_instances_from_document of BERT's create_pretraining_data.py."""

import random

from sample_draws import Draws

SEED = 20261129


def cut(pair, budget, draws):
    """truncate_seq_pair: places of tokens go from the longer text."""
    first, second = pair
    while len(first) + len(second) > budget:
        longer = first if len(first) > len(second) else second
        if draws.uniform() < 0.5:
            del longer[0]
        else:
            longer.pop()


def instances(documents, number, budget, short, seed):
    """Pairs of one document; a token is (document, sentence, place)."""
    draws = Draws(seed, number, stream=2)
    tokens = [
        [[(document, sentence, place) for place in range(length)] for sentence, length in enumerate(lengths)]
        for document, lengths in enumerate(documents)
    ]
    document = tokens[number]
    target = budget
    if draws.uniform() < short:
        target = 2 + draws.below(budget - 1)
    made, chunk, length, i = [], [], 0, 0
    while i < len(document):
        chunk.append(document[i])
        length += len(document[i])
        if i == len(document) - 1 or length >= target:
            end = 1 + draws.below(len(chunk) - 1) if len(chunk) >= 2 else 1
            first = sum(chunk[:end], [])
            second = []
            if len(chunk) == 1 or draws.uniform() < 0.5:
                follows = False
                wanted = target - len(first)
                for _ in range(10):
                    other = draws.below(len(documents))
                    if other != number:
                        break
                start = draws.below(len(tokens[other]))
                for sentence in tokens[other][start:]:
                    second += sentence
                    if len(second) >= wanted:
                        break
                i -= len(chunk) - end
            else:
                follows = True
                second = sum(chunk[end:], [])
            pair = (list(first), list(second))
            cut(pair, budget, draws)
            made.append({"first": pair[0], "second": pair[1], "follows": follows})
            chunk, length = [], 0
        i += 1
    return made


def pairs():
    """Lengths of sentences, and where the tokens of each pair's texts lie in the row of all tokens."""
    cases = []
    for number, (budget, short) in enumerate([(20, 0.1), (20, 1.0), (7, 0.0), (61, 0.1)]):
        draw = random.Random(number)
        documents = [[draw.randint(1, 14) for _ in range(draw.randint(1, 9))] for _ in range(12)]
        start, starts = 0, {}
        for document, lengths in enumerate(documents):
            for sentence, length in enumerate(lengths):
                starts[document, sentence] = start
                start += length
        made = [pair for document in range(len(documents)) for pair in instances(documents, document, budget, short, SEED)]
        for pair in made:
            for text in ("first", "second"):
                pair[text] = [starts[document, sentence] + place for document, sentence, place in pair[text]]
        cases.append({"budget": budget, "short": short, "documents": documents, "pairs": made})
    return cases
