"""Writes the manifest of a folder of reference values: generator, versions, seed and hashes."""

import hashlib
import importlib.metadata
import json
import platform
import re
from pathlib import Path

REFERENCES = Path(__file__).resolve().parents[2] / "Tests" / "References"
LARGEST_FILE = 300_000  # bytes


def versions(packages):
    """Versions of Python and of the named packages."""
    found = {"python": platform.python_version()}
    found.update({name: importlib.metadata.version(name) for name in packages})
    return found


def sha256(path):
    """The SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def write_json(path, value):
    """Writes indented JSON; a list of numbers stays on one line."""
    text = json.dumps(value, indent=2, allow_nan=False)
    text = re.sub(
        r"\[\s+([-+.eE\d,\s]+?)\s+\]", lambda list_: "[" + " ".join(list_[1].split()) + "]", text
    )
    Path(path).write_text(text + "\n")


def write_manifest(folder, generator, packages, seed, programs=None):
    """Hashes every file below `folder` into its manifest.json.

    `programs` gives the versions of what made the files besides Python packages.
    Raises SystemExit when a file is too large to be committed.
    """
    folder = Path(folder)
    files = sorted(
        path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json"
    )
    for path in files:
        if path.stat().st_size > LARGEST_FILE:
            raise SystemExit(f"{path}: {path.stat().st_size} bytes, at most {LARGEST_FILE}")
    manifest = {
        "generator": f"scripts/references/{Path(generator).name}",
        "versions": {**versions(packages), **(programs or {})},
        "seed": seed,
        "files": {str(path.relative_to(folder)): sha256(path) for path in files},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    total = sum(path.stat().st_size for path in files)
    print(f"{folder}: {len(files)} files, {total} bytes")
