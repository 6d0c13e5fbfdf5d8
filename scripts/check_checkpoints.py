#!/usr/bin/env python3
"""Opens a checkpoint with h5py and checks what another program would rely on.

    python scripts/check_checkpoints.py [CHECKPOINT.h5 [WEIGHTS]]

WEIGHTS is a .safetensors file or a Hugging Face folder with the same weights in float32, e.g. from
`lockstep export`; names, shapes and values must agree. Without arguments the checkpoint among the
tests' references is checked. Needs h5py, numpy, safetensors and xxhash. Exits with 1 at the first error.
"""

import json
import sys
from pathlib import Path

import h5py
import numpy
import xxhash
from safetensors import safe_open

GROUPS = {"data", "meta", "model", "optimizer", "random", "scaler"}
MOMENTS = ("first_moment", "second_moment")
REFERENCES = Path(__file__).resolve().parents[1] / "Tests/References/checkpoints"

ALGORITHMS = {"xxh64": xxhash.xxh64_hexdigest, "xxh3_64": xxhash.xxh3_64_hexdigest}


def require(condition: bool, message: str) -> None:
    if not condition:
        sys.exit(f"wrong: {message}")


def text(value) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def dataset_bytes(dataset: h5py.Dataset, size: int) -> bytes:
    """The stored bytes; h5py drops zero bytes at the end of strings, so `size` says how many."""
    value = dataset[()]
    return value.ljust(size, b"\0") if isinstance(value, bytes) else value.tobytes()


def check_arrays(group: h5py.Group) -> None:
    for name, array in group.items():
        require(isinstance(array, h5py.Dataset), f"{array.name} is no dataset")
        require(array.dtype == numpy.dtype("<f4"), f"{array.name} is no float32: {array.dtype}")
        require(array.chunks is None and array.compression is None, f"{name} is not contiguous")


def check_manifest(file: h5py.File) -> int:
    stored = dataset_bytes(file["meta/manifest"], 0)
    seal = file["meta/manifest"].attrs
    algorithm = text(seal["checksum_algorithm"])
    require(algorithm in ALGORITHMS, f"the manifest's algorithm is {algorithm}")
    checksum_of = ALGORITHMS[algorithm]
    require(text(seal["checksum"]) == checksum_of(stored), "the manifest's checksum")
    manifest = json.loads(stored)
    require(manifest["algorithm"] == algorithm, "the algorithm in the manifest")
    paths = []
    file.visititems(lambda name, item: paths.append("/" + name)
                    if isinstance(item, h5py.Dataset) else None)
    listed = {entry["path"] for entry in manifest["entries"]}
    require(set(paths) == listed | {"/meta/manifest"}, "the manifest lists other datasets")
    for entry in manifest["entries"]:
        dataset = file[entry["path"]]
        size = entry["shape"][0] if entry["kind"] == "text" else 0
        if entry["kind"] == "float32":
            require(list(dataset.shape) == entry["shape"], f"shape of {entry['path']}")
        checksum = checksum_of(dataset_bytes(dataset, size))
        require(checksum == entry["checksum"], f"checksum of {entry['path']} in the manifest")
        require(checksum == text(dataset.attrs["checksum"]), f"checksum of {entry['path']}")
        require(
            text(dataset.attrs["checksum_algorithm"]) == algorithm, "the algorithm's name")
    return len(listed)


def check_metadata(file: h5py.File) -> None:
    meta = file["meta"]
    require(text(meta.attrs["format"]) == "lockstep checkpoint", "format")
    require(int(meta.attrs["format_version"]) in (1, 2), "format_version")
    for name in ("step", "optimizer", "optimizer_steps", "date", "lockstep_version"):
        require(name in meta.attrs, f"/meta lacks {name}")
    json.loads(meta["model_configuration"][()])
    for name in ("samples_consumed", "tokens_seen", "seed", "epoch", "sample_tokens",
                 "dataset_tokens"):
        require(name in file["data"].attrs, f"/data lacks {name}")
    require("seed" in file["random"].attrs, "/random lacks seed")
    if "scaler" in file and file["scaler"].attrs:
        for name in ("scale", "good_steps", "hysteresis", "skipped_steps"):
            require(name in file["scaler"].attrs, f"/scaler lacks {name}")


def check_weights(model: h5py.Group, path: Path) -> int:
    files = sorted(path.glob("*.safetensors")) if path.is_dir() else [path]
    seen = set()
    for file in files:
        with safe_open(file, framework="numpy") as weights:
            for name in weights.keys():
                expected = weights.get_tensor(name)
                require(name in model, f"/model lacks {name}")
                found = model[name][()]
                require(found.shape == expected.shape, f"{name}: shape {found.shape}")
                equal = numpy.array_equal(
                    numpy.atleast_1d(found).view(numpy.uint32),
                    numpy.atleast_1d(expected).astype(numpy.float32).view(numpy.uint32))
                require(equal, f"{name}: other values than {file.name}")
                seen.add(name)
    require(set(model) == seen, f"/model has {sorted(set(model) - seen)} beyond {path.name}")
    return len(seen)


def main() -> None:
    arguments = [Path(argument) for argument in sys.argv[1:]]
    if not arguments:
        arguments = [REFERENCES / "checkpoint-7.h5", REFERENCES / "checkpoint-7.safetensors"]
    with h5py.File(arguments[0], "r") as file:
        is_first_format = int(file["meta"].attrs["format_version"]) == 1
        optional = {"scaler"} if is_first_format else set()
        require(set(file) | optional == GROUPS, f"groups {sorted(file)}")
        require(set(file["optimizer"]) == set(MOMENTS), f"/optimizer {sorted(file['optimizer'])}")
        check_metadata(file)
        check_arrays(file["model"])
        for moment in MOMENTS:
            group = file["optimizer"][moment]
            check_arrays(group)
            require(set(group) <= set(file["model"]), f"{group.name} has names the model lacks")
        entries = check_manifest(file)
        compared = check_weights(file["model"], arguments[1]) if len(arguments) > 1 else 0
        parameters = sum(array.size for array in file["model"].values())
    print(f"{arguments[0].name}: {entries} datasets sound, {parameters} parameters, "
          f"{compared} arrays equal to the given weights")


if __name__ == "__main__":
    main()
