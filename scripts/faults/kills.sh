#!/usr/bin/env bash
# The case `kills` of scripts/check_faults.sh, which sources this file: ranks that are killed again and again, in
# pretraining, DPO and GRPO.
# shellcheck disable=SC2154,SC2034,SC2016  # variables that check_faults.sh sets or reads; checks it evaluates

# What a run of two ranks came to: its final weights, and each step's loss with all digits.
outcome() {
    sha256sum <"$1/model.safetensors"
    sed -n 's/.*"current_steps": *\([0-9]*\).*"loss": *\([-0-9.e]*\).*/\1 \2/p' "$1/trainer_log.jsonl"
}

# Whether every checkpoint that a killed run left is whole.
whole_checkpoints() {
    local file
    for file in out/checkpoint-*.h5; do
        [[ ! -e $file ]] || "$lockstep" inspect "$file" --verify >verified 2>&1 || return 1
    done
}

# kills_of NAME SETTING …: a run of two ranks that saves after each step, of which a rank or both are killed
# twenty times at moments drawn anew each time, equals one that nothing happens to.
kills_of() {
    local name=$1 kills=0 broken=0 victims from
    shift
    local settings=("$@" max_steps=60 save_total_limit=3)
    rm -rf out whole lines.kill
    on 1 "$lockstep" train "${settings[@]}" save_steps=60 output_dir=whole
    mark=$(now)
    finish 120
    mark=$(now)
    while ((kills < 20)); do
        from=$(steps)
        on 1 "$lockstep" train "${settings[@]}" save_steps=1 output_dir=out
        if until_holds 60 eval "has_steps $((from + 1)) || ! kill -0 $started 2>/dev/null"; then
            sleep "0.$((RANDOM % 900 + 100))"
            mapfile -t victims < <(ranks 1)
            if ((${#victims[@]} == 2)); then
                case $((RANDOM % 3)) in
                0) kill -9 "${victims[@]}" ;;
                1) kill -9 "${victims[0]}" ;;
                2) kill -9 "${victims[1]}" ;;
                esac 2>/dev/null
            fi
        fi
        local mark
        mark=$(now)
        finish 60
        if [[ $status == 0 ]]; then
            # It came to its end before it was struck: begin another.
            [[ $(outcome out) == "$(outcome whole)" ]] || broken=$((broken + 1))
            rm -rf out
        else
            kills=$((kills + 1))
            whole_checkpoints || broken=$((broken + 1))
        fi
    done
    on 1 "$lockstep" train "${settings[@]}" save_steps=1 output_dir=out
    mark=$(now)
    finish 120
    echo "lockstep: killed $kills times, $broken times something was broken" >>lines
    row "$name, a rank or both killed 20 times" 1 "killed 20 times" 0 "((broken == 0))" \
        '[[ $(outcome out) == "$(outcome whole)" ]]' '(($(steps) == 60))'
}

case_kills() {
    local references=$here/../Tests/References
    cp -r "$references/finetuning/model" model
    mkdir -p rows
    cp "$references"/preferences/data/* "$references/policies/data/prompts.json" rows/
    cat >answers.yaml <<'END'
finetuning_type: full
model_name_or_path: model
dataset_dir: rows
template: chatml
cutoff_len: 128
gradient_accumulation_steps: 2
learning_rate: 1e-3
logging_steps: 1
threads_per_rank: 1
peak_gflops: 50
END
    kills_of pretraining run.yaml
    kills_of DPO answers.yaml stage=dpo dataset=alpaca per_device_train_batch_size=1 \
        pref_bco_weight=0.5
    kills_of GRPO answers.yaml stage=grpo dataset=rows/prompts.json per_device_train_batch_size=4 \
        grpo_num_generations=4 grpo_reward='["regex:[a-f]", "length"]' grpo_beta=0.1 \
        grpo_iterations=2 max_new_tokens=12
}
