#!/usr/bin/env bash
# Whether a change kept every bit: builds another commit beside this tree, makes the same six runs of 50 steps
# with both, and compares each step's loss, the final weights and the final checkpoint.
#
#     scripts/compare_commits.sh [COMMIT]      HEAD~1 unless given
#     scripts/compare_commits.sh PROGRAM       an earlier lockstep that is built already
#
# GPT-2 in fp32, bf16 and fp16; Llama in bf16 on two ranks with zero_stage 1; LoRA on a GGUF base; DoRA on packed
# samples. Checkpoints are compared array by array where Python has h5py (PYTHON names another one), else by the
# final weights alone. Exit status 1 where something differs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

earlier=${1:-HEAD~1}
python=${PYTHON:-python3}
top=$PWD
scratch=$(mktemp -d)
trap 'git worktree remove --force "$scratch/tree" 2>/dev/null || true; rm -rf "$scratch"' EXIT

build() {
    (cd "$1" && swift build -c release --product lockstep --quiet)
}
if [[ -f $earlier && -x $earlier ]]; then
    echo "compare_commits: building this tree"
    program=$(readlink -f "$earlier")
else
    echo "compare_commits: building $(git rev-parse --short "$earlier") and this tree"
    git worktree add --quiet --detach "$scratch/tree" "$earlier"
    build "$scratch/tree"
    program=$scratch/tree/.build/release/lockstep
fi
build "$top"

launch=(mpirun -q --oversubscribe --bind-to none)
[[ $(id -u) != 0 ]] || launch+=(--allow-run-as-root)

# Models and data that both programs get.
mkdir -p "$scratch/gpt2" "$scratch/llama"
cat >"$scratch/gpt2/config.json" <<'JSON'
{"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "n_embd": 96, "n_layer": 3, "n_head": 6,
 "n_positions": 128, "vocab_size": 640, "resid_pdrop": 0.1, "embd_pdrop": 0.1, "attn_pdrop": 0.1}
JSON
cat >"$scratch/llama/config.json" <<'JSON'
{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 128, "intermediate_size": 256,
 "num_hidden_layers": 3, "num_attention_heads": 8, "num_key_value_heads": 2, "vocab_size": 640,
 "max_position_embeddings": 128, "rms_norm_eps": 1e-05, "rope_theta": 10000.0, "tie_word_embeddings": false}
JSON
cp -R Tests/References/conversations/llama "$scratch/tokenizer"
cp Tests/References/corpus/story.txt "$scratch/"
cp Tests/References/conversations/{alpaca.json,dataset_info.json} "$scratch/"

# One run: name, ranks, then keys.
run() {
    local name=$1 ranks=$2 words=()
    shift 2
    ((ranks == 1)) || words=("${launch[@]}" -np "$ranks")
    ${words[@]+"${words[@]}"} "$lockstep" train run.yaml output_dir="$name" "$@" >"$name.log" 2>&1 || {
        tail -n 5 "$name.log" >&2
        echo "compare_commits: $lockstep failed in $name" >&2
        exit 1
    }
}

six_runs() {
    local lockstep=$1 folder=$2
    mkdir -p "$folder" && cd "$folder"
    cat >run.yaml <<YAML
train_from_scratch: true
stage: pt
dataset: $scratch/story.txt
tokenizer_name_or_path: $scratch/tokenizer
tokenized_path: shards
cutoff_len: 64
per_device_train_batch_size: 2
learning_rate: 1e-3
max_steps: 50
save_steps: 50
logging_steps: 1
threads_per_rank: 1
YAML
    cat >sft.yaml <<YAML
stage: sft
dataset_dir: $scratch
dataset: alpaca
template: llama2
cutoff_len: 96
per_device_train_batch_size: 2
learning_rate: 1e-3
max_steps: 50
save_steps: 50
logging_steps: 1
threads_per_rank: 1
bf16: true
YAML
    "$lockstep" prepare run.yaml model_name_or_path="$scratch/gpt2" >prepare.log 2>&1
    for precision in fp32 bf16 fp16; do
        run "gpt2-$precision" 1 model_name_or_path="$scratch/gpt2" precision="$precision"
    done
    run llama-zero1 2 model_name_or_path="$scratch/llama" precision=bf16 zero_stage=1
    "$lockstep" export run.yaml model_name_or_path=llama-zero1 export_dir=gguf export_gguf=q8_0 \
        tokenized_path=null >export.log 2>&1
    mv run.yaml pretrain.yaml && mv sft.yaml run.yaml
    run lora-gguf 1 model_name_or_path="$(ls "$PWD"/gguf/*.gguf)" finetuning_type=lora lora_rank=4
    run dora-packed 1 model_name_or_path=llama-zero1 finetuning_type=lora lora_rank=4 use_dora=true packing=true
}

echo "compare_commits: six runs with each"
(six_runs "$program" "$scratch/before")
(six_runs "$top/.build/release/lockstep" "$scratch/after")

cat >"$scratch/compare.py" <<'PY'
import sys, h5py, numpy
def arrays(path):
    found = {}
    with h5py.File(path) as file:
        for group in ("model", "optimizer"):
            file[group].visititems(lambda name, item: found.update(
                {group + "/" + name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found
a, b = map(arrays, sys.argv[1:])
different = sorted(set(a) ^ set(b)) or [n for n in a if a[n].tobytes() != b[n].tobytes()]
for name in different[:3]:
    print("  differs:", name)
sys.exit(bool(different) or not a)
PY
losses() { grep -o '"loss": [^,]*' "$1/trainer_log.jsonl"; }

status=0
for name in gpt2-fp32 gpt2-bf16 gpt2-fp16 llama-zero1 lora-gguf dora-packed; do
    before=$scratch/before/$name after=$scratch/after/$name equal=yes
    steps=$(losses "$after" | wc -l)
    ((steps == 50)) || { echo "$name: $steps losses, expected 50"; equal=no; }
    cmp -s <(losses "$before") <(losses "$after") || {
        echo "$name: losses differ, first: $(diff <(losses "$before") <(losses "$after") | sed -n '2p;4p' | tr '\n' ' ')"
        equal=no
    }
    weights=model.safetensors
    [[ -f $after/$weights ]] || weights=adapter_model.safetensors
    cmp -s "$before/$weights" "$after/$weights" || { echo "$name: $weights differs"; equal=no; }
    if "$python" -c 'import h5py' 2>/dev/null; then
        "$python" "$scratch/compare.py" "$before/checkpoint-50.h5" "$after/checkpoint-50.h5" || equal=no
    else
        echo "$name: no h5py, checkpoints are not compared"
    fi
    [[ $equal == yes ]] && echo "$name: 50 losses, weights and checkpoint are equal" || status=1
done
exit $status
