#!/usr/bin/env bash
# Runs the loops of pairs of bfloat16 numbers (AVX-512 BF16) on processors that lack the instructions: CKernels is compiled
# with the intrinsics in plain C (SIMDe, Debian's libsimde-dev, into a folder of its own) and its sums are compared with
# sums in float64. Takes a minute.
#
#     scripts/check_pairs.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$PWD
(cd "$work" && apt-get -qq download libsimde-dev 2>/dev/null && dpkg -x libsimde-dev_*.deb .) || {
    echo "check_pairs: libsimde-dev could not be fetched; expected Debian's or Ubuntu's package source" >&2
    exit 2
}
compiler=$(dirname "$(readlink -f "$(command -v swift)")")/clang
# As Package.swift has them, but for -O1: emulation is slow to compile.
flags=(-O1 -w -ffp-contract=fast-honor-pragmas -fno-math-errno -fno-trapping-math -fno-signed-zeros -fassociative-math)
sources=(Sources/CKernels/{low_rank_products,low_rank_pairs,few_rows,few_row_pairs}.c
    Sources/CKernels/{quantized,quantized_products,quantized_pairs,pair_products,conversion}.c)
"$compiler" "${flags[@]}" -include scripts/emulation/avx512.h -I scripts/emulation -I "$work/usr/include" \
    -I Sources/CKernels/include "${sources[@]}" scripts/emulation/check.c -lm -o "$work/check"
"$work/check" >"$work/lines" || { grep WRONG "$work/lines"; exit 1; }
sort "$work/lines" | awk '{ name = $0; sub(/ +largest.*/, "", name); count[name]++ }
    END { for (name in count) printf "%-24s %d shapes\n", name, count[name] }' | sort
echo "check_pairs: all right"
