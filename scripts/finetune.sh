#!/usr/bin/env bash
# Finetuning, from nothing: set-up, base model, build, three answers before, training of a LoRA
# adapter, its loss, the same three answers after, and the merged model as a folder and a GGUF file.
# Under ten minutes on two cores. A second call goes on where the first one stopped.
#
#   scripts/finetune.sh [key=value …]     settings that win over examples/finetune/smollm2_lora_sft.yaml
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n== %s\n' "$*"; }

# Says what is wrong and what to do, then stops.
stop() {
    printf 'finetune: %s\n' "$@" >&2
    exit 1
}

recipe=examples/finetune/smollm2_lora_sft.yaml
model=models/SmolLM2-135M-Instruct.Q4_1.gguf
given=  # whether the model is another

# What the training data teach: who answers, and how Lockstep is used. The last two are worded anew.
questions=("Who are you?" "Which command trains a model?" "您是哪位？")

output=output/smollm2-lora
for argument in "$@"; do
    case $argument in
    output_dir=*) output=${argument#output_dir=} ;;
    model_name_or_path=*) model=${argument#model_name_or_path=} given=yes ;;
    finetuning_type=*) stop "$argument: this script follows LoRA; run lockstep train with another recipe of examples/finetune" ;;
    *=*) ;;
    *) stop "$argument: expected key=value, such as num_train_epochs=1" ;;
    esac
done

# The answer to one question in a conversation of its own, at most 64 tokens, the likeliest each time.
ask() {
    local question=$1
    shift
    printf '%s\n' "$question" |
        "$lockstep" chat "$recipe" model_name_or_path="$model" do_sample=false max_new_tokens=64 "$@" |
        sed -E 's/^((User|Assistant): ?)+//; /^[[:space:]]*$/d'
}

# The logged losses, at most eight of them, and the last evaluation.
show_loss() {
    local log=$1/trainer_log.jsonl
    awk '
        function field(name, line) {
            if (!match(line, "\"" name "\": [-+.0-9eE]+")) return ""
            return substr(line, RSTART + length(name) + 4, RLENGTH - length(name) - 4)
        }
        /"loss":/ { step[++count] = field("current_steps", $0); loss[count] = field("loss", $0) }
        /"eval_loss":/ { evaluation = field("eval_loss", $0) }
        END {
            every = int((count + 6) / 7)
            if (every < 1) every = 1
            for (i = 1; i <= count; i++)
                if (i == count || (i - 1) % every == 0) printf "  step %4d  loss %.3f\n", step[i], loss[i]
            if (evaluation != "") printf "  held out   loss %.3f\n", evaluation
        }' "$log"
    printf '  %s\n' "$log" "$1/training_loss.svg"
}

say "set-up"
scripts/setup.sh

say "base model"
if [ -n "$given" ]; then
    [ -e "$model" ] || stop "$model is not there"
else
    scripts/fetch_smollm2.sh
fi
ls -lhd "$model"

say "build"
swift build -c release --product lockstep
lockstep="$(swift build -c release --show-bin-path)/lockstep"

say "three answers before"
before=()
for question in "${questions[@]}"; do
    answer=$(ask "$question")
    before+=("$answer")
    printf 'Q  %s\nA  %s\n' "$question" "$answer"
done

say "training"
started=$SECONDS
status=0
"$lockstep" train "$recipe" "$@" || status=$?
# 75: stopped on request with a checkpoint saved.
if [ "$status" = 75 ]; then
    echo "finetune: stopped on request; run the same command again to go on"
fi
if [ "$status" != 0 ]; then exit "$status"; fi
echo "trained in $((SECONDS - started)) s"

say "loss"
show_loss "$output"

say "three answers after"
after=()
for question in "${questions[@]}"; do
    answer=$(ask "$question" adapter_name_or_path="$output")
    after+=("$answer")
    printf 'Q  %s\nA  %s\n' "$question" "$answer"
done

say "merging and exporting"
"$lockstep" export "$recipe" model_name_or_path="$model" adapter_name_or_path="$output" \
    export_dir="$output-merged" export_gguf=q8_0
ls -lh "$output-merged"

say "side by side"
for index in "${!questions[@]}"; do
    printf '%s\n  before  %s\n  after   %s\n\n' "${questions[index]}" \
        "${before[index]//$'\n'/$'\n          '}" "${after[index]//$'\n'/$'\n          '}"
done

echo "done in $SECONDS s: the adapter is in $output (PEFT's files), the merged model in $output-merged;"
echo "talk to it: $lockstep chat --model $output-merged"
