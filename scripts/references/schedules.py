"""Writes learning rates of transformers' schedules for Lockstep's tests.

    python scripts/references/schedules.py Tests/References/schedules/rates.json

Each case names a schedule with its arguments and lists the rate of every optimizer step, as the
first parameter group of a PyTorch optimizer shows it. No randomness is involved.
"""

import json
import sys

import torch
import transformers

CASES = [
    ("linear", 3e-4, 5, 40, {}),
    ("linear", 5e-5, 0, 7, {}),
    ("linear", 1e-3, 12, 12, {}),
    ("cosine", 3e-4, 5, 40, {}),
    ("cosine", 3e-4, 0, 33, {"num_cycles": 1.25}),
    ("cosine_with_restarts", 1e-3, 4, 50, {"num_cycles": 3}),
    ("cosine_with_restarts", 1e-3, 0, 20, {}),
    ("polynomial", 6e-4, 3, 30, {}),
    ("polynomial", 6e-4, 3, 30, {"lr_end": 1e-5, "power": 2.5}),
    ("constant", 2e-5, 6, 20, {}),
    ("constant_with_warmup", 2e-5, 6, 20, {}),
    ("inverse_sqrt", 1e-3, 8, 60, {}),
    ("inverse_sqrt", 1e-3, 0, 60, {}),
    ("inverse_sqrt", 1e-3, 8, 60, {"timescale": 20}),
    ("cosine_with_min_lr", 3e-4, 5, 40, {"min_lr": 3e-5}),
    ("cosine_with_min_lr", 3e-4, 5, 40, {"min_lr_rate": 0.25, "num_cycles": 0.75}),
    ("cosine_warmup_with_min_lr", 3e-4, 5, 40, {"min_lr": 3e-5}),
    ("cosine_warmup_with_min_lr", 3e-4, 5, 40, {"min_lr_rate": 0.1, "warmup_lr_rate": 0.2}),
    ("warmup_stable_decay", 1e-3, 6, 45, {"num_decay_steps": 15}),
    ("warmup_stable_decay", 1e-3, 6, 45, {"num_decay_steps": 10, "num_stable_steps": 20}),
    # What LLaMA-Factory fills in when nothing is given: a third stable, the rest decay.
    ("warmup_stable_decay", 1e-3, 6, 45, {"num_decay_steps": 26, "num_stable_steps": 13}),
] + [
    (
        "warmup_stable_decay", 1e-3, 6, 45,
        {"num_decay_steps": 15, "warmup_type": rise, "decay_type": fall, "min_lr_ratio": 0.1},
    )
    for rise, fall in [("linear", "1-sqrt"), ("cosine", "linear"), ("1-sqrt", "cosine")]
]


def rates(name, learning_rate, warmup, total, options):
    """The rate of each step of a run, and of five steps beyond its end."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=learning_rate)
    schedule = transformers.get_scheduler(
        name, optimizer, num_warmup_steps=warmup, num_training_steps=total,
        scheduler_specific_kwargs=dict(options),
    )
    beyond = 0 if name in ("cosine_with_min_lr", "cosine") else 5
    seen = []
    for _ in range(total + beyond):
        seen.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        schedule.step()
    return seen


def main():
    cases = [
        {
            "name": name, "learning_rate": learning_rate, "warmup_steps": warmup,
            "total_steps": total, "options": options,
            "rates": rates(name, learning_rate, warmup, total, options),
        }
        for name, learning_rate, warmup, total, options in CASES
    ]
    reference = {
        "generator": "scripts/references/schedules.py",
        "versions": {"transformers": transformers.__version__, "torch": torch.__version__},
        "seed": None,
        "cases": cases,
    }
    with open(sys.argv[1], "w") as file:
        json.dump(reference, file, indent=1)
        file.write("\n")


main()
