#!/usr/bin/env bash
# Serving, from nothing: model, build, server; then a question by curl and one by the official openai
# client. Where Python lacks that, it is fetched into a virtual environment in .build; where that does not
# work, its question is left out. The server goes on until Ctrl-C.
#
#   scripts/serve.sh [key=value …]     settings that win over examples/serve/smollm2.yaml
#
# API_HOST, API_PORT, API_KEY and MAX_CONCURRENT are read as by `lockstep api`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n== %s\n' "$*"; }

recipe=examples/serve/smollm2.yaml
key=(${API_KEY:+-H "authorization: Bearer $API_KEY"})

say "model"
scripts/fetch_smollm2.sh
say "build"
swift build -c release --product lockstep
lockstep=$(swift build -c release --show-bin-path)/lockstep

say "lockstep api $recipe $*"
messages=$(mktemp)
"$lockstep" api "$recipe" "$@" 2> >(tee "$messages" >&2) &
server=$!
trap 'kill -TERM $server 2>/dev/null; wait $server 2>/dev/null || true; rm -f "$messages"' EXIT
# Its own line, for another server may answer at the address already.
until address=$(sed -n 's|^lockstep: \(http://[^ ]*\)/v1 answers as .*|\1|p' "$messages") && [ -n "$address" ]; do
    kill -0 $server 2>/dev/null || { echo "serve: the server ended; its message is above" >&2; exit 1; }
    sleep 0.2
done

say "curl, in pieces"
curl -sSN "$address/v1/chat/completions" ${key[@]+"${key[@]}"} -H 'content-type: application/json' -d '{
    "messages": [{"role": "user", "content": "Name three colours."}],
    "max_tokens": 40, "temperature": 0, "stream": true}'

say "the openai client"
python=python3
if ! python3 -c 'import openai' 2>/dev/null; then
    python=.build/openai-client/bin/python
    if ! "$python" -c 'import openai' 2>/dev/null; then
        echo "fetching it into .build/openai-client"
        python3 -m venv .build/openai-client && "$python" -m pip install --quiet --disable-pip-version-check openai ||
            python=
    fi
fi
if [ -n "$python" ]; then
    BASE=$address/v1 "$python" - <<'PYTHON'
import os
from openai import OpenAI

client = OpenAI(base_url=os.environ["BASE"], api_key=os.environ.get("API_KEY") or "none")
answer = client.chat.completions.create(
    model=client.models.list().data[0].id, max_tokens=40, temperature=0,
    messages=[{"role": "user", "content": "What is the capital of France?"}])
print(answer.choices[0].message.content)
PYTHON
else
    echo "left out: Python could not fetch it; the message is above" >&2
fi

say "$address/v1 answers until Ctrl-C"
wait $server
