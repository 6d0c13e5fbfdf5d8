"""What transformers makes of inputs that tests hold as literals (see literals.py).

    python scripts/references/transformers_literals.py

LengthDependentAnglesTests, WholeTextAnglesTests, GrownEncoderTests, SentencePieceModelTests, ChatCompletionTests.
Reads the models of Tests/References. CPU, float32, one thread.
"""

import json
import os
import re
import shutil
import tempfile
import textwrap
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import jinja2
import torch
from literals import Literals, floats, source, text
from manifest import REFERENCES
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer, BertConfig, BertForMaskedLM
from transformers.utils.chat_template_utils import render_jinja_template

SEED = 20261201
PROMPTS = [
    [3, 4, 5, 6, 7, 8, 9, 10], [5, 12, 19, 26, 33, 0, 7, 14, 21],
    [2, 13, 24, 35, 5, 16, 27, 38, 8, 19, 30, 0, 11, 22, 33, 3, 14, 25, 36, 6],
]  # fmt: skip
LONGROPE = {
    "rope_type": "longrope", "factor": 5.0, "original_max_position_embeddings": 12,
    "short_factor": [1.0, 1.25, 1.5, 1.75], "long_factor": [1.5, 3.0, 4.5, 6.0],
}  # fmt: skip
DYNAMIC = {"rope_type": "dynamic", "factor": 4.0}
ANGLES = {
    "phi3": ("architectures/phi3_longrope", {}), "longrope": ("models/llama", {"rope_scaling": LONGROPE}),
    "dynamic": ("models/llama", {"rope_scaling": DYNAMIC, "max_position_embeddings": 12}),
}  # fmt: skip
LIMIT = {"original_max_position_embeddings": 32, "max_position_embeddings": 1024}
WHOLE = {
    "phi3": ("architectures/phi3_longrope", LIMIT),
    "dynamic": ("models/llama", {"rope_scaling": DYNAMIC, "max_position_embeddings": 32}),
}  # fmt: skip
BIASES = {
    "bert": ["cls.predictions.bias"], "roberta": ["lm_head.bias"], "electra": ["generator_lm_head.bias"],
    "modernbert": ["decoder.bias"], "bert_odd": ["cls.predictions.bias", "cls.predictions.decoder.bias"],
    "distilbert": ["vocab_projector.bias"], "mpnet": ["lm_head.bias"],
    "albert": ["predictions.bias"],
}  # fmt: skip
SENTINELS = ["The <extra_id_0> walks in <extra_id_1> park.", "the dog<extra_id_0>", "the  model <extra_id_99>"]
AROUND = [
    {}, {"add_bos_token": True}, {"add_bos_token": False}, {"add_eos_token": True},
    {"add_bos_token": False, "add_eos_token": True},
]  # fmt: skip


def changed(base, changes, folder):
    """A model of Tests/References whose config.json has other keys."""
    shutil.copytree(REFERENCES / base, folder)
    path = Path(folder, "config.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def written(model, prompt, **options):
    """The twelve tokens that follow a prompt; the folder's own settings of generation and ends are left out."""
    model.generation_config.eos_token_id = None
    ids = torch.tensor([prompt])
    with torch.no_grad():
        made = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=12,
            pad_token_id=0, **options)  # fmt: skip
    return made[0].tolist()[len(prompt):]


def angles(printed, scratch):
    printed.test("LengthDependentAnglesTests")
    for prompt in PROMPTS:
        printed.value("prompt", prompt)
    models = {name: changed(base, more, f"{scratch}/{name}") for name, (base, more) in ANGLES.items()}
    for name, model in models.items():
        printed.value(name, [written(model, prompt) for prompt in PROMPTS])
    beams = {"num_beams": 2, "early_stopping": False}
    printed.value("phi3, two beams", [written(models["phi3"], prompt, **beams) for prompt in PROMPTS[:2]])


def loss(model, count, read):
    """The mean loss of a text of `count` tokens, of which the model is given so many."""
    ids = torch.tensor([[(5 + place * 7 + place * place % 11) % 41 for place in range(count)]])
    with torch.no_grad():
        logits = model(input_ids=ids[:, :read]).logits[0, : count - 1]
    return torch.nn.functional.cross_entropy(logits.double(), ids[0, 1:]).item()


def whole(printed, scratch):
    printed.test("WholeTextAnglesTests")
    lengths = [20, 33, 34, 40]
    printed.value("lengths", lengths)
    models = {name: changed(base, more, f"{scratch}/{name}") for name, (base, more) in WHOLE.items()}
    for name, model in models.items():
        # transformers keeps a longer text's dynamic angles for later texts: each one here is longer.
        printed.value(name, floats([loss(model, count, count) for count in lengths]))
    printed.value("phi3, 32 of 33 tokens", f"{loss(models['phi3'], 33, 32):.7f}")


def new_biases(model, size):
    """What a head's bias of n/2 - 1 holds for rows that are new."""
    rows = model.config.vocab_size
    model.resize_token_embeddings(size)
    found = model.get_output_embeddings().bias.detach()
    assert torch.equal(found[:rows], torch.arange(rows) / 2 - 1) and found.shape == (size,)
    return ", ".join(sorted({f"{number:g}" for number in found[rows:].tolist()}))


def grown(printed, scratch):
    printed.test("GrownEncoderTests")
    for tied in [True, False]:
        config = BertConfig(
            vocab_size=10, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8,
            tie_word_embeddings=tied)  # fmt: skip
        model = BertForMaskedLM(config)
        model.get_output_embeddings().bias.data[:] = torch.arange(10) / 2 - 1
        printed.value(f"ten rows, tied {tied}", new_biases(model, 13))
    for name, names in BIASES.items():
        folder = f"{scratch}/{name}"
        shutil.copytree(REFERENCES / "encoders" / name, folder)
        numbers = load_file(f"{folder}/model.safetensors")
        assert all(numbers[one].shape == (53,) for one in names)
        numbers |= {one: torch.arange(53) / 2 - 1 for one in names}
        save_file(numbers, f"{folder}/model.safetensors", metadata={"format": "pt"})
        new = new_biases(AutoModelForMaskedLM.from_pretrained(folder), 64)
        spelled = ", ".join(map(text, names))
        # The first case names the type of all.
        printed.value(name, f'"{name}", [{spelled}], ' + (f"Float({new})" if name == "bert" else new))


def loaded(scratch, files):
    """AutoTokenizer's of a folder of files: texts, objects, or names of sentencepiece_models/."""
    folder = Path(tempfile.mkdtemp(dir=scratch))
    for name, content in files.items():
        if name.endswith(".model"):
            shutil.copy(REFERENCES / "sentencepiece_models" / content, folder / name)
        else:
            (folder / name).write_text(json.dumps(content))
    return AutoTokenizer.from_pretrained(folder), folder


def pieces(printed, scratch):
    printed.test("SentencePieceModelTests")
    configuration = {"tokenizer_class": "T5Tokenizer", "extra_ids": 4}
    four, _ = loaded(scratch, {"spiece.model": "unigram.model", "tokenizer_config.json": configuration})
    printed.value("four sentinels", [four.convert_tokens_to_ids(f"<extra_id_{n}>") for n in range(4)])
    printed.value("size", len(four))
    printed.value("ids", four("a <extra_id_0> b<extra_id_3>")["input_ids"])
    made = {
        kind: loaded(scratch, {"spiece.model": "unigram.model", "config.json": {"model_type": kind}})[0]
        for kind in ["t5", "mt5"]
    }
    for sentence in SENTINELS:
        ids = made["t5"](sentence)["input_ids"]
        printed.value(sentence, ids)
        printed.holds("mt5 as t5", made["mt5"](sentence)["input_ids"] == ids)
    printed.value("size", len(made["t5"]))
    for name, model, file in [
        ("T5Tokenizer", "unigram", "spiece.model"),
        ("XLMRobertaTokenizer", "fairseq", "sentencepiece.bpe.model"),
    ]:
        made, folder = loaded(scratch, {file: f"{model}.model", "tokenizer_config.json": {"tokenizer_class": name}})
        made.save_pretrained(folder)
        saved = json.loads((folder / "tokenizer_config.json").read_text())
        literal = ", ".join(map(text, [model, file, name]))
        printed.value("saved unk_id", f"{literal}, {saved['unk_id']}")
    plain = loaded(scratch, {"tokenizer.model": "bpe.model", "tokenizer_config.json": AROUND[2]})[0]("the dog")
    for configuration in AROUND:
        made, _ = loaded(scratch, {"tokenizer.model": "bpe.model", "tokenizer_config.json": configuration})
        before, after = "".join(map(chr, made("the dog")["input_ids"])).split("".join(map(chr, plain["input_ids"])))
        around = f'#"{json.dumps(configuration)}"#, {list(map(ord, before))}, {list(map(ord, after))}'
        if "add_bos_token" in configuration:
            printed.value("tokens around a text", around)
        else:
            printed.say(f"  tokens around a text: {around}, but the test has [1] before it, as it says")


def conversations(printed, _):
    printed.test("ChatCompletionTests")
    template = re.search(r'ownTemplate = """\n(.*?)\n +"""', source("ChatCompletionTests"), re.DOTALL)[1]
    template = textwrap.dedent(template)
    user, tool = {"role": "user", "content": "one"}, {"role": "tool", "content": "sun"}
    # The test gives the arguments as a text, as clients do; the program reads it before the template does.
    call = {"id": "c", "type": "function", "function": {"name": "rain", "arguments": {}}}
    called = {"role": "assistant", "content": "", "tool_calls": [call]}
    tools = [user, called, tool, {"role": "user", "content": "two"}]

    def rendered(messages, template):
        options = {"chat_template": template, "add_generation_prompt": True, "eos_token": "|"}
        return render_jinja_template([messages], **options)[0][0]

    for messages in [tools, [{"role": "assistant", "content": "hi"}, user], [user, called, called, tool]]:
        printed.value("own template", text(rendered(messages, template)))
    try:
        printed.say(rendered([tool], template))
    except jinja2.TemplateError as error:
        printed.value("a tool that begins", text(str(error)))
    whole = rendered(tools, (REFERENCES / "jinja/templates/qwen_tools.jinja").read_text())
    printed.value("qwen_tools", whole)
    printed.holds("with the same white space", textwrap.indent(whole, " " * 12) in source("ChatCompletionTests"))


def main():
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    printed = Literals(__file__, ["torch", "transformers", "tokenizers", "safetensors", "jinja2"], SEED)
    for part in [angles, whole, grown, pieces, conversations]:
        with tempfile.TemporaryDirectory() as scratch:
            part(printed, scratch)
    printed.finish()


if __name__ == "__main__":
    main()
