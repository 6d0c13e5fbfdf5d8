#!/usr/bin/env bash
# Makes questions about the dictionary that scripts/pretrain.sh fetches: a context of three neighbouring entries,
# the question what one of their words means, and as its answer the beginning of that word's first sense.
#
#     scripts/questions.sh [FILE]     data/gcide/questions.jsonl unless given
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

corpus=data/gcide/gcide.txt
file=${1:-data/gcide/questions.jsonl}
if [ ! -s "$corpus" ]; then
    echo "questions: $corpus is not there; scripts/pretrain.sh fetches it" >&2
    exit 1
fi
# An entry begins in the first column, with the headword and its pronunciation between backslashes; what follows,
# up to the name of the source, is where the word comes from, in brackets, and its first sense.
LC_ALL=C awk '
function finish(    end) {
    while (sub(/\[[^\[\]]*\]/, " ", text)) {}
    gsub(/[{}]/, "", text)
    gsub(/ +/, " ", text)
    sub(/^ ?([A-Za-z]+\. )*(; )?/, "", text)
    sub(/^(1\. )?(\([^)]*\) )*/, "", text)
    sub(/ Syn:.*/, "", text)
    sub(/ $/, "", text)
    end = match(text, /[.;:]| --/)
    if (word != "" && word != words[3] && end > 12 && end < 160 && length(text) < 400) {
        count++
        for (i = 1; i < 3; i++) { words[i] = words[i + 1]; senses[i] = senses[i + 1]; ends[i] = ends[i + 1] }
        words[3] = word; senses[3] = text; ends[3] = end
        if (count % 3 == 0) ask(1 + int(count / 3) % 3)
    }
    word = ""
    text = ""
}
function ask(asked,    context, start) {
    for (i = 1; i <= 3; i++) {
        if (words[i] == "") return
        context = context (i > 1 ? " " : "") words[i] ": "
        if (i == asked) start = length(context)
        context = context senses[i]
    }
    printf "{\"id\": \"%s\", \"question\": \"What is %s?\", \"context\": \"%s\", ", count, words[asked], context
    printf "\"answers\": {\"text\": [\"%s\"], \"answer_start\": [%d]}}\n", \
        substr(senses[asked], 1, ends[asked] - 1), start
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
