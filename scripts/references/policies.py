"""Losses of policies with their gradients, and thirty steps of GRPO on a tiny Llama, written in PyTorch.

python3 scripts/references/policies.py
Needs torch, transformers, peft. Reads the model of Tests/References/finetuning and the adapter of
Tests/References/preferences. Writes Tests/References/policies/: `cases.json` with a hundred random
micro-batches and what each loss makes of them in float64, prompts, and `reference.json` with each step's
loss, gradient norm, rewards and completions.

Completions are drawn as lockstep draws them: with numbers that are a function of seed, the prompt's place,
the completion's number and the token's place, walking the vocabulary in its order. The losses are TRL 1.10's
(`GRPOTrainer._compute_loss`), written anew; `dapo` and `cispo` are divided by the step's own tokens.
"""

import json
import re
import shutil

import torch
from manifest import REFERENCES, write_json, write_manifest
from preferences import MODEL, STEPS, Trainer, load
from transformers import PreTrainedTokenizerFast

torch.set_num_threads(1)
SEED = 23
FOLDER = REFERENCES / "policies"
ADAPTER = REFERENCES / "preferences" / "adapter"
BATCH, ACCUMULATION, SAMPLES, LONGEST = 4, 2, 4, 12
CASE_TOKENS = 5
RUN_SEED = 42
PROMPTS = [
    ("Add two and three.", "5"), ("Name a colour.", "red"), ("What is 7 - 4?", "3"),
    ("Say hello.", "hello"), ("Count to four.", "4"),
]
PATTERNS = {"[a-f]": 1.0, "[A-Z]": 0.5, "[0-9]": -0.25, "[n-z]{2}": 0.75}
RUNS = {
    "grpo": {"loss": "grpo"},
    "bnpo": {"loss": "bnpo"},
    "dr_grpo": {"loss": "dr_grpo", "scale": "none"},
    "dapo": {"loss": "dapo"},
    "dapo_kl": {"loss": "dapo", "beta": 0.2, "iterations": 2, "temperature": 0.8},
    "masked": {"loss": "grpo", "scale": "batch", "mask": True, "iterations": 3},
    "cispo": {"loss": "cispo", "high": 5.0, "iterations": 2},
    "gspo": {"loss": "gspo", "low": 3e-4, "high": 4e-4, "iterations": 3, "beta": 0.05},
    "lora_kl": {"loss": "dapo", "beta": 0.1},
}
MASK = (1 << 64) - 1
STEP = 0x9E3779B97F4A7C15


def mixed(a, b):
    """SplitMix64's finaliser of two numbers."""
    z = (a + STEP * (b + 1)) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def key(seed, name):
    """FNV-1a of a name, mixed with the seed."""
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return mixed(seed, value)


def token_losses(run, logps, old, reference, advantages, mask):
    """(losses, divergences) of tokens, (R, T). Ratios of one are made of logps without a gradient."""
    low, high = run.get("low", 0.2), run.get("high", 0.2)
    old = logps.detach() if old is None else old
    log_ratio = logps - old
    if run["loss"] == "gspo":
        log_ratio = ((log_ratio * mask).sum(-1) / mask.sum(-1).clamp(min=1)).unsqueeze(-1)
    ratio = torch.exp(log_ratio)
    advantages = advantages.unsqueeze(1)
    if run["loss"] == "cispo":
        losses = -ratio.clamp(max=high).detach() * advantages * logps
    else:
        losses = -torch.min(ratio * advantages, ratio.clamp(1 - low, 1 + high) * advantages)
    losses = losses.expand_as(logps)
    divergence = torch.zeros_like(logps)
    if run.get("beta", 0):
        distance = reference - logps
        divergence = torch.exp(distance) - distance - 1
        losses = losses + run["beta"] * divergence
    return losses, divergence


def aggregate(run, losses, mask, step_tokens, micro_batches, step_rows):
    """A micro-batch's part of the step's loss."""
    if run["loss"] in ("grpo", "gspo"):
        return ((losses * mask).sum(-1) / mask.sum(-1).clamp(min=1)).sum() / step_rows
    if run["loss"] == "bnpo":
        return (losses * mask).sum() / mask.sum().clamp(min=1) / micro_batches
    if run["loss"] == "dr_grpo":
        return (losses * mask).sum() / LONGEST / step_rows
    return (losses * mask).sum() / max(step_tokens, 1)


def cases():
    """A hundred random micro-batches, the only ones of their step."""
    generator = torch.Generator().manual_seed(SEED)

    def normal(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    found = []
    runs = [
        {"loss": loss, "beta": beta, "low": low, "high": high}
        for loss in ("grpo", "bnpo", "dr_grpo", "dapo", "cispo", "gspo")
        for beta, low, high in ((0.0, 0.2, 0.2), (0.3, 0.1, 0.28))]
    for number in range(100):
        run = dict(runs[number % len(runs)])
        if run["loss"] == "cispo":
            run["high"] += 1
        shape = (4, CASE_TOKENS)
        counts = torch.randint(1, CASE_TOKENS + 1, (4,), generator=generator)
        mask = (torch.arange(CASE_TOKENS) < counts.unsqueeze(1)).double()
        logps = (-0.1 - 2 * torch.rand(shape, generator=generator, dtype=torch.float64)).round(decimals=6)
        logps.requires_grad_()
        old = (logps.detach() + 0.2 * normal(*shape)).round(decimals=6)
        if number % 5 == 0:
            old = None
        reference = (logps.detach() + 0.5 * normal(*shape)).round(decimals=6)
        advantages = normal(4).round(decimals=6)
        losses, divergence = token_losses(run, logps, old, reference, advantages, mask)
        loss = aggregate(run, losses, mask, int(mask.sum()), 1, 4)
        gradients = torch.autograd.grad(loss, logps)[0]

        def rows(values):
            return None if values is None else [
                values[row, : counts[row]].tolist() for row in range(4)]

        found.append({
            "run": run, "logps": rows(logps.detach()), "old": rows(old), "reference": rows(reference),
            "advantages": advantages.tolist(), "loss": loss.item(), "gradients": rows(gradients),
            "divergence": (divergence.detach() * mask).sum().item()})
    return found


@torch.no_grad()
def complete(model, rows, ends, temperature):
    """A completion of each (prompt, stream), with the token that ended it, and whether one did."""
    written = [[] for _ in rows]
    ended = [False] * len(rows)
    for _ in range(LONGEST):
        texts = [prompt + own for (prompt, _), own in zip(rows, written)]
        width = max(map(len, texts))
        logits = model(
            input_ids=torch.tensor([ids + [0] * (width - len(ids)) for ids in texts]),
            attention_mask=torch.tensor(
                [[1] * len(ids) + [0] * (width - len(ids)) for ids in texts])).logits
        for row, ids in enumerate(texts):
            if ended[row]:
                continue
            own = logits[row, len(ids) - 1]
            scores = ((own - own.max()) / temperature).double().exp()
            left = (mixed(rows[row][1], len(ids)) >> 11) * 2.0**-53 * scores.sum().item()
            token = int((scores.cumsum(0) <= left).sum())
            written[row].append(token)
            ended[row] = token in ends
        if all(ended):
            break
    return written, ended


def token_logps(model, rows, temperature):
    """(R, T) log-probabilities of completions' tokens, and their mask. rows: (prompt, completion)."""
    width = max(len(p) + len(c) for p, c in rows)
    ids = torch.tensor([p + c + [0] * (width - len(p) - len(c)) for p, c in rows])
    mask = torch.tensor([[1] * (len(p) + len(c)) + [0] * (width - len(p) - len(c)) for p, c in rows])
    logps = (model(input_ids=ids, attention_mask=mask).logits.float() / temperature).log_softmax(-1)
    longest = max(len(c) for _, c in rows)
    values = []
    for row, (prompt, completion) in enumerate(rows):
        places = torch.arange(len(prompt) - 1, len(prompt) + len(completion) - 1)
        own = logps[row, places, torch.tensor(completion)]
        values.append(torch.cat([own, torch.zeros(longest - len(completion))]))
    filled = torch.tensor([[1.0] * len(c) + [0.0] * (longest - len(c)) for _, c in rows])
    return torch.stack(values), filled


def own_rows(found):
    values, mask = found
    return [row[: int(own.sum())] for row, own in zip(values, mask)]


def advantages_of(rewards, scale):
    groups = torch.tensor(rewards, dtype=torch.float64).view(-1, SAMPLES)
    centred = groups - groups.mean(1, keepdim=True)
    if scale == "group":
        centred = centred / (groups.std(1, keepdim=True) + 1e-4)
    elif scale == "batch":
        centred = centred / (groups.std() + 1e-4)
    return centred.flatten().float(), groups.std(1).mean().item()


def train(model, tokenizer, run, rate):
    trainer = Trainer(model, rate)
    temperature = run.get("temperature", 1.0)
    # Those of the template: an answer ends where another turn begins, too.
    ends = set(tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|im_start|>"]))
    prompts = [
        tokenizer.encode(
            f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n",
            add_special_tokens=False)
        for text, _ in PROMPTS]
    held, texts = {}, []
    reference_model = load(ADAPTER if run.get("adapter") else None).eval() if run.get("beta") else None

    def act(number):
        base = key(RUN_SEED, "completions")
        asked = [
            (prompts[place % len(prompts)], mixed(mixed(base, place), sample))
            for place in range(number * 2, number * 2 + 2) for sample in range(SAMPLES)]
        written, ended = complete(model, asked, ends, temperature)
        rewards = []
        for own in written:
            text = tokenizer.decode(own, skip_special_tokens=True)
            margin = LONGEST / 5
            beyond = len(own) - (LONGEST - margin)
            penalty = 0.0 if beyond <= 0 else max(-1.0, -beyond / margin)
            rewards.append(
                0.5 * penalty
                + sum(weight for pattern, weight in PATTERNS.items() if re.search(pattern, text)))
        rows = [(prompt, own) for (prompt, _), own in zip(asked, written)]
        held["rows"], held["ended"] = rows, ended
        held["advantages"], held["deviation"] = advantages_of(rewards, run.get("scale", "group"))
        held["reward"] = sum(rewards) / len(rewards)
        held["old"] = held["reference"] = None
        with torch.no_grad():
            if run.get("iterations", 1) > 1:
                held["old"] = own_rows(token_logps(model, rows, temperature))
            if reference_model is not None:
                held["reference"] = own_rows(token_logps(reference_model, rows, temperature))
        texts.append([row[1] for row in rows])

    def backward(number):
        iterations = run.get("iterations", 1)
        if number % iterations == 0:
            act(number // iterations)
        counted = [
            1.0 if ended or not run.get("mask") else 0.0 for ended in held["ended"]]
        step_tokens = int(sum(len(row[1]) * c for row, c in zip(held["rows"], counted)))
        total, divergence_sum = 0.0, 0.0
        for start in range(0, BATCH * ACCUMULATION, BATCH):
            part = slice(start, start + BATCH)
            logps, mask = token_logps(model, held["rows"][part], temperature)
            mask = mask * torch.tensor(counted[part]).unsqueeze(1)

            def padded(values):
                if values is None:
                    return None
                return torch.stack([
                    torch.cat([v, torch.zeros(logps.shape[1] - len(v))]) for v in values[part]])

            losses, divergence = token_losses(
                run, logps, padded(held["old"]), padded(held["reference"]),
                held["advantages"][part], mask)
            loss = aggregate(run, losses, mask, step_tokens, ACCUMULATION, BATCH * ACCUMULATION)
            if loss.requires_grad:
                loss.backward()
            total += loss.item()
            divergence_sum += (divergence.detach() * mask).sum().item()
        figures = {"reward": held["reward"], "reward_std": held["deviation"]}
        if run.get("beta"):
            figures["kl"] = divergence_sum / max(step_tokens, 1)
        if number % iterations != 0:
            figures = {name: value for name, value in figures.items() if name == "kl"}
        return total, figures

    for number in range(STEPS):
        trainer.step(number, lambda: backward(number))
    return {**trainer.found, "completions": texts}


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "data").mkdir(parents=True)
    rows = [{"instruction": text, "input": "", "output": answer} for text, answer in PROMPTS]
    (FOLDER / "data" / "prompts.json").write_text(json.dumps(rows, indent=1) + "\n")
    write_json(FOLDER / "cases.json", {"cases": cases()})
    tokenizer = PreTrainedTokenizerFast.from_pretrained(MODEL)
    reference = {"batch": BATCH, "accumulation": ACCUMULATION, "samples": SAMPLES, "longest": LONGEST}
    for name, run in RUNS.items():
        if name.startswith("lora"):
            run = {**run, "adapter": True}
        model = load(ADAPTER if run.get("adapter") else None)
        rate = 1e-2 if run.get("adapter") else 1e-3
        reference[name] = {"run": run, "learning_rate": rate, **train(model, tokenizer, run, rate)}
        print(
            name, [round(loss, 4) for loss in reference[name]["losses"]][::6],
            [round(r, 3) for r in reference[name]["reward"]][::4], flush=True)
    write_json(FOLDER / "reference.json", reference)
    write_manifest(FOLDER, __file__, ["torch", "transformers", "peft"], SEED)


if __name__ == "__main__":
    main()
