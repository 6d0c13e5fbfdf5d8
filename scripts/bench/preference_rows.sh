#!/usr/bin/env bash
# Rows of preferences and rewards in the table that scripts/benchmark.sh writes, which sources this file beside
# scripts/bench/rows.sh.
# shellcheck disable=SC2154,SC2034  # variables that scripts/benchmark.sh sets or reads

row_dpo() {
    title "DPO with LoRA r=8 on all linears of SmolLM2-135M, 4 pairs × 256, bf16, 1 rank × 2 threads"
    has_smollm2 || return 0
    export_smollm2
    figure "speed" rate tokensPerSecond lockstep/peer ">= 3"
    figure "memory" bytes peakMemory lockstep/peer "<= 0.4"
    figure "GGUF base kept quantized: speed" rate tokensPerSecond gguf/peer
    figure "GGUF base kept quantized: memory" bytes peakMemory gguf/peer
    peer "TRL, PEFT" torch,trl,peft peer_step 1 2 "$steps" preference.py "$output/smollm2" --batch 4 \
        --lora-rank 8
    side lockstep Lockstep lockstep_step 1 2 "$steps" $bench/smollm2-dpo.yaml \
        model_name_or_path="$output/smollm2"
    side gguf "Lockstep, GGUF" lockstep_step 1 2 "$steps" $bench/smollm2-dpo.yaml \
        model_name_or_path=$gguf
    take_turns
}

# Prompts that want long answers; made once.
write_prompts() {
    local number
    [[ -s $output/prompts.json ]] && return
    for number in {11..60}; do
        printf '{"instruction": "Tell me a long story of %d sailors and their ship.", "input": "", "output": "ship"}\n' \
            "$number"
    done | paste -sd, | sed 's/^/[/; s/$/]/' >"$output/prompts.json"
}

# Steps of GRPO: completion tokens a second of whole steps and of their rollouts, medians of the steps after
# the first. Arguments: settings.
lockstep_policy() {
    local folder=$scratch/grpo
    rm -rf "$folder"
    launch 1 2 "$lockstep" train $bench/smollm2-grpo.yaml dataset="$output/prompts.json" \
        output_dir="$folder" max_steps=$((steps + 1)) threads_per_rank=2 disable_tqdm=true "$@" >&2 || return 1
    awk '
        function field(name) {
            if (!match($0, "\"" name "\": [-+.0-9e]+")) return 0
            return substr($0, RSTART + length(name) + 4, RLENGTH - length(name) - 4)
        }
        function median(values, count, i, j, kept) {
            for (i = 2; i <= count; i++)
                for (j = i; j > 1 && values[j] < values[j - 1]; j--) {
                    kept = values[j]; values[j] = values[j - 1]; values[j - 1] = kept
                }
            return values[int((count + 1) / 2)]
        }
        /"completions\/mean_length"/ {
            if (!seen++) next
            tokens = 8 * field("completions/mean_length")
            count++
            whole[count] = tokens / field("step_seconds")
            rollout[count] = tokens / field("seconds/rollout")
        }
        END {
            printf "{\"tokensPerSecond\": %.2f, \"rolloutTokensPerSecond\": %.2f}\n", median(whole, count), median(rollout, count)
        }' "$folder/trainer_log.jsonl"
}

# One completion of the same model by itself: the next token's rate.
lockstep_stream() {
    launch 1 2 "$lockstep" generate --model "$1" --prompt "$prompt" --temperature 1 --precision bf16 \
        --max-new-tokens 128 --timing --threads 2 2>&1 >"$scratch/text" |
        sed -nE 's|.* ([0-9]+) prompt tokens in ([0-9.]+) s, ([0-9]+) new at ([0-9.]+) tokens/s.*|{"rolloutTokensPerSecond": \4}|p'
}

row_grpo() {
    title "GRPO with LoRA r=8 on all linears of SmolLM2-135M, 8 completions of 128 tokens, bf16, 1 rank × 2 threads"
    has_smollm2 || return 0
    export_smollm2
    write_prompts
    figure "whole steps: completion tokens" rate tokensPerSecond lockstep/peer
    figure "rollouts beside one completion alone" rate rolloutTokensPerSecond lockstep/stream ">= 6"
    figure "GGUF base kept quantized: whole steps" rate tokensPerSecond gguf/peer
    figure "GGUF base kept quantized: rollouts beside one completion" rate rolloutTokensPerSecond gguf/quantized
    peer "TRL, PEFT, transformers" torch,trl,peft peer_step 1 2 "$steps" policy.py "$output/smollm2" \
        "$output/prompts.json" --lora-rank 8
    side lockstep Lockstep lockstep_policy model_name_or_path="$output/smollm2"
    side stream "Lockstep, one completion" lockstep_stream "$output/smollm2"
    side gguf "Lockstep, GGUF" lockstep_policy model_name_or_path=$gguf
    side quantized "Lockstep, GGUF, one completion" lockstep_stream $gguf
    take_turns
}
