#!/usr/bin/env bash
# Makes the tarball of scripts/package.sh and uses it as a node without Swift would: the toolchain's folder is
# hidden while it trains on two ranks and goes on from the checkpoint.
#
#     scripts/check_package.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

stop() {
    printf 'check_package: %s\n' "$@" >&2
    exit 1
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
scripts/package.sh "$scratch/package"
(cd "$scratch/package" && sha256sum --quiet -c ./*.sha256)
tar -xzf "$scratch"/package/*.tar.gz -C "$scratch"
root=$(find "$scratch" -maxdepth 1 -type d -name 'lockstep-*')
toolchain=$(dirname "$(dirname "$(readlink -f "$(command -v swift)")")")

mkdir -p "$scratch/run/model"
cat >"$scratch/run/model/config.json" <<'JSON'
{"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 32, "intermediate_size": 64,
 "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 300,
 "max_position_embeddings": 64, "rms_norm_eps": 1e-05, "tie_word_embeddings": true}
JSON
for ((line = 0; line < 400; line++)); do
    echo "line $line of a text that is written for a node without a compiler"
done >"$scratch/run/text.txt"
cat >"$scratch/run/run.yaml" <<'YAML'
model_name_or_path: model
train_from_scratch: true
tokenizer_name_or_path: tokenizer
stage: pt
dataset: text.txt
tokenized_path: shards
cutoff_len: 32
output_dir: out
per_device_train_batch_size: 2
learning_rate: 1e-3
max_steps: 4
save_steps: 2
logging_steps: 1
bf16: true
YAML

cat >"$scratch/node.sh" <<'SH'
# Runs in a place of its own: what is mounted here nobody else sees.
set -euo pipefail
toolchain=$1 lockstep=$2
if [[ $3 == hide ]]; then
    mount -t tmpfs none "$toolchain"
    ! command -v swift >/dev/null || { echo "swift can still be found" >&2; exit 1; }
fi
! ldd "$lockstep" | grep 'not found' || exit 1
launch=(mpirun -q --oversubscribe --bind-to none -np 2)
[[ $(id -u) != 0 ]] || launch+=(--allow-run-as-root)
"$lockstep" version
"$lockstep" tokenizer train --input text.txt --vocab-size 300 --output tokenizer
"${launch[@]}" "$lockstep" prepare run.yaml
"${launch[@]}" "$lockstep" train run.yaml
"${launch[@]}" "$lockstep" train run.yaml max_steps=6
"$lockstep" generate --model out --prompt "line" --max-new-tokens 4 --temperature 0
SH

enter=(unshare -m) hide=hide
[[ $(id -u) == 0 ]] || enter=(unshare -rm)
if ! "${enter[@]}" true 2>/dev/null; then
    # A container may not make mount namespaces. What the program links to was checked by package.sh.
    enter=() hide=no
    echo "check_package: folders cannot be hidden here; the toolchain's stays in sight"
fi
cd "$scratch/run"
${enter[@]+"${enter[@]}"} bash "$scratch/node.sh" "$toolchain" "$root/bin/lockstep" $hide >"$scratch/log" 2>&1 ||
    { cat "$scratch/log" >&2; stop "the packaged program failed without the toolchain, see above"; }
grep -q 'step 6/6' "$scratch/log" || { cat "$scratch/log" >&2; stop "expected steps up to 6/6, see above"; }
[[ -f out/model.safetensors && -f out/checkpoint-6.h5 ]] ||
    stop "expected out/model.safetensors and out/checkpoint-6.h5, found: $(ls out)"
echo "check_package: passed; trained on two ranks and resumed"
