#!/usr/bin/env bash
# Set-up, a release build with warnings as errors, all tests, and the package for nodes without Swift; stops at the
# first that fails.
#
#     scripts/test.sh [ARGUMENT …]     arguments for `swift test`, e.g. --filter ModelsTests; then no package
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Runs a stage: its name, then the command.
stage() {
    local name=$1
    shift
    "$@" || {
        local status=$?
        echo "test: FAILED: $name (exit status $status)" >&2
        exit 1
    }
}

# All tests; a run that finds none has not passed. No `set -e` in here: `stage` asks for the status.
run_tests() {
    local log status=0
    log=$(mktemp)
    swift test -c release --skip-build --disable-xctest "$@" 2>&1 | tee "$log" || status=$?
    if grep -q 'Test run with 0 tests' "$log"; then
        echo "test: no test was run; does a --filter match nothing?" >&2
        status=1
    fi
    rm -f "$log"
    return $status
}

# Tests that start the program, or several ranks of it, wait for processes on the threads that the others'
# tasks need: they run after them.
of_processes='CommandTests|DistributedTests'

# A terminal shows progress, a log only what goes wrong.
quiet=()
[[ -t 1 ]] || quiet=(--quiet)

stage "set-up, scripts/setup.sh" scripts/setup.sh
echo "test: building, which takes minutes the first time"
stage "build, swift build -c release --build-tests" \
    swift build -c release --build-tests ${quiet[@]+"${quiet[@]}"}
echo "test: running the tests"
if (($#)); then
    stage "tests, swift test -c release --skip-build $*" run_tests "$@"
else
    stage "tests of the rooms, swift test -c release --skip-build --skip '$of_processes'" \
        run_tests --skip "$of_processes"
    stage "tests of the program, swift test -c release --skip-build --filter '$of_processes'" \
        run_tests --filter "$of_processes"
fi
# The same objects, linked in another way.
if [[ $# -eq 0 && $(uname -s) == Linux ]]; then
    stage "package, scripts/check_package.sh" scripts/check_package.sh
fi
echo "test: passed in $SECONDS s"
