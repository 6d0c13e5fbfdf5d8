#!/usr/bin/env bash
# The rows of tokenizers of the table that scripts/benchmark.sh writes; it sources this file. Both sides
# learn and encode on one thread.
# shellcheck disable=SC2154,SC2016,SC2034  # variables that scripts/benchmark.sh sets; another shell's

corpus=data/gcide/gcide.txt
tokenizer_kinds=(sentencepiece-bpe unigram bpe wordpiece)

# The corpus as UTF-8, which Hugging Face's trainers ask for, and every twentieth line ten times.
tokenizer_texts() {
    local folder=$output/tokenizer
    if [[ ! -s $corpus ]]; then
        note "$corpus is not there; scripts/pretrain.sh fetches it"
        return 1
    fi
    [[ -s $folder/lines.txt ]] && return
    mkdir -p "$folder"
    iconv -c -f utf-8 -t utf-8 "$corpus" >"$folder/corpus.txt" || true
    local turn
    for turn in {1..10}; do awk 'NR % 20 == 1 && length' "$folder/corpus.txt"; done >"$folder/lines.txt"
}

lockstep_learn() {
    launch 1 1 "$lockstep" tokenizer train --type "$1" --input "$output/tokenizer/corpus.txt" \
        --vocab-size 8000 --threads 1 --output "$output/tokenizer/$1" 2>&1 |
        sed -nE 's|.*learned [0-9]+ tokens in ([0-9.]+) s,.*|{"seconds": \1}|p'
}

# The shell opens the lines, for a measured command reads nothing else.
lockstep_encode() {
    launch 1 1 bash -c '"$0" tokenizer encode --tokenizer "$1" --timing <"$2" 2>&1 >/dev/null' \
        "$lockstep" "$output/tokenizer/$1" "$output/tokenizer/lines.txt" |
        sed -nE 's|.* ([0-9]+) tokens in ([0-9.]+) s, ([0-9]+) tokens/s.*|{"tokens": \1, "seconds": \2, "tokensPerSecond": \3}|p'
}

row_tokenizer_train() {
    local kind
    title "a vocabulary of 8,000 learned from 40 MB of text, 1 thread"
    tokenizer_texts || return 0
    for kind in "${tokenizer_kinds[@]}"; do
        figure "$kind" seconds seconds "$kind/$kind-peer" "<= 0.333"
        if has_modules tokenizers,sentencepiece; then
            side "$kind-peer" "peer's $kind" launch 1 1 "$python" scripts/peers/tokenizer.py train "$kind" \
                "$output/tokenizer/corpus.txt" 8000
        fi
        side "$kind" "Lockstep's $kind" lockstep_learn "$kind"
    done
    take_turns
}

row_tokenizer_encode() {
    local kind
    title "20 MB of lines to ids, vocabulary of 8,000, 1 thread, beside Hugging Face tokenizers"
    tokenizer_texts || return 0
    for kind in "${tokenizer_kinds[@]}"; do
        [[ -s $output/tokenizer/$kind/tokenizer.json ]] || lockstep_learn "$kind" >/dev/null
        figure "$kind" rate tokensPerSecond "$kind/$kind-peer" ">= 5"
        if has_modules tokenizers; then
            side "$kind-peer" "Hugging Face, $kind" launch 1 1 "$python" scripts/peers/tokenizer.py encode \
                "$output/tokenizer/$kind/tokenizer.json" "$output/tokenizer/lines.txt"
        fi
        side "$kind" "Lockstep, $kind" lockstep_encode "$kind"
    done
    take_turns
}
