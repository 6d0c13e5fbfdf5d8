"""Learning rates of torch's ReduceLROnPlateau after evaluations of many kinds.

    python plateau.py

Tests/References/plateau/rates.json: each case has a learning rate, the options, the metrics of
evaluations in turn ("inf" and "nan" as texts) and the rate after each.
"""

import json
import math
import random

import torch
import transformers
from manifest import REFERENCES, write_manifest

SEED = 7


def rates(learning_rate, options, metrics):
    """The rate after each evaluation, of the schedule as transformers makes it."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=learning_rate)
    schedule = transformers.get_scheduler(
        "reduce_lr_on_plateau", optimizer, scheduler_specific_kwargs=dict(options)
    )
    seen = []
    for metric in metrics:
        optimizer.step()
        schedule.step(metric)
        seen.append(float(optimizer.param_groups[0]["lr"]))
    return seen


def main():
    """Writes the file anew."""
    draw = random.Random(SEED)
    falling = [round(3 * 0.9**step + draw.uniform(-0.05, 0.05), 6) for step in range(30)]
    flat = [round(2 + draw.uniform(-0.01, 0.01), 6) for _ in range(40)]
    rising = [round(0.2 + 0.02 * step + draw.uniform(-0.1, 0.1), 6) for step in range(30)]
    broken = [2.0, math.nan, math.inf, 1.5, math.nan, math.nan, 1.4999, -math.inf, 1.0, 0.5]
    cases = [
        (5e-5, {}, falling + flat),
        (1e-3, {"patience": 0}, flat[:12]),
        (1e-3, {"patience": 2, "factor": 0.5}, flat),
        (1e-3, {"patience": 1, "factor": 0.3, "cooldown": 3}, flat),
        (1e-3, {"patience": 0, "cooldown": 1, "factor": 0.7}, falling),
        (1e-3, {"patience": 1, "min_lr": 2e-4, "factor": 0.5}, flat),
        (1e-3, {"patience": 0, "min_lr": 2e-3, "factor": 0.5}, flat[:6]),
        (1e-3, {"patience": 0, "eps": 1e-4, "factor": 0.5}, flat),
        (1e-3, {"patience": 0, "factor": 0.0}, flat[:8]),
        (1e-3, {"mode": "max", "patience": 1, "factor": 0.5}, rising),
        (1e-3, {"mode": "max", "patience": 1, "threshold": 0.05}, rising),
        (1e-3, {"mode": "max", "patience": 1, "threshold": 0.05, "threshold_mode": "abs"}, rising),
        (1e-3, {"mode": "max", "patience": 1}, [-x for x in falling]),
        (1e-3, {"patience": 1, "threshold": 0.08, "factor": 0.6}, falling),
        (1e-3, {"patience": 1, "threshold": 0.08, "threshold_mode": "abs"}, falling),
        (1e-3, {"patience": 1, "factor": 0.5}, [-x for x in falling]),
        (1e-3, {"patience": 0, "factor": 0.5}, broken),
        (1e-3, {"mode": "max", "patience": 0, "factor": 0.5}, broken),
        (1e-3, {"patience": 0, "factor": 0.5}, [math.inf, math.nan, 3.0, 3.0]),
    ]
    folder = REFERENCES / "plateau"
    folder.mkdir(exist_ok=True)
    made = [
        {
            "learning_rate": rate, "options": options,
            "metrics": [x if math.isfinite(x) else str(x) for x in metrics],
            "rates": rates(rate, options, metrics),
        }
        for rate, options, metrics in cases
    ]
    (folder / "rates.json").write_text(json.dumps(made) + "\n")
    write_manifest(folder, __file__, ["torch", "transformers"], seed=SEED)


if __name__ == "__main__":
    main()
