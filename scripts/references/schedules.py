"""Writes learning rates of transformers' schedules with every option that changes their form.

Tests/References/schedules/rates.json: each case names a schedule with its arguments and lists the
rate of every optimizer step, and of some beyond the last, as a PyTorch optimizer shows it.
"""

import shutil

import torch
import transformers
from manifest import REFERENCES, versions, write_json, write_manifest

PACKAGES = ["torch", "transformers"]

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
    """Writes the file anew."""
    cases = [
        {
            "name": name, "learning_rate": learning_rate, "warmup_steps": warmup,
            "total_steps": total, "options": options,
            "rates": rates(name, learning_rate, warmup, total, options),
        }
        for name, learning_rate, warmup, total, options in CASES
    ]
    folder = REFERENCES / "schedules"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    made = {"generator": "scripts/references/schedules.py", "versions": versions(PACKAGES)}
    write_json(folder / "rates.json", made | {"cases": cases})
    write_manifest(folder, __file__, PACKAGES, seed=None)


if __name__ == "__main__":
    main()
