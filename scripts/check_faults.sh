#!/usr/bin/env bash
# Provokes faults under mpirun on one and two hosts (network namespaces), and tells for each what the
# user sees, the exit status, the time it took, and whether anything was lost.
#
#     scripts/check_faults.sh [LOCKSTEP] [CASE …]
#
# LOCKSTEP is the binary, .build/release/lockstep unless given. Cases: stopped term disk two data yaml
# scan kills; all unless given. Needs root (mount, ip netns), Open MPI and iproute2. Prints a table at the end;
# the exit status is 1 where something does not hold.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
lockstep=$here/../.build/release/lockstep
if [[ -x ${1:-} ]]; then
    lockstep=$1
    shift
fi
lockstep=$(readlink -f "$lockstep")
cases=("$@")
((${#cases[@]})) || cases=(stopped term disk two data yaml scan kills)

scratch=$(mktemp -d)
table=() failures=0 started=''
# shellcheck disable=SC2317  # the trap calls it
clean_up() {
    [[ -n $started ]] && kill "$started" 2>/dev/null && wait "$started" 2>/dev/null
    umount "$scratch/small" 2>/dev/null
    rm -rf "$scratch"
}
trap clean_up EXIT
cd "$scratch" || exit 1
export OMPI_MCA_mpi_yield_when_idle=1

mkdir llama
cat >llama/config.json <<'END'
{"model_type": "llama", "vocab_size": 96, "hidden_size": 32, "intermediate_size": 64,
 "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
 "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "hidden_act": "silu"}
END
# Ids of two bytes: digits, each followed by a zero.
seq 1 3000 | tr -d '\n' | head -c 6001 | sed 's/./&\n/g' | tr '\n' '\0' >tokens.bin
cat >run.yaml <<'END'
stage: pt
model_name_or_path: llama
train_from_scratch: true
tokenized_path: tokens.bin
cutoff_len: 16
per_device_train_batch_size: 6
learning_rate: 1e-2
lr_scheduler_type: constant
max_steps: 1000000
logging_steps: 1
save_steps: 20
save_total_limit: 3
output_dir: out
threads_per_rank: 1
peak_gflops: 50
END

now() { date +%s.%N; }
since() { awk -v a="$1" -v b="$(now)" 'BEGIN { printf "%.1f", b - a }'; }

# on HOSTS WORD …: starts a training run of two ranks on one or two hosts in the background; its lines
# go to the file `lines`. LAUNCH are words before mpirun.
on() {
    local hosts=$1
    shift
    if ((hosts == 1)); then
        # shellcheck disable=SC2086  # words
        ${LAUNCH:-} mpirun -q --allow-run-as-root --oversubscribe --bind-to none -np 2 "$@" >lines 2>&1 &
    else
        "$here/cluster/run.sh" --hosts "$hosts" --launch "${LAUNCH:-}" "$@" >lines 2>&1 &
    fi
    started=$!
}

# Waits until a command holds, at most so many seconds.
until_holds() {
    local limit=$1 begun=$SECONDS
    shift
    until "$@"; do
        ((SECONDS - begun < limit)) || return 1
        sleep 0.05
    done
}

# finish SECONDS: waits for the run; sets status, and seconds since `mark`.
finish() {
    local limit=$1 begun=$SECONDS
    while kill -0 "$started" 2>/dev/null && ((SECONDS - begun < limit)); do sleep 0.05; done
    if kill -0 "$started" 2>/dev/null; then
        echo "still there after $limit s" >>lines
        kill -9 "$started"
    fi
    wait "$started" 2>/dev/null
    status=$?
    started=''
    seconds=$(since "$mark")
}

steps() { { wc -l <"${1:-out}/trainer_log.jsonl"; } 2>/dev/null || echo 0; }
has_steps() { (($(steps "${2:-out}") >= $1)); }
says() { grep -qF -- "$1" lines; }
newest() { find "${1:-out}" -maxdepth 1 -name 'checkpoint-*.h5' 2>/dev/null | sed 's/.*checkpoint-//; s/\.h5//' | sort -n | tail -1; }
# The line that the user sees.
line() { grep -F -- "$1" lines | tail -1 | sed 's/.*lockstep: //' | cut -c1-230; }
# Processes of lockstep on a host of run.sh; on one host those of this shell's mpirun.
ranks() {
    local host
    if (($1 == 1)); then
        pgrep -x lockstep -P "$(pgrep -x mpirun -P "$started" || echo "$started")"
    else
        host=$(ip netns list | awk '{ print $1 }' | grep -E "^lockstep-[0-9]+-$2$" | head -1)
        ip netns pids "$host" | while read -r id; do [[ $(<"/proc/$id/comm") == lockstep ]] && echo "$id"; done
    fi 2>/dev/null
}

# row CASE HOSTS "LINE" STATUS(expected) CHECK …: adds a row; the checks are commands.
row() {
    local name=$1 hosts=$2 text=$3 expected=$4 verdict=holds check
    shift 4
    [[ $status == "$expected" ]] || verdict="status $status, expected $expected"
    [[ -n $(line "$text") ]] || verdict="no line with '$text'"
    for check in "$@"; do
        eval "$check" || verdict="does not hold: $check"
    done
    if [[ $verdict != holds ]]; then
        failures=$((failures + 1))
        sed 's/^/    /' lines | tail -12
    fi
    echo "$name, $hosts host(s): status $status after $seconds s: $verdict"
    table+=("| $name | $hosts | $(line "$text") | $status | $seconds s | $verdict |")
}

# goes_on [HOSTS]: the same command goes on from the newest checkpoint, and comes to its end.
goes_on() {
    local from
    from=$(newest)
    cp lines lines.before
    on "${1:-1}" "$lockstep" train run.yaml max_steps=$((from + 3))
    local mark
    mark=$(now)
    local status seconds
    finish 60
    local ok=1
    [[ $status == 0 ]] && { [[ -z $from ]] || says "resuming from out/checkpoint-$from.h5"; } && ok=0
    ((ok == 0)) || sed 's/^/    goes on: /' lines | tail -5
    mv lines.before lines
    return $ok
}
within() { awk -v t="$seconds" -v a="$1" -v b="$2" 'BEGIN { exit !(t >= a && t <= b) }'; }
fresh() { rm -rf out; }

case_stopped() {
    local hosts timeout victim
    for hosts in 1 2; do
        timeout=$((hosts == 1 ? 10 : 45))
        fresh
        on "$hosts" "$lockstep" train run.yaml ddp_timeout=$timeout
        until_holds 60 has_steps 45
        victim=$(ranks "$hosts" 1 | tail -1)
        kill -STOP "$victim"
        mark=$(now)
        if ((hosts == 2)); then
            until_holds 60 says "waiting for rank 1"
            told=$(since "$mark")
        fi
        finish 90
        if ((hosts == 2)); then
            table+=("| the same, first told | 2 | $(grep -F 'waiting for rank 1' lines | head -1 | sed 's/.*lockstep: //' | cut -c1-230) | – | $told s | $(awk -v t="$told" 'BEGIN { print ((t >= 29 && t <= 35) ? "holds" : "late") }') |")
            awk -v t="$told" 'BEGIN { exit !(t >= 29 && t <= 35) }' || failures=$((failures + 1))
        fi
        row "a rank stopped (ddp_timeout $timeout)" "$hosts" "ddp_timeout sets how long to wait" 1 \
            "within $((timeout - 1)) $((timeout + 6))" "goes_on $hosts"
    done
}

# Micro-batches of a step of ten seconds.
ten_seconds() {
    rm -rf out
    "$lockstep" train run.yaml max_steps=2 gradient_accumulation_steps=200 save_strategy=no >lines 2>&1
    sed -n 's/.*"step_seconds": *\([0-9.e-]*\).*/\1/p' out/trainer_log.jsonl | tail -1 |
        awk '{ n = int(10 / ($1 / 200)); print (n > 0 ? n : 1) }'
}

case_term() {
    local hosts accumulation before signal
    accumulation=$(ten_seconds)
    for hosts in 1 2; do
        for signal in launch mpirun; do
            fresh
            on "$hosts" "$lockstep" train run.yaml max_steps=20
            mark=$(now)
            finish 60
            before=$(sha256sum <out/checkpoint-20.h5)
            LAUNCH=$([[ $signal == launch ]] && echo "$lockstep launch") \
                on "$hosts" "$lockstep" train run.yaml gradient_accumulation_steps="$accumulation"
            until_holds 60 says "resuming from"
            # In the middle of a step.
            sleep 4
            kill -TERM "$started"
            mark=$(now)
            finish 60
            if [[ $signal == launch ]]; then
                row "SIGTERM in a step of 10 s, by lockstep launch" "$hosts" "stopped on request after step 20" 75 \
                    "within 0 5" '[[ $before == "$(sha256sum <out/checkpoint-20.h5)" ]]' "goes_on $hosts"
            else
                row "the same to mpirun itself" "$hosts" "start mpirun by \`lockstep launch" 1 \
                    "within 0 5" '[[ $before == "$(sha256sum <out/checkpoint-20.h5)" ]]' "goes_on $hosts"
            fi
        done
    done
}

case_disk() {
    local hosts bytes model
    fresh
    on 1 "$lockstep" train run.yaml max_steps=20
    mark=$(now)
    finish 60
    bytes=$(du -sb out | cut -f1)
    model=$(stat -c %s out/model.safetensors)
    mkdir -p small
    for hosts in 1 2; do
        mount -t tmpfs -o size=$((bytes - model / 2)) tmpfs small
        fresh
        on "$hosts" "$lockstep" train run.yaml max_steps=20 output_dir=small/out
        mark=$(now)
        finish 60
        row "disk full at the end" "$hosts" "not everything could be written" 1 \
            '[[ -f small/out/checkpoint-20.h5 ]]' \
            '"$lockstep" inspect small/out/checkpoint-20.h5 --verify >/dev/null' \
            'mount -o remount,size=64m small' \
            '"$lockstep" train run.yaml max_steps=20 output_dir=small/out >lines.again 2>&1' \
            '[[ -f small/out/model.safetensors ]]'
        umount small
    done
}

case_two() {
    local hosts first
    for hosts in 1 2; do
        fresh
        on "$hosts" "$lockstep" train run.yaml
        first=$started
        until_holds 60 has_steps 25
        mv lines lines.first
        mark=$(now)
        on "$hosts" "$lockstep" train run.yaml
        finish 60
        row "a second run in output_dir" "$hosts" "is in use by process" 2 "within 0 15" "kill -0 $first"
        # As on another machine: its processes cannot be seen.
        mark=$(now)
        unshare --pid --fork --mount-proc "$lockstep" train run.yaml >lines 2>&1 &
        started=$!
        finish 60
        row "the same from another machine" "$hosts" "is in use by process" 2 "within 0 30" "kill -0 $first"
        started=$first
        ranks "$hosts" 0 | xargs kill -9
        mark=$(now)
        cp lines.first lines
        finish 60
        echo "lockstep: killed" >lines
        row "the first one killed by SIGKILL" "$hosts" "killed" 137 "goes_on $hosts" \
            '[[ ! -e out/.lockstep.lock ]]'
    done
}

case_data() {
    local hosts
    for hosts in 1 2; do
        fresh
        on "$hosts" "$lockstep" train run.yaml max_steps=20
        mark=$(now)
        finish 60
        cp tokens.bin tokens.kept
        printf '\x07' | dd of=tokens.bin bs=1 seek=6000 conv=notrunc status=none
        on "$hosts" "$lockstep" train run.yaml max_steps=25
        mark=$(now)
        finish 60
        mv tokens.kept tokens.bin
        row "one token of the data changed" "$hosts" "have changed: its tokens are others" 2 \
            '[[ $(newest) == 20 ]]' "goes_on $hosts"
    done
}

case_yaml() {
    local hosts
    for hosts in 1 2; do
        fresh
        # shellcheck disable=SC2016  # the ranks expand it
        on "$hosts" bash -c '[[ $OMPI_COMM_WORLD_RANK == 1 ]] && file=gone.yaml; exec "$0" train "${file:-run.yaml}"' \
            "$lockstep"
        mark=$(now)
        finish 60
        row "the YAML is missing for rank 1" "$hosts" "(found by rank 1 on" 2 "within 0 10" \
            '[[ ! -e out ]]' 'says gone.yaml'
    done
}

# Listening sockets of a process that are bound to one address: ADDRESS PORT lines.
heartbeat_doors() {
    local inodes
    inodes=$(find "/proc/$1/fd" -lname 'socket:*' -printf '%l\n' 2>/dev/null | tr -dc '0-9\n' | paste -sd'|')
    awk -v inodes="^($inodes)$" '$4 == "0A" && $10 ~ inodes && $2 !~ /^00000000/ { print $2 }' "/proc/$1/net/tcp" |
        while IFS=: read -r address port; do
            echo "$((16#${address:6:2})).$((16#${address:4:2})).$((16#${address:2:2})).$((16#${address:0:2})) $((16#$port))"
        done
}

case_scan() {
    local hosts first place count before during
    for hosts in 1 2; do
        fresh
        # shellcheck disable=SC2016  # the ranks expand it
        on "$hosts" bash -c 'ulimit -n 256; exec "$0" train run.yaml' "$lockstep"
        until_holds 60 has_steps 20
        first=$(ranks "$hosts" 0 | head -1)
        place=$(heartbeat_doors "$first" | head -1)
        before=$(steps)
        sleep 4
        before=$(($(steps) - before))
        rm -f scanned
        # Connections that stay open and say nothing, and some that talk.
        # shellcheck disable=SC2016  # the inner shell expands it
        nsenter -t "$first" -n bash -c 'ulimit -n 4096; n=0
            for ((k = 0; k < 1100; k++)); do
                { exec {door}<>"/dev/tcp/$0/$1"; } 2>/dev/null && n=$((n + 1))
                ((k % 3)) || printf "GET / HTTP/1.0\r\n\r\n%080d" 0 >&$door
            done 2>/dev/null
            echo $n
            sleep 8' "${place% *}" "${place#* }" >scanned &
        scanner=$!
        during=$(steps)
        sleep 4
        during=$(($(steps) - during))
        until_holds 30 test -s scanned
        count=$(<scanned)
        wait "$scanner"
        kill -USR1 "$started"
        mark=$(now)
        finish 60
        row "a port scan, ulimit -n 256: $count strangers at ${place/ /:}, $before steps in 4 s before it, $during beside it" \
            "$hosts" "stopped on request after" 75 '((count > 1000 && during * 2 > before))' \
            '! says "could not be saved"' '! says "lost rank"' '! says "no heartbeat ever came"' \
            "goes_on $hosts"
    done
}

# shellcheck source=scripts/faults/kills.sh
source "$here/faults/kills.sh"

for case in "${cases[@]}"; do "case_$case"; done
echo
echo "| fault | hosts | the line | status | time | |"
echo "|---|---|---|---|---|---|"
printf '%s\n' "${table[@]}"
((failures == 0)) || {
    echo "check_faults: $failures do not hold" >&2
    exit 1
}
