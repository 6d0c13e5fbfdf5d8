#!/usr/bin/env bash
# Tries every reader of files with changed bytes: no input may crash it, take over 10 s, or need more than 64 MB
# and 16 times its size at the peak. The same seed and count give the same inputs.
#
#     scripts/fuzz/run.sh [--count N] [--seed S] [PARSER …]     100,000 inputs for each parser unless said otherwise
#     .build/release/fuzz --input PARSER FILE                   one input again, to look into a finding
#
# Prints a line for each parser with its counts, and a line for each finding with the file that holds the input.
# Exit status 1 if there is a finding.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
swift build -c release --product fuzz --quiet
scratch=${TMPDIR:-/dev/shm}
[[ -w $scratch ]] || scratch=$(mktemp -d)
exec .build/release/fuzz --scratch "$scratch/lockstep-fuzz" "$@"
