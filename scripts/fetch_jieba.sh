#!/usr/bin/env bash
# Fetches the dictionary of jieba 0.42.1, with which predict_with_generate cuts Chinese into words as
# LLaMA-Factory does: set segmentation_dictionary: models/jieba. Nothing of it runs here.
#
#     scripts/fetch_jieba.sh [FOLDER]     models/jieba unless given
set -euo pipefail
start=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=${1:-models/jieba}
case $folder in /*) ;; *) [ $# = 0 ] || folder=$start/$folder ;; esac

# Says what is wrong and what to do, then stops.
stop() {
    printf 'fetch_jieba: %s\n' "$@" >&2
    exit 1
}

sha256_of() {
    if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1
}

# Whether FOLDER holds the two files unchanged.
complete() {
    [ -s "$1/dict.txt" ] && [ -s "$1/finalseg/prob_emit.py" ] &&
        [ "$(sha256_of "$1/dict.txt")" = \
            7197c3211ddd98962b036cdf40324d1ea2bfaa12bd028e68faa70111a88e12a8 ] &&
        [ "$(sha256_of "$1/finalseg/prob_emit.py")" = 27d46b1c9efe4dd148fde8be042a21be40e3562d0c7f1273f9de7abae12ebb8d ]
}

if complete "$folder"; then
    echo "$folder is complete"
    exit 0
fi

command -v python3 >/dev/null || stop "python3 -m pip downloads jieba; there is no python3 here"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
python3 -m pip download --quiet --disable-pip-version-check --no-deps --no-binary jieba \
    --dest "$scratch" jieba==0.42.1 ||
    stop "pip could not download jieba 0.42.1; with network elsewhere, copy jieba's dict.txt and" \
        "finalseg/prob_emit.py into $folder"
tar -xzf "$scratch/jieba-0.42.1.tar.gz" -C "$scratch"
mkdir -p "$folder/finalseg"
cp "$scratch/jieba-0.42.1/jieba/dict.txt" "$folder/dict.txt"
cp "$scratch/jieba-0.42.1/jieba/finalseg/prob_emit.py" "$folder/finalseg/prob_emit.py"
complete "$folder" || stop "what pip downloaded is not jieba 0.42.1 as it was; its files in $folder have other checksums"
echo "$folder holds jieba's dictionary; set segmentation_dictionary: $folder"
