#!/usr/bin/env bash
# Preference training and learning from rewards, from nothing: set-up, base model, build, three answers before, training
# with LoRA, what the held-out part came to, and the same three answers after. A second call goes on where the first one
# stopped.
#
#   scripts/prefer.sh [dpo|ppo|grpo] [key=value …]
#
#   dpo           on pairs of answers, a brief one and one that talks around it; unless another is named
#   ppo           on answers of its own, scored by a reward model that is trained first on the same pairs
#   grpo          on sums, rewarded for the right number
#   key=value …   settings that win over the recipe's in examples/preference
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

kind=dpo
case ${1:-} in
dpo | ppo | grpo)
    kind=$1
    shift
    ;;
esac
# Of the held-out kind: none is learned from.
questions=("What is the capital of France?" "How many legs has a dog?" "法国的首都是哪里？")
case $kind in
dpo) recipe=examples/preference/smollm2_lora_dpo.yaml output=output/smollm2-dpo ;;
ppo) recipe=examples/preference/smollm2_lora_ppo.yaml output=output/smollm2-ppo ;;
grpo)
    recipe=examples/preference/smollm2_grpo_sums.yaml output=output/smollm2-grpo
    questions=("What is 2 + 6? Answer with the number only." "Add 7 and 5. Give only the result."
        "What is 9 + 3? Answer with the number only.")
    ;;
esac
judge=examples/preference/smollm2_lora_rm.yaml judge_output=output/smollm2-rm
for argument in "$@"; do
    case $argument in
    output_dir=*) output=${argument#output_dir=} ;;
    *=*) ;;
    *) echo "prefer: $argument: expected dpo, ppo, grpo first, or key=value, such as pref_loss=ipo" >&2 && exit 1 ;;
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

# What the log says of the held-out part, one line an evaluation.
show_evaluations() {
    awk '
        function field(name) {
            if (!match($0, "\"" name "\": [-+.0-9eE]+")) return ""
            return substr($0, RSTART + length(name) + 4, RLENGTH - length(name) - 4)
        }
        function show(label, name) {
            if (field(name) != "") line = line sprintf("  %s %.3f", label, field(name))
        }
        /"eval_loss":/ {
            line = sprintf("  step %4d", field("current_steps"))
            show("pairs right", "eval_accuracy")
            show("pairs right", "eval_rewards/accuracies")
            show("margin", "eval_rewards/margins")
            show("mean score", "eval_reward")
            print line
        }' "$1/trainer_log.jsonl"
    printf '  %s\n' "$1/trainer_log.jsonl" "$1/training_loss.svg"
}

# Trains by a recipe, with settings that win over it.
train() {
    local started=$SECONDS status=0
    "$lockstep" train "$@" || status=$?
    # 75: stopped on request with a checkpoint saved.
    if [ "$status" = 75 ]; then
        echo "prefer: stopped on request; run the same command again to go on"
    fi
    if [ "$status" != 0 ]; then exit "$status"; fi
    echo "trained in $((SECONDS - started)) s"
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

if [ "$kind" = ppo ] && [ ! -s "$judge_output/adapter_model.safetensors" ]; then
    say "training the reward model"
    train "$judge"
    say "held-out pairs"
    show_evaluations "$judge_output"
fi

say "training"
train "$recipe" "$@"

say "held out"
show_evaluations "$output"

say "side by side"
for index in "${!questions[@]}"; do
    after=$(ask "${questions[index]}" adapter_name_or_path="$output")
    printf '%s\n  before  %s\n  after   %s\n\n' "${questions[index]}" \
        "${before[index]//$'\n'/$'\n          '}" "${after//$'\n'/$'\n          '}"
done
echo "done in $SECONDS s: the adapter is in $output (PEFT's files)"
