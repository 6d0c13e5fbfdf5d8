"""Writes what optimizers and learning-rate schedules give, as JSON.

    python scripts/references/optimizers.py

Tests/References/optimizers/optimizers.json: parameters and state after 1, 2 and 50 steps, float64.
Parameter i of COUNT starts at cos(i + 1) / 2; its gradient in step s is sin((i + 1) · s) / 4.
Tests/References/optimizers/further.json: the same of Adam without bias correction, and of Adafactor,
whose gradients are ten times as large.
i counts from zero, s from one, angles are radians: a test computes both itself.

Tests/References/optimizers/schedules.json: the learning rate of every step, as transformers has it.
"""

import math
import shutil

import numpy
import torch
from transformers import get_scheduler
from transformers.optimization import Adafactor

from manifest import REFERENCES, versions, write_json, write_manifest

COUNT = 8
REPORTED = (1, 2, 50)
PACKAGES = ["torch", "transformers", "numpy"]


def start():
    """Parameters before the first step."""
    return [math.cos(i + 1) / 2 for i in range(COUNT)]


def gradient(step):
    """Gradients of step 1, 2, …"""
    return [math.sin((i + 1) * step) / 4 for i in range(COUNT)]


def run_torch(make_optimizer, state_names):
    """Steps a PyTorch optimizer; reports parameters and the named state."""
    parameters = torch.nn.Parameter(torch.tensor(start(), dtype=torch.float64))
    optimizer = make_optimizer([parameters])
    reported = {}
    for step in range(1, max(REPORTED) + 1):
        parameters.grad = torch.tensor(gradient(step), dtype=torch.float64)
        optimizer.step()
        if step in REPORTED:
            state = optimizer.state[parameters]
            reported[str(step)] = {"parameters": parameters.tolist()} | {
                ours: state[theirs].tolist() for ours, theirs in state_names.items()
            }
    return reported


def run_lion(learning_rate, betas, weight_decay):
    """Lion as published: Chen et al. 2023, arXiv:2302.06675, algorithm 2.

    update = sign(β1 m + (1 - β1) g); θ -= η (update + λ θ); m = β2 m + (1 - β2) g.
    """
    values, momentum = numpy.array(start()), numpy.zeros(COUNT)
    reported = {}
    for step in range(1, max(REPORTED) + 1):
        slope = numpy.array(gradient(step))
        blend = betas[0] * momentum + (1 - betas[0]) * slope
        if numpy.abs(blend).min() < 1e-5:
            raise SystemExit(f"lion: a sign of step {step} hangs on rounding; change the gradients")
        values = values - learning_rate * (numpy.sign(blend) + weight_decay * values)
        momentum = betas[1] * momentum + (1 - betas[1]) * slope
        if step in REPORTED:
            reported[str(step)] = {
                "parameters": values.tolist(),
                "first_moment": momentum.tolist(),
            }
    return reported


def optimizers():
    """Cases: the settings as a test needs them, and the reported steps."""
    cases = []
    moments = {"first_moment": "exp_avg", "second_moment": "exp_avg_sq"}
    for learning_rate, betas, epsilon, decay in [
        (1e-3, (0.9, 0.999), 1e-8, 0.01),
        (1e-2, (0.9, 0.95), 1e-8, 0.1),
        (1e-2, (0.8, 0.99), 1e-3, 0.0),
    ]:
        settings = {
            "learning_rate": learning_rate,
            "betas": list(betas),
            "epsilon": epsilon,
            "weight_decay": decay,
        }
        steps = run_torch(
            lambda parameters: torch.optim.AdamW(
                parameters, lr=learning_rate, betas=betas, eps=epsilon, weight_decay=decay
            ),
            moments,
        )
        cases.append({"optimizer": "adamw", "settings": settings, "steps": steps})
    for learning_rate, momentum, nesterov, decay in [
        (1e-2, 0.0, False, 0.0),
        (1e-2, 0.0, False, 0.1),
        (1e-2, 0.9, False, 0.0),
        (1e-2, 0.9, False, 0.1),
        (1e-2, 0.9, True, 0.1),
    ]:
        settings = {
            "learning_rate": learning_rate,
            "momentum": momentum,
            "nesterov": nesterov,
            "weight_decay": decay,
        }
        steps = run_torch(
            lambda parameters: torch.optim.SGD(
                parameters,
                lr=learning_rate,
                momentum=momentum,
                nesterov=nesterov,
                weight_decay=decay,
            ),
            {"first_moment": "momentum_buffer"} if momentum else {},
        )
        cases.append({"optimizer": "sgd", "settings": settings, "steps": steps})
    for learning_rate, betas, decay in [(1e-3, (0.9, 0.99), 0.0), (1e-2, (0.95, 0.98), 0.1)]:
        settings = {"learning_rate": learning_rate, "betas": list(betas), "weight_decay": decay}
        steps = run_lion(learning_rate, betas, decay)
        cases.append({"optimizer": "lion", "settings": settings, "steps": steps})
    return cases


def uncorrected_adam():
    """Adam without bias correction, as BERT's own training has it: m / (√v + ε), decay beside it."""
    settings = {"learning_rate": 1e-2, "betas": [0.9, 0.999], "epsilon": 1e-6, "weight_decay": 0.01}
    (beta1, beta2), rate = settings["betas"], settings["learning_rate"]
    values, first, second = numpy.array(start()), numpy.zeros(COUNT), numpy.zeros(COUNT)
    reported = {}
    for step in range(1, max(REPORTED) + 1):
        slope = numpy.array(gradient(step))
        first = beta1 * first + (1 - beta1) * slope
        second = beta2 * second + (1 - beta2) * slope**2
        move = first / (numpy.sqrt(second) + settings["epsilon"])
        values = values - rate * (move + settings["weight_decay"] * values)
        if step in REPORTED:
            reported[str(step)] = {
                "parameters": values.tolist(),
                "first_moment": first.tolist(),
                "second_moment": second.tolist(),
            }
    return {"settings": settings, "steps": reported}


def adafactor():
    """transformers' Adafactor on the same numbers as a matrix of 2 rows and as a vector."""
    cases = []
    for shape in [[2, 4], [8]]:
        for rate, scales, decay in [(1e-2, False, 0.0), (1e-2, False, 0.1), (0.3, True, 0.01)]:
            parameters = torch.nn.Parameter(torch.tensor(start(), dtype=torch.float64).view(shape))
            optimizer = Adafactor(
                [parameters],
                lr=rate,
                scale_parameter=scales,
                relative_step=False,
                weight_decay=decay,
            )
            reported = {}
            for step in range(1, max(REPORTED) + 1):
                slope = torch.tensor(gradient(step), dtype=torch.float64) * 10
                parameters.grad = slope.view(shape)
                optimizer.step()
                if step in REPORTED:
                    reported[str(step)] = parameters.flatten().tolist()
            cases.append(
                {
                    "shape": shape,
                    "learning_rate": rate,
                    "scale_parameter": scales,
                    "weight_decay": decay,
                    "steps": reported,
                }
            )
    return cases


SCHEDULES = [
    ("linear", 0, 20, {}),
    ("linear", 5, 20, {}),
    ("cosine", 0, 20, {}),
    ("cosine", 5, 20, {}),
    ("cosine", 5, 20, {"num_cycles": 1.5}),
    ("cosine_with_min_lr", 5, 20, {"min_lr": 1e-4}),
    ("cosine_with_min_lr", 5, 20, {"min_lr_rate": 0.2}),
    ("constant", 0, 20, {}),
    ("constant_with_warmup", 5, 20, {}),
    ("inverse_sqrt", 5, 20, {}),
    ("inverse_sqrt", 5, 20, {"timescale": 3}),
    ("polynomial", 5, 20, {}),
    ("polynomial", 5, 20, {"lr_end": 1e-4, "power": 2.0}),
    ("warmup_stable_decay", 5, 20, {"num_stable_steps": 8, "num_decay_steps": 7}),
    (
        "warmup_stable_decay",
        5,
        20,
        {"num_stable_steps": 6, "num_decay_steps": 6, "min_lr_ratio": 0.1},
    ),
    ("warmup_stable_decay", 4, 20, {"num_decay_steps": 8, "decay_type": "linear"}),
    ("warmup_stable_decay", 4, 20, {"num_decay_steps": 8, "decay_type": "1-sqrt"}),
]


def schedules():
    """Rates of steps 0 ..< total + 3; entry s is the rate of the update after s updates."""
    peak, cases = 1e-2, []
    for name, warmup, total, extra in SCHEDULES:
        parameters = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
        optimizer = torch.optim.SGD([parameters], lr=peak)
        schedule = get_scheduler(name, optimizer, warmup, total, scheduler_specific_kwargs=extra)
        rates = []
        for _ in range(total + 3):
            rates.append(float(schedule.get_last_lr()[0]))
            optimizer.step()
            schedule.step()
        cases.append(
            {
                "lr_scheduler_type": name,
                "learning_rate": peak,
                "warmup_steps": warmup,
                "total_steps": total,
                "lr_scheduler_kwargs": extra,
                "rates": rates,
            }
        )
    return cases


def main():
    """Writes both files anew."""
    folder = REFERENCES / "optimizers"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    made = {"generator": "scripts/references/optimizers.py", "versions": versions(PACKAGES)}
    formulas = {
        "count": COUNT,
        "start": "cos(i + 1) / 2, i from 0",
        "gradient": "sin((i + 1) * s) / 4, step s from 1",
    }
    write_json(folder / "optimizers.json", made | formulas | {"cases": optimizers()})
    write_json(
        folder / "further.json",
        made | formulas | {"uncorrected_adam": uncorrected_adam(), "adafactor": adafactor()},
    )
    write_json(folder / "schedules.json", made | {"cases": schedules()})
    write_manifest(folder, __file__, PACKAGES, seed=None)


if __name__ == "__main__":
    main()
