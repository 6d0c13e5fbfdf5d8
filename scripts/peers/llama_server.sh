#!/usr/bin/env bash
# `lockstep api` beside llama.cpp's server on the same GGUF: tokens a second of one and of eight clients, and
# the time to the first token, asked in turn by scripts/measure_api.py.
#
#   scripts/peers/llama_server.sh LLAMA_SERVER [LOCKSTEP [option of measure_api.py …]]
#
# LLAMA_SERVER is built from the sources in llama-cpp-python's package on PyPI (vendor/llama.cpp):
#   cmake -B build -DCMAKE_BUILD_TYPE=Release -DLLAMA_CURL=OFF -DLLAMA_OPENSSL=OFF -DLLAMA_USE_PREBUILT_UI=OFF
#   cmake --build build --target llama-server
# Both have all processors and eight places of 1024 tokens or more. SETTINGS="infer_dtype=float32 …" for lockstep's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

llama=${1:?give the path of llama-server}
lockstep=${2:-.build/release/lockstep}
shift $(($# < 2 ? $# : 2))
scripts/fetch_smollm2.sh
model=models/SmolLM2-135M-Instruct.Q4_1.gguf
messages=$(mktemp)
own='' peer=''
trap 'kill -TERM $own $peer 2>/dev/null || true; wait; rm -f "$messages" "$messages.peer"' EXIT

read -ra settings <<<"${SETTINGS:-}"
API_PORT=8171 MAX_CONCURRENT=8 "$lockstep" api examples/serve/smollm2.yaml ${settings[@]+"${settings[@]}"} \
    2>"$messages" &
own=$!
"$llama" -m $model --port 8172 --parallel 8 --ctx-size 8192 --threads "$(nproc)" --no-webui \
    >"$messages.peer" 2>&1 &
peer=$!
until grep -q "answers as" "$messages" && curl -fsS http://127.0.0.1:8172/health >/dev/null 2>&1; do
    kill -0 $own || { cat "$messages" >&2; exit 1; }
    kill -0 $peer || { tail -5 "$messages.peer" >&2; exit 1; }
    sleep 0.2
done
cat "$messages"
"$llama" --version 2>&1 | head -1
python3 scripts/measure_api.py http://127.0.0.1:8171/v1 http://127.0.0.1:8172/v1 --clients 1,8 \
    --pid $own,$peer --rounds 3 "$@"
