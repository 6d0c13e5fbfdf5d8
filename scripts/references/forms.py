"""Further forms of attention, norms and heads for ops.py, in float64.

Layouts are those of attention.py. Scores q·k/√D become softcap · tanh(score / softcap), or get
slope · (key − query) added by head. Rotary pairs are neighbouring dimensions, as in GLM, of
the first 2 · len(frequencies) dimensions of a head.
"""

import math

import torch
from torch.nn import functional
from transformers.models.gemma2.modeling_gemma2 import Gemma2RMSNorm
from transformers.models.glm.modeling_glm import apply_rotary_pos_emb

from attention import allowed_positions, inverse_frequencies, rotate

IGNORED = -100


def rotate_pairs(x, frequencies):
    """GLM's rotary embedding of x (B, T, heads, D) at positions 0, 1, …"""
    angles = torch.arange(x.shape[1]).double()[:, None] * frequencies
    angles = torch.cat([angles, angles], dim=-1)[None]
    return apply_rotary_pos_emb(x, x, angles.cos(), angles.sin(), unsqueeze_dim=2)[0]


def rotate_part(x, frequencies):
    """The half-split rotary embedding of the first dimensions of each head."""
    width = 2 * len(frequencies)
    turned = rotate(x[..., :width], frequencies, torch.arange(x.shape[1]))
    return torch.cat([turned, x[..., width:]], dim=-1)


def attend(query, key, value, allowed, softcap=None, slopes=None):
    """Softmax attention; `allowed` (B or 1, T, S) says which scores count."""
    group = query.shape[2] // key.shape[2]
    key, value = (x.repeat_interleave(group, dim=2) for x in (key, value))
    scores = torch.einsum("bthd,bshd->bhts", query, key) / math.sqrt(query.shape[3])
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    if slopes is not None:
        distance = torch.arange(key.shape[1])[None] - torch.arange(query.shape[1])[:, None]
        scores = scores + slopes[:, None, None] * distance
    scores = scores.masked_fill(~allowed[:, None], -math.inf)
    return torch.einsum("bhts,bshd->bthd", scores.softmax(-1), value)


# Case, B, T, H, G, D, window, softcap, slopes, rotated dimensions, pairs, segment lengths per row.
BENT = [
    ("softcap", 2, 19, 4, 2, 8, None, 1.5, None, None, False, None),
    ("softcap_window", 1, 140, 2, 1, 8, 20, 0.7, None, None, False, None),
    ("softcap_segments", 2, 18, 2, 2, 8, None, 1.0, None, None, False, [[5, 1, 12], [18]]),
    ("alibi", 2, 17, 4, 4, 8, None, None, [0.5, 0.125, 0.03125, 0.7], None, False, None),
    ("alibi_long", 1, 150, 2, 1, 8, None, None, [0.1, 0.01], None, False, [[63, 87]]),
    ("pairs", 2, 11, 4, 2, 8, None, None, None, 8, True, None),
    ("pairs_partial", 1, 21, 4, 2, 12, None, None, None, 6, True, None),
    ("halves_partial", 1, 21, 4, 2, 12, None, None, None, 6, False, None),
]


def bent_cases(record):
    """Inputs are the projections before rotation; gradients are with respect to those."""
    for row in BENT:
        case, batch, times, heads, groups, width, window = row[:7]
        softcap, slopes, turned, pairs, lengths = row[7:]
        inputs = {
            "query": record.normal(batch, times, heads, width, scale=2.0),
            "key": record.normal(batch, times, groups, width),
            "value": record.normal(batch, times, groups, width),
        }
        constants, segments, frequencies = {"causal": torch.tensor([1])}, None, None
        if lengths:
            rows = [torch.repeat_interleave(torch.arange(len(x)), torch.tensor(x)) for x in lengths]
            segments = constants["segments"] = torch.stack(rows)
        if window:
            constants["window"] = torch.tensor([window])
        if softcap:
            softcap = torch.tensor(softcap)
            constants["softcap"] = softcap.reshape(1)
            softcap = softcap.double()
        if slopes:
            constants["slopes"] = torch.tensor(slopes)
            slopes = constants["slopes"].double()
        if turned:
            frequencies = inverse_frequencies(turned, 100.0)
            constants |= {"inverse_frequencies": frequencies, "pairs": torch.tensor([int(pairs)])}
        mask = allowed_positions(times, times, True, window, segments)

        def forward(query, key, value, **_):
            if frequencies is not None:
                turn = rotate_pairs if pairs else rotate_part
                query, key = (turn(x, frequencies) for x in (query, key))
            return attend(query, key, value, mask, softcap, slopes)

        record.case(case, forward, inputs, constants)


def gemma_norm_cases(record):
    """y = x / √(mean(x²) + ε) · (1 + g), by Gemma 2's norm, whose factor alone is float32."""
    for case, shape, epsilon, scale in [
        ("small", (2, 3, 8), 1e-6, 1.0),
        ("odd", (5, 13), 1e-5, 3.0),
        ("heads", (2, 3, 4, 16), 1e-6, 1.0),
    ]:
        inputs = {
            "input": record.normal(*shape, scale=scale),
            "weight": record.normal(shape[-1], scale=0.2),
        }
        norm = Gemma2RMSNorm(shape[-1], eps=epsilon)

        def forward(input, weight):
            return norm._norm(input) * (1.0 + weight)

        record.case(case, forward, inputs)
        record.store(case, {"epsilon": torch.tensor([epsilon])})


def head_form_cases(record):
    """Cross-entropy of capped logits, and of logits of rows of length one."""

    def capped(cap):
        return lambda hidden, weight: cap * torch.tanh(hidden @ weight.T / cap)

    def normalized(hidden, weight):
        return hidden @ functional.normalize(weight).T

    for case, rows, classes, width, ignored, scale, function, cap in [
        ("capped.small", 6, 11, 8, (), 1.0, capped(2.0), 2.0),
        ("capped.odd", 37, 97, 13, (0, 7, 8, 36), 1.0, capped(1.5), 1.5),
        ("capped.scaled", 19, 130, 24, (3,), 0.125, capped(4.0), 4.0),
        ("normalized.small", 6, 11, 8, (), 1.0, normalized, 0.0),
        ("normalized.odd", 37, 97, 13, (0, 7, 8, 36), 1.0, normalized, 0.0),
        ("normalized.scaled", 19, 130, 24, (3,), 0.125, normalized, 0.0),
    ]:
        inputs = {"hidden": record.normal(rows, width), "weight": record.normal(classes, width)}
        targets = record.integers(0, classes, rows)
        targets[list(ignored)] = IGNORED
        leaves = {name: value.clone().requires_grad_() for name, value in inputs.items()}
        losses = functional.cross_entropy(
            function(**leaves), targets, ignore_index=IGNORED, reduction="none"
        )
        (losses.sum() * scale).backward()
        record.store(
            case,
            inputs
            | {f"grad.{name}": leaf.grad for name, leaf in leaves.items()}
            | {"targets": targets, "scale": torch.tensor([scale]), "losses": losses}
            | {"loss": losses.sum().reshape(1), "softcap": torch.tensor([cap])},
        )
