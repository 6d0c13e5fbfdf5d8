#!/usr/bin/env bash
# Builds a tarball for machines without Swift: the program with Swift's runtime and Foundation inside, stripped,
# and what one needs beside it. The target machine brings Open MPI, HDF5, OpenBLAS and oneDNN.
#
#     scripts/package.sh [FOLDER]      output/package/lockstep-VERSION-linux-ARCHITECTURE.tar.gz
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folder=${1:-output/package}

stop() {
    printf 'package: %s\n' "$@" >&2
    exit 1
}

[[ $(uname -s) == Linux ]] || stop "tarballs are made for Linux; this is $(uname -s)"
scripts/setup.sh
command -v strip >/dev/null || stop "no strip on the PATH; install binutils"

echo "package: building, which takes minutes the first time"
# Package.swift links the runtime in; objects of an earlier build serve as they are.
LOCKSTEP_STATIC_RUNTIME=1 swift build -c release --product lockstep --quiet
binary=$(swift build -c release --show-bin-path)/lockstep

version=$("$binary" version | cut -d' ' -f2)
name=lockstep-$version-linux-$(uname -m)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
root=$stage/$name
mkdir -p "$root/bin" "$root/licences"

strip -o "$root/bin/lockstep" "$binary"
# A library of the toolchain's own would not be there on a node.
if readelf -d "$root/bin/lockstep" | grep -E 'NEEDED.*(libswift|libFoundation|lib_Foundation|libdispatch|libBlocks)'; then
    stop "the program still needs the libraries above, which come with Swift only"
fi
if readelf -d "$root/bin/lockstep" | grep -E 'R(UN)?PATH' | grep -vE '\$ORIGIN'; then
    stop "the program names folders of this machine, see above"
fi

cp -R hostfiles examples "$root/"
cp scripts/package/README.md scripts/package/LIBRARIES "$root/"
for file in LICENSE LICENSE.txt LICENSE.md; do
    [[ ! -f $file ]] || cp "$file" "$root/"
done
# What is linked in is other people's work.
toolchain=$(dirname "$(dirname "$(readlink -f "$(command -v swift)")")")
cp "$toolchain/share/swift/LICENSE.txt" "$root/licences/swift.txt" ||
    stop "the toolchain lacks share/swift/LICENSE.txt; the program contains Swift's runtime, so its licence has to go along"
for package in .build/checkouts/*/; do
    licence=$(find "$package" -maxdepth 1 -iname 'LICENSE*' | sort | head -n 1)
    [[ -n $licence ]] || stop "$package has no licence file"
    cp "$licence" "$root/licences/$(basename "$package").txt"
done

mkdir -p "$folder"
# The same input gives the same bytes: order, owners and times are fixed.
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}" -C "$stage" -cf - "$name" |
    gzip -9n >"$folder/$name.tar.gz.part"
mv "$folder/$name.tar.gz.part" "$folder/$name.tar.gz"
(cd "$folder" && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
echo "package: $folder/$name.tar.gz, $(($(stat -c %s "$folder/$name.tar.gz") / 1000000)) MB;" \
    "unpack it on each node or on a shared folder, $name/README.md says how"
