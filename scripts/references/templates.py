"""Reference ids and labels of conversations, from LLaMA-Factory's own code.

    python templates.py llamafactory-0.9.5-py3-none-any.whl llamafactory-0.9.3-py3-none-any.whl

The wheels are imported as they are. Rows on which LLaMA-Factory's own code is wrong are handed to it
in the form that it reads rightly (see `mended`): arguments of calls as objects, and answers of several
tools parted as the template does. The second one gives baichuan2, which 0.9.5 no longer has;
only its slots are taken. Packages that LLaMA-Factory imports for images and sound are replaced by
empty ones. Llama 3's tool prompt names the day, which is held fixed.
"""

import copy
import datetime
import importlib.machinery
import io
import json
import random
import re
import sys
import types
import zipfile
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace

import template_rows
from template_tokenizers import FOLDER, load_tokenizer, train_tokenizers
from published_templates import register_published
from manifest import sha256, write_manifest

SEED = 20260102
DATE = datetime.datetime(2026, 1, 2)
NAMES = """default empty alpaca vicuna fewshot chatml smollm smollm2 yi intern2 qwen qwen3
qwen3_nothink llama2 llama2_zh llama3 mistral ministral gemma gemma2 gemma3 phi phi4 deepseek
deepseek3 deepseekr1 zephyr glm4 chatglm3 baichuan2""".split()
# Those added later; their values are one line each in more_encodings.txt.
MORE = """bailing bailing_v2 breeze chatml_de cohere cpm4 dbrx hy3 deepseekcoder ernie ernie_nothink
exaone falcon falcon_h1 glm4_moe glm4_7 glmz1 gpt_oss granite3 granite4 index hunyuan hunyuan_small lfm2
llama4 moonlight mimo mimo_v2 minimax1 minimax2 mistral_small olmo openchat openchat-3.6 opencoder
phi_small phi4_mini qwen3_5 qwen3_5_nothink qwen3_6 sailor seed_coder seed_oss solar starchat telechat2
xuanyuan youtu yuan aeva hy_dense_1_8b hy_dense_7b""".split()
# Settings that differ from LLaMA-Factory's defaults.
VARIANTS = {
    "plain": {},
    "short": {"cutoff_len": 48},
    "last": {"mask_history": True, "cutoff_len": 96},
    "prompts": {"train_on_prompt": True},
}
REASONING = {
    "nothink": {"enable_thinking": False},
    "open": {"enable_thinking": None},
    "kept": {"mask_history": True, "preserve_thinking": True},
    "last_nothink": {"mask_history": True, "enable_thinking": False},
}


def import_llamafactory(wheel):
    """LLaMA-Factory's modules out of its wheel."""
    for name in ["torchaudio", "av", "librosa"]:
        stub = types.ModuleType(name)
        stub.__spec__ = importlib.machinery.ModuleSpec(name, None)
        sys.modules[name] = stub
    sys.path.insert(0, str(wheel))
    from llamafactory.data import converter, parser, template, tool_utils
    from llamafactory.data.processor import processor_utils, supervised, unsupervised

    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return DATE

    tool_utils.datetime = Clock
    return SimpleNamespace(
        converter=converter, parser=parser, template=template, utils=processor_utils,
        supervised=supervised, unsupervised=unsupervised,
    )


def register_baichuan2(factory, old_wheel):
    """Registers baichuan2 with the slots that the older release gives it."""
    source = zipfile.ZipFile(old_wheel).read("llamafactory/data/template.py").decode()
    block = re.search(r'register_template\(\s+name="baichuan2",.*?\n\)', source, re.DOTALL)[0]
    exec(block, vars(factory.template))


def arguments(**changes):
    """LLaMA-Factory's data arguments."""
    values = dict(
        template=None, train_on_prompt=False, tool_format=None, default_system=None,
        enable_thinking=True, preserve_thinking=False, mask_history=False, cutoff_len=2048,
        neat_packing=False, media_dir=None,
    )
    return SimpleNamespace(**{**values, **changes})


def convert(factory):
    """All rows as LLaMA-Factory's converters make them, missing columns being null."""
    converted = {}
    for name, rows in [
        ("alpaca", template_rows.ALPACA),
        ("sharegpt", template_rows.SHAREGPT),
        ("openai", template_rows.OPENAI),
    ]:
        attributes = factory.parser.get_dataset_list([name], dict(template_rows.INFO))[0]
        columns = {key for row in rows for key in row}
        converter = factory.converter.get_dataset_converter(
            attributes.formatting, attributes, arguments()
        )
        for row in rows:
            given = {**dict.fromkeys(columns), **copy.deepcopy(row)}
            mend_arguments(given)
            if name == "openai":
                given = {key: value for key, value in given.items() if value is not None}
            example = converter(given)
            if name == "openai":
                # Without "detailed thinking off", which its converter puts into system prompts.
                first = row["messages"][0]
                example["_system"] = first["content"] if first["role"] == "system" else ""
            for key, value in example.items():
                converted.setdefault(key, []).append(value)
    return converted


def mend_arguments(row):
    """Arguments that are JSON text, as OpenAI's interface gives them, become the object."""
    for message in row.get("messages") or []:
        for call in message.get("tool_calls") or []:
            if isinstance(call["function"]["arguments"], str):
                call["function"]["arguments"] = json.loads(call["function"]["arguments"])


QWEN_JOINT = "\n</tool_response>\n<tool_response>\n"


def joint(template):
    """What a template puts between answers of several tools: Qwen's mark, else its own header."""

    def around(slots):
        text = "".join(slot if isinstance(slot, str) else slot.get("token", "")
                       for slot in slots if not isinstance(slot, set))
        return text.split("{{content}}", 1) if "{{content}}" in text else (text, "")

    before, after = around(template.format_observation.slots)
    if "<tool_response>" in before:
        return QWEN_JOINT
    if before.endswith("<response>"):
        return "</response>\n<response>"
    if template.format_observation.slots == template.format_user.slots:
        return "\n"
    header = around(template.format_user.slots)[1].removeprefix(
        around(template.format_assistant.slots)[1]
    )
    return after.removesuffix(header) + before


def rows_of(converted, index, template):
    row = {key: [values[index]] for key, values in copy.deepcopy(converted).items()}
    for message in row["_prompt"][0]:
        if message["role"] == "observation":
            message["content"] = message["content"].replace(QWEN_JOINT, joint(template))
    return row


def fnv(numbers):
    """The low 32 bits of FNV-1a over numbers as four bytes each."""
    value = 0xCBF29CE484222325
    for number in numbers:
        for byte in int(number).to_bytes(4, "little", signed=True):
            value = ((value ^ byte) * 0x100000001B3) % 2**64
    return value & 0xFFFFFFFF


def summary(ids, labels):
    return f"{len(ids)} {fnv(ids):08x} {fnv(labels):08x}"


def encode(factory, converted, name, tokenizer_name, changes, kind="supervised"):
    """One line a row: number of ids, hashes of ids and labels; or why LLaMA-Factory raises."""
    tokenizer = load_tokenizer(tokenizer_name)
    values = arguments(template=name, **changes)
    saved = copy.deepcopy(factory.template.TEMPLATES[name])
    template = factory.template.get_template_and_fix_tokenizer(tokenizer, values)
    factory.template.TEMPLATES[name] = saved
    if name in MORE:
        # No row has images, and plugins for them ask for a processor all the same.
        template.mm_plugin = factory.template.get_mm_plugin("base")
    # gemma3's template asks for a processor of images, though no row has any.
    images = SimpleNamespace(image_processor=SimpleNamespace(), boi_token="", full_image_sequence="")
    classes = {
        "supervised": factory.supervised.SupervisedDatasetProcessor,
        "packed": factory.supervised.PackedSupervisedDatasetProcessor,
        "prompts": factory.unsupervised.UnsupervisedDatasetProcessor,
    }
    processor = classes[kind](template, tokenizer, images, values)
    if kind == "packed":
        return processor.preprocess_dataset(converted), tokenizer
    outputs = []
    for index in range(len(converted["_prompt"])):
        try:
            output = processor.preprocess_dataset(rows_of(converted, index, template))
            outputs.append((output["input_ids"][0], output["labels"][0]))
        except (ValueError, RuntimeError, KeyError, TypeError, AttributeError) as error:
            outputs.append(str(error))
    return outputs, processor


def lines_of(outputs):
    return [output if isinstance(output, str) else summary(*output) for output in outputs]


def write_encodings(factory, converted):
    """encodings.txt: a line of template, tokenizer and settings, then one for each row."""
    text, prompts = "", ""
    missing = {}
    for name in NAMES:
        if name not in factory.template.TEMPLATES:
            missing[name] = "not registered"
            continue
        template = factory.template.TEMPLATES[name]
        variants = dict(VARIANTS)
        if isinstance(template, factory.template.ReasoningTemplate):
            variants |= REASONING
        if template.efficient_eos:
            del variants["prompts"]
        for tokenizer in ["llama", "qwen"]:
            for variant, changes in variants.items():
                if tokenizer == "qwen" and variant != "plain":
                    continue
                outputs, _ = encode(factory, converted, name, tokenizer, changes)
                text += f"# {name} {tokenizer} {variant}\n" + "\n".join(lines_of(outputs)) + "\n"
        for variant in ["plain"] + (["nothink", "open"] if "nothink" in variants else []):
            outputs, _ = encode(
                factory, converted, name, "llama", variants[variant] | {"cutoff_len": 256}, "prompts"
            )
            prompts += f"# {name} llama {variant}\n" + "\n".join(lines_of(outputs)) + "\n"
    for name, format in [("chatml", "qwen"), ("qwen", "glm4"), ("glm4", "llama3"), ("yi", "mistral")]:
        outputs, _ = encode(factory, converted, name, "llama", {"tool_format": format})
        text += f"# {name} llama tools-{format}\n" + "\n".join(lines_of(outputs)) + "\n"
    (FOLDER / "encodings.txt").write_text(text)
    (FOLDER / "prompts.txt").write_text(prompts)
    return missing


def write_more(factory, converted):
    """more_encodings.txt: for each template and settings one line, a hash of each row's ids and labels;
    - where LLaMA-Factory raises, . where a long row is left out."""
    text = ""
    sizes = [
        len(json.dumps([prompt, response]))
        for prompt, response in zip(converted["_prompt"], converted["_response"])
    ]
    for name in MORE:
        template = factory.template.TEMPLATES[name]
        variants = {"plain": {}, "last": VARIANTS["last"]}
        if not template.efficient_eos:
            variants["prompts"] = VARIANTS["prompts"]
        if isinstance(template, factory.template.ReasoningTemplate):
            variants |= {key: REASONING[key] for key in ["nothink", "open", "kept"]}
        for variant, changes in variants.items():
            for tokenizer in ["llama", "qwen"] if variant == "plain" else ["llama"]:
                outputs, _ = encode(factory, converted, name, tokenizer, changes)
                # Long rows once a template: their tokenization is what takes time in the test.
                hashes = [
                    "." if (tokenizer, variant) != ("llama", "plain") and sizes[index] > 600
                    else "-" if isinstance(output, str) else f"{fnv([len(output[0]), *output[0], *output[1]]):08x}"
                    for index, output in enumerate(outputs)
                ]
                text += f"# {name} {tokenizer} {variant}\n" + " ".join(hashes) + "\n"
    (FOLDER / "more_encodings.txt").write_text(text)


def write_details(factory, converted):
    """Ids in full for a few, packs, truncation, and how Python writes JSON."""
    details = {"rows": {}, "packs": {}}
    for name in ["qwen", "glm4", "mistral"]:
        outputs, processor = encode(factory, converted, name, "llama", {})
        details["rows"][name] = {str(index): outputs[index] for index in [0, 7, 22]}
        if name == "qwen":
            printed = io.StringIO()
            with redirect_stdout(printed):
                ids, labels = outputs[0]
                processor.print_data_example({"input_ids": ids, "labels": labels})
            details["printed"] = printed.getvalue()
    for neat in [False, True]:
        packed, tokenizer = encode(
            factory, converted, "chatml", "llama", {"cutoff_len": 255, "neat_packing": neat}, "packed"
        )
        details["packs"]["neat" if neat else "plain"] = [
            [fnv(ids), fnv(labels), mask[:250].count(0), max(mask)]
            for ids, labels, mask in zip(
                packed["input_ids"], packed["labels"], packed["attention_mask"]
            )
        ]
        details["pad"] = tokenizer.pad_token_id
    generator = random.Random(SEED)
    details["knapsacks"] = []
    for count, capacity in [(0, 8), (1, 8), (12, 10), (60, 100), (200, 512)]:
        lengths = [generator.randint(1, capacity) for _ in range(count)]
        groups = factory.utils.greedy_knapsack(list(lengths), capacity)
        details["knapsacks"].append({"lengths": lengths, "capacity": capacity, "groups": groups})
    details["lengths"] = []
    for _ in range(300):
        source, target, cutoff = (generator.randint(0, 40) for _ in range(3))
        if source + target == 0:
            continue
        kept = factory.utils.infer_seqlen(source, target, cutoff)
        details["lengths"].append([source, target, cutoff, *kept])
    texts = [
        '{"b": 1, "a": [1.0, 1e3, -0.0, -0, 1e16, 1.5e-7, 0.0001, 123456789012345678901234567890]}',
        '[1E400, -1e400, NaN, 5e-324, 1.7976931348623157e308, 9007199254740993, 1e15, 1e22, 0.1e1]',
        r'{"é\u00e9\n\t\"\\\/\u001f\u007f": "\ud83d\ude42", "a": {}, "b": [], "a": null}',
        '[true, false, "it\'s", "say \\"x\\"", {"k": "it\'s \\"both\\""}, 100000.0, 12345.678]',
    ]
    details["json"] = [
        {
            "text": text,
            "line": json.dumps(json.loads(text), ensure_ascii=False),
            "indented": json.dumps(json.loads(text), ensure_ascii=False, indent=4),
            "format": f"{json.loads(text)}",
        }
        for text in texts
    ]
    details["mixing"] = mixing()
    (FOLDER / "details.json").write_text(json.dumps(details, ensure_ascii=False) + "\n")


def mixing():
    """Which rows the datasets library takes in which order, and which it holds out."""
    from datasets import Dataset, fingerprint, interleave_datasets

    # Fingerprints serve its cache only, and cannot be made of every version of its parts.
    fingerprint.Hasher.hash = classmethod(lambda cls, value: "0")
    parts = [
        Dataset.from_dict({"row": [[part, row] for row in range(count)]})
        for part, count in enumerate([3, 5, 2])
    ]
    strategies = {
        "interleave_under": "first_exhausted",
        "interleave_over": "all_exhausted",
        "interleave_once": "all_exhausted_without_replacement",
    }
    orders = {}
    for name, strategy in strategies.items():
        for probabilities in [None, [0.5, 0.3, 0.2]]:
            for seed in [42, 2**40 + 7] if probabilities else [42]:
                mixed = interleave_datasets(
                    parts, probabilities=probabilities, seed=seed, stopping_strategy=strategy
                )
                orders[f"{name} {seed} {bool(probabilities)}"] = mixed["row"][:]
    splits = []
    for count, size, seed in [(10, 0.25, 42), (100, 7, 0), (37, 0.1, 1234567890123)]:
        rows = Dataset.from_dict({"row": list(range(count))})
        split = rows.train_test_split(test_size=size, seed=seed)
        splits.append([count, size, seed, split["train"]["row"][:], split["test"]["row"][:]])
    return {"orders": orders, "splits": splits}


def main(wheel, old_wheel):
    FOLDER.mkdir(exist_ok=True)
    factory = import_llamafactory(Path(wheel))
    register_baichuan2(factory, old_wheel)
    register_published(factory)
    template_rows.write(FOLDER)
    train_tokenizers()
    converted = convert(factory)
    missing = write_encodings(factory, converted)
    write_more(factory, converted)
    write_details(factory, converted)
    notes = {
        "wheels": {Path(path).name: sha256(path) for path in [wheel, old_wheel]},
        "templates": NAMES + MORE,
        "not produced": missing,
        "not from 0.9.5": {"baichuan2": "slots of 0.9.3, run by 0.9.5's code"},
        "date": DATE.strftime("%d %b %Y"),
        "rows": len(converted["_prompt"]),
        "variants": VARIANTS | REASONING,
    }
    (FOLDER / "notes.json").write_text(json.dumps(notes, indent=1, ensure_ascii=False) + "\n")
    write_manifest(
        FOLDER, __file__, ["tokenizers", "transformers", "datasets"], SEED,
        {"llamafactory": "0.9.5, 0.9.3 for baichuan2"},
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
