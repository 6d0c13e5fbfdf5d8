#!/usr/bin/env bash
# Measures Lockstep beside its peers and against this machine's limits, in one go; about an hour and
# a half on two cores. Writes FOLDER/benchmark.md and FOLDER/benchmark.json, prints the table.
#
#   scripts/benchmark.sh [--rows NAME,…] [--pairs N] [--steps N] [--quick] [--output FOLDER]
#                        [--no-peers] [--python PATH] [--llama-python PATH] [--lockstep PATH]
#                        [--prefix COMMAND]
#   scripts/benchmark.sh --list
#
#   --rows NAME,…       only these rows; the others stay in the table as they were measured last
#   --pairs N           turns of each program, 5 unless given
#   --steps N           counted steps of a run, 5 unless given
#   --quick             one turn of few steps: whether everything runs, not how fast
#   --output FOLDER     output/benchmark unless given
#   --no-peers          Lockstep alone
#   --python PATH       has torch, transformers, peft, trl for the peers ($PYTHON, or python3)
#   --llama-python PATH has llama_cpp, for generation (the same Python unless given)
#   --lockstep PATH     this program, instead of a build of the sources here
#   --prefix COMMAND    put before each measured command, such as a tool that keeps the machine quiet
#
# Without PyTorch, Lockstep's own figures are measured and the table says so. Programs of a row run
# in turn, bound to the same cores.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export LC_ALL=C

# Says what is wrong and what to do, then stops.
stop() {
    printf 'benchmark: %s\n' "$@" >&2
    exit 2
}

[[ -n ${EPOCHREALTIME-} ]] || stop "bash 5 or newer is needed for its clock; found $BASH_VERSION"

# shellcheck source=scripts/bench/measure.sh
source scripts/bench/measure.sh
# shellcheck source=scripts/bench/rows.sh
source scripts/bench/rows.sh
# shellcheck source=scripts/bench/tokenizer_rows.sh
source scripts/bench/tokenizer_rows.sh
# shellcheck source=scripts/bench/preference_rows.sh
source scripts/bench/preference_rows.sh

pairs=5 steps=5 long_steps=3
output=output/benchmark
chosen=()
python=${PYTHON:-} llama_python='' lockstep='' prefix=()
with_peers=true

while (($#)); do
    case $1 in
    --list)
        printf '%s\n' "${all_rows[@]}"
        exit 0
        ;;
    --quick) pairs=1 steps=1 long_steps=1 ;;
    --no-peers) with_peers=false ;;
    --rows | --pairs | --steps | --output | --python | --llama-python | --lockstep | --prefix)
        (($# > 1)) || stop "$1: a value is missing"
        case $1 in
        --rows) IFS=, read -ra chosen <<<"$2" ;;
        --pairs) pairs=$2 ;;
        --steps) steps=$2 long_steps=$2 ;;
        --output) output=$2 ;;
        --python) python=$2 ;;
        --llama-python) llama_python=$2 ;;
        --lockstep) lockstep=$2 ;;
        --prefix) read -ra prefix <<<"$2" ;;
        esac
        shift
        ;;
    *) stop "$1: no such option; the first lines of scripts/benchmark.sh list them" ;;
    esac
    shift
done

[[ $pairs =~ ^[1-9][0-9]*$ ]] || stop "--pairs: found '$pairs', expected a number of at least 1"
[[ $steps =~ ^[1-9][0-9]*$ ]] || stop "--steps: found '$steps', expected a number of at least 1"
for name in ${chosen[@]+"${chosen[@]}"}; do
    [[ " ${all_rows[*]} " == *" $name "* ]] ||
        stop "--rows: no row '$name'; there are ${all_rows[*]}"
done

if [[ -z $lockstep ]]; then
    scripts/setup.sh
    say "build"
    swift build -c release --product lockstep
    lockstep="$(swift build -c release --show-bin-path)/lockstep"
fi
[[ -x $lockstep ]] || stop "--lockstep: $lockstep is no program"

mkdir -p "$output/runs"
scratch=$output/.scratch  # what a killed call leaves, the next one removes
rm -rf "$scratch"
mkdir "$scratch"
trap 'rm -rf "$scratch"' EXIT

if ((${#chosen[@]} == 0)); then
    rm -f "$output"/runs/*.jsonl
    chosen=("${all_rows[@]}")
fi

find_peers
say "the machine"
describe_machine
for name in "${chosen[@]}"; do
    run_row "$name"
done

say "the table, $output/benchmark.md and $output/benchmark.json"
"$lockstep" bench report "$output"
if ((failures)); then
    printf 'benchmark: FAILED: %d of the runs; the lines above say why\n' "$failures" >&2
    exit 1
fi
