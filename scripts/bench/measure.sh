#!/usr/bin/env bash
# How scripts/benchmark.sh runs programs and keeps what they measure; it sources this file.
# shellcheck disable=SC2154  # variables that scripts/benchmark.sh sets

failures=0
row=''  # the row under way
sides=() side_names=() side_commands=()

say() { printf '\n== %s\n' "$*"; }

# A text that may stand between quotes in JSON.
plain() { tr -d '"\\\r' <<<"$*" | tr '\n\t' '  ' | sed 's/ *$//'; }

# Keeps a line of JSON.
keep() { printf '%s\n' "$1" >>"$output/runs/$row.jsonl"; }

fact() { keep "{\"kind\":\"fact\",\"name\":\"$1\",\"value\":\"$(plain "$2")\"}"; }

# A note about the row under way.
note() { keep "{\"kind\":\"note\",\"row\":\"$row\",\"text\":\"$(plain "$1")\"}"; }

# Begins a row: its title.
title() {
    local order
    for order in "${!all_rows[@]}"; do [[ ${all_rows[order]} == "$row" ]] && break; done
    sides=() side_names=() side_commands=()
    say "$1"
    keep "$(printf '{"kind":"row","row":"%s","order":%d,"title":"%s","date":"%s","commit":"%s"}' \
        "$row" "$order" "$(plain "$1")" "$(date -u +%Y-%m-%d)" "$(commit)")"
}

# A figure: name, format, quantity, sides, and perhaps a bound such as '>= 1.6'. Sides are one side;
# A/B, where the bound holds for the ratio, perhaps times a factor as in A/B*0.5; or A:B, where B
# stands beside and the bound holds for A.
figure() {
    local name=$1 format=$2 quantity=$3 side=$4 bound=${5-} members=''
    if [[ $side == *[/:]* ]]; then
        local other=${side#*[/:]}
        [[ $side == *:* ]] && members+=',"judgesValue":true'
        if [[ $other == *'*'* ]]; then
            members+=",\"scale\":${other#*'*'}"
            other=${other%'*'*}
        fi
        members+=",\"against\":\"$other\""
        side=${side%%[/:]*}
    fi
    case $bound in
    '>= '*) members+=",\"atLeast\":${bound#>= }" ;;
    '<= '*) members+=",\"atMost\":${bound#<= }" ;;
    esac
    keep "$(printf '{"kind":"target","row":"%s","name":"%s","quantity":"%s","format":"%s","side":"%s"%s}' \
        "$row" "$name" "$quantity" "$format" "$side" "$members")"
}

# A program of the row: id, name, and a command that prints a line of JSON.
side() {
    sides+=("$1")
    side_names+=("$2")
    shift 2
    side_commands+=("$(printf '%q ' "$@")")
}

# The same for a peer, where its Python has these modules: name, modules, command.
peer() {
    local name=$1 modules=$2
    shift 2
    if has_modules "$modules"; then
        side peer "$name" "$@"
    elif $with_peers && [[ -n $python ]]; then
        note "$name was not measured: $python lacks one of $modules"
    fi
}

# Runs the row's programs in turn.
take_turns() {
    local pair index
    for ((pair = 1; pair <= pairs; pair++)); do
        for index in "${!sides[@]}"; do
            run_side "$pair" "$index"
        done
    done
}

# Runs one program and keeps its line of JSON; one that fails is told of, and the rest go on.
run_side() {
    local pair=$1 index=$2 result status=0 reason
    eval "${side_commands[index]}" >"$scratch/out" 2>"$scratch/err" || status=$?
    result=$(grep '^{.*}$' "$scratch/out" | tail -n 1) || true
    if [[ $status != 0 || -z $result ]]; then
        reason=$(grep -vE '^[[:space:]]*$|^begun ' "$scratch/err" "$scratch/out" -h | tail -n 1) || true
        printf '%s %d/%d  %s: status %d: %s\n' \
            "$row" "$pair" "$pairs" "${side_names[index]}" "$status" "$reason" >&2
        note "${side_names[index]}, turn $pair, failed with status $status: $reason"
        failures=$((failures + 1))
        return
    fi
    printf '%s %d/%d  %s: %s\n' "$row" "$pair" "$pairs" "${side_names[index]}" "$(brief "$result")"
    keep "$(printf '{"kind":"run","row":"%s","side":"%s","name":"%s","pair":%d,"result":%s}' \
        "$row" "${sides[index]}" "${side_names[index]}" "$pair" "$result")"
}

# The first numbers of a result, for the terminal.
brief() {
    grep -oE '"(tokensPerSecond|peakMemory|mfu|toFirstStep|toEndOfFirstStep|longerStep|writeRate|diskRate)" ?: ?[0-9.eE+-]+' \
        <<<"$1" | tr -d '" ' | awk -F: '{ printf "%s%s %.4g", (NR > 1 ? ", " : ""), $1, $2 }'
}

# Measures a row by its name.
run_row() {
    row=$1
    rm -f "$output/runs/$row.jsonl"
    "row_${row//-/_}"
}

# What the prefix is put before: tells the time on stderr, then becomes the command. The prefix may
# have waited.
starter=(bash -c 'printf "begun %s\n" "$EPOCHREALTIME" >&2; exec "$@"' starter)

# Runs a command on so many ranks of so many threads, each rank bound to cores of its own.
launch() {
    local ranks=$1 threads=$2 root=()
    shift 2
    [[ $(id -u) == 0 ]] && root=(--allow-run-as-root)
    OMP_NUM_THREADS=$threads ${prefix[@]+"${prefix[@]}"} "${starter[@]}" \
        mpirun -q ${root[@]+"${root[@]}"} -np "$ranks" --map-by "slot:PE=$threads" --bind-to core "$@" </dev/null
}

# Whole steps of Lockstep: ranks, threads, counted steps, YAML file, settings.
lockstep_step() {
    local ranks=$1 threads=$2 count=$3
    shift 3
    launch "$ranks" "$threads" "$lockstep" bench step "$@" --steps "$count" --json
}

# Whether PyTorch multiplies bfloat16 by instructions of this processor; where it imitates them, a step takes minutes.
peers_have_bfloat16() { [[ $(uname -m) != x86_64 ]] || grep -qw avx512bw /proc/cpuinfo; }

# Whole steps of a peer: ranks, threads, counted steps, script, its arguments. In float32 where that is its fastest.
peer_step() {
    local ranks=$1 threads=$2 count=$3 script=$4 meeting
    shift 4
    peers_have_bfloat16 || set -- --dtype fp32 "$@"
    meeting=$scratch/meeting
    rm -f "$meeting"
    launch "$ranks" "$threads" "$python" "scripts/peers/$script" "$@" --threads "$threads" \
        --steps "$count" --meeting "$meeting"
}

# Seconds from the start of a command to the first line that a pattern matches, whose first group is
# the step's own seconds. The command runs to its end.
first_step() {
    local pattern=$1 begun='' line end='' own=''
    shift
    while IFS= read -r line; do
        printf '%s\n' "$line" >&2
        [[ $line != "begun "* ]] || begun=${line#begun }
        [[ -z $end && $line =~ $pattern ]] || continue
        end=$EPOCHREALTIME own=${BASH_REMATCH[1]}
    done < <("$@" 2>&1)
    [[ -n $end ]] || return 1
    awk -v begun="$begun" -v end="$end" -v own="$own" 'BEGIN {
        printf "{\"toEndOfFirstStep\": %.3f, \"toFirstStep\": %.3f}\n", end - begun, end - begun - own
    }'
}

# Whether the peers' Python has modules, named with commas between.
has_modules() {
    $with_peers && [[ -n $python ]] && "$python" -c "import $1" >/dev/null 2>&1
}

# Looks for the peers' Python and says in one line where there is none.
find_peers() {
    local given=$python
    row=machine
    rm -f "$output/runs/machine.jsonl"
    if ! $with_peers; then
        python=''
        keep '{"kind":"note","text":"--no-peers: the last call measured no peers."}'
        return
    fi
    python=${python:-python3}
    if ! has_modules torch; then
        [[ -z $given ]] || stop "--python: $given cannot import torch"
        python=''
        echo "benchmark: python3 has no torch, so Lockstep is measured without its peers"
        keep '{"kind":"note","text":"PyTorch is not installed: the last call measured no peers."}'
    fi
}

# The commit of the sources, marked where they differ from it.
commit() {
    local text
    text=$(git rev-parse --short HEAD 2>/dev/null) || text=unknown
    [[ -z $(git status --porcelain --untracked-files=no 2>/dev/null) ]] || text+=" with changes"
    echo "$text"
}

# Physical cores that this process may use.
cores() {
    local allowed found
    # nproc counts what OpenMP may use, where that is set.
    allowed=$(env -u OMP_NUM_THREADS -u OMP_THREAD_LIMIT nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
    found=$(lscpu -p=core,socket 2>/dev/null | grep -v '^#' | sort -u | wc -l) || found=0
    ((found > 0 && found < allowed)) && allowed=$found
    echo "$allowed"
}

# What so many processes of one thread reach at once, of the slowest: cores share caches, memory and
# clock, so that two may not be twice one.
ceilings() {
    launch "$1" 1 "$lockstep" bench gemm 2>"$scratch/err" | awk '
        NF >= 3 { if (!($1 in low) || $2 < low[$1]) low[$1] = $2; unit[$1] = $3 }
        END { for (name in low) printf "%s %s %s\n", name, low[name], unit[name] }' |
        sort | paste -sd, | sed 's/,/, /g'
}

# Keeps what the machine and its software are.
describe_machine() {
    local doctor name
    doctor=$("$lockstep" doctor)
    of_doctor() { sed -n "s/^$1  *//p" <<<"$doctor"; }
    fact date "$(date -u '+%Y-%m-%d %H:%M') UTC, commit $(commit)"
    fact processor "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1), $(cores) cores, $(of_doctor processors); oneDNN uses $(of_doctor oneDNN | sed 's/^[^,]*, //')"
    fact "instruction sets" "$(sed -n 's/^flags[^:]*: //p' /proc/cpuinfo 2>/dev/null | head -n 1 |
        tr ' ' '\n' | grep -E '^(avx2|fma|f16c|avx512f|avx512bw|avx512vl|avx512_bf16|avx512_fp16|avx512_vnni|avx_vnni|amx_.*)$' | sort -u | tr '\n' ' ')"
    fact memory "$(of_doctor memory)"
    fact system "$(. /etc/os-release 2>/dev/null && echo "$PRETTY_NAME"), $(uname -sr)"
    fact libraries "$(mpirun --version | head -n 1), oneDNN $(of_doctor oneDNN | sed 's/,.*//'), $(of_doctor OpenBLAS)"
    [[ -z $python ]] || fact peers "$("$python" -c '
import importlib.metadata, platform
print("Python " + platform.python_version(), end="")
for name in ["torch", "transformers", "peft", "trl"]:
    try: print(", " + name, importlib.metadata.version(name), end="")
    except importlib.metadata.PackageNotFoundError: pass')"
    [[ -z $python ]] || peers_have_bfloat16 ||
        fact "peers' numbers" "float32 in every row: PyTorch imitates bfloat16 on this processor"
    fact "ceilings of one thread" "$(ceilings 1)"
    if (($(cores) > 1)); then
        name=$(launch 2 1 "$lockstep" bench allreduce 2>"$scratch/err" | tail -n 1 | tr -s ' ' | sed 's/^ //')
        fact "ceilings of each of two processes at once" "$(ceilings 2)"
        fact "sum over two ranks" "$name on the bus"
    fi
    fact method "programs in turn, every rank bound to cores of its own; load before the start $(cut -d' ' -f1 /proc/loadavg 2>/dev/null)"
    cat "$output/runs/machine.jsonl" | sed -n 's/.*"name":"\(.*\)","value":"\(.*\)"}$/\1: \2/p'
}
