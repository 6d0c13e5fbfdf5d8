"""Parquet files that pyarrow reads and does not write: lists and maps of older writers, and what is refused.

Thrift's compact protocol: a structure is a dict from field numbers to values; an integer is (bits, number).
"""

import struct

import pyarrow.parquet as parquet

REQUIRED, OPTIONAL, REPEATED = range(3)
INT32, BYTES = 1, 6
UTF8, MAP, MAP_KEY_VALUE, LIST = range(4)


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def kind(value):
    return 12 if isinstance(value, dict) else 9 if isinstance(value, list) else (
        8 if isinstance(value, bytes) else {32: 5, 64: 6}[value[0]])


def thrift(value):
    if isinstance(value, bytes):
        return varint(len(value)) + value
    if isinstance(value, tuple):
        return varint((value[1] << 1) ^ (value[1] >> 63))
    if isinstance(value, list):
        head = bytes([min(len(value), 15) << 4 | (kind(value[0]) if value else 12)])
        return head + (varint(len(value)) if len(value) > 14 else b"") + b"".join(map(thrift, value))
    out, last = b"", 0
    for number, item in sorted(value.items()):
        out += bytes([(number - last) << 4 | kind(item)]) + thrift(item)
        last = number
    return out + b"\0"


def i32(number):
    return (32, number)


def group(name, repetition, children, converted=None):
    out = {3: i32(repetition), 4: name, 5: i32(children)}
    return out if converted is None else out | {6: i32(converted)}


def leaf(name, repetition, type_, converted=None):
    out = {1: i32(type_), 3: i32(repetition), 4: name}
    return out if converted is None else out | {6: i32(converted)}


def levels(values, most):
    """Levels as runs of one, with their length in front; none where the level is always 0."""
    if most == 0:
        return b""
    body = b"".join(bytes([2, value]) for value in values)
    return struct.pack("<I", len(body)) + body


def column(path, type_, entries, values, most, codec=0, encoding=3, extra=None):
    """entries: (repetition, definition) of each entry; most: the largest of both."""
    body = levels([r for r, _ in entries], most[0]) + levels([d for _, d in entries], most[1])
    for value in values:
        body += struct.pack("<i", value) if type_ == INT32 else struct.pack("<I", len(value)) + value
    page = {5: {1: i32(len(entries)), 2: i32(0), 3: i32(encoding), 4: i32(encoding)}}
    page = thrift({1: i32(0), 2: i32(len(body)), 3: i32(len(body))} | page) + body
    about = {1: i32(type_), 2: [i32(0)], 3: path, 4: i32(codec), 5: (64, len(entries))}
    return page, about | {6: (64, len(page)), 7: (64, len(page))}, extra or {}


def save(path, schema, columns, rows):
    out, chunks = b"PAR1", []
    for page, about, extra in columns:
        chunks.append({2: (64, 0), 3: about | {9: (64, len(out))}} | extra)
        out += page
    groups = [{1: chunks, 2: (64, len(out)), 3: (64, rows)}]
    footer = thrift({1: i32(1), 2: schema, 3: (64, rows), 4: groups})
    path.write_bytes(out + footer + struct.pack("<I", len(footer)) + b"PAR1")


def write_by_hand(folder, expect):
    three = [(0, 2), (1, 2), (0, 0), (0, 1), (0, 2)]  # [a, b], null, [], [c]
    shapes = {
        # optional group l (LIST) { repeated int32 element }
        "two-levels": (
            [group(b"l", OPTIONAL, 1, LIST), leaf(b"element", REPEATED, INT32)],
            [column([b"l", b"element"], INT32, three, [1, 2, 3], (1, 2))],
        ),
        # optional group l (LIST) { repeated group array { required binary s (UTF8) } }
        "two-levels-array": (
            [group(b"l", OPTIONAL, 1, LIST), group(b"array", REPEATED, 1), leaf(b"s", REQUIRED, BYTES, UTF8)],
            [column([b"l", b"array", b"s"], BYTES, three, [b"a", b"b", b"c"], (1, 2))],
        ),
        # optional group l (LIST) { repeated group element { required int32 x; required int32 y } }
        "two-levels-objects": (
            [group(b"l", OPTIONAL, 1, LIST), group(b"element", REPEATED, 2)]
            + [leaf(b"x", REQUIRED, INT32), leaf(b"y", REQUIRED, INT32)],
            [column([b"l", b"element", b"x"], INT32, three, [1, 2, 3], (1, 2))]
            + [column([b"l", b"element", b"y"], INT32, three, [4, 5, 6], (1, 2))],
        ),
        # repeated int32 l
        "repeated": (
            [leaf(b"l", REPEATED, INT32)],
            [column([b"l"], INT32, [(0, 1), (1, 1), (0, 0), (0, 0), (0, 1)], [1, 2, 3], (1, 1))],
        ),
        # optional group l (MAP_KEY_VALUE) { repeated group map { required binary k (UTF8); optional int32 v } }
        "old-map": (
            [group(b"l", OPTIONAL, 1, MAP_KEY_VALUE), group(b"map", REPEATED, 2)]
            + [leaf(b"k", REQUIRED, BYTES, UTF8), leaf(b"v", OPTIONAL, INT32)],
            [column([b"l", b"map", b"k"], BYTES, three, [b"a", b"b", b"c"], (1, 2))]
            + [column([b"l", b"map", b"v"], INT32, [(0, 3), (1, 2)] + three[2:4] + [(0, 3)], [1, 3], (1, 3))],
        ),
    }
    for name, (schema, columns) in shapes.items():
        path = folder / f"{name}.parquet"
        save(path, [group(b"schema", REQUIRED, 1)] + schema, columns, 4)
        rows = parquet.read_table(path).to_pylist()
        if name == "old-map":
            rows = [{"l": None if row["l"] is None else dict(row["l"])} for row in rows]
        expect(name, rows)
    schema = [group(b"schema", REQUIRED, 1), leaf(b"n", OPTIONAL, INT32)]
    one = [b"n"], INT32, [(0, 1)], [7], (0, 1)
    refused = {
        "other-file": column(*one, extra={1: b"part-0.parquet"}),
        "encrypted-column": column(*one, extra={8: {1: {}}}),
        "packed-levels": column(*one, encoding=4),
        "lzo": column(*one, codec=3),
        "old-lz4": column(*one, codec=5),
    }
    for name, chunk in refused.items():
        save(folder / f"{name}.parquet", schema, [chunk], 1)
    whole = (folder / "repeated.parquet").read_bytes()
    (folder / "encrypted.parquet").write_bytes(whole[:-4] + b"PARE")
