#!/usr/bin/env bash
# The main job, from nothing: set-up, build, corpus, tokenizer, shards, training on two ranks,
# resume, and a sample. About five minutes of training on two cores.
#
#   scripts/pretrain.sh [key=value …]     settings that win over examples/pretrain/gcide-10m.yaml
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n== %s\n' "$*"; }

say "set-up"
# dict-gcide: the GNU Collaborative International Dictionary of English, 40 MB of text.
scripts/setup.sh dict-gcide

say "build"
swift build -c release --product lockstep
lockstep="$(swift build -c release --show-bin-path)/lockstep"

recipe=examples/pretrain/gcide-10m.yaml
corpus=data/gcide
ranks=${LOCKSTEP_RANKS:-2}

# mpirun refuses to run as root, and more ranks than cores, unless told that it is meant.
launch=(mpirun -q -np "$ranks")
if [ "$(id -u)" = 0 ]; then launch+=(--allow-run-as-root); fi
if [ "$(nproc)" -lt "$ranks" ]; then launch+=(--oversubscribe); fi

say "corpus"
mkdir -p "$corpus"
if [ ! -s "$corpus/gcide.txt" ]; then
    gzip -dc </usr/share/dictd/gcide.dict.dz >"$corpus/gcide.txt.part"
    mv "$corpus/gcide.txt.part" "$corpus/gcide.txt"
fi
ls -lh "$corpus/gcide.txt"

say "tokenizer"
if [ ! -s "$corpus/tokenizer/tokenizer.json" ]; then
    "$lockstep" tokenizer train --input "$corpus/gcide.txt" --vocab-size 8192 \
        --output "$corpus/tokenizer"
fi

say "shards"
"${launch[@]}" "$lockstep" prepare "$recipe"

say "training on $ranks ranks, until it is asked to stop after a minute"
status=0
"${launch[@]}" "$lockstep" train "$recipe" --max-time 1:00 "$@" || status=$?
# 75: stopped on request with a checkpoint saved.
if [ "$status" != 0 ] && [ "$status" != 75 ]; then exit "$status"; fi

say "resuming from the checkpoint"
"${launch[@]}" "$lockstep" train "$recipe" "$@"

say "a sample"
output=output/gcide-10m
for argument in "$@"; do
    case $argument in output_dir=*) output=${argument#output_dir=} ;; esac
done
prompt="Water"
printf '%s' "$prompt"
"$lockstep" generate --model "$output" --prompt "$prompt" --max-new-tokens 120 \
    --temperature 0.8 --top-k 40 --top-p 0.95 --seed 7

say "done: $output holds checkpoints, the model as a Hugging Face folder, and training_loss.svg"
