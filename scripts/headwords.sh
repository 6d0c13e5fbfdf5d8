#!/usr/bin/env bash
# Makes pairs of texts that belong together of the dictionary that scripts/pretrain.sh fetches: a word (anchor) and
# the beginning of its first sense (positive), each word and each sense once.
#
#     scripts/headwords.sh [FILE]     data/gcide/headwords.jsonl unless given
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

corpus=data/gcide/gcide.txt
file=${1:-data/gcide/headwords.jsonl}
if [ ! -s "$corpus" ]; then
    echo "headwords: $corpus is not there; scripts/pretrain.sh fetches it" >&2
    exit 1
fi
# An entry begins in the first column, with the headword and its pronunciation between backslashes; what follows,
# up to the name of the source, is where the word comes from, in brackets, and its first sense.
LC_ALL=C awk '
function finish(    end, sense) {
    while (sub(/\[[^\[\]]*\]/, " ", text)) {}
    gsub(/[{}]/, "", text)
    gsub(/ +/, " ", text)
    sub(/^ ?([A-Za-z]+\. )*(; )?/, "", text)
    sub(/^(1\. )?(\([^)]*\) )*/, "", text)
    sub(/ Syn:.*/, "", text)
    end = match(text, /[.;:]( |$)| --/)
    sense = end > 0 ? substr(text, 1, end - 1) : text
    # "See …", "Same as …" say nothing of the word.
    if (word != "" && length(sense) > 20 && length(sense) < 240 && sense !~ /^(See|Same as|Of|One) / \
        && index(tolower(sense), tolower(word)) == 0 && !(word in words) && !(sense in senses)) {
        words[word]
        senses[sense]
        printf "{\"anchor\": \"%s\", \"positive\": \"%s\"}\n", word, sense
    }
    word = ""
    text = ""
}
/^[^ ].*\\.*\\/ {
    finish()
    split($0, parts, / *\\/)
    word = parts[1]
    gsub(/[^ -~]|["\\]/, "", word)
    rest = $0
    sub(/^.*\\,? ?/, "", rest)
    gsub(/[^ -~]|["\\]/, " ", rest)
    text = rest
    next
}
word != "" {
    ends_here = sub(/\[1913 Webster\].*/, "")
    gsub(/[^ -~]|["\\]/, " ")
    text = text " " $0
    if (ends_here) finish()
}
END { finish() }' "$corpus" >"$file.part"
mv "$file.part" "$file"
wc -l "$file"
