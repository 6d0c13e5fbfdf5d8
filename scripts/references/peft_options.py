"""PEFT's options one at a time: adapters made, saved and loaded again by PEFT, and what they give.

    python scripts/references/peft_options.py

Writes the cases in COMMITTED to Tests/References/peft_options/: a folder each with PEFT's two
files (the base is the folder of Tests/References/models named in case.json) and the
log-probabilities of `ids` there; and patterns.json, what Python's `re` says of TEXTS, 1 where they
match (null: no regular expression). scripts/sweeps/peft_options.py runs every case against
`lockstep score`.

What counts is the model that PEFT loads from the saved files, with their keys in the files' order.
CPU, float32, one thread, no dropout.
"""

import json
import re
import shutil
import tempfile
import warnings
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM
from transformers.utils import logging

from manifest import REFERENCES, write_json, write_manifest

SEED = 20261128
PACKAGES = ["torch", "transformers", "peft", "safetensors"]
MODELS = REFERENCES / "models"
FOLDER = REFERENCES / "peft_options"
IDS = [5, 17, 42, 3, 88, 61, 29, 7, 7, 54]

Q = ["q_proj"]
ATTENTION = ["q_proj", "k_proj", "v_proj", "o_proj"]
REGEX = r"^(?!.*layers\.0\.mlp).*\.(?:self_attn|mlp)\.(?:[qv]_proj|down_proj)$"
WORDS = r"(?:.*?\b(?:self_attn|mlp)\.(?:\w{1,4}_proj))"
OVERLAP = {"layers.0.self_attn.q_proj": 2, "q_proj": 6}
REVERSED = {"q_proj": 6, "layers.0.self_attn.q_proj": 2}
LOFTQ = {"loftq_bits": 4, "loftq_iter": 1}
# Name: base, LoraConfig's settings, and what is changed in the saved adapter_config.json.
CASES = {
    "plain": ("llama", {}, {}),
    "r_1": ("llama", {"r": 1}, {}),
    "r_above_width": ("llama", {"r": 40}, {}),
    "alpha_fraction": ("llama", {"lora_alpha": 2.5}, {}),
    "alpha_zero": ("llama", {"lora_alpha": 0}, {}),
    "alpha_negative": ("llama", {"lora_alpha": -4}, {}),
    "dropout": ("llama", {"lora_dropout": 0.5}, {}),
    "rslora": ("llama", {"use_rslora": True}, {}),
    "rslora_pattern": ("llama", {"use_rslora": True, "rank_pattern": {"q_proj": 2}}, {}),
    "dora": ("llama", {"use_dora": True}, {}),
    "dora_pattern": (
        "qwen2",
        {"use_dora": True, "target_modules": ["q_proj", "k_proj"], "rank_pattern": {"k_proj": 1}},
        {},
    ),
    "dora_conv1d": ("gpt2", {"use_dora": True, "target_modules": ["c_attn", "c_fc"]}, {}),
    "dora_embedding": ("llama", {"use_dora": True, "target_modules": ["embed_tokens"]}, {}),
    "lora_bias": ("qwen2", {"lora_bias": True}, {}),
    "bias_all": ("qwen2", {"bias": "all"}, {}),
    "bias_lora_only": ("qwen2", {"bias": "lora_only"}, {}),
    "fan_in_fan_out_on_linear": ("llama", {"fan_in_fan_out": True}, {}),
    "fan_in_fan_out_off_conv1d": ("gpt2", {"target_modules": ["c_attn"]}, {}),
    "all_linear": ("llama", {"target_modules": "all-linear"}, {}),
    "all_linear_written": (
        "qwen2", {"target_modules": "all-linear"}, {"target_modules": "All-Linear"},
    ),
    "all_linear_conv1d": ("gpt2", {"target_modules": "all-linear"}, {}),
    "regex": ("llama", {"target_modules": REGEX}, {}),
    "regex_words": ("llama", {"target_modules": WORDS}, {}),
    "regex_of_one_name": ("llama", {"target_modules": "model.layers.1.mlp.up_proj"}, {}),
    "whole_paths": (
        "llama", {"target_modules": ["model.layers.1.self_attn.v_proj", "0.mlp.up_proj"]}, {},
    ),
    "head": ("llama", {"target_modules": ["q_proj", "lm_head"]}, {}),
    "tied_head": ("qwen2", {"target_modules": ["q_proj", "lm_head"]}, {}),
    "embedding": ("llama", {"target_modules": ["embed_tokens", "q_proj"]}, {}),
    "embedding_tied": ("qwen2", {"target_modules": ["embed_tokens", "q_proj"]}, {}),
    "embedding_positions": ("gpt2", {"target_modules": ["wte", "c_attn"]}, {}),
    "exclude_names": (
        "llama", {"target_modules": ATTENTION, "exclude_modules": ["layers.0.self_attn.q_proj"]}, {},
    ),
    "exclude_regex": (
        "llama", {"target_modules": ATTENTION, "exclude_modules": r".*\.1\..*(k|v)_proj"}, {},
    ),
    "exclude_nothing": ("llama", {}, {"exclude_modules": []}),
    "layers_one": ("llama", {"target_modules": ATTENTION, "layers_to_transform": 1}, {}),
    "layers_list": ("llama", {"target_modules": ATTENTION, "layers_to_transform": [0]}, {}),
    "layers_none": ("llama", {"target_modules": ATTENTION}, {"layers_to_transform": []}),
    "layers_pattern": (
        "llama",
        {"target_modules": ATTENTION, "layers_to_transform": [1], "layers_pattern": "layers"}, {},
    ),
    "layers_pattern_list": (
        "gpt2",
        {"target_modules": ["c_attn"], "layers_to_transform": [1], "layers_pattern": ["x", "h"]},
        {},
    ),
    "layers_with_regex": ("llama", {}, {"target_modules": ".*q_proj", "layers_to_transform": [0]}),
    "pattern_without_layers": ("llama", {}, {"layers_pattern": ["layers"]}),
    "overlap": ("llama", {"rank_pattern": OVERLAP}, {"rank_pattern": OVERLAP}),
    "overlap_reversed": ("llama", {"rank_pattern": REVERSED}, {"rank_pattern": REVERSED}),
    "alpha_overlap": (
        "llama",
        {"target_modules": ATTENTION},
        {"alpha_pattern": {r"layers\.1\..*": 3, "[kv]_proj": 20, "v_proj": 1}},
    ),
    "alpha_overlap_reversed": (
        "llama",
        {"target_modules": ATTENTION},
        {"alpha_pattern": {"v_proj": 1, "[kv]_proj": 20, r"layers\.1\..*": 3}},
    ),
    "pattern_anchored": (
        "llama", {"rank_pattern": {"^model.layers.0.self_attn.q_proj": 3, "layers.1": 9}}, {},
    ),
    "pattern_alternatives": (
        "llama", {"target_modules": ATTENTION, "rank_pattern": {"q_proj|o_proj": 1}}, {},
    ),
    "modules_to_save": ("llama", {"modules_to_save": ["lm_head", "norm"]}, {}),
    "modules_to_save_tied": (
        "qwen2", {"modules_to_save": ["embed_tokens", "lm_head"]}, {},
    ),
    "modules_to_save_half": ("qwen2", {"modules_to_save": ["embed_tokens"]}, {}),
    "modules_to_save_target": (
        "llama", {"target_modules": ATTENTION, "modules_to_save": ["v_proj"]}, {},
    ),
    "modules_to_save_block": ("llama", {"modules_to_save": ["layers.1.mlp"]}, {}),
    "save_embedding_layers": ("llama", {}, {}),
    "init_false": ("llama", {"init_lora_weights": False}, {}),
    "init_gaussian": ("llama", {"init_lora_weights": "gaussian"}, {}),
    "init_orthogonal": ("llama", {"init_lora_weights": "orthogonal"}, {}),
    "init_eva": ("llama", {}, {"init_lora_weights": "eva"}),
    "init_eva_config": (
        "llama", {}, {"init_lora_weights": "eva", "eva_config": {"rho": 2.0, "tau": 0.99}},
    ),
    "init_mica": ("llama", {"init_lora_weights": "mica"}, {}),
    "init_olora": ("llama", {"init_lora_weights": "olora"}, {}),
    "init_pissa": ("llama", {"init_lora_weights": "pissa"}, {}),
    "init_pissa_niter": ("llama", {"init_lora_weights": "pissa_niter_4"}, {}),
    "init_corda": ("llama", {}, {"init_lora_weights": "corda"}),
    "init_lora_ga": ("llama", {}, {"init_lora_weights": "lora_ga"}),
    "init_loftq": ("llama", {"init_lora_weights": "loftq", "loftq_config": LOFTQ}, {}),
    "init_unknown": ("llama", {}, {"init_lora_weights": "nonsuch"}),
    "loftq_config_alone": ("llama", {}, {"loftq_config": LOFTQ}),
    "corda_config_alone": ("llama", {}, {"corda_config": {"corda_method": "kpm"}}),
    "lora_ga_config_alone": ("llama", {}, {"lora_ga_config": {"direction": "ArBr"}}),
    "layer_replication": ("llama", {"layer_replication": [[0, 2], [1, 2]]}, {}),
    "layer_replication_empty": ("llama", {}, {"layer_replication": []}),
    "target_parameters": ("llama", {"target_parameters": ["self_attn.o_proj.weight"]}, {}),
    "target_parameters_empty": ("llama", {}, {"target_parameters": []}),
    "trainable_token_indices": ("llama", {"trainable_token_indices": [3, 5]}, {}),
    "trainable_token_indices_empty": ("llama", {}, {"trainable_token_indices": []}),
    "alora": ("llama", {"alora_invocation_tokens": [42, 3], "task_type": "CAUSAL_LM"}, {}),
    "alora_empty": ("llama", {}, {"alora_invocation_tokens": []}),
    "qalora": ("llama", {}, {"use_qalora": True}),
    "qalora_group_size": ("llama", {"qalora_group_size": 4}, {}),
    "kasa": ("llama", {}, {"kasa_config": {}}),
    "monteclora": ("llama", {}, {"monteclora_config": {}}),
    "velora": ("llama", {}, {"velora_config": {}}),
    "bdlora": ("llama", {}, {"use_bdlora": {}}),
    "arrow": ("llama", {}, {"arrow_config": {}}),
    "megatron_config": ("llama", {}, {"megatron_config": {"hidden_size": 32}}),
    "megatron_core": ("llama", {}, {"megatron_core": "my.megatron"}),
    "ensure_weight_tying": (
        "qwen2", {"modules_to_save": ["embed_tokens"], "ensure_weight_tying": True}, {},
    ),
    "runtime_config": ("llama", {}, {"runtime_config": {"ephemeral_gpu_offload": True}}),
    "task_type_none": ("llama", {"task_type": None}, {}),
    "task_type_features": ("llama", {}, {"task_type": "FEATURE_EXTRACTION"}),
    "inference_mode_off": ("llama", {}, {"inference_mode": False}),
    "auto_mapping": ("llama", {}, {"auto_mapping": {"base_model_class": "x"}}),
    "revision": ("llama", {}, {"revision": "v2"}),
    "peft_version": ("llama", {}, {"peft_version": "0.99.0"}),
    "unknown_key": ("llama", {}, {"use_something_new": True}),
    "peft_type_ia3": ("llama", {}, {"peft_type": "IA3"}),
    "keys_of_2023": ("llama", {}, {"merge_weights": False, "enable_lora": None}),
}
COMMITTED = [
    "overlap", "overlap_reversed", "alpha_overlap", "alpha_overlap_reversed", "pattern_anchored",
    "regex", "exclude_regex", "layers_pattern_list", "init_gaussian", "rslora_pattern",
    "dora_pattern", "save_embedding_layers",
]
TEXTS = [
    "model.layers.0.self_attn.q_proj", "model.layers.10.mlp.down_proj", "lm_head", "layers.0",
    "transformer.h.1.attn.c_attn", "a", "aa", "aab", "a.b", "A_1", "x]y", "x-y", "tab\tend", "é1",
    "line\n", "", "{2}", "a+b",
]
PATTERNS = [
    "a", "a|b", "(a|aa)b?", "a*", "a+?b", "a{2}", "a{2,}b", "a{,2}", "a{x}", "{2}", "a{0}", "(?:a)",
    "(?P<name>a)", "[ab]+", "[^ab]+", "[a-c.]+", "[]x]+y", "x[]]y", "x[-z]y", r"[\w.]+", r"\w+",
    r"\W+", r"\d+", r".*\d+.*", r"\S+", r".*\s.*", "^a$", "a$", "line$", r"line\Z", r"line\n$",
    r"\Aa", r".*\bq_proj", r"\w+\b.*", r"a\B.*", "(?!a).*", "(?=a)a.*", ".*(?<=proj)",
    ".*(?<!proj)", "(?<=a)b", "a(?#note)b", ".*", "(.*)*", "(a*)*b", "(a|a)*c",
    "(a?){20}a{20}", r"(^|.*\.)layers\.0($|\..*)", r".*\.(q|k|v|down)_proj", "model.layers",
    r"(?:^|.*?\.)h\.(?P<idx>\d+)\.", REGEX, WORDS, r"\x61", "\\u0061a", r"x\-y", r"x\]y", "",
    "(", ")", "[", "[" * 5000, "*a", "a**", "^*", "a{3,2}", "[b-a]", r"\y", "(?<=a*)b", "(?P<a", "a\\",
    "[[:alpha:]]", r"[\d-x]+", "[a-]+", r"a\+b",
]


def matches():
    """What Python says of every pattern and text."""
    table = []
    for pattern in PATTERNS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                compiled = re.compile(pattern)
            except re.error:
                table.append({"pattern": pattern, "fullmatch": None, "match": None})
                continue
        row = {"pattern": pattern}
        for name in ["fullmatch", "match"]:
            found = [getattr(compiled, name)(text) is not None for text in TEXTS]
            row[name] = "".join(str(int(one)) for one in found)
        table.append(row)
    return {"texts": TEXTS, "patterns": table}


def perturb(model, generator):
    """Gives every number that the adapter's file will hold a value unlike its first."""
    for name, parameter in model.named_parameters():
        if not ("lora_" in name or parameter.requires_grad):
            continue
        noise = torch.randn(parameter.shape, generator=generator)
        with torch.no_grad():
            if "magnitude" in name:
                parameter.mul_(1 + 0.2 * noise)
            elif "lora_" in name:
                parameter.copy_(0.2 * noise)
            else:
                parameter.add_(0.05 * noise)


def base_model(base):
    """A tiny random model of Tests/References/models."""
    torch.manual_seed(SEED)
    return AutoModelForCausalLM.from_pretrained(MODELS / base, attn_implementation="eager")


def make(folder, base, settings, changes, name):
    """Saves an adapter with PEFT, then changes keys of its configuration."""
    defaults = {"r": 4, "lora_alpha": 8, "target_modules": Q, "task_type": "CAUSAL_LM"}
    model = get_peft_model(base_model(base), LoraConfig(**{**defaults, **settings}))
    # Each case has its own numbers, whatever stands before it in the table.
    generator = torch.Generator().manual_seed(SEED + sum(map(ord, name)))
    perturb(model, generator)
    for value in model.peft_config.values():
        value.base_model_name_or_path = base
    keeps_embeddings = name == "save_embedding_layers"
    if keeps_embeddings:
        with torch.no_grad():
            weight = model.get_input_embeddings().weight
            weight.add_(0.05 * torch.randn(weight.shape, generator=generator))
    model.save_pretrained(folder, save_embedding_layers=True if keeps_embeddings else "auto")
    (folder / "README.md").unlink(missing_ok=True)
    path = folder / "adapter_config.json"
    values = json.loads(path.read_text())
    values.update(changes)
    path.write_text(json.dumps(values, indent=2) + "\n")


@torch.no_grad()
def log_probabilities(folder, base):
    """Of IDS[1:], by the model that PEFT loads.

    Raises what PEFT raises, and RuntimeError where it says that the file lacks something.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = PeftModel.from_pretrained(base_model(base), str(folder)).eval()
    for warning in caught:
        if "missing adapter keys" in str(warning.message).lower():
            raise RuntimeError(str(warning.message))
    logits = model(input_ids=torch.tensor([IDS])).logits[0].double()
    chosen = torch.tensor(IDS[1:]).unsqueeze(1)
    return logits[:-1].log_softmax(-1).gather(1, chosen).squeeze(1).tolist()


def write_case(name):
    base, settings, changes = CASES[name]
    with tempfile.TemporaryDirectory() as made:
        folder = FOLDER / name
        make(Path(made), base, settings, changes, name)
        values = log_probabilities(made, base)
        folder.mkdir(parents=True)
        for file in ["adapter_config.json", "adapter_model.safetensors"]:
            shutil.copy(Path(made) / file, folder / file)
    write_json(folder / "case.json", {"base": base, "ids": IDS, "logprobs": values})
    count = len(load_file(folder / "adapter_model.safetensors"))
    print(f"{name}: {count} tensors, first {values[0]:.4f}")


def main():
    logging.set_verbosity_error()
    torch.set_num_threads(1)
    shutil.rmtree(FOLDER, ignore_errors=True)
    for name in COMMITTED:
        write_case(name)
    write_json(FOLDER / "patterns.json", matches())
    write_manifest(FOLDER, __file__, PACKAGES, SEED)


if __name__ == "__main__":
    main()
