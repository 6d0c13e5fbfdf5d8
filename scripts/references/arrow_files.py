"""Arrow IPC files and folders of `datasets`, each with its rows as lines of JSON.

    python arrow_files.py

NAME.arrow is the table; NAME.jsonl has its rows as `datasets` gives them to Python, with what JSON does not
have as text: dates and times by `str`, decimals by their digits. Columns of raw bytes are left out; maps with
texts as keys are objects.
"""

import datetime
import decimal
import json
import math
import shutil

import datasets
import numpy
import pandas
import pyarrow
import pyarrow.feather
import pyarrow.ipc
from manifest import REFERENCES, write_manifest

FOLDER = REFERENCES / "arrow"
IPC = pyarrow.ipc
VERSIONS = pyarrow.ipc.MetadataVersion


def is_left_out(kind):
    """Whether values are raw bytes, or have nothing else."""
    types = pyarrow.types
    if isinstance(kind, pyarrow.BaseExtensionType):
        return is_left_out(kind.storage_type)
    if types.is_dictionary(kind):
        return is_left_out(kind.value_type)
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return True
    if kind == pyarrow.binary_view():
        return True
    if types.is_struct(kind):
        return kind.num_fields > 0 and all(is_left_out(field.type) for field in kind)
    if types.is_map(kind):
        return is_left_out(kind.key_type) or is_left_out(kind.item_type)
    if has_elements(kind):
        return is_left_out(kind.value_type)
    return False


def has_elements(kind):
    types = pyarrow.types
    return (
        types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
        or types.is_list_view(kind) or types.is_large_list_view(kind)
    )


def plain(value, kind):
    """A value of Python as JSON has it."""
    types = pyarrow.types
    if isinstance(kind, pyarrow.JsonType):
        return None if value is None else json.loads(value)
    if isinstance(kind, pyarrow.BaseExtensionType):
        return plain(value, kind.storage_type)
    if types.is_dictionary(kind):
        return plain(value, kind.value_type)
    if value is None:
        return None
    if types.is_struct(kind):
        return {
            field.name: plain(value[field.name], field.type)
            for field in kind if not is_left_out(field.type)
        }
    if types.is_map(kind):
        pairs = [[plain(key, kind.key_type), plain(item, kind.item_type)] for key, item in value]
        is_text = types.is_string(kind.key_type) or types.is_large_string(kind.key_type)
        return dict(pairs) if is_text else pairs
    if has_elements(kind):
        return [plain(element, kind.value_type) for element in value]
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    dates = (datetime.date, datetime.time, datetime.timedelta, pandas.Timedelta)
    if isinstance(value, dates):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def write_rows(name, table):
    """Writes the rows of a table as lines of JSON."""
    with open(FOLDER / f"{name}.jsonl", "w", encoding="utf-8") as out:
        columns = [
            (column, [plain(value, table.schema.field(column).type)
                      for value in table.column(column).to_pylist()])
            for column in table.column_names
            if not is_left_out(table.schema.field(column).type)
        ]
        for row in range(table.num_rows):
            values = {column: values[row] for column, values in columns}
            out.write(json.dumps(values, ensure_ascii=False) + "\n")


def write(name, table, form="stream", rows=True, batch=None, **options):
    """Writes a table and its rows."""
    options = IPC.IpcWriteOptions(**options)
    new = IPC.new_stream if form == "stream" else IPC.new_file
    with new(str(FOLDER / f"{name}.arrow"), table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=batch)
    if rows:
        write_rows(name, table)


def scalars():
    """A column of each type of scalar, nulls among the values."""
    utc, berlin = "UTC", "Europe/Berlin"
    digits = [decimal.Decimal(text) for text in ["123.4567890", "-0.0500000", "0.0000001"]]
    large = [decimal.Decimal(10) ** 70 / 3, decimal.Decimal(-1), decimal.Decimal(0)]
    large = [value.quantize(decimal.Decimal("0.001"), context=decimal.Context(prec=76)) for value in large]
    times = [1_709_211_900, -3_000_000_000, 0]
    array = pyarrow.array
    columns = {
        "null": pyarrow.nulls(4),
        "bool": array([True, None, False, True]),
        "float16": array(numpy.array([1.5, -0.1, 65504, 0], numpy.float16)),
        "float32": array([0.1, None, -3.4e38, 1e-45], pyarrow.float32()),
        "float64": array([0.1, math.nan, -1.7e308, math.inf]),
        "text": array(["a\"b\\c\n\t\u0001", None, "", "Grüße 😀"]),
        "large_text": array(["x", None, "", "é" * 30], pyarrow.large_string()),
        "binary": array([b"a", None, b"", b"\xff"]),
        "large_binary": array([b"a", None, b"", b"\xff"], pyarrow.large_binary()),
        "fixed_binary": array([b"abc", None, b"def", b"ghi"], pyarrow.binary(3)),
        "date32": array([19782, -719162, None, 0], pyarrow.date32()),
        "date64": array([19782 * 86_400_000, -86_400_000, None, 0], pyarrow.date64()),
        "decimal32": array([decimal.Decimal("1.25"), decimal.Decimal("-99.99"), None, None],
                           pyarrow.decimal32(4, 2)),
        "decimal64": array(digits + [None], pyarrow.decimal64(18, 7)),
        "decimal128": array(digits + [None], pyarrow.decimal128(38, 7)),
        "decimal256": array(large + [None], pyarrow.decimal256(76, 3)),
        "negative_scale": array([12300, -100, 0, None]).cast(pyarrow.decimal128(20, 0)).cast(
            pyarrow.decimal128(20, -2)),
        "time32_s": array([47_100, 0, 86_399, None], pyarrow.time32("s")),
        "time32_ms": array([47_100_250, 0, 1, None], pyarrow.time32("ms")),
        "time64_us": array([47_100_000_001, 0, 86_399_999_999, None], pyarrow.time64("us")),
        "time64_ns": array([47_100_000_001_000, 0, 1000, None], pyarrow.time64("ns")),
    }
    for bits in [8, 16, 32, 64]:
        top = 2 ** (bits - 1)
        columns[f"int{bits}"] = array([0, None, -top, top - 1], getattr(pyarrow, f"int{bits}")())
        columns[f"uint{bits}"] = array([0, None, 1, 2 * top - 1], getattr(pyarrow, f"uint{bits}")())
    for unit, factor in [("s", 1), ("ms", 1000), ("us", 10**6), ("ns", 10**9)]:
        fraction = {"s": 0, "ms": 250, "us": 1, "ns": 1}[unit]
        values = [times[0] * factor + fraction, None, times[1] * factor, times[2]]
        for zone in [None, utc, berlin, "+05:30", "-09:30"]:
            name = f"timestamp_{unit}_{zone}"
            columns[name] = array(values, pyarrow.timestamp(unit, zone))
        spans = [90_061 * factor + fraction, None, -5 * factor, 0]
        columns[f"duration_{unit}"] = array(spans, pyarrow.duration(unit))
    return pyarrow.table(columns)


def chats(count):
    """Rows of conversations in the forms that data sets have."""
    message = pyarrow.struct([
        ("role", pyarrow.string()), ("content", pyarrow.string()),
        ("tool_calls", pyarrow.list_(pyarrow.struct([
            ("name", pyarrow.string()), ("arguments", pyarrow.list_(pyarrow.string()))]))),
    ])
    rows = []
    for index in range(count):
        turns = [
            {"role": "user", "content": f"Question {index}?", "tool_calls": None},
            {"role": "assistant", "content": None if index % 3 else "Answer …", "tool_calls": [
                {"name": f"tool{call}", "arguments": ["a", None, ""][:call]} for call in range(index % 4)
            ]},
            None,
        ][:index % 4]
        rows.append(None if index == 5 else turns)
    return pyarrow.table({
        "id": pyarrow.array(range(count), pyarrow.int32()),
        "messages": pyarrow.array(rows, pyarrow.list_(message)),
    })


def nested():
    """Lists and structs of further kinds."""
    array = pyarrow.array
    pixels = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    raw = pyarrow.struct([("bytes", pyarrow.binary())])
    words = pyarrow.map_(pyarrow.string(), pyarrow.int64())
    numbers = pyarrow.map_(pyarrow.int32(), pyarrow.list_(pyarrow.string()))
    return pyarrow.table({
        "large_list": array([[1, 2], None, [], [None, 3]], pyarrow.large_list(pyarrow.int16())),
        "fixed_list": array([[1, 2], None, [3, None], [4, 5]], pyarrow.list_(pyarrow.float64(), 2)),
        "list_of_lists": array([[[True]], [None, []], None, [[False, None]]]),
        "image": array([{"bytes": b"x", "path": "p"}, None, {"bytes": None, "path": None},
                        {"bytes": b"", "path": ""}], pixels),
        "raw": array([{"bytes": b"x"}, None, {"bytes": b""}, {"bytes": b""}], raw),
        "raws": array([[b"x"], None, [], [b""]]),
        "map": array([[("a", 1), ("b", None)], None, [], [("ü", 3)]], words),
        "pairs": array([[(1, ["x"]), (2, None)], None, [], [(3, [])]], numbers),
        "sequence": array([{"role": ["u", "a"], "content": ["1", None]}, None,
                           {"role": [], "content": []}, {"role": ["u"], "content": [""]}]),
        "nothing": array([[None, None], [], None, [None]], pyarrow.list_(pyarrow.null())),
        "empty": array([{}, None, {}, {}], pyarrow.struct([])),
        "last": array(["a", "b", "c", "d"]),
    })


def views():
    """Columns of the view types."""
    texts = ["short", None, "a text longer than twelve letters", "", "another that is long, ü", "x" * 12]
    return pyarrow.table({
        "text": pyarrow.array(texts, pyarrow.string_view()),
        "binary": pyarrow.array([b"x" * 20] * 6, pyarrow.binary_view()),
        "list": pyarrow.array([[1, 2], None, [], [3], [4, None], [5]], pyarrow.list_view(pyarrow.int64())),
        "large": pyarrow.array([["a"], None, [], ["b"], [None], ["c", "d"]],
                               pyarrow.large_list_view(pyarrow.string())),
        "number": pyarrow.array(range(6)),
    })


def dictionaries():
    """Columns that are dictionary-encoded."""
    labels = pyarrow.array(["no", "yes", None, "no", "maybe", "yes"])
    columns = {}
    for bits in [8, 16, 32, 64]:
        for sign in ["", "u"]:
            kind = getattr(pyarrow, f"{sign}int{bits}")()
            indices = pyarrow.array([1, 0, None, 1, 2, 0], kind)
            columns[f"{sign}int{bits}"] = pyarrow.DictionaryArray.from_arrays(
                indices, pyarrow.array(["eins", None, "zwei"]))
    columns["numbers"] = pyarrow.array([5, 5, None, 7, 5, 7]).dictionary_encode()
    columns["labels"] = labels.dictionary_encode()
    columns["list"] = pyarrow.ListArray.from_arrays([0, 2, 2, 3, 5, 6, 6], labels.dictionary_encode())
    columns["structs"] = pyarrow.DictionaryArray.from_arrays(
        pyarrow.array([0, 1, 1, None, 0, 0]),
        pyarrow.StructArray.from_arrays(
            [pyarrow.array(["x", "y"]).dictionary_encode(), pyarrow.array([1, None])], ["a", "b"]))
    columns["raw"] = pyarrow.array([b"x", b"y", b"x", b"x", b"x", b"y"]).dictionary_encode()
    return pyarrow.table(columns)


def changing_dictionaries(name, deltas):
    """Batches between which a dictionary grows, or is replaced."""
    values = ["a", "b", "c", "d", "e"]
    batches = []
    for part, indices in [(2, [0, 1, None]), (3, [2, 0, 1]), (5, [4, 3, 2])]:
        words = values[:part] if deltas else values[5 - part:]
        array = pyarrow.DictionaryArray.from_arrays(pyarrow.array(indices, pyarrow.int8()), words)
        batches.append(pyarrow.record_batch({"word": array}))
    table = pyarrow.Table.from_batches(batches)
    write(name, table, emit_dictionary_deltas=deltas, unify_dictionaries=False)


def later_offsets():
    """Texts and lists whose offsets do not begin at 0, which pyarrow reads but does not write."""
    table = pyarrow.table({
        "text": ["abc", "de", None, "fgh"], "list": [[10, 11], [12], None, [13, 14]]})
    write("later_offsets", table, rows=False)
    path = FOLDER / "later_offsets.arrow"
    content = path.read_bytes()
    for found, wanted in [([0, 3, 5, 5, 8], [1, 3, 5, 5, 8]), ([0, 2, 3, 3, 5], [1, 2, 3, 3, 4])]:
        found, wanted = (numpy.array(part, numpy.int32).tobytes() for part in (found, wanted))
        assert content.count(found) == 1
        content = content.replace(found, wanted)
    path.write_bytes(content)
    write_rows("later_offsets", IPC.open_stream(content).read_all())


def tables():
    """Files of single tables."""
    write("scalars", scalars())
    write("scalars_file", scalars(), "file")
    write("nested", nested())
    write("chats", chats(12), batch=5)
    write("chats_file", chats(12), "file", batch=5)
    write("chats_lz4", chats(60), compression="lz4")
    write("chats_zstd", chats(60), compression="zstd")
    write("sliced", chats(40).slice(3, 9))
    write("sliced_scalars", pyarrow.concat_tables([scalars()] * 5).combine_chunks().slice(5, 11))
    write("sliced_nested", pyarrow.concat_tables([nested()] * 5).combine_chunks().slice(5, 11))
    write("version4", chats(4), metadata_version=VERSIONS.V4)
    write("without_marks", chats(4), use_legacy_format=True, metadata_version=VERSIONS.V4)
    write("views", views())
    write("views_zstd", views(), "file", compression="zstd")
    write("dictionaries", dictionaries())
    write("dictionaries_file", dictionaries(), "file", compression="lz4")
    write("empty", chats(12).slice(0, 0))
    write("no_columns", pyarrow.table({}))
    changing_dictionaries("dictionary_deltas", True)
    changing_dictionaries("dictionary_replaced", False)
    later_offsets()
    for compression in ["uncompressed", "lz4", "zstd"]:
        name = f"feather_{compression}"
        table = pyarrow.table({"text": ["the same words " * 40] * 30, "number": range(30)})
        pyarrow.feather.write_feather(table, str(FOLDER / f"{name}.arrow"), compression=compression)
        write_rows(name, table)
    long = pyarrow.table({"text": [chr(97 + index % 26) * (index * 37 % 900) for index in range(200)]})
    write("long_lz4", long, compression="lz4")


def refused():
    """Tables with a column that is not read, and one that is."""
    plain = pyarrow.array([1, 2])
    union = pyarrow.UnionArray.from_sparse(
        pyarrow.array([0, 1], pyarrow.int8()), [plain, pyarrow.array(["a", "b"])])
    dense = pyarrow.UnionArray.from_dense(
        pyarrow.array([0, 1], pyarrow.int8()), pyarrow.array([0, 0], pyarrow.int32()),
        [plain, pyarrow.array(["a"])])
    runs = pyarrow.RunEndEncodedArray.from_arrays([2], ["x"])
    month = pyarrow.array([(1, 2, 3), None], pyarrow.month_day_nano_interval())
    for name, array in [("union", union), ("dense_union", dense), ("runs", runs), ("interval", month)]:
        write(f"refused_{name}", pyarrow.table({"odd": array, "plain": plain}), rows=False)
    # There a union has a bitmap.
    write("refused_old_union", pyarrow.table({"odd": union, "plain": plain}), rows=False,
          metadata_version=VERSIONS.V4)


def saved():
    """Folders of save_to_disk, and a file of the cache."""
    folder = FOLDER / "saved"
    words = datasets.Dataset.from_dict(
        {"text": ["one", "two", None, "four"], "label": [0, 1, 1, 0]},
        features=datasets.Features({
            "text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])}))
    words.save_to_disk(str(folder / "one"))
    named = datasets.Dataset.from_dict({"text": ["v"]}, split=datasets.Split.VALIDATION)
    named.save_to_disk(str(folder / "named"))
    datasets.DatasetDict({"train": words, "extra": words.select([3, 1])}).save_to_disk(
        str(folder / "splits"), num_shards={"train": 3, "extra": 1})
    for path in folder.rglob("dataset_info.json"):
        path.write_text("{}")  # Not read; it holds the date.
    for path in folder.rglob("state.json"):
        state = json.loads(path.read_text())
        state["_fingerprint"] = "0"
        path.write_text(json.dumps(state, indent=2, sort_keys=True))
    mixed = datasets.Features({
        "json": datasets.Json(), "list": datasets.List(datasets.Json()),
        "image": datasets.Array2D((2, 2), "int32"), "old": {"a": datasets.List(datasets.Value("int8"))},
    })
    rows = [
        {"json": {"b": [1, {"c": None}]}, "list": [1, "x", None], "image": [[1, 2], [3, 4]], "old": {"a": [1]}},
        {"json": None, "list": [], "image": [[5, 6], [7, 8]], "old": {"a": []}},
        {"json": "text", "list": None, "image": None, "old": None},
    ]
    data = datasets.Dataset.from_list(rows, features=mixed)
    write("datasets_types", data.data.table, rows=False)
    with open(FOLDER / "datasets_types.jsonl", "w", encoding="utf-8") as out:
        for row in data:
            out.write(json.dumps(row) + "\n")


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    tables()
    refused()
    saved()
    write_manifest(FOLDER, __file__, ["pyarrow", "datasets", "pandas", "numpy"], None)


main()
