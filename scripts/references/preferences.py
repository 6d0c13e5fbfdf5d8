"""Losses of preferences with their gradients, and thirty steps of each on a tiny Llama, written in PyTorch.

python3 scripts/references/preferences.py
Needs torch, transformers, peft. Reads the model of Tests/References/finetuning. Writes
Tests/References/preferences/: `cases.json` with a hundred random pairs and what each loss makes of them in
float64, rows in the data formats of LLaMA-Factory and TRL, an adapter, and `reference.json` with each
step's loss, gradient norm and figures.

The formulas are those of the papers that Sources/Objectives/Preferences names; LLaMA-Factory with the
versions of TRL that it asks for trains `sigmoid` under the names of three of them, so that no peer runs
all six.
"""

import shutil

import torch
from manifest import REFERENCES, write_json, write_manifest
from peft import LoraConfig, PeftModel, get_peft_model
from preference_rows import ROWS, prompt_of, write_data
from torch.nn.functional import logsigmoid
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

SEED = 19
FOLDER = REFERENCES / "preferences"
MODEL = REFERENCES / "finetuning" / "model"
STEPS, BATCH, ACCUMULATION, WARMUP = 30, 2, 2, 3
# What is asked of each run: pref_loss, pref_beta, and the keys that go with them.
RUNS = {
    "sigmoid": {"form": "sigmoid", "beta": 0.1},
    "smoothed": {"form": "sigmoid", "beta": 0.1, "smoothing": 0.2},
    "hinge": {"form": "hinge", "beta": 0.3},
    "ipo": {"form": "ipo", "beta": 0.2},
    "kto_pair": {"form": "kto_pair", "beta": 0.5},
    "orpo": {"form": "orpo", "beta": 0.1},
    "simpo": {"form": "simpo", "beta": 2.0, "margin": 1.0},
    "ftx": {"form": "sigmoid", "beta": 0.1, "ftx": 0.5},
    "bco": {"form": "sigmoid", "beta": 0.1, "bco": 0.5},
    "ld_alpha": {"form": "sigmoid", "beta": 0.1, "ld_alpha": 0.4},
    "lora": {"form": "sigmoid", "beta": 0.1},
    "lora_ipo": {"form": "ipo", "beta": 0.1},
}
MEANS = ("ipo", "orpo", "simpo")


def log_odds(value):
    value = value.clamp(max=-1e-7)
    rest = torch.where(
        value > -0.6931471805599453, torch.log(-torch.expm1(value.clamp(min=-0.7))),
        torch.log1p(-torch.exp(value.clamp(max=-0.6))))
    return value - rest


def pair_losses(run, sums, counts, references, step=None):
    """Losses (B) of pairs, and their rewards. sums, references: (2, B) chosen and rejected; counts alike.

    `step` holds what is measured over the whole step: K_c, K_r and δ.
    """
    form, beta = run["form"], run["beta"]
    values = sums / counts if form in MEANS else sums
    known = references / counts if form in MEANS else references
    ratios = values if form in ("orpo", "simpo") else values - known
    chosen, rejected = ratios
    delta = chosen - rejected
    step = step or {"K_c": 0.0, "K_r": 0.0, "delta": 0.0}
    if form == "sigmoid":
        e = run.get("smoothing", 0.0)
        losses = -(1 - e) * logsigmoid(beta * delta) - e * logsigmoid(-beta * delta)
    elif form == "hinge":
        losses = torch.relu(1 - beta * delta)
    elif form == "ipo":
        losses = (delta - 1 / (2 * beta)) ** 2
    elif form == "kto_pair":
        losses = (
            (1 - torch.sigmoid(beta * (chosen - step["K_r"])))
            + (1 - torch.sigmoid(beta * (step["K_c"] - rejected)))) / 2
    elif form == "orpo":
        losses = -values[0] - beta * logsigmoid(log_odds(values[0]) - log_odds(values[1]))
    else:
        losses = -logsigmoid(beta * delta - run["margin"])
    if run.get("bco", 0):
        both = -logsigmoid(beta * chosen - step["delta"]) - logsigmoid(
            -(beta * rejected - step["delta"]))
        losses = (losses + run["bco"] * both) / (1 + run["bco"])
    if run.get("ftx", 0):
        losses = losses - run["ftx"] * sums[0] / counts[0]
    return losses, beta * ratios.detach()


def kto_losses(sums, references, desirable, divergence, beta, weights):
    ratio = sums - references
    return torch.where(
        desirable, weights[0] * (1 - torch.sigmoid(beta * (ratio - divergence))),
        weights[1] * (1 - torch.sigmoid(beta * (divergence - ratio))))


def cases():
    """A hundred random pairs, their losses and derivatives by the sums, in float64."""
    generator = torch.Generator().manual_seed(SEED)
    counts = torch.randint(1, 40, (2, 100), generator=generator)
    each = -0.05 - 3 * torch.rand((2, 100), generator=generator, dtype=torch.float64)
    sums = (each * counts).requires_grad_()
    references = sums.detach() + 4 * torch.randn((2, 100), generator=generator, dtype=torch.float64)
    step = {"K_c": 0.7, "K_r": 0.2, "delta": 0.15}
    runs = dict(RUNS)
    runs["all"] = {"form": "ipo", "beta": 0.7, "ftx": 0.3, "bco": 1.5}
    found = {}
    for name, run in runs.items():
        losses, rewards = pair_losses(run, sums, counts, references, step)
        gradients = torch.autograd.grad(losses.sum(), sums)[0]
        found[name] = {
            "run": run, "losses": losses.tolist(), "chosen": gradients[0].tolist(),
            "rejected": gradients[1].tolist(), "rewards": rewards[0].tolist()}
    desirable = torch.randint(0, 2, (100,), generator=generator).bool()
    losses = kto_losses(sums[0], references[0], desirable, step["K_c"], 0.3, (1.0, 1.4))
    found_kto = {
        "beta": 0.3, "weights": [1.0, 1.4], "desirable": [int(tag) for tag in desirable],
        "losses": losses.tolist(), "gradients": torch.autograd.grad(losses.sum(), sums)[0][0].tolist()}
    return {
        "counts": counts.tolist(), "sums": sums.tolist(), "references": references.tolist(),
        "step": step, "pairs": found, "kto": found_kto}


def encode(tokenizer, row):
    """Prompt and answers as LLaMA-Factory's template chatml makes them: every slot by itself."""
    def ids(text):
        return tokenizer.encode(text, add_special_tokens=False)

    prompt = ids(f"<|im_start|>user\n{prompt_of(row)}<|im_end|>\n<|im_start|>assistant\n")
    return prompt, [ids(f"{answer}<|im_end|>\n") for answer in row[2:]]


def answer_sums(model, answers, weights=None):
    """Summed log-probabilities and tokens of answers: (prompt, answer) each."""
    width = max(len(prompt) + len(answer) for prompt, answer in answers)
    ids = torch.tensor([p + a + [0] * (width - len(p) - len(a)) for p, a in answers])
    mask = torch.tensor([[1] * (len(p) + len(a)) + [0] * (width - len(p) - len(a)) for p, a in answers])
    logits = model(input_ids=ids, attention_mask=mask).logits.float().log_softmax(-1)
    sums, counts = [], []
    for row, (prompt, answer) in enumerate(answers):
        places = torch.arange(len(prompt) - 1, len(prompt) + len(answer) - 1)
        found = logits[row, places, torch.tensor(answer)]
        sums.append((found * weights[row]).sum() if weights else found.sum())
        counts.append(len(answer))
    return torch.stack(sums), torch.tensor(counts, dtype=torch.float32)


class Trainer:
    """AdamW as Hugging Face Trainer has it, rows in file order; losses divided once by a step's rows."""

    def __init__(self, model, rate):
        self.model, self.rate = model, rate
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            self.parameters, lr=rate, betas=(0.9, 0.999), eps=1e-8, weight_decay=0)
        self.found = {"losses": [], "gradient_norms": []}

    def step(self, number, backward):
        """`backward` adds gradients and gives the loss and figures by name."""
        factor = number / WARMUP if number < WARMUP else (STEPS - number) / (STEPS - WARMUP)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * factor
        loss, figures = backward()
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, 1.0).item()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.found["losses"].append(loss)
        self.found["gradient_norms"].append(norm)
        for name, value in figures.items():
            self.found.setdefault(name, []).append(value)


def train_pairs(model, rows, run, rate):
    trainer = Trainer(model, rate)
    with torch.no_grad():
        known = [answer_sums(model, [(p, a) for a in answers])[0] for p, answers in rows]
    state = {"rewards": [0.0, 0]}

    def side(indices, policy=True):
        answers = [(rows[i][0], rows[i][1][s]) for s in (0, 1) for i in indices]
        weights = None
        if policy and "ld_alpha" in run:
            shorter = [min(map(len, rows[i][1])) for i in indices] * 2
            weights = [
                torch.tensor([1.0 if t < m else run["ld_alpha"] for t in range(len(a))])
                for m, (_, a) in zip(shorter, answers)]
        sums, counts = answer_sums(model, answers, weights)
        return sums.view(2, -1), counts.view(2, -1)

    def backward(number):
        size = BATCH * ACCUMULATION
        # An epoch ends with its last step, which may be short.
        per_epoch = (len(rows) + size - 1) // size
        first = number % per_epoch * size
        chosen = list(range(first, min(first + size, len(rows))))
        total, figures, step = 0.0, {}, None
        if run["form"] == "kto_pair" or run.get("bco", 0):
            with torch.no_grad():
                sums, counts = side(chosen)
                references = torch.stack([known[i] for i in chosen], 1)
                _, rewards = pair_losses(run, sums, counts, references)
                state["rewards"][0] += rewards.mean().item()
                state["rewards"][1] += 1
                means = (rewards / run["beta"]).mean(1)
                step = {
                    "K_c": max(0.0, means[0].item()), "K_r": max(0.0, means[1].item()),
                    "delta": state["rewards"][0] / state["rewards"][1]}
        gathered = []
        for start in range(0, len(chosen), BATCH):
            indices = chosen[start : start + BATCH]
            sums, counts = side(indices)
            references = torch.stack([known[i] for i in indices], 1)
            losses, rewards = pair_losses(run, sums, counts, references, step)
            loss = losses.sum() / len(chosen)
            loss.backward()
            total += loss.item()
            gathered.append(rewards)
        rewards = torch.cat(gathered, 1)
        figures["rewards/chosen"] = rewards[0].mean().item()
        figures["rewards/rejected"] = rewards[1].mean().item()
        figures["rewards/accuracies"] = (rewards[0] > rewards[1]).float().mean().item()
        return total, figures

    for number in range(STEPS):
        trainer.step(number, lambda: backward(number))
    return trainer.found


def train_kto(model, rows, rate, weights, beta=0.1, ftx=0.0):
    """rows: (prompt, answer, tag); the mismatch of a row is the answer before it."""
    trainer = Trainer(model, rate)
    answers = [(p, a) for p, a, _ in rows]
    mismatches = [(rows[i][0], rows[i - 1][1]) for i in range(len(rows))]
    with torch.no_grad():
        known = [answer_sums(model, [row])[0][0] for row in answers]
        known_mismatches = [answer_sums(model, [row])[0][0] for row in mismatches]
    desirable = torch.tensor([tag for _, _, tag in rows])

    def backward(number):
        size = BATCH * ACCUMULATION
        per_epoch = (len(rows) + size - 1) // size
        first = number % per_epoch * size
        chosen = list(range(first, min(first + size, len(rows))))
        with torch.no_grad():
            sums, _ = answer_sums(model, [mismatches[i] for i in chosen])
            divergence = max(
                0.0, (sums - torch.stack([known_mismatches[i] for i in chosen])).mean().item())
        total = 0.0
        rewards = []
        for start in range(0, len(chosen), BATCH):
            indices = chosen[start : start + BATCH]
            sums, counts = answer_sums(model, [answers[i] for i in indices])
            references = torch.stack([known[i] for i in indices])
            losses = kto_losses(sums, references, desirable[indices], divergence, beta, weights)
            losses = losses - ftx * desirable[indices] * sums / counts
            loss = losses.sum() / len(chosen)
            loss.backward()
            total += loss.item()
            rewards.append(beta * (sums - references).detach())
        rewards, tags = torch.cat(rewards), desirable[chosen]
        figures = {
            "kl": divergence, "rewards/chosen": rewards[tags].mean().item() if tags.any() else 0.0,
            "rewards/rejected": rewards[~tags].mean().item() if (~tags).any() else 0.0}
        return total, figures

    for number in range(STEPS):
        trainer.step(number, lambda: backward(number))
    return trainer.found


def load(adapter=None):
    model = LlamaForCausalLM.from_pretrained(MODEL, dtype=torch.float32)
    if adapter:
        model = PeftModel.from_pretrained(model, adapter, is_trainable=True)
    return model.train()


def write_adapter():
    """A LoRA that has learned something: with its second matrices off zero."""
    torch.manual_seed(SEED)
    model = get_peft_model(
        LlamaForCausalLM.from_pretrained(MODEL, dtype=torch.float32),
        LoraConfig(
            r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "up_proj"],
            task_type="CAUSAL_LM"))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.05)
    model.peft_config["default"].base_model_name_or_path = "model"
    model.save_pretrained(FOLDER / "adapter")
    (FOLDER / "adapter" / "README.md").unlink(missing_ok=True)


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    tagged = write_data(FOLDER / "data")
    write_adapter()
    write_json(FOLDER / "cases.json", cases())
    tokenizer = PreTrainedTokenizerFast.from_pretrained(MODEL)
    rows = [encode(tokenizer, row) for row in ROWS]
    reference = {
        "steps": STEPS, "batch": BATCH, "accumulation": ACCUMULATION, "warmup": WARMUP,
        "prompts": [prompt for prompt, _ in rows], "answers": [answers for _, answers in rows]}
    for name, run in RUNS.items():
        is_lora = name.startswith("lora")
        model = load(FOLDER / "adapter" if is_lora else None)
        rate = 1e-2 if is_lora else 1e-3
        reference[name] = {"run": run, "learning_rate": rate, **train_pairs(model, rows, run, rate)}
        print(name, [round(loss, 4) for loss in reference[name]["losses"]][::6])
    judged = [
        (encode(tokenizer, row)[0],
         tokenizer.encode(f"{answer}<|im_end|>\n", add_special_tokens=False), tag)
        for row, answer, tag in tagged]
    for name, adapter, rate, weights, ftx in (
        ("kto", None, 1e-3, (1.0, 1.0), 0.0), ("kto_weights", None, 1e-3, (0.7, 1.3), 0.25),
        ("kto_lora", FOLDER / "adapter", 1e-2, (1.0, 1.0), 0.0),
    ):
        reference[name] = {
            "learning_rate": rate, "weights": weights, "ftx": ftx,
            **train_kto(load(adapter), judged, rate, weights, ftx=ftx)}
        print(name, [round(loss, 4) for loss in reference[name]["losses"]][::6])
    write_json(FOLDER / "reference.json", reference)
    write_manifest(FOLDER, __file__, ["torch", "transformers", "peft"], SEED)


if __name__ == "__main__":
    main()
