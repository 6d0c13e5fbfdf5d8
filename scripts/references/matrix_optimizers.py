"""Writes what optimizers of whole matrices give, as JSON.

    python scripts/references/matrix_optimizers.py

Tests/References/matrix_optimizers/cases.json: parameters after 1, 2, 21 and 50 steps, float64, with the
authors' own programs: torch.optim.Muon (whose iterations are made here in float64, since its own are in
bfloat16), adam-mini, badam (whose first turn is as long as the others here), galore-torch (whose singular vectors have their largest number positive here) and
apollo-torch (whose random projections are lockstep's, made here from its formulas).
Number i of a parameter starts at cos(i + 1) / 2; its gradient in step s is sin((i + 1)² · s / 7) / 4 + cos(i · s) / 5.
i counts from zero, s from one, angles are radians: a test computes both itself.
"""

import math
import shutil

import torch
from adam_mini import Adam_mini
from apollo_torch import APOLLOAdamW, apollo as apollo_module
from apollo_torch.random_projector import GradientProjector
from apollo_torch.svd_projector import GaLoreProjector as ApolloSingularProjector
from badam import BlockOptimizer
from galore_torch import GaLoreAdamW
from galore_torch.galore_projector import GaLoreProjector
from torch.optim import _muon

from lockstep_normals import key_of, mixed, normals
from manifest import REFERENCES, versions, write_json, write_manifest

REPORTED = (1, 2, 21, 50)
SEED = 7
INTERVAL = 20
PACKAGES = ["torch", "adam-mini", "badam", "galore-torch", "apollo-torch"]
SHAPES = {"tall": [6, 4], "wide": [4, 6]}
# What is not projected in some cases; the vector is not decayed.
REST = {"rest": [5, 3], "rest.bias": [5]}


def start(shape):
    """A parameter before the first step."""
    count = math.prod(shape)
    return torch.tensor([math.cos(i + 1) / 2 for i in range(count)], dtype=torch.float64).view(shape)


def gradient(shape, step):
    """The gradient of step 1, 2, …: of full rank."""
    numbers = [
        math.sin((i + 1) ** 2 * step / 7) / 4 + math.cos(i * step) / 5
        for i in range(math.prod(shape))
    ]
    return torch.tensor(numbers, dtype=torch.float64).view(shape)


def run(shapes, make_optimizer, kept=lambda state: {}):
    """Steps named parameters; reports them and what `kept` takes from each one's state."""
    parameters = {name: torch.nn.Parameter(start(shape)) for name, shape in shapes.items()}
    optimizer = make_optimizer(parameters)
    reported = {}
    for step in range(1, max(REPORTED) + 1):
        for parameter in parameters.values():
            parameter.grad = gradient(parameter.shape, step)
        optimizer.step()
        if step in REPORTED:
            reported[str(step)] = {
                name: {"parameter": parameter.flatten().tolist()} | kept(optimizer.state[parameter])
                for name, parameter in parameters.items()
            }
    return reported


def newton_schulz(grad, coefficients, steps, eps):
    """Muon's iterations as published, in the gradient's own type."""
    a, b, c = coefficients
    x = grad.T if grad.size(0) > grad.size(1) else grad
    x = x / (x.norm() + eps)
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if grad.size(0) > grad.size(1) else x


def muon():
    """Both scalings of torch.optim.Muon."""
    theirs, cases = _muon._zeropower_via_newtonschulz, []
    sample = gradient([6, 4], 3)
    near = (theirs(sample, (3.4445, -4.7750, 2.0315), 5, 1e-7).double() - newton_schulz(
        sample, (3.4445, -4.7750, 2.0315), 5, 1e-7)).abs().max()
    if near > 0.05:  # five iterations in bfloat16
        raise SystemExit(f"muon: torch's iterations differ by {near}")
    _muon._zeropower_via_newtonschulz = newton_schulz
    for scaling in ["match_rms_adamw", "original"]:
        settings = {"learning_rate": 0.02, "weight_decay": 0.1, "momentum": 0.95, "scaling": scaling}
        steps = run(
            SHAPES,
            lambda parameters: torch.optim.Muon(
                parameters.values(), lr=0.02, weight_decay=0.1, momentum=0.95, adjust_lr_fn=scaling
            ),
        )
        cases.append({"settings": settings, "shapes": SHAPES, "steps": steps})
    return cases


def adam_mini():
    """The authors' program; a head has 2 of a width of 4."""
    shapes = {
        "embed_tokens.weight": [8, 4],
        "layers.0.self_attn.q_proj.weight": [4, 4],
        "layers.0.self_attn.k_proj.weight": [2, 4],
        "layers.0.self_attn.q_proj.bias": [4],
        "layers.0.self_attn.v_proj.weight": [2, 4],
        "layers.0.mlp.up_proj.weight": [6, 4],
        "layers.0.input_norm.weight": [4],
    }
    settings = {"learning_rate": 0.01, "weight_decay": 0.1, "betas": [0.9, 0.95], "epsilon": 1e-6}
    steps = run(
        shapes,
        lambda parameters: Adam_mini(
            parameters.items(),
            lr=0.01,
            betas=(0.9, 0.95),
            eps=1e-6,
            weight_decay=0.1,
            dim=4,
            n_heads=2,
            n_kv_heads=1,
            verbose=False,
        ),
        lambda state: {
            "second_moment": (state["v"] if "v" in state else state["vmean"]).flatten().tolist()
        },
    )
    return [{"settings": settings, "head_size": 2, "shapes": shapes, "steps": steps}]


def badam():
    """The authors' program on three layers between two tables, by float32 steps as it makes them."""
    shapes = {
        "model.embed_tokens.weight": [5, 3],
        "model.layers.0.weight": [4, 3],
        "model.layers.1.weight": [4, 3],
        "model.layers.2.weight": [4, 3],
        "lm_head.weight": [5, 3],
    }
    cases = []
    for mode, first in [("ascending", None), ("descending", None), ("ascending", 2), ("fixed", 1)]:
        settings = {
            "learning_rate": 0.01,
            "weight_decay": 0.1,
            "betas": [0.9, 0.95],
            "epsilon": 1e-6,
            "interval": 7,
            "mode": mode,
            "start": first,
        }

        def make(parameters):
            base = torch.optim.AdamW(
                parameters.values(), lr=0.01, betas=(0.9, 0.95), eps=1e-6, weight_decay=0.1
            )
            optimizer = BlockOptimizer(
                base_optimizer=base,
                named_parameters_list=list(parameters.items()),
                switch_block_every=7,
                switch_mode=mode,
                start_block=first,
                verbose=0,
            )
            optimizer.global_step = -1
            return optimizer

        steps = run(shapes, make)
        cases.append({"settings": settings, "shapes": shapes, "steps": steps})
    return cases


def signed_vectors(self, weights, rank, type):
    """The first singular vectors, each with its largest number positive."""
    left, values, right = torch.linalg.svd(weights, full_matrices=False)
    gaps = (values[:rank] - torch.cat([values[1:], torch.zeros(1)])[:rank]) / values[0]
    if gaps.min() < 0.01:
        raise SystemExit(f"singular values {values.tolist()} are too close: change the gradients")
    vectors = right[:rank] if type == "right" else left[:, :rank].T
    largest = vectors.gather(1, vectors.abs().argmax(dim=1, keepdim=True))
    vectors = vectors * largest.sign()
    return vectors if type == "right" else vectors.T


def low_rank(parameters, extra):
    """A group for each parameter, with no projection for what is the rest."""
    return [
        {"params": [parameter]}
        | (extra if name not in REST else {})
        | ({"weight_decay": 0.0} if parameter.ndim == 1 else {})
        for name, parameter in parameters.items()
    ]


def galore():
    """The authors' program on each side, and beside parameters that it does not project.

    There ε is large, so that it shows to what it is added.
    """
    GaLoreProjector.get_orthogonal_matrix = signed_vectors
    cases = []
    for side, rest in [
        ("std", {}), ("reverse_std", {}), ("right", {}), ("left", {}), ("std", REST)
    ]:
        rate, decay, epsilon = (0.05, 0.5, 0.05) if rest else (0.01, 0.1, 1e-6)
        settings = {
            "learning_rate": rate,
            "weight_decay": decay,
            "betas": [0.9, 0.95],
            "epsilon": epsilon,
            "rank": 2,
            "interval": INTERVAL,
            "scale": 0.5,
            "side": side,
        }
        extra = {"rank": 2, "update_proj_gap": INTERVAL, "scale": 0.5, "proj_type": side}
        if rest:
            settings["rest"] = {"names": list(rest)}
        shapes = SHAPES | rest
        steps = run(
            shapes,
            lambda parameters: GaLoreAdamW(
                low_rank(parameters, extra),
                lr=rate,
                betas=(0.9, 0.95),
                eps=epsilon,
                weight_decay=decay,
                no_deprecation_warning=True,
            ),
        )
        cases.append({"settings": settings, "shapes": shapes, "steps": steps})
    return cases


class NamedProjector(GradientProjector):
    """The authors' projector with lockstep's random numbers."""

    def get_orthogonal_matrix(self, weights, rank, type, seed):
        self.refreshes = getattr(self, "refreshes", -1) + 1
        name = next(name for name, shape in SHAPES.items() if list(weights.shape) == shape)
        key = mixed(key_of(SEED, f"{name}#projection"), self.refreshes)
        width = weights.shape[1] if type == "right" else weights.shape[0]
        drawn = torch.tensor(normals(key, rank * width), dtype=torch.float64).view(rank, width)
        drawn = drawn / math.sqrt(rank)
        return drawn if type == "right" else drawn.T


def apollo():
    """The authors' program: channels, APOLLO-Mini, singular vectors, scaling first, other sides.

    And beside parameters that it does not project, whose β and ε are its own, as in transformers.
    """
    ApolloSingularProjector.get_orthogonal_matrix = signed_vectors
    apollo_module.GradientProjector = NamedProjector
    cases = []
    for rank, scale, projector, granularity, first, side, rest in [
        (2, 4.0, "random", "channel", False, "std", {}),
        (1, 128.0, "random", "tensor", False, "std", {}),
        (2, 4.0, "random", "channel", True, "std", {}),
        (2, 4.0, "svd", "channel", False, "std", {}),
        (2, 4.0, "random", "tensor", False, "reverse_std", {}),
        (2, 1.0, "random", "channel", False, "std", REST),
    ]:
        rate, decay = (0.05, 0.5) if rest else (0.01, 0.1)
        settings = {
            "learning_rate": rate,
            "weight_decay": decay,
            "betas": [0.9, 0.95],
            "epsilon": 1e-6,
            "rank": rank,
            "interval": INTERVAL,
            "scale": scale,
            "side": side,
            "projector": projector,
            "granularity": granularity,
            "scales_first": first,
        }
        extra = {
            "rank": rank,
            "update_proj_gap": INTERVAL,
            "scale": scale,
            "proj_type": side,
            "proj": projector,
            "scale_type": granularity,
            "betas": (0.9, 0.95),
            "eps": 1e-6,
        }
        own = {"betas": [0.9, 0.999], "epsilon": 0.05} if rest else {}
        if rest:
            settings["rest"] = {"names": list(rest)} | own
        shapes = SHAPES | rest
        steps = run(
            shapes,
            lambda parameters: APOLLOAdamW(
                low_rank(parameters, extra),
                lr=rate,
                betas=tuple(own.get("betas", (0.9, 0.95))),
                eps=own.get("epsilon", 1e-6),
                weight_decay=decay,
                scale_front=first,
            ),
            lambda state: (
                {"scaled_gradient_norm": float(state["scaled_grad"])}
                if "scaled_grad" in state
                else {}
            ),
        )
        cases.append({"settings": settings, "shapes": shapes, "steps": steps})
    return cases


def main():
    """Writes the file anew."""
    folder = REFERENCES / "matrix_optimizers"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    cases = {
        "muon": muon(),
        "adam_mini": adam_mini(),
        "badam": badam(),
        "galore": galore(),
        "apollo": apollo(),
    }
    write_json(
        folder / "cases.json",
        {
            "generator": "scripts/references/matrix_optimizers.py",
            "versions": versions(PACKAGES),
            "seed": SEED,
            "start": "cos(i + 1) / 2, i from 0",
            "gradient": "sin((i + 1)^2 * s / 7) / 4 + cos(i * s) / 5, step s from 1",
        }
        | cases,
    )
    write_manifest(folder, __file__, PACKAGES, seed=SEED)


if __name__ == "__main__":
    main()
