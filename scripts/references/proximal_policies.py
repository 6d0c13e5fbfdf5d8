"""PPO by the routines of TRL 0.9.6: rewards, advantages and losses of random answers, and thirty steps on a tiny
Llama that continues prompts with its likeliest tokens.

python3 scripts/references/proximal_policies.py FOLDER
Needs torch, transformers, peft, and in FOLDER trl 0.9.6 with what it imports (pip install --no-deps --target
FOLDER trl==0.9.6 tyro shtab docstring-parser typeguard). Reads the models of Tests/References/finetuning and
preference_rewards, the adapter and rows of preferences. Writes Tests/References/proximal_policies/: `cases.json`, a value
head, a judge's adapter with its head, and `reference.json` with each step's loss, gradient norm and figures.

What is asked of TRL is what Sources/Objectives/Policies does in its place: a step's loss is one mini-batch of all
its answers, so that it is divided once by their tokens.
"""

import shutil
import sys
from types import SimpleNamespace

import torch
from manifest import REFERENCES, write_json, write_manifest
from peft import LoraConfig, PeftModel, get_peft_model
from preference_rows import ROWS
from preferences import ACCUMULATION, BATCH, MODEL, STEPS, Trainer, encode
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, LlamaForCausalLM, PreTrainedTokenizerFast

sys.path.insert(0, sys.argv[1])
from trl.trainer.ppo_trainer import PPOTrainer  # noqa: E402
from trl.trainer.utils import AdaptiveKLController, RunningMoments  # noqa: E402

SEED = 29
FOLDER = REFERENCES / "proximal_policies"
ADAPTER = REFERENCES / "preferences" / "adapter"
REWARDS = REFERENCES / "preference_rewards"
EPOCHS, NEW_TOKENS, TARGET = 3, 8, 6.0


def trainer(whitens=False, coefficient=0.2, target=TARGET):
    """What TRL's routines read of a PPOTrainer, with the numbers of its PPOConfig."""
    found = SimpleNamespace(
        config=SimpleNamespace(
            kl_penalty="kl", whiten_rewards=whitens, gamma=1.0, lam=0.95, cliprange=0.2,
            cliprange_value=0.2, vf_coef=0.1, ratio_threshold=10.0),
        kl_ctl=AdaptiveKLController(coefficient, target, 10000))
    found._kl_penalty = lambda a, b: PPOTrainer._kl_penalty(found, a, b)
    return found


def padded(rows, dtype=torch.float64):
    width = max(map(len, rows))
    return torch.tensor([list(row) + [0.0] * (width - len(row)) for row in rows], dtype=dtype)


def rounded(numbers):
    """To few digits, so that the file is small."""
    return (numbers * 1e4).round() / 1e4


def mask_of(rows):
    width = max(map(len, rows))
    return torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])


def learned(own, scores, old, known, values, mask):
    """Advantages and returns, and the rollout's figures."""
    rewards, penalties, distances = PPOTrainer.compute_rewards(own, scores, old, known, mask)
    values, advantages, returns = PPOTrainer.compute_advantages(own, values, rewards, mask)
    divergence = (distances * mask).sum(-1).mean().item()
    figures = {
        "objective/kl": divergence, "objective/kl_coef": own.kl_ctl.value,
        "objective/entropy": (-old * mask).sum(-1).mean().item(),
        "ppo/mean_non_score_reward": ((penalties * mask).sum() / mask.sum()).item(),
        "ppo/mean_scores": scores.mean().item(), "ppo/std_scores": scores.std().item()}
    own.kl_ctl.update(divergence, len(scores))
    return advantages, returns, figures


def rollouts(generator, count, normalizes, whitens):
    """Rollouts of five answers each in float64. TRL whitens rewards of answers of one length as meant."""
    own, moments = trainer(whitens), RunningMoments(SimpleNamespace(use_distributed=False))
    found = []
    for _ in range(count):
        lengths = torch.randint(1, 9, (5,), generator=generator).tolist()
        if whitens:
            lengths = [7] * 5

        def numbers(scale=1.0):
            return [
                rounded(scale * torch.randn(n, generator=generator, dtype=torch.float64)).tolist()
                for n in lengths]

        old = [[-abs(x) - 0.1 for x in row] for row in numbers(2.0)]
        known = [[a + x for a, x in zip(row, more)] for row, more in zip(old, numbers(0.7))]
        values, mask = numbers(), mask_of(old)
        raw = rounded(2 + 3 * torch.randn(5, generator=generator, dtype=torch.float64))
        scores = raw
        if normalizes:
            moments.update(raw)
            scores = (raw - moments.mean) / (moments.std + torch.finfo(torch.float32).eps)
        advantages, returns, figures = learned(
            own, scores, padded(old), padded(known), padded(values), mask)
        found.append({
            "scores": raw.tolist(), "log_probabilities": old, "reference": known, "values": values,
            "advantages": [row[:n].tolist() for row, n in zip(advantages, lengths)],
            "returns": [row[:n].tolist() for row, n in zip(returns, lengths)],
            "figures": figures})
    return found


def losses(generator):
    """A hundred answers: TRL's loss of each by itself, times its tokens, and its gradients."""
    own, found = trainer(), []
    for number in range(100):
        length = int(torch.randint(2, 8, (1,), generator=generator))

        def numbers(scale=1.0):
            return rounded(scale * torch.randn(1, length, generator=generator, dtype=torch.float64))

        old, values, advantages, returns = -numbers().abs(), numbers(), numbers(), numbers()
        # Of every tenth the policy has gone too far.
        new = (old + numbers(0.25) + (3.0 if number % 10 == 9 else 0.0)).requires_grad_()
        predictions = (values + numbers(0.25)).requires_grad_()
        mask = torch.ones(1, length, dtype=torch.long)
        logits = torch.zeros(1, length, 3)
        policy, value, stats = PPOTrainer.loss(
            own, old, values, logits, predictions, new, mask, advantages, returns)
        gradients = torch.autograd.grad(policy + value, (new, predictions))
        found.append({
            "old": old[0].tolist(), "values": values[0].tolist(),
            "advantages": advantages[0].tolist(), "returns": returns[0].tolist(),
            "log_probabilities": new[0].tolist(), "predictions": predictions[0].tolist(),
            "policy_gradients": (length * gradients[0][0]).tolist(),
            "value_gradients": (length * gradients[1][0]).tolist(),
            "figures": {
                f"ppo/{name}": length * stats[name].item()
                for name in (
                    "loss/policy", "loss/value", "policy/approxkl", "policy/policykl",
                    "policy/clipfrac", "val/vpred", "val/error", "val/clipfrac")}})
    return found


class Policy(torch.nn.Module):
    """A language model and a value of each state. Without dropout."""

    def __init__(self, model, head):
        super().__init__()
        self.model = model
        self.summary = torch.nn.Linear(32, 1)
        self.summary.weight.data = head["v_head.summary.weight"].clone()
        self.summary.bias.data = head["v_head.summary.bias"].clone()

    def forward(self, rows):
        """Log-probabilities of the answers' tokens and the values before them, (rows, T) each, and of all
        tokens there, (rows, T, V)."""
        texts = [prompt + answer for prompt, answer in rows]
        out = self.model(
            input_ids=padded(texts, torch.long), attention_mask=mask_of(texts),
            output_hidden_states=True)
        logs, values = out.logits.log_softmax(-1), self.summary(out.hidden_states[-1])[..., 0]
        found = ([], [], [])
        for row, (prompt, answer) in enumerate(rows):
            places = torch.arange(len(prompt) - 1, len(prompt) + len(answer) - 1)
            found[0].append(logs[row, places, torch.tensor(answer)])
            found[1].append(values[row, places])
            found[2].append(logs[row, places])
        return [torch.nn.utils.rnn.pad_sequence(x, batch_first=True) for x in found]

    @torch.no_grad()
    def answer(self, prompt, ends):
        """The likeliest tokens, and how near the second likeliest came."""
        answer, nearest = [], float("inf")
        while len(answer) < NEW_TOKENS and not (answer and answer[-1] in ends):
            logits = self.model(input_ids=torch.tensor([prompt + answer])).logits[0, -1]
            best = logits.topk(2)
            nearest = min(nearest, (best.values[0] - best.values[1]).item())
            answer.append(best.indices[0].item())
        return answer, nearest


def train(policy, reference, judge, prompts, ends, rate, normalizes=False):
    own, steps = trainer(), Trainer(policy, rate)
    moments = RunningMoments(SimpleNamespace(use_distributed=False))
    held, size, nearest = {}, BATCH * ACCUMULATION, float("inf")

    def act(number):
        nonlocal nearest
        chosen = [prompts[place % len(prompts)] for place in range(number * size, (number + 1) * size)]
        rows = []
        for prompt in chosen:
            answer, distance = policy.answer(prompt, ends)
            nearest = min(nearest, distance)
            rows.append((prompt, answer))
        with torch.no_grad():
            old, values, _ = policy(rows)
            known = reference(rows)[0]
            raw = torch.tensor([judge(prompt + answer) for prompt, answer in rows])
        scores = raw
        if normalizes:
            moments.update(raw)
            scores = (raw - moments.mean) / (moments.std + torch.finfo(torch.float32).eps)
        mask = mask_of([answer for _, answer in rows])
        advantages, returns, figures = learned(own, scores, old, known, values, mask)
        held.update(
            rows=rows, old=old, values=values * mask, mask=mask, advantages=advantages,
            returns=returns, figures={"reward": raw.mean().item(), **figures})

    def backward(number):
        if number % EPOCHS == 0:
            act(number // EPOCHS)
        new, predictions, logits = policy(held["rows"])
        loss_policy, loss_value, stats = PPOTrainer.loss(
            own, held["old"], held["values"], logits, predictions, new, held["mask"],
            held["advantages"], held["returns"])
        (loss_policy + loss_value).backward()
        names = (
            "loss/policy", "loss/value", "policy/approxkl", "policy/clipfrac", "policy/entropy",
            "val/error", "returns/mean", "returns/var")
        figures = dict(held["figures"])
        figures.update({f"ppo/{name}": stats[name].item() for name in names})
        return stats["loss/total"].item(), figures

    for number in range(STEPS):
        steps.step(number, lambda: backward(number))
    return {"learning_rate": rate, **steps.found, "answers": [a for _, a in held["rows"]]}, nearest


def load(adapter=None, trains=True):
    model = LlamaForCausalLM.from_pretrained(MODEL, dtype=torch.float32)
    if adapter:
        model = PeftModel.from_pretrained(model, adapter, is_trainable=trains)
    return model


def head():
    return {
        "v_head.summary.weight": torch.empty(1, 32).uniform_(-(32**-0.5), 32**-0.5),
        "v_head.summary.bias": torch.empty(1).uniform_(-(32**-0.5), 32**-0.5)}


def write_judge():
    """An adapter and a head that score."""
    model = get_peft_model(
        LlamaForCausalLM.from_pretrained(MODEL, dtype=torch.float32),
        LoraConfig(r=2, lora_alpha=4, target_modules=["k_proj", "down_proj"], task_type="CAUSAL_LM"))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    model.peft_config["default"].base_model_name_or_path = "model"
    model.save_pretrained(FOLDER / "judge")
    (FOLDER / "judge" / "README.md").unlink(missing_ok=True)
    save_file(head(), FOLDER / "judge" / "value_head.safetensors", metadata={"format": "pt"})


@torch.no_grad()
def judges():
    """By an adapter with a head, and by a whole model."""
    model = Policy(load(FOLDER / "judge", False), load_file(FOLDER / "judge" / "value_head.safetensors"))
    whole = AutoModelForSequenceClassification.from_pretrained(REWARDS / "score", dtype=torch.float32)

    def adapter(ids):
        states = model.model(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states[-1]
        return model.summary(states[0, -1]).item()

    def score(ids):
        return whole(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids))).logits.item()

    return adapter, score


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    torch.manual_seed(SEED)
    generator = torch.Generator().manual_seed(SEED)
    write_json(FOLDER / "cases.json", {
        "plain": rollouts(generator, 20, False, False),
        "normalized": rollouts(generator, 6, True, False),
        "whitened": rollouts(generator, 6, False, True), "losses": losses(generator)})
    (FOLDER / "head").mkdir()
    first = head()
    save_file(first, FOLDER / "head" / "value_head.safetensors", metadata={"format": "pt"})
    write_judge()
    adapter, score = judges()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(MODEL)
    prompts = [encode(tokenizer, row)[0] for row in ROWS]
    ends = {tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<|im_end|>")}
    reference = {}
    for name, path, judge, rate, normalizes in (
        ("full", None, score, 1e-3, False), ("normalized", None, score, 1e-3, True),
        ("lora", ADAPTER, adapter, 1e-2, False),
    ):
        base = Policy(load(path, False), first)
        policy = Policy(load(path), first)
        reference[name], nearest = train(
            policy, base, judge, prompts, ends, rate, normalizes)
        found = reference[name]
        print(name, [round(x, 4) for x in found["losses"]][::6], "nearest", nearest)
        for figure in ("reward", "objective/kl", "ppo/policy/clipfrac"):
            print("  ", figure, [round(x, 4) for x in found[figure]][::6])
    write_json(FOLDER / "reference.json", reference)
    write_manifest(FOLDER, __file__, ["torch", "transformers", "peft", "trl"], SEED)


if __name__ == "__main__":
    main()
