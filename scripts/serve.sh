#!/usr/bin/env bash
# Serving, from nothing: model, build, server; then a question by curl and one by the official openai
# client, if Python has it. The server goes on until Ctrl-C.
#
#   scripts/serve.sh [key=value …]     settings that win over examples/serve/smollm2.yaml
#
# API_HOST, API_PORT, API_KEY and MAX_CONCURRENT are read as by `lockstep api`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n== %s\n' "$*"; }

recipe=examples/serve/smollm2.yaml
export API_PORT=${API_PORT:-8000}
address=http://${API_HOST:-127.0.0.1}:$API_PORT
key=(${API_KEY:+-H "authorization: Bearer $API_KEY"})

say "model"
scripts/fetch_smollm2.sh
say "build"
swift build -c release --product lockstep
lockstep=$(swift build -c release --show-bin-path)/lockstep

say "lockstep api $recipe $*"
"$lockstep" api "$recipe" "$@" &
server=$!
trap 'kill -TERM $server 2>/dev/null; wait $server 2>/dev/null || true' EXIT
until curl -fsS "$address/health" >/dev/null 2>&1; do
    kill -0 $server 2>/dev/null || { echo "serve: the server ended; its message is above" >&2; exit 1; }
    sleep 0.2
done

say "curl, in pieces"
curl -sSN "$address/v1/chat/completions" ${key[@]+"${key[@]}"} -H 'content-type: application/json' -d '{
    "messages": [{"role": "user", "content": "Name three colours."}],
    "max_tokens": 40, "temperature": 0, "stream": true}'

say "the openai client"
if python3 -c 'import openai' 2>/dev/null; then
    BASE=$address/v1 python3 - <<'PYTHON'
import os
from openai import OpenAI

client = OpenAI(base_url=os.environ["BASE"], api_key=os.environ.get("API_KEY") or "none")
answer = client.chat.completions.create(
    model=client.models.list().data[0].id, max_tokens=40, temperature=0,
    messages=[{"role": "user", "content": "What is the capital of France?"}])
print(answer.choices[0].message.content)
PYTHON
else
    echo "not there; python3 -m pip install openai"
fi

say "$address/v1 answers until Ctrl-C"
wait $server
