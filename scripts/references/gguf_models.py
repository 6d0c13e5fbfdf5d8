"""Writes tiny random models as GGUF files, with the logits that transformers gives their weights.

    python scripts/references/gguf_models.py

One folder per case in Tests/References/gguf_models/: model.gguf (names by gguf's own table, the
changes of llama.cpp's convert_hf_to_gguf.py done here), and reference.safetensors: input_ids
and logits, and ten prompts with what greedy decoding adds to them (prompt.N, continuation.N),
computed with the numbers that the file's types keep of the weights.
"""

import shutil

import gguf
import numpy
import torch
from safetensors.numpy import save_file
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.utils import logging

from manifest import REFERENCES, write_manifest
from models import SEED, fill, random_ids

BATCH = 2
PROMPTS, CONTINUATION = 10, 16
# Two best logits nearer than this could change places by rounding.
MARGIN = 1e-3
PACKAGES = ["torch", "transformers", "safetensors", "numpy", "gguf"]
Q8_0, F16 = gguf.GGMLQuantizationType.Q8_0, gguf.GGMLQuantizationType.F16
F32 = gguf.GGMLQuantizationType.F32

DENSE = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
    "tie_word_embeddings": True,
}
ROPE = {"rope_theta": 100.0, "rope_type": "default"}
LLAMA3 = {
    "rope_theta": 100.0,
    "rope_type": "llama3",
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
GEMMA = DENSE | {"query_pre_attn_scalar": 16, "sliding_window": 7, "hidden_act": "gelu_pytorch_tanh"}
MOE = DENSE | {"num_experts_per_tok": 2, "intermediate_size": 32, "head_dim": 8}

# Architecture in the file, type of its matrices, configuration.
CASES = {
    "llama": (
        gguf.MODEL_ARCH.LLAMA,
        Q8_0,
        DENSE
        | {"model_type": "llama", "rope_parameters": LLAMA3, "tie_word_embeddings": False},
    ),
    "qwen2": (gguf.MODEL_ARCH.QWEN2, F16, DENSE | {"model_type": "qwen2", "head_dim": 8}),
    "qwen3": (gguf.MODEL_ARCH.QWEN3, Q8_0, DENSE | {"model_type": "qwen3"}),
    "gemma": (gguf.MODEL_ARCH.GEMMA, F16, DENSE | {"model_type": "gemma"}),
    "gemma2": (gguf.MODEL_ARCH.GEMMA2, Q8_0, GEMMA | {"model_type": "gemma2"}),
    "gemma3": (
        gguf.MODEL_ARCH.GEMMA3,
        Q8_0,
        GEMMA | {"model_type": "gemma3_text", "num_hidden_layers": 6, "num_key_value_heads": 1},
    ),
    "phi3": (
        gguf.MODEL_ARCH.PHI3,
        Q8_0,
        DENSE
        | {"model_type": "phi3", "head_dim": 8, "sliding_window": 9, "tie_word_embeddings": False},
    ),
    "gpt2": (
        gguf.MODEL_ARCH.GPT2,
        Q8_0,
        {
            "model_type": "gpt2",
            "vocab_size": 97,
            "n_embd": 32,
            "n_layer": 2,
            "n_head": 4,
            "n_positions": 64,
            "bos_token_id": 1,
            "eos_token_id": 2,
        },
    ),
    "glm4": (
        gguf.MODEL_ARCH.GLM4,
        Q8_0,
        DENSE
        | {"model_type": "glm4", "attention_bias": True, "tie_word_embeddings": False},
    ),
    "mixtral": (
        gguf.MODEL_ARCH.LLAMA,
        Q8_0,
        MOE | {"model_type": "mixtral", "num_local_experts": 3},
    ),
    "qwen3_moe": (
        gguf.MODEL_ARCH.QWEN3MOE,
        Q8_0,
        MOE
        | {
            "model_type": "qwen3_moe",
            "num_experts": 3,
            "moe_intermediate_size": 32,
            "norm_topk_prob": True,
        },
    ),
}


def paired_rows(array, heads):
    """LlamaModel.permute of convert_hf_to_gguf.py."""
    shape = (heads, 2, array.shape[0] // heads // 2, *array.shape[1:])
    return array.reshape(shape).swapaxes(1, 2).reshape(array.shape)


def changed(name, array, config):
    """What convert_hf_to_gguf.py does to a tensor of this name."""
    kind = config["model_type"]
    if kind in ("llama", "mixtral"):
        if ".q_proj." in name:
            return paired_rows(array, config["num_attention_heads"])
        if ".k_proj." in name:
            return paired_rows(array, config["num_key_value_heads"])
    if kind.startswith("gemma") and name.endswith("norm.weight"):
        return array + 1
    if kind == "gpt2" and array.ndim == 2 and ".h." in name:
        return array.T
    return array


def undone(name, array, config):
    """The way back: the array under its own name, from the file's numbers."""
    kind = config["model_type"]
    if kind in ("llama", "mixtral") and (".q_proj." in name or ".k_proj." in name):
        key = "num_attention_heads" if ".q_proj." in name else "num_key_value_heads"
        heads = config[key]
        shape = (heads, array.shape[0] // heads // 2, 2, *array.shape[1:])
        return array.reshape(shape).swapaxes(1, 2).reshape(array.shape)
    if kind.startswith("gemma") and name.endswith("norm.weight"):
        return array - 1
    if kind == "gpt2" and array.ndim == 2 and ".h." in name:
        return array.T
    return array


def write_keys(writer, config, model):
    """The hyperparameters, as set_gguf_parameters of the model's class writes them."""
    kind = config["model_type"]
    real = model.config
    writer.add_vocab_size(config["vocab_size"])
    writer.add_context_length(64)
    if kind == "gpt2":
        writer.add_embedding_length(config["n_embd"])
        writer.add_block_count(config["n_layer"])
        writer.add_feed_forward_length(4 * config["n_embd"])
        writer.add_head_count(config["n_head"])
        writer.add_layer_norm_eps(real.layer_norm_epsilon)
        return
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_key_length(config["head_dim"])
    writer.add_value_length(config["head_dim"])
    parameters = real.rope_parameters
    parameters = parameters.get("full_attention", parameters)
    writer.add_rope_freq_base(parameters["rope_theta"])
    share = parameters.get("partial_rotary_factor", 1)
    writer.add_rope_dimension_count(int(config["head_dim"] * share))
    if kind in ("gemma2", "gemma3_text", "phi3"):
        writer.add_sliding_window(config["sliding_window"])
    if kind == "gemma2":
        writer.add_attn_logit_softcapping(real.attn_logit_softcapping)
        writer.add_final_logit_softcapping(real.final_logit_softcapping)
    experts = config.get("num_local_experts") or config.get("num_experts")
    if experts:
        writer.add_expert_count(experts)
        writer.add_expert_used_count(config["num_experts_per_tok"])
    if kind == "qwen3_moe":
        writer.add_expert_feed_forward_length(config["moe_intermediate_size"])


def llama3_factors(config):
    """rope_freqs.weight, as LlamaModel.generate_extra_tensors computes it."""
    rope, size = config["rope_parameters"], config["head_dim"]
    frequencies = 1.0 / rope["rope_theta"] ** (numpy.arange(0, size, 2, dtype=numpy.float64) / size)
    length = rope["original_max_position_embeddings"]
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    factors = []
    for wavelength in 2 * numpy.pi / frequencies:
        if wavelength < length / high:
            factors.append(1)
        elif wavelength > length / low:
            factors.append(rope["factor"])
        else:
            smooth = (length / wavelength - low) / (high - low)
            factors.append(1 / ((1 - smooth) / rope["factor"] + smooth))
    return numpy.array(factors, dtype=numpy.float32)


def tensors_of(name, array, config):
    """GGUF-side parts (name without suffix, suffix, array) of one of transformers' parameters."""
    module, suffix = name, ""
    if name.endswith((".weight", ".bias")):
        module, suffix = name.rsplit(".", 1)
        suffix = "." + suffix
    if config["model_type"] in ("mixtral", "qwen3_moe") and ".mlp." in module:
        module = module.replace(".mlp.", ".block_sparse_moe.")
        layer = module.split(".experts.")[0].split(".block_sparse_moe")[0]
        block = f"blk.{layer.rsplit('.', 1)[1]}."
        if module.endswith("gate_up_proj"):
            half = array.shape[1] // 2
            return [
                (block + "ffn_gate_exps", ".weight", array[:, :half]),
                (block + "ffn_up_exps", ".weight", array[:, half:]),
            ]
        if module.endswith("down_proj"):
            return [(block + "ffn_down_exps", ".weight", array)]
        return [(block + "ffn_gate_inp", ".weight", array)]
    return [(module, suffix, changed(name, array, config))]


def stored(name, array, kind):
    """The array in the file's type, and what that type makes of it."""
    is_router = "ffn_gate_inp" in name or "position_embd" in name
    used = F32 if array.ndim == 1 or is_router else kind
    array = numpy.ascontiguousarray(array, dtype=numpy.float32)
    data = gguf.quants.quantize(array, used)
    return used, data, gguf.quants.dequantize(data, used).reshape(array.shape)


def continuations(model, generator):
    """Random prompts and what greedy decoding adds to them, where no step is a near tie."""
    arrays = {}
    while len(arrays) < 2 * PROMPTS:
        prompt = generator.integers(3, 97, size=int(generator.integers(1, 13)), dtype=numpy.int32)
        with torch.no_grad():
            made = model.generate(
                torch.from_numpy(prompt[None]).long(),
                attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
                max_new_tokens=CONTINUATION,
                do_sample=False,
                eos_token_id=None,
                pad_token_id=0,
                output_logits=True,
                return_dict_in_generate=True,
            )
        best = torch.stack(made.logits).topk(2, dim=-1).values[:, 0]
        if (best[:, 0] - best[:, 1]).min() < MARGIN:
            continue
        number = len(arrays) // 2
        arrays[f"prompt.{number}"] = prompt
        arrays[f"continuation.{number}"] = made.sequences[0, len(prompt) :].int().numpy()
    return arrays


def write_case(name, index):
    """Writes one folder."""
    arch, kind, config = CASES[name]
    folder = REFERENCES / "gguf_models" / name
    folder.mkdir(parents=True)
    generator = numpy.random.default_rng([SEED, 200 + index])
    model = AutoModelForCausalLM.from_config(
        AutoConfig.for_model(**config), attn_implementation="eager", dtype=torch.float32
    ).eval()
    fill(model, generator)
    layers = model.config.num_hidden_layers
    names = gguf.get_tensor_name_map(arch, layers)
    writer = gguf.GGUFWriter(folder / "model.gguf", gguf.MODEL_ARCH_NAMES[arch])
    writer.add_name(name)
    write_keys(writer, config, model)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    if "rope_type" in config.get("rope_parameters", {}):
        writer.add_tensor("rope_freqs.weight", llama3_factors(config))
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            parts = []
            for module, suffix, array in tensors_of(parameter_name, parameter.numpy(), config):
                target = module if module.startswith("blk.") else names.get_name(module)
                if target is None:
                    raise SystemExit(f"{name}: no GGUF name for {module}")
                used, data, values = stored(target, array, kind)
                writer.add_tensor(target + suffix, data, raw_dtype=used)
                parts.append(values)
            whole = numpy.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]
            whole = numpy.ascontiguousarray(undone(parameter_name, whole, config))
            parameter.copy_(torch.from_numpy(whole))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    ids = random_ids(generator, BATCH)[:, :-1]
    with torch.no_grad():
        logits = model(input_ids=torch.from_numpy(ids.copy()).long(), use_cache=False).logits
    arrays = {"input_ids": ids, "logits": logits.numpy()}
    arrays |= continuations(model, numpy.random.default_rng([SEED, 300 + index]))
    save_file(
        {key: numpy.ascontiguousarray(value) for key, value in arrays.items()},
        folder / "reference.safetensors",
    )
    print(f"{name}: {(folder / 'model.gguf').stat().st_size} bytes, logits up to "
          f"{logits.abs().max().item():.2f}")


def main():
    """Writes all cases anew."""
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    logging.disable_progress_bar()
    shutil.rmtree(REFERENCES / "gguf_models", ignore_errors=True)
    for index, name in enumerate(CASES):
        write_case(name, index)
    write_manifest(REFERENCES / "gguf_models", __file__, PACKAGES, SEED)


if __name__ == "__main__":
    main()
