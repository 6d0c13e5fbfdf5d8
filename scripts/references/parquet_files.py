"""Parquet files with their rows as lines of JSON, as pyarrow reads them.

    python parquet_files.py
"""

import datetime
import decimal
import json
import math
import random
import tempfile
import uuid

import datasets
import numpy
import pandas
import pyarrow
import pyarrow.parquet as parquet
from manifest import REFERENCES, write_manifest
from parquet_by_hand import write_by_hand

FOLDER = REFERENCES / "parquet"
SEED = 7
# A fresh folder, so that datasets reads the file and not what it kept of an earlier one.
CACHE = tempfile.mkdtemp()
WORDS = "grau Straße 東京 quick \"quoted\" back\\slash tab\there line\nend 🙂 the of and".split(" ")


def plain(value):
    """A value as JSON has it: texts for what JSON does not know."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    return str(value)


def expect(name, rows):
    text = "".join(
        json.dumps(plain(row), ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows
    )
    (FOLDER / f"{name}.jsonl").write_text(text, newline="")


def write(name, table, expected=None, **options):
    """Writes a table and, unless they are another file's, the rows that pyarrow reads from it."""
    path = FOLDER / f"{name}.parquet"
    parquet.write_table(table, path, **options)
    if expected is None:
        expect(name, parquet.read_table(path).to_pylist())


def text(draw, most=12):
    return " ".join(draw.choices(WORDS, k=draw.randrange(most)))


def codecs(draw):
    """Each codec, page version, and dictionary or not; nulls and pages of few rows."""
    rows = 40
    table = pyarrow.table(
        {
            "text": [text(draw) if draw.random() > 0.1 else None for _ in range(rows)],
            "kind": [draw.choice(["a", "b", None, "long enough to be packed"]) for _ in range(rows)],
            "id": range(rows),
        }
    )
    for codec in ["none", "snappy", "gzip", "zstd", "lz4"]:
        for version in ["1.0", "2.0"]:
            for dictionary in [True, False]:
                write(
                    f"codec-{codec}-v{version[0]}-{'dictionary' if dictionary else 'plain'}",
                    table,
                    expected="codec",
                    compression=codec,
                    data_page_version=version,
                    use_dictionary=dictionary,
                    data_page_size=200,
                    write_batch_size=7,
                    write_page_checksum=codec in ["none", "zstd"],
                )
    expect("codec", table.to_pylist())
    write("brotli", table, compression="brotli", expected="none")


def chats(draw, rows):
    def call():
        return {"name": text(draw, 2), "arguments": [text(draw, 3) for _ in range(draw.randrange(3))]}

    def message():
        return {
            "role": draw.choice(["user", "assistant", None]),
            "content": text(draw) if draw.random() > 0.2 else None,
            "tool_calls": draw.choice([None, [], [call() for _ in range(draw.randrange(3))]]),
        }

    def row():
        messages = [message() for _ in range(draw.randrange(5))]
        return {"messages": draw.choice([None, messages, messages]), "n": draw.choice([None, 1])}

    return [row() for _ in range(rows)]


CALL = pyarrow.struct([("name", pyarrow.string()), ("arguments", pyarrow.list_(pyarrow.string()))])
MESSAGE = pyarrow.struct(
    [
        ("role", pyarrow.string()),
        ("content", pyarrow.large_string()),
        ("tool_calls", pyarrow.list_(CALL)),
    ]
)


def nested(draw):
    schema = pyarrow.schema([("messages", pyarrow.list_(MESSAGE)), ("n", pyarrow.int8())])
    table = pyarrow.Table.from_pylist(chats(draw, 60), schema=schema)
    write("chat", table)
    write("chat-v2", table, data_page_version="2.0", data_page_size=100, write_batch_size=5)
    write("chat-old-names", table, use_compliant_nested_type=False, compression="none")
    maps = pyarrow.schema(
        [
            ("named", pyarrow.map_(pyarrow.string(), pyarrow.list_(pyarrow.int32()))),
            ("numbered", pyarrow.map_(pyarrow.int64(), pyarrow.string())),
            ("fixed", pyarrow.list_(pyarrow.float32(), 2)),
            pyarrow.field("sure", pyarrow.list_(pyarrow.field("e", pyarrow.int32(), False)), False),
            ("outer", pyarrow.struct([("inner", pyarrow.struct([("x", pyarrow.bool_())]))])),
        ]
    )
    rows = [
        [[("a", [1, None]), ("b", None)], [(1, "x"), (2, None)], [0.5, 1.5], [1], {"inner": {"x": True}}],
        [None, None, None, [], None],
        [[], [], [0.1, math.nan], [2, 3], {"inner": None}],
        [[("ü", [])], [(-5, "")], [1e20, 1e-7], [4], {"inner": {"x": None}}],
    ]
    table = pyarrow.table(
        [pyarrow.array([row[i] for row in rows], maps.field(i).type) for i in range(5)], schema=maps
    )
    path = FOLDER / "maps.parquet"
    parquet.write_table(table, path)
    read = parquet.read_table(path).to_pylist()
    for row in read:
        row["named"] = None if row["named"] is None else dict(row["named"])
    expect("maps", read)


def types():
    days = [datetime.date(1970, 1, 1), datetime.date(1, 1, 1), datetime.date(9999, 12, 31), None]
    times = [datetime.time(0), datetime.time(23, 59, 59, 999999), datetime.time(1, 2, 3, 4000), None]
    moments = [
        datetime.datetime(1970, 1, 1),
        datetime.datetime(1969, 12, 31, 23, 59, 59, 999000),
        datetime.datetime(2024, 2, 29, 13, 5, 7, 250000),
        None,
    ]
    digits = ["0.00", "-123.45", "9999999.99", None]
    decimals = [None if d is None else decimal.Decimal(d) for d in digits]
    long = [None if d is None else d * 10**40 for d in decimals]
    columns = {
        f"u{bits}": pyarrow.array([0, 1, 2**bits - 1, None], getattr(pyarrow, f"uint{bits}")())
        for bits in (8, 16, 32, 64)
    }
    columns |= {
        f"i{bits}": pyarrow.array(
            [0, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1, None], getattr(pyarrow, f"int{bits}")()
        )
        for bits in (8, 16, 32, 64)
    }
    zone = pyarrow.timestamp("us", "UTC")
    columns |= {
        "bool": pyarrow.array([True, False, True, None]),
        "f16": pyarrow.array([numpy.float16(0.1), numpy.float16(-2), numpy.float16(65504), None], pyarrow.float16()),
        "f32": pyarrow.array([0.1, -0.0, 3.4e38, None], pyarrow.float32()),
        "f64": pyarrow.array([0.1, math.inf, 5e-324, None]),
        "day": pyarrow.array(days, pyarrow.date32()),
        "ms": pyarrow.array(times, pyarrow.time32("ms")),
        "us": pyarrow.array(times, pyarrow.time64("us")),
        "stamp_ms": pyarrow.array(moments, pyarrow.timestamp("ms")),
        "stamp_us": pyarrow.array(moments, pyarrow.timestamp("us")),
        "stamp_ns": pyarrow.array([1, -1, 1_700_000_000_123_456_789, None], pyarrow.timestamp("ns")),
        "stamp_utc": pyarrow.array(moments, zone),
        "d9": pyarrow.array(decimals, pyarrow.decimal128(9, 2)),
        "d18": pyarrow.array(decimals, pyarrow.decimal128(18, 2)),
        "d38": pyarrow.array(decimals, pyarrow.decimal128(38, 2)),
        "d76": pyarrow.array(long, pyarrow.decimal256(76, 2)),
        "nothing": pyarrow.nulls(4),
        "choice": pyarrow.array(["x", "y", "x", None]).dictionary_encode(),
        "view": pyarrow.array(["x", "", "ü", None], pyarrow.string_view()),
        "uuid": pyarrow.array([uuid.UUID(int=3**80).bytes] * 3 + [None], pyarrow.uuid()),
        "raw": pyarrow.array([b"\xff", b"", b"x", None]),
        "image": pyarrow.array(
            [{"bytes": b"\xff", "path": "a.png"}, {"bytes": None, "path": None}, None, None],
            pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())]),
        ),
        "raws": pyarrow.array([[b"x"], [], None, None]),
    }
    table = pyarrow.table(columns)
    for name, options in {
        "types": {},
        "types-plain-v2": {"use_dictionary": False, "data_page_version": "2.0"},
        "types-decimal-integers": {"store_decimal_as_integer": True, "use_dictionary": False},
    }.items():
        path = FOLDER / f"{name}.parquet"
        parquet.write_table(table, path, **options)
        rows = parquet.read_table(path).to_pylist()
        for row in rows:
            del row["raw"], row["raws"]
            if row["image"] is not None:
                del row["image"]["bytes"]
        # Nanoseconds are pandas' Timestamp, which str writes as this reader does.
        expect(name, rows)
    write("int96", table.select(["stamp_us", "stamp_ns"]), use_deprecated_int96_timestamps=True)
    write("raw-only", table.select(["raw", "raws"]), expected="none")


def encodings(draw):
    rows = 700
    table = pyarrow.table(
        {
            "delta32": pyarrow.array([draw.randrange(-(2**31), 2**31) for _ in range(rows)], pyarrow.int32()),
            "delta64": pyarrow.array(
                [draw.choice([None, draw.randrange(-(2**63), 2**63)]) for _ in range(rows)], pyarrow.int64()
            ),
            "slow": pyarrow.array([1000 + 3 * i + i % 5 for i in range(rows)], pyarrow.int64()),
            "lengths": [draw.choice([None, text(draw, 4)]) for _ in range(rows)],
            "prefixes": [f"http://example.org/{i // 7}/{i}" for i in range(rows)],
            "split32": pyarrow.array([i / 8 for i in range(rows)], pyarrow.float32()),
            "split64": pyarrow.array([draw.choice([None, i / 16]) for i in range(rows)]),
            "runs": [i % 90 < 50 for i in range(rows)],
        }
    )
    write(
        "encodings",
        table,
        use_dictionary=False,
        compression="zstd",
        data_page_size=1500,
        write_batch_size=64,
        data_page_version="2.0",
        column_encoding={
            "delta32": "DELTA_BINARY_PACKED",
            "delta64": "DELTA_BINARY_PACKED",
            "slow": "DELTA_BINARY_PACKED",
            "lengths": "DELTA_LENGTH_BYTE_ARRAY",
            "prefixes": "DELTA_BYTE_ARRAY",
            "split32": "BYTE_STREAM_SPLIT",
            "split64": "BYTE_STREAM_SPLIT",
            "runs": "RLE",
        },
    )


def others(draw):
    table = pyarrow.table(
        {
            "text": [f"row {i} " + text(draw, 5) for i in range(60)],
            "list": [list(range(i % 4)) for i in range(60)],
        }
    )
    write("groups", table, row_group_size=7)
    write("fallback", table, dictionary_pagesize_limit=200, data_page_size=300, write_batch_size=5)
    write("empty", table.slice(0, 0))
    with parquet.ParquetWriter(FOLDER / "empty-groups.parquet", table.schema) as writer:
        for part in [table.slice(0, 0), table.slice(0, 5), table.slice(0, 0), table.slice(5, 3)]:
            writer.write_table(part)
    expect("empty-groups", table.slice(0, 8).to_pylist())
    frame = pandas.DataFrame({"text": ["a", None, "c"], "n": [1.5, None, 2.0], "k": ["x", "y", "x"]})
    frame["k"] = frame["k"].astype("category")
    frame.iloc[1:].to_parquet(FOLDER / "pandas.parquet")
    expect("pandas", parquet.read_table(FOLDER / "pandas.parquet").to_pylist())
    rows = chats(draw, 20)
    path = FOLDER / "datasets.parquet"
    datasets.Dataset.from_list(
        rows,
        features=datasets.Features(
            {
                "messages": datasets.List(
                    {
                        "role": datasets.Value("string"),
                        "content": datasets.Value("large_string"),
                        "tool_calls": datasets.List(
                            {
                                "name": datasets.Value("string"),
                                "arguments": datasets.List(datasets.Value("string")),
                            }
                        ),
                    }
                ),
                "n": datasets.Value("int64"),
            }
        ),
    ).to_parquet(path)
    expect("datasets", list(datasets.Dataset.from_parquet(str(path), cache_dir=CACHE)))
    path = FOLDER / "datasets-json.parquet"
    calls = [[{"b": 0, "n": 1.5}, {"c": "ü\n"}], [], None, [None, [1, "x"]]]
    features = datasets.Features({"calls": datasets.List(datasets.Json())})
    datasets.Dataset.from_dict({"calls": calls}, features=features).to_parquet(path)
    expect("datasets-json", list(datasets.Dataset.from_parquet(str(path), cache_dir=CACHE)))
    broken = table.slice(0, 3).set_column(
        0, "text", pyarrow.array([b"fine", b"\xc3\x28", b"fine"]).view(pyarrow.string())
    )
    write("not-utf8", broken, expected="none")
    write("not-utf8-plain", broken, expected="none", use_dictionary=False)


def dialogues(draw):
    """Rows to learn from, as datasets writes them."""
    rows = [
        {"messages": [
            {"role": "user", "content": f"{number} {text(draw)}"},
            {"role": "assistant", "content": f"{text(draw)} {number}"}]}
        for number in range(24)]
    datasets.Dataset.from_list(rows).to_parquet(FOLDER / "dialogues.parquet")
    expect("dialogues", rows)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    draw = random.Random(SEED)
    codecs(draw)
    nested(draw)
    types()
    encodings(draw)
    others(draw)
    write_by_hand(FOLDER, expect)
    dialogues(random.Random(SEED + 1))
    write_manifest(FOLDER, __file__, ["pyarrow", "datasets", "pandas", "numpy"], SEED)


main()
