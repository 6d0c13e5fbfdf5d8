#!/usr/bin/env bash
# Makes labelled texts of the dictionary that scripts/pretrain.sh fetches: definitions, each with the part of
# speech of the word that it explains.
#
#     scripts/definitions.sh [FILE]     data/gcide/definitions.jsonl unless given
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

corpus=data/gcide/gcide.txt
file=${1:-data/gcide/definitions.jsonl}
if [ ! -s "$corpus" ]; then
    echo "definitions: $corpus is not there; scripts/pretrain.sh fetches it" >&2
    exit 1
fi
# An entry begins in the first column, with the headword, its pronunciation between backslashes, and
# the part of speech; its first sense ends with the name of the source.
LC_ALL=C awk '
function finish() {
    gsub(/ +/, " ", text)
    sub(/^ /, "", text)
    sub(/ $/, "", text)
    if (label != "" && length(text) > 20)
        printf "{\"text\": \"%s\", \"label\": \"%s\"}\n", substr(text, 1, 400), label
    label = ""
    text = ""
}
/^[^ ].*\\.*\\/ {
    finish()
    if ($0 ~ /\\, n\./) label = "noun"
    else if ($0 ~ /\\, v\. ?[ti]\./) label = "verb"
    else if ($0 ~ /\\, a\./) label = "adjective"
    else if ($0 ~ /\\, adv\./) label = "adverb"
    next
}
label != "" {
    ends = sub(/\[1913 Webster\].*/, "")
    gsub(/[^ -~]|["\\]/, " ")
    text = text " " $0
    if (ends) finish()
}
END { finish() }' "$corpus" >"$file.part"
mv "$file.part" "$file"
wc -l "$file"
