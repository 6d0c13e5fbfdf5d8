#!/usr/bin/env bash
# Compares what `lockstep plan` predicts with steps that were made, on hosts that are network namespaces
# of this machine, and prints a Markdown table.
#
#     scripts/check_plan.sh [--hosts "2 3 4"] [--rates "1gbit 100mbit"] [--steps N] [--program PATH]
#         [FILE.yaml] [key=value …]
#
# For each number of hosts and each rate: `plan` measures one rank a host, all at the same time, and the
# links between them; then `bench step` makes steps. Both share this machine's cores in the same way, so
# more hosts than cores slow compute in the prediction as they do in the step; only as many cores are
# used as divide the number of hosts. Compute, latency and bandwidth are measured; the rest follows from
# them. The last column is a prediction that knows only the line rate. Overlap is off: no host has a core
# of its own for communication.
# Needs root, iproute2, python3 and a build (or --program PATH). Exit status 1: some error is above 15 %.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

hosts="2 3 4" rates="1gbit 100mbit" steps=11 lockstep=.build/release/lockstep
while [[ ${1:-} == --* ]]; do
    case $1 in
        --hosts) hosts=$2 ;;
        --rates) rates=$2 ;;
        --steps) steps=$2 ;;
        --program) lockstep=$2 ;;
        *)
            echo "check_plan: unknown option $1; see the head of scripts/check_plan.sh" >&2
            exit 2
            ;;
    esac
    shift 2
done
file=examples/pretrain/gcide-10m.yaml
if [[ ${1:-} == *.yaml ]]; then
    file=$1
    shift
fi
[[ -x $lockstep ]] || { echo "check_plan: build first: swift build -c release" >&2; exit 2; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# The line rate in Gb/s of a rate as tc writes it.
gigabits() {
    case $1 in
        *gbit) echo "${1%gbit}" ;;
        *mbit) awk -v rate="${1%mbit}" 'BEGIN { print rate / 1000 }' ;;
        *) echo "check_plan: found the rate '$1', expected one such as 1gbit or 100mbit" >&2; return 2 ;;
    esac
}

# As many of this machine's processors, as taskset takes them, as divide a number of hosts: three hosts
# on two cores would get unequal shares, which change while they run.
even_cores() {
    local count=$1 list range all=() cores
    list=$(awk '/^Cpus_allowed_list:/ { print $2 }' /proc/self/status)
    for range in ${list//,/ }; do
        mapfile -t -O "${#all[@]}" all < <(seq "${range%-*}" "${range#*-}")
    done
    cores=$((${#all[@]} < count ? ${#all[@]} : count))
    while ((count % cores)); do ((cores--)); done
    local IFS=,
    echo "${all[*]:0:cores}"
}

failed=0
compare() {
    local count=$1 rate=$2
    shift 2
    local cores run
    cores=$(even_cores "$count")
    run=(taskset --cpu-list "$cores" scripts/cluster/run.sh --hosts "$count" --rate "$rate" "$lockstep")
    local settings=("$file" threads_per_rank=1 overlap_communication=false "$@")
    # One rank has one thread on a host of one core: what these hosts have is shared among them.
    "${run[@]}" plan "${settings[@]}" --json --nodes "$count" --cores 1 --steps "$steps" \
        --bandwidth "$(gigabits "$rate")" >"$folder/plan.json"
    "${run[@]}" bench step "${settings[@]}" --json --steps "$steps" >"$folder/step.json"
    "${PYTHON:-python3}" - "$count" "$rate" "$folder" "$cores" "$*" <<'END' || { [[ $? == 3 ]] || exit 1; failed=1; }
import json, sys

count, rate, folder, cores, changes = int(sys.argv[1]), *sys.argv[2:6]
plan = json.load(open(folder + "/plan.json"))
step = json.load(open(folder + "/step.json"))
rows = [row for row in plan["rows"] if row["nodes"] == count]
measured = next(row for row in rows if row["isMeasuredLink"])
assumed = next(row for row in rows if not row["isMeasuredLink"])
link = next(network["link"] for network in plan["networks"] if network["isMeasured"])
found = step["medianStepSeconds"]
error = measured["stepSeconds"] / found - 1
parts = measured["parts"]
print(
    f"| {count} | {len(cores.split(','))} | {rate} | {changes or '–'} | {link['bytesPerSecond'] * 8e-6:.0f} Mb/s, "
    f"{link['latency'] * 1e6:.0f} µs | {parts['compute']:.3f} | "
    f"{parts['communication'] + parts['tail'] + parts['gather']:.3f} | "
    f"{measured['stepSeconds']:.3f} | {found:.3f} | {error:+.1%} | "
    f"{assumed['stepSeconds'] / found - 1:+.1%} |",
    flush=True)
sys.exit(3 if abs(error) > 0.15 else 0)
END
}

echo "$file"
echo
echo "| hosts | cores | rate | settings | link as measured | compute, s | sums, s | step predicted, s | measured, s | error | from the line rate alone |"
echo "|---|---|---|---|---|---|---|---|---|---|---|"
for rate in $rates; do
    for count in $hosts; do
        compare "$count" "$rate" "$@"
        if [[ $count == 2 ]]; then compare "$count" "$rate" zero_stage=1 "$@"; fi
    done
done
if ((failed)); then
    echo
    echo "check_plan: FAILED: an error is above 15 %" >&2
    exit 1
fi
