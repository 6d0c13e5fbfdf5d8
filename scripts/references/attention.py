"""The attention and rotary cases of ops.py, in float64.

Layouts: queries (B, T, H, D), keys and values (B, S, G, D), output (B, T, H, D), H a multiple of G;
query head h reads key head h / (H / G). Position i of T sees position j of S:

- causal: j <= i; with a window W also j > i - W, so W positions including its own;
- with segments (B, T): only positions of the same segment.

Scores are scaled by 1 / √D.
"""

import math

import torch
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}


def inverse_frequencies(width, theta, scaling=None):
    """Frequencies (D/2): θ^(-2i/D), then scaled as Llama 3 or linear scaling asks.

    Rounded to float32, the precision transformers keeps them in, and checked against its values.
    """
    frequencies = theta ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    kind = scaling["rope_type"] if scaling else "default"
    if kind == "linear":
        frequencies = frequencies / scaling["factor"]
    elif kind == "llama3":
        old, factor = scaling["original_max_position_embeddings"], scaling["factor"]
        low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
        wavelengths = 2 * math.pi / frequencies
        smooth = ((old / wavelengths - low) / (high - low)).clamp(0, 1)
        frequencies = (1 - smooth) * frequencies / factor + smooth * frequencies
    if scaling:
        config = LlamaConfig(
            hidden_size=width,
            num_attention_heads=1,
            rope_parameters=scaling | {"rope_theta": theta},
        )
        theirs, _ = ROPE_INIT_FUNCTIONS[kind](config, "cpu")
        torch.testing.assert_close(theirs.double(), frequencies, rtol=1e-6, atol=0)
    return frequencies.float().double()


def rotate(x, frequencies, positions):
    """Rotary embedding of x (B, T, heads, D) at positions (T) or (B, T), by halves."""
    angles = positions.double()[..., None] * frequencies
    if angles.ndim == 2:
        angles = angles[None]
    angles = torch.cat([angles, angles], dim=-1)
    rotated, _ = apply_rotary_pos_emb(x, x, angles.cos(), angles.sin(), unsqueeze_dim=2)
    return rotated


def attend(query, key, value, allowed):
    """Softmax attention; `allowed` (B or 1, T, S) says which scores count."""
    group = query.shape[2] // key.shape[2]
    key, value = (x.repeat_interleave(group, dim=2) for x in (key, value))
    scores = torch.einsum("bthd,bshd->bhts", query, key) / math.sqrt(query.shape[3])
    scores = scores.masked_fill(~allowed[:, None], -math.inf)
    return torch.einsum("bhts,bshd->bthd", scores.softmax(-1), value)


def allowed_positions(times, sources, causal, window=None, segments=None):
    """The mask (B or 1, T, S)."""
    i, j = torch.arange(times)[:, None], torch.arange(sources)[None]
    mask = torch.ones(times, sources, dtype=torch.bool)
    if causal:
        mask &= j <= i
    if window:
        mask &= j > i - window
    mask = mask[None]
    return mask if segments is None else mask & (segments[:, :, None] == segments[:, None])


ROTARY_PLAIN = {"theta": 10000.0}
ROTARY_LLAMA3 = {"theta": 500.0, "scaling": LLAMA3}
# By file: case, B, T, S, H, G, D, causal, window, rotary, segment lengths per row.
CASES = {
    "attention_causal": [
        ("small", 2, 5, 5, 2, 2, 8, True, None, None, None),
        ("one_position", 1, 1, 1, 2, 2, 8, True, None, None, None),
        ("odd", 2, 13, 13, 3, 3, 7, True, None, None, None),
        ("grouped", 2, 19, 19, 6, 2, 8, True, None, None, None),
        ("multi_query", 1, 9, 9, 4, 1, 8, True, None, None, None),
        ("long", 1, 150, 150, 2, 1, 16, True, None, None, None),
        ("large_scores", 1, 17, 17, 2, 2, 8, True, None, None, None),
    ],
    "attention_window": [
        ("grouped", 2, 17, 17, 2, 1, 8, True, 5, None, None),
        ("one_position", 1, 7, 7, 2, 2, 4, True, 1, None, None),
        ("beyond_time", 1, 9, 9, 2, 2, 4, True, 64, None, None),
        ("long", 1, 150, 150, 2, 2, 8, True, 70, None, None),
    ],
    "attention_rotary": [
        ("plain", 2, 11, 11, 4, 2, 8, True, None, ROTARY_PLAIN, None),
        ("llama3", 2, 24, 24, 4, 2, 16, True, None, ROTARY_LLAMA3, None),
        ("window", 1, 21, 21, 4, 2, 8, True, 6, ROTARY_PLAIN, None),
    ],
    "attention_bidirectional": [
        ("small", 2, 12, 12, 3, 3, 8, False, None, None, None),
        ("long", 1, 100, 100, 2, 2, 8, False, None, None, None),
        ("cross", 2, 7, 15, 4, 4, 8, False, None, None, None),
    ],
    "attention_segments": [
        ("causal", 2, 18, 18, 4, 2, 8, True, None, None, [[5, 1, 12], [18]]),
        ("causal_window", 1, 18, 18, 2, 2, 8, True, 4, None, [[7, 11]]),
        ("causal_long", 1, 140, 140, 2, 1, 8, True, None, None, [[63, 2, 75]]),
        ("bidirectional", 2, 15, 15, 2, 2, 8, False, None, None, [[4, 11], [9, 5, 1]]),
    ],
}


def attention_cases(record):
    """Inputs are the projections before rotation; gradients are with respect to those."""
    for row in CASES[record.name]:
        case, batch, times, sources, heads, groups, width, causal, window, rotary, lengths = row
        scale = 6.0 if case == "large_scores" else 1.0
        inputs = {
            "query": record.normal(batch, times, heads, width, scale=scale),
            "key": record.normal(batch, sources, groups, width, scale=scale),
            "value": record.normal(batch, sources, groups, width),
        }
        constants, segments, frequencies = {"causal": torch.tensor([int(causal)])}, None, None
        if lengths:
            rows = [torch.repeat_interleave(torch.arange(len(x)), torch.tensor(x)) for x in lengths]
            segments = constants["segments"] = torch.stack(rows)
        if window:
            constants["window"] = torch.tensor([window])
        if rotary:
            frequencies = inverse_frequencies(width, rotary["theta"], rotary.get("scaling"))
            constants["inverse_frequencies"] = frequencies
        mask = allowed_positions(times, sources, causal, window, segments)

        def forward(query, key, value, **_):
            if frequencies is not None:
                positions = torch.arange(times)
                query, key = (rotate(x, frequencies, positions) for x in (query, key))
            return attend(query, key, value, mask)

        record.case(case, forward, inputs, constants)


def rotary_cases(record):
    """Inverse frequencies of each scaling, and rotations at positions that do not start at zero."""
    for case, width, theta, scaling, batched in [
        ("plain", 8, 10000.0, None, False),
        ("wide", 64, 500000.0, None, False),
        ("odd_half", 6, 10000.0, None, False),
        ("linear", 16, 10000.0, {"rope_type": "linear", "factor": 4.0}, False),
        ("llama3", 16, 500.0, LLAMA3, False),
        ("positions", 16, 10000.0, None, True),
    ]:
        frequencies = inverse_frequencies(width, theta, scaling)
        positions = torch.arange(9)
        if batched:
            positions = torch.tensor([range(3, 12), [0, 1, 2, 0, 1, 2, 3, 0, 500]])
        record.case(
            case,
            lambda input, inverse_frequencies, positions: rotate(
                input, inverse_frequencies, positions
            ),
            {"input": record.normal(2, 9, 3, width)},
            {"inverse_frequencies": frequencies, "positions": positions},
        )
        record.store(case, {"theta": torch.tensor([theta])})
