"""Losses of target tokens besides cross-entropy for ops.py, in float64.

As LLaMA-Factory 0.9.5 computes them (src/llamafactory/train/trainer_utils.py: _dft_cross_entropy,
_eaft_cross_entropy, _asft_cross_entropy with _kl_divergence), but summed over targets, not yet divided by their number.
"""

import torch
from torch.nn import functional

IGNORED = -100


def dft(logits, targets):
    """Each loss times its own probability, which is no part of the gradient."""
    losses = functional.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="none")
    return losses * torch.exp(-losses.detach())


def eaft(alpha):
    """Each loss times (entropy of the 20 largest logits / 3) ** alpha, no part of the gradient."""

    def loss(logits, targets):
        losses = functional.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="none")
        values, _ = torch.topk(logits.detach(), k=20, dim=-1)
        log_probabilities = values - torch.logsumexp(values, dim=-1, keepdim=True)
        entropy = -(log_probabilities.exp() * log_probabilities).sum(dim=-1)
        return losses * torch.pow(entropy / 3.0, alpha)

    return loss


def asft(alpha, reference):
    """DFT and alpha · KL(q‖p), q being the softmax of the reference's logits."""

    def loss(logits, targets):
        divergence = functional.kl_div(
            logits.log_softmax(-1), reference.softmax(-1), reduction="none"
        ).sum(-1)
        return dft(logits, targets) + alpha * divergence * (targets != IGNORED)

    return loss


def smoothed(share):
    """transformers.trainer_pt_utils.LabelSmoother, summed."""

    def loss(logits, targets):
        losses = functional.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="none")
        means = -logits.log_softmax(-1).mean(-1) * (targets != IGNORED)
        return (1 - share) * losses + share * means

    return loss


def token_loss_cases(record):
    """Cases as those of head_forms; asft's have the reference's `reference` (N, C) before W."""

    def capped(cap, logits):
        return cap * torch.tanh(logits / cap) if cap else logits

    for case, rows, classes, width, ignored, scale, loss, alpha, cap in [
        ("dft.small", 6, 23, 8, (), 1.0, dft, 0.0, 0.0),
        ("dft.odd", 37, 97, 13, (0, 7, 8, 36), 1.0, dft, 0.0, 0.0),
        ("dft.capped", 9, 31, 8, (3,), 0.125, dft, 0.0, 4.0),
        ("eaft.small", 6, 23, 8, (), 1.0, eaft(1.0), 1.0, 0.0),
        ("eaft.odd", 37, 97, 13, (0, 7, 8, 36), 1.0, eaft(0.5), 0.5, 0.0),
        ("eaft.capped", 9, 31, 8, (3,), 0.125, eaft(2.0), 2.0, 4.0),
        ("asft.small", 6, 23, 8, (), 1.0, None, 0.1, 0.0),
        ("asft.odd", 37, 97, 13, (0, 7, 8, 36), 1.0, None, 0.5, 0.0),
        ("asft.capped", 9, 31, 8, (3,), 0.125, None, 2.0, 4.0),
        ("smoothed.small", 6, 23, 8, (), 1.0, smoothed(0.1), 0.1, 0.0),
        ("smoothed.odd", 37, 97, 13, (0, 7, 8, 36), 1.0, smoothed(0.5), 0.5, 0.0),
        ("smoothed.capped", 9, 31, 8, (3,), 0.125, smoothed(0.2), 0.2, 4.0),
    ]:
        inputs = {"hidden": record.normal(rows, width), "weight": record.normal(classes, width)}
        targets = record.integers(0, classes, rows)
        targets[list(ignored)] = IGNORED
        given = {}
        if loss is None:
            given = {"reference": inputs["hidden"] + 0.3 * record.normal(rows, width)}
            given["reference"] = given["reference"].float().double()
            loss = asft(alpha, capped(cap, given["reference"] @ inputs["weight"].T))
        leaves = {name: value.clone().requires_grad_() for name, value in inputs.items()}
        losses = loss(capped(cap, leaves["hidden"] @ leaves["weight"].T), targets)
        (losses.sum() * scale).backward()
        record.store(
            case,
            inputs
            | given
            | {f"grad.{name}": leaf.grad for name, leaf in leaves.items()}
            | {"targets": targets, "scale": torch.tensor([scale]), "losses": losses}
            | {"loss": losses.sum().reshape(1), "softcap": torch.tensor([cap])}
            | {"alpha": torch.tensor([alpha])},
        )
