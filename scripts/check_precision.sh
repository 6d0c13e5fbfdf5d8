#!/usr/bin/env bash
# Trains the same model on the same real text in fp32, bf16 and fp16 and compares the losses.
#
#   scripts/check_precision.sh [STEPS] [BOUND]     200 steps and 1 % unless given
# Needs the corpus and tokenizer that scripts/pretrain.sh makes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

steps=${1:-200}
bound=${2:-0.01}
recipe=examples/pretrain/gcide-10m.yaml
lockstep="$(swift build -c release --show-bin-path)/lockstep"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

for precision in fp32 bf16 fp16; do
    echo "check_precision: $steps steps in $precision"
    # A moderate rate and whole batches: at high rates losses part by chaos, whatever the rounding.
    "$lockstep" train "$recipe" output_dir="$folder/$precision" bf16=null precision=$precision \
        max_steps="$steps" warmup_steps=40 learning_rate=5e-4 per_device_train_batch_size=8 \
        cutoff_len=128 logging_steps=1 val_size=0 eval_strategy=no \
        save_strategy=no disable_tqdm=true >"$folder/$precision.log" 2>&1 || {
        tail -n 3 "$folder/$precision.log"
        exit 1
    }
done

losses() { sed -n 's/.*"loss": \([0-9.eE+-]*\),.*/\1/p' "$folder/$1/trainer_log.jsonl"; }

status=0
for precision in bf16 fp16; do
    paste <(losses fp32) <(losses "$precision") | awk -v bound="$bound" -v name="$precision" '
        { difference = ($2 - $1) / $1; if (difference < 0) difference = -difference
          if (difference > worst) { worst = difference; step = NR } }
        END { printf "%s: %d steps, largest difference from fp32 %.3f %% at step %d\n",
                     name, NR, 100 * worst, step
              exit !(NR > 0 && worst <= bound) }' || status=1
done
exit $status
