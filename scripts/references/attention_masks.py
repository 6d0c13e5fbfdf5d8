"""Attention whose masks are not a causal decoder's, and T5's bias by distance, for ops.py, in float64.

Layouts are those of attention.py. `ahead` (-1: all) and `window` (own position included) bound what a
query sees by position; `key_ends` (B, T) is the first key from which on it sees none, instead of `ahead`;
a query sees keys of its own segment only. One that sees none has zeros.
"""

import math

import torch
from transformers.models.t5.modeling_t5 import T5Attention

from attention import inverse_frequencies, rotate


def attend(query, key, value, allowed, scale, bias=None):
    """Softmax attention; `allowed` (B or 1, T, S) says which scores count, bias (H, T, S)."""
    group = query.shape[2] // key.shape[2]
    key, value = (x.repeat_interleave(group, dim=2) for x in (key, value))
    scores = torch.einsum("bthd,bshd->bhts", query, key) * scale
    if bias is not None:
        scores = scores + bias
    sees = allowed.any(-1)[:, None, :, None]
    scores = scores.masked_fill(~allowed[:, None] & sees, -math.inf)
    weights = torch.where(sees, scores.softmax(-1), 0.0)
    return torch.einsum("bhts,bshd->bthd", weights, value)


def rows(lengths):
    """Segment numbers (B, T) from the lengths of each row's segments."""
    return torch.stack(
        [torch.repeat_interleave(torch.arange(len(x)), torch.tensor(x)) for x in lengths]
    )


def prefix_ends(times, prefixes):
    """`key_ends` (B, T) where a row's segments (length, prefix) each see their prefix whole."""
    ends = []
    for row in prefixes:
        first = 0
        for length, prefix in row:
            ends += [max(first + i + 1, first + prefix) for i in range(length)]
            first += length
        assert first == times
    return torch.tensor(ends).reshape(len(prefixes), times)


# Case, B, T, S, H, G, D, window, ahead, prefixes, query segments, key segments, positions.
MASKS = [
    ("band", 2, 21, 21, 4, 2, 8, 6, 5, None, None, None, None),
    ("band_long", 1, 150, 150, 2, 1, 4, 65, 64, None, None, None, None),
    ("band_segments", 2, 24, 24, 2, 2, 8, 4, 3, None, [[9, 15], [24]], [[9, 15], [24]], None),
    ("ahead", 1, 17, 17, 2, 1, 8, None, 3, None, None, None, None),
    ("back", 1, 17, 17, 2, 1, 8, 3, -1, None, None, None, None),
    ("prefix", 2, 18, 18, 4, 2, 8, None, 0, [[(18, 7)], [(18, 1)]], None, None, None),
    ("prefix_long", 1, 150, 150, 1, 1, 8, None, 0, [[(150, 90)]], None, None, None),
    (
        "prefix_segments", 1, 20, 20, 2, 2, 8, None, 0, [[(12, 5), (8, 3)]], [[12, 8]], [[12, 8]],
        None,
    ),
    ("cross", 2, 7, 15, 4, 4, 8, None, -1, None, [[4, 3], [7]], [[9, 6], [15]], None),
    ("cross_unseen", 1, 9, 20, 2, 1, 8, None, -1, None, [[3, 2, 4]], [[12, 8]], None),
    ("cross_long", 1, 80, 300, 1, 1, 4, None, -1, None, [[50, 30]], [[280, 20]], None),
    ("positions", 2, 12, 12, 4, 2, 8, None, 0, None, None, None, 40),
    ("positions_all", 2, 12, 12, 4, 2, 8, None, -1, None, None, None, 9),
]  # fmt: skip


def mask_cases(record):
    """Inputs are the projections before rotation; gradients are with respect to those."""
    for row in MASKS:
        case, batch, times, sources, heads, groups, width, window, ahead = row[:9]
        prefixes, query_rows, key_rows, position_range = row[9:]
        inputs = {
            "query": record.normal(batch, times, heads, width),
            "key": record.normal(batch, sources, groups, width),
            "value": record.normal(batch, sources, groups, width),
        }
        constants = {"ahead": torch.tensor([ahead])}
        i, j = torch.arange(times)[:, None], torch.arange(sources)[None]
        allowed = torch.ones(1, times, sources, dtype=torch.bool)
        if prefixes:
            constants["key_ends"] = prefix_ends(times, prefixes)
            allowed = allowed & (j < constants["key_ends"][:, :, None])
        elif ahead >= 0:
            allowed = allowed & (j <= i + ahead)
        if window:
            constants["window"] = torch.tensor([window])
            allowed = allowed & (j > i - window)
        if query_rows:
            ours, theirs = rows(query_rows), rows(key_rows)
            constants |= {"query_segments": ours, "key_segments": theirs}
            allowed = allowed & (ours[:, :, None] == theirs[:, None])
        positions = frequencies = None
        if position_range:
            frequencies = inverse_frequencies(width, 100.0)
            positions = record.integers(0, position_range, batch, times)
            constants |= {"inverse_frequencies": frequencies, "positions": positions}

        def forward(query, key, value, **_):
            if positions is not None:
                query, key = (rotate(x, frequencies, positions) for x in (query, key))
            return attend(query, key, value, allowed, width**-0.5)

        record.case(case, forward, inputs, constants)


# Case, B, T, S, H, G, D, ahead, buckets, largest distance, scale, segment lengths per row.
BIASES = [
    ("encoder", 2, 30, 30, 4, 4, 8, -1, 32, 128, 1.0, None),
    ("encoder_long", 1, 150, 150, 1, 1, 8, -1, 32, 128, 1.0, None),
    ("encoder_segments", 2, 24, 24, 2, 2, 8, -1, 8, 20, 0.5, [[9, 15], [24]]),
    ("decoder", 1, 40, 40, 4, 2, 8, 0, 32, 128, 1.0, None),
    ("decoder_long", 1, 150, 150, 2, 1, 8, 0, 16, 64, 1.0, None),
    ("unequal", 1, 30, 50, 2, 2, 8, -1, 32, 128, 1.0, None),
]


def bucket_rows(distances, bidirectional, buckets, largest):
    """The table's row for each distance of key and query, as T5 has it."""
    return T5Attention._relative_position_bucket(
        distances, bidirectional=bidirectional, num_buckets=buckets, max_distance=largest
    )


def bias_cases(record):
    """T5's attention: scores without a factor, and a bias from a table that learns."""
    for row in BIASES:
        case, batch, times, sources, heads, groups, width, ahead = row[:8]
        buckets, largest, scale, lengths = row[8:]
        inputs = {
            "query": record.normal(batch, times, heads, width, scale=0.5),
            "key": record.normal(batch, sources, groups, width),
            "value": record.normal(batch, sources, groups, width),
            "table": record.normal(buckets, heads),
        }
        constants = {"ahead": torch.tensor([ahead]), "scale": torch.tensor([scale])}
        i, j = torch.arange(times)[:, None], torch.arange(sources)[None]
        allowed = torch.ones(1, times, sources, dtype=torch.bool)
        if ahead == 0:
            allowed = allowed & (j <= i)
        if lengths:
            segments = rows(lengths)
            constants |= {"query_segments": segments, "key_segments": segments}
            allowed = allowed & (segments[:, :, None] == segments[:, None])
        distances = torch.arange(1 - times, sources)
        places = bucket_rows(distances, ahead != 0, buckets, largest)
        constants |= {"buckets": places, "distances": torch.tensor([buckets, largest])}

        def forward(query, key, value, table, **_):
            bias = table[places[j - i + times - 1]].permute(2, 0, 1)
            return attend(query, key, value, allowed, scale, bias)

        record.case(case, forward, inputs, constants)
    reach = torch.arange(-300, 301)
    for buckets, largest in [(32, 128), (64, 256), (16, 100), (8, 20)]:
        for bidirectional in (True, False):
            record.store(
                f"buckets_{buckets}_{largest}_{int(bidirectional)}",
                {"rows": bucket_rows(reach, bidirectional, buckets, largest)},
            )
