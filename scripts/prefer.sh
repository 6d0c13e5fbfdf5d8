#!/usr/bin/env bash
# Preference training, from nothing: set-up, base model, build, three answers before, DPO with LoRA on pairs of
# answers, what the held-out pairs came to, and the same three answers after. A second call goes on where the
# first one stopped.
#
#   scripts/prefer.sh [key=value …]     settings that win over examples/preference/smollm2_lora_dpo.yaml
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

recipe=examples/preference/smollm2_lora_dpo.yaml
output=output/smollm2-dpo
# Of the held-out kind: no pair is about them.
questions=("What is the capital of France?" "How many legs has a dog?" "法国的首都是哪里？")
for argument in "$@"; do
    case $argument in
    output_dir=*) output=${argument#output_dir=} ;;
    *=*) ;;
    *) echo "prefer: $argument: expected key=value, such as pref_loss=ipo" >&2 && exit 1 ;;
    esac
done

say() { printf '\n== %s\n' "$*"; }

# The answer to one question in a conversation of its own, at most 64 tokens, the likeliest each time.
ask() {
    local question=$1
    shift
    printf '%s\n' "$question" | "$lockstep" chat "$recipe" "$@" |
        sed -E 's/^((User|Assistant): ?)+//; /^[[:space:]]*$/d'
}

# A column of numbers from the log: evaluations of the held-out pairs.
show_evaluations() {
    awk '
        function field(name) {
            if (!match($0, "\"" name "\": [-+.0-9eE]+")) return ""
            return substr($0, RSTART + length(name) + 4, RLENGTH - length(name) - 4)
        }
        /"eval_loss":/ {
            printf "  step %4d  loss %.4f  pairs right %.3f  margin %.3f\n", field("current_steps"),
                field("eval_loss"), field("eval_rewards/accuracies"), field("eval_rewards/margins")
        }' "$1/trainer_log.jsonl"
    printf '  %s\n' "$1/trainer_log.jsonl" "$1/training_loss.svg"
}

say "set-up"
scripts/setup.sh

say "base model"
scripts/fetch_smollm2.sh

say "build"
swift build -c release --product lockstep
lockstep="$(swift build -c release --show-bin-path)/lockstep"

say "three answers before"
before=()
for question in "${questions[@]}"; do
    before+=("$(ask "$question")")
    printf 'Q  %s\nA  %s\n' "$question" "${before[-1]}"
done

say "training"
started=$SECONDS
status=0
"$lockstep" train "$recipe" "$@" || status=$?
# 75: stopped on request with a checkpoint saved.
if [ "$status" = 75 ]; then
    echo "prefer: stopped on request; run the same command again to go on"
fi
if [ "$status" != 0 ]; then exit "$status"; fi
echo "trained in $((SECONDS - started)) s"

say "held-out pairs"
show_evaluations "$output"

say "side by side"
for index in "${!questions[@]}"; do
    after=$(ask "${questions[index]}" adapter_name_or_path="$output")
    printf '%s\n  before  %s\n  after   %s\n\n' "${questions[index]}" \
        "${before[index]//$'\n'/$'\n          '}" "${after//$'\n'/$'\n          '}"
done
echo "done in $SECONDS s: the adapter is in $output (PEFT's files)"
