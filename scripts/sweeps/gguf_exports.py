"""Exports tiny models of every architecture as GGUF files and reads them back.

    python scripts/sweeps/gguf_exports.py .build/debug/lockstep [--only TEXT] [--format f16]

For each architecture and configuration: a random model made by transformers, whose weights are
numbers that the format holds exactly, is exported by `lockstep export`. Either the export is
refused, with a message that names the configuration's key, or the file's log-probabilities are
those of the folder, and those that transformers computes. Every file's header is read by the gguf
package. Prints a line a case and the counts; exits 1 where a case is neither.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import gguf
import numpy
import torch
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging

SEED = 29
SECONDS = 120
# Of log-probabilities in nats. Matrices are exact in both formats; sums are of float32.
LIMITS = {"f16": 2e-4, "q8_0": 5e-2}
LENGTH = 40

BASE = {
    "vocab_size": 97,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "tie_word_embeddings": False,
}
EXPERTS = {"num_experts_per_tok": 2}
FAMILIES = {
    "llama": {},
    "mistral": {"sliding_window": None},
    "mixtral": EXPERTS | {"num_local_experts": 4, "sliding_window": None},
    "qwen2": {},
    "qwen3": {},
    "qwen3_moe": EXPERTS
    | {"num_experts": 4, "moe_intermediate_size": 32, "norm_topk_prob": True},
    "gemma": {"tie_word_embeddings": True},
    "gemma2": {"tie_word_embeddings": True, "query_pre_attn_scalar": 16, "sliding_window": 8},
    "gemma3_text": {
        "tie_word_embeddings": True,
        "query_pre_attn_scalar": 16,
        "sliding_window": 8,
        "num_hidden_layers": 6,
    },
    "phi3": {"sliding_window": None, "original_max_position_embeddings": 64},
    "gpt2": {},
}
GPT2 = {
    "vocab_size": 97,
    "n_embd": 64,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": 64,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def rope(kind, **more):
    """rope_parameters of a type, base 10,000."""
    return {"rope_parameters": {"rope_theta": 10000.0, "rope_type": kind, **more}}


def longrope(short=1.5, long=3.0, **more):
    """longrope over 8 pairs."""
    return rope(
        "longrope",
        short_factor=[1 + (short - 1) * i / 7 for i in range(8)],
        long_factor=[1 + (long - 1) * i / 7 for i in range(8)],
        original_max_position_embeddings=16,
        **more,
    )


YARN = {"factor": 4.0, "original_max_position_embeddings": 16}
LLAMA3 = {
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
ROTARY = {
    "rope_theta": {"rope_parameters": {"rope_theta": 500.0, "rope_type": "default"}},
    "linear": rope("linear", factor=2.5),
    "dynamic": rope("dynamic", factor=2.0, original_max_position_embeddings=16),
    "yarn": rope("yarn", **YARN),
    "yarn attention_factor": rope("yarn", attention_factor=1.3, **YARN),
    "yarn betas": rope("yarn", beta_fast=4.0, beta_slow=0.5, **YARN),
    "yarn mscale": rope("yarn", mscale=0.7, mscale_all_dim=0.3, **YARN),
    "yarn truncate false": rope("yarn", truncate=False, **YARN),
    "llama3": rope("llama3", **LLAMA3),
    "llama3 other bounds": rope("llama3", **(LLAMA3 | {"low_freq_factor": 0.5})),
    "longrope": longrope(),
    "longrope attention_factor": longrope(attention_factor=1.25),
}
# Changes by name, for all decoders or some.
COMMON = {
    "as it is": {},
    "tied": {"tie_word_embeddings": True},
    "untied": {"tie_word_embeddings": False},
    "hidden_act gelu": {"hidden_act": "gelu"},
    "hidden_act relu": {"hidden_act": "relu"},
    "hidden_act gelu_pytorch_tanh": {"hidden_act": "gelu_pytorch_tanh"},
    "rms_norm_eps": {"rms_norm_eps": 1e-3},
    "one group": {"num_key_value_heads": 1},
    "wide heads": {"head_dim": 32},
    "attention_bias": {"attention_bias": True},
    "mlp_bias": {"mlp_bias": True},
    "partial_rotary_factor": {"partial_rotary_factor": 0.5},
}
WINDOWS = {
    "sliding_window": {"sliding_window": 8},
    "sliding_window as long as the text": {"sliding_window": 64},
}
GEMMA = {
    "hidden_activation gelu": {"hidden_activation": "gelu"},
    "hidden_activation silu": {"hidden_activation": "silu"},
    "query_pre_attn_scalar": {"query_pre_attn_scalar": 40},
    "attn_logit_softcapping": {"attn_logit_softcapping": 5.0},
    "attn_logit_softcapping null": {"attn_logit_softcapping": None},
    "final_logit_softcapping": {"final_logit_softcapping": 3.0},
    "final_logit_softcapping null": {"final_logit_softcapping": None},
    "sliding_window 5": {"sliding_window": 5},
    "all layers see everything": {"layer_types": ["full_attention"] * 6},
    "one in three": {"layer_types": (["sliding_attention"] * 2 + ["full_attention"]) * 2},
    "no layer sees everything": {"layer_types": ["sliding_attention"] * 6},
    "first layers see everything": {
        "layer_types": ["full_attention"] * 2 + ["sliding_attention"] * 4
    },
}
SPECIAL = {
    "mistral": WINDOWS,
    "mixtral": WINDOWS | {"one expert": {"num_experts_per_tok": 1}},
    "qwen2": {
        "sliding_window": {
            "use_sliding_window": True,
            "sliding_window": 8,
            "max_window_layers": 2,
        },
        "use_sliding_window false": {"use_sliding_window": False, "sliding_window": 8},
    },
    "qwen3": {
        "sliding_window": {
            "use_sliding_window": True,
            "sliding_window": 8,
            "max_window_layers": 2,
        }
    },
    "qwen3_moe": {
        "norm_topk_prob": {"norm_topk_prob": False},
        "mlp_only_layers": {"mlp_only_layers": [1]},
        "decoder_sparse_step": {"decoder_sparse_step": 2},
        "sliding_window": {"use_sliding_window": True, "sliding_window": 8},
    },
    "gemma2": GEMMA,
    "gemma3_text": GEMMA
    | {
        "local base": {
            "rope_parameters": {
                "full_attention": {"rope_type": "default", "rope_theta": 1e6},
                "sliding_attention": {"rope_type": "default", "rope_theta": 300.0},
            }
        },
        "linear globally": {
            "rope_parameters": {
                "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
                "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
            }
        },
        "linear locally": {
            "rope_parameters": {
                "full_attention": {"rope_type": "default", "rope_theta": 1e6},
                "sliding_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e4},
            }
        },
    },
    "phi3": WINDOWS,
    "gpt2": {
        "as it is": {},
        "untied": {"tie_word_embeddings": False},
        "activation_function relu": {"activation_function": "relu"},
        "activation_function gelu": {"activation_function": "gelu"},
        "activation_function gelu_pytorch_tanh": {"activation_function": "gelu_pytorch_tanh"},
        "scale_attn_weights false": {"scale_attn_weights": False},
        "scale_attn_by_inverse_layer_idx": {"scale_attn_by_inverse_layer_idx": True},
        "n_inner": {"n_inner": 80},
        "layer_norm_epsilon": {"layer_norm_epsilon": 1e-3},
        "add_cross_attention": {"add_cross_attention": True},
    },
}


def cases():
    """Every architecture's configurations, by name."""
    for family, own in FAMILIES.items():
        base = GPT2 if family == "gpt2" else BASE | own
        changes = dict(SPECIAL.get(family, {}))
        if family != "gpt2":
            changes = COMMON | changes
            if family != "gemma3_text":
                changes |= ROTARY
        for name, change in changes.items():
            config = base | change
            if "layer_types" in change:
                config["num_hidden_layers"] = len(change["layer_types"])
            yield f"{family}: {name}", {"model_type": family} | config, change


def run(binary, *arguments):
    """Status, output and messages of one command."""
    done = subprocess.run(
        [str(binary), *map(str, arguments)], capture_output=True, timeout=SECONDS, check=False
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode().strip()


def rounded(array, form):
    """The nearest numbers that the format holds."""
    if form == "f16" or array.shape[-1] % 32:
        return array.astype(numpy.float16).astype(numpy.float32)
    kind = gguf.GGMLQuantizationType.Q8_0
    return gguf.quants.dequantize(gguf.quants.quantize(array, kind), kind)


def make(config, folder, form):
    """Saves a random model. → its log-probabilities of IDS."""
    torch.manual_seed(SEED)
    model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(**config), attn_implementation="eager", dtype=torch.float32
    ).eval()
    generator = numpy.random.default_rng(SEED)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            shape = tuple(parameter.shape)
            array = generator.normal(size=shape).astype(numpy.float32)
            if len(shape) > 1:
                array *= 2.0 / numpy.sqrt(shape[-1])
                transposed = config["model_type"] == "gpt2" and ".h." in name
                array = rounded(array.T.copy(), form).T if transposed else rounded(array, form)
            else:
                array = 0.2 * array + (0 if name.endswith("bias") else 1)
            parameter.copy_(torch.from_numpy(numpy.ascontiguousarray(array)))
        model.save_pretrained(folder)
        logits = model(input_ids=torch.tensor([IDS]), use_cache=False).logits[0, :-1]
    chosen = torch.tensor(IDS[1:])[:, None]
    return logits.double().log_softmax(-1).gather(1, chosen)[:, 0].numpy()


IDS = numpy.random.default_rng(SEED).integers(3, 97, size=LENGTH).tolist()


def scores(binary, model, place):
    """Log-probabilities by `lockstep score`, or the message of its refusal."""
    lines = place / "ids.jsonl"
    lines.write_text(json.dumps({"ids": IDS}) + "\n")
    status, output, message = run(binary, "score", "--model", model, "--input", lines)
    if status:
        return None, message
    return numpy.array(json.loads(output)["logprobs"][1:], dtype=numpy.float64), message


def names_key(message, change):
    """Whether a message names one of the keys that were changed."""
    keys = set(change) | {
        inner for value in change.values() if isinstance(value, dict) for inner in value
    }
    aliases = {
        "rope_parameters": ["rope_scaling", "rope_parameters", "rope_local_base_freq"],
        "layer_types": ["sliding_window", "layer_types"],
        "use_sliding_window": ["sliding_window"],
        "decoder_sparse_step": ["mlp_only_layers"],
        "scale_attn_by_inverse_layer_idx": ["scale_attn"],
        "head_dim": ["query_pre_attn_scalar"],
    }
    return any(name in message for key in keys for name in [key, *aliases.get(key, [])])


def check(binary, config, change, form, place):
    """One case. → (verdict, detail); verdicts are equal, refused, unreadable and FAILED."""
    folder = place / "model"
    try:
        expected = make(config, folder, form)
    except Exception as error:  # pylint: disable=broad-except
        return "skipped", f"transformers: {type(error).__name__}: {str(error)[:80]}"
    here, message = scores(binary, folder, place)
    if here is None:
        return "unreadable", message[-160:]
    away = numpy.abs(here - expected).max()
    yaml = place / "export.yaml"
    yaml.write_text(f"model_name_or_path: {folder}\nexport_dir: {place}/made\nexport_gguf: {form}\n")
    status, _, message = run(binary, "export", yaml)
    if status:
        named = names_key(message, change)
        written = (place / "made").exists()
        if status != 2 or not named or written:
            return "FAILED", f"status {status}, written {written}: {message[-200:]}"
        return "refused", message[-200:]
    path = place / "made" / f"model-{form}.gguf"
    reader = gguf.GGUFReader(path)
    architecture = reader.fields["general.architecture"].contents()
    if architecture not in gguf.MODEL_ARCH_NAMES.values():
        return "FAILED", f"architecture {architecture}"
    known = {
        value.replace("{arch}", architecture)
        for part in vars(gguf.Keys).values()
        if isinstance(part, type)
        for value in vars(part).values()
        if isinstance(value, str)
    }
    unknown = [key for key in reader.fields if key not in known and not key.startswith("GGUF.")]
    if unknown:
        return "FAILED", f"keys that the gguf package does not know: {unknown}"
    back, message = scores(binary, path, place)
    if back is None:
        return "FAILED", f"cannot be read back: {message[-200:]}"
    lost = numpy.abs(back - here).max()
    if not lost <= LIMITS[form]:
        return "FAILED", f"{lost:.2e} off the folder"
    if not away <= 1e-3:
        return "differs", f"the folder is {away:.2e} off transformers, the file {lost:.1e} off it"
    return "equal", f"{lost:.1e} off the folder, {away:.1e} off transformers"


def main():
    """Runs the cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("binary", type=Path)
    parser.add_argument("--only", default="", help="cases whose names hold this text")
    parser.add_argument("--format", default="f16", choices=sorted(LIMITS))
    options = parser.parse_args()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.set_num_threads(1)
    counts = {}
    for name, config, change in cases():
        if options.only not in name:
            continue
        place = Path(tempfile.mkdtemp(prefix="gguf-export-"))
        try:
            verdict, detail = check(options.binary.resolve(), config, change, options.format, place)
        finally:
            shutil.rmtree(place)
        counts[verdict] = counts.get(verdict, 0) + 1
        print(f"{verdict:10} {name}: {detail}".replace(str(place), "PLACE"), flush=True)
    print(", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())))
    sys.exit(1 if counts.get("FAILED") else 0)


if __name__ == "__main__":
    main()
