#!/usr/bin/env bash
# Runs CKernels' loops as other processors would, under QEMU: for AVX2 without AVX-512, for no AVX at all, and compiled
# for aarch64 (NEON). What they compute is compared with what this machine's own processor does with the same numbers.
# QEMU and the other processor's libc are unpacked into a folder of its own. Takes two minutes, most of them to compile.
#
#     scripts/check_processors.sh [TESTS]     the built tests (….xctest), to run those of Kernels with AVX2 alone as well
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cross=(libc6-dev-arm64-cross libc6-arm64-cross linux-libc-dev-arm64-cross)
(cd "$work" && apt-get -qq download qemu-user-static "${cross[@]}" "$(apt-cache depends libgcc-dev-arm64-cross \
    gcc-aarch64-linux-gnu 2>/dev/null | sed -nE 's/.*Depends: gcc-([0-9]+)-aarch64.*/libgcc-\1-dev-arm64-cross/p' | head -n 1)" \
    2>/dev/null && for package in *.deb; do dpkg -x "$package" .; done) || {
    echo "check_processors: qemu-user-static or the libraries for arm64 could not be fetched;" \
        "expected Debian's or Ubuntu's package source" >&2
    exit 2
}
compiler=$(dirname "$(readlink -f "$(command -v swift)")")/clang
# As Package.swift has them.
flags=(-O3 -w -ffp-contract=fast-honor-pragmas -fno-math-errno -fno-trapping-math -fno-signed-zeros -fassociative-math
    -I Sources/CKernels/include)
sources=(Sources/CKernels/*.c scripts/emulation/kernels.c)
"$compiler" "${flags[@]}" "${sources[@]}" -lm -o "$work/kernels"
start=("$work"/usr/lib/gcc-cross/aarch64-linux-gnu/*)
"$compiler" --target=aarch64-linux-gnu "${flags[@]}" -isystem "$work/usr/aarch64-linux-gnu/include" -static \
    -fuse-ld=lld -B "${start[0]}" -B "$work/usr/aarch64-linux-gnu/lib" -L "${start[0]}" \
    -L "$work/usr/aarch64-linux-gnu/lib" "${sources[@]}" -lm -o "$work/kernels-aarch64"

failed=0
# Compares one processor's numbers; prints the lines, kinds of loops with the largest difference of their types.
compare() {
    local name=$1 status=0
    shift
    echo "== $name"
    "$@" compare "$work/numbers" >"$work/lines" || status=1
    sort "$work/lines" | awk '{ share = $(NF - 4 - ($NF == "WRONG")); name = $0; sub(/ +at most.*/, "", name)
        if (!(name in most) || share > most[name]) most[name] = share } /WRONG/ { wrong[name] = ": WRONG" }
        END { for (name in most) printf "%-24s at most %s of what is allowed%s\n", name, most[name], wrong[name] }' | sort
    failed=$((failed | status))
}

# Without what QEMU says that it lacks.
haswell=Haswell,-pcid,-x2apic,-tsc-deadline,-hle,-invpcid,-rtm
"$work/kernels" write "$work/numbers"
compare "AVX2" "$work/usr/bin/qemu-x86_64-static" -cpu $haswell "$work/kernels"
compare "no AVX" "$work/usr/bin/qemu-x86_64-static" -cpu Nehalem "$work/kernels"
compare "aarch64" "$work/usr/bin/qemu-aarch64-static" "$work/kernels-aarch64"
if (($#)); then
    echo "== the tests of Kernels, AVX2"
    "$work/usr/bin/qemu-x86_64-static" -cpu $haswell "$1" --testing-library swift-testing --filter KernelsTests \
        >"$work/lines" 2>&1 || failed=1
    grep -aE '✘|Test run with' "$work/lines" || { tail -n 3 "$work/lines"; failed=1; }
fi
((failed == 0)) || { echo "check_processors: something differs, see above" >&2; exit 1; }
echo "check_processors: all right"
