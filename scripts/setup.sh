#!/usr/bin/env bash
# Installs what Lockstep needs and this machine lacks; silent when nothing is missing.
#
#     scripts/setup.sh [PACKAGE …]     further Debian packages to install, e.g. dict-gcide
set -euo pipefail

packages=(
    libopenmpi-dev openmpi-bin libopenblas-dev libhdf5-dev libdnnl-dev libzstd-dev zlib1g-dev
    libxxhash-dev pkg-config git "$@"
)

# Says what is wrong and what to do, then stops.
stop() {
    printf 'setup: %s\n' "$@" >&2
    exit 1
}

# Installs the missing ones of `packages` on Debian and its relatives.
install_with_apt() {
    local missing=() package administrator=()
    for package in "${packages[@]}"; do
        [[ "$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null)" == "install ok installed" ]] ||
            missing+=("$package")
    done
    ((${#missing[@]})) || return 0

    if [[ $EUID -ne 0 ]]; then
        command -v sudo >/dev/null || stop \
            "missing: ${missing[*]}, and this is neither root nor a machine with sudo" \
            "run as root: apt-get update && apt-get install ${missing[*]}"
        administrator=(sudo)
    fi
    echo "setup: installing ${missing[*]}"
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    # An update that fails (one mirror of several, no network) matters only if the install fails too.
    "${administrator[@]}" apt-get update >"$log" 2>&1 || true
    "${administrator[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "${missing[@]}" >>"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        stop "apt-get could not install ${missing[*]}; the lines above say why"
    }
}

# Elsewhere: looks for the libraries and names the packages when one is missing.
look_for_libraries() {
    local missing=() module compiler
    compiler=$(command -v clang || command -v cc || echo false)
    command -v git >/dev/null || missing+=(git)
    command -v mpirun >/dev/null || missing+=(mpirun)
    command -v pkg-config >/dev/null || missing+=(pkg-config)
    for module in ompi-c openblas libzstd zlib libxxhash; do
        pkg-config --exists "$module" 2>/dev/null || missing+=("$module")
    done
    pkg-config --exists hdf5-serial 2>/dev/null || pkg-config --exists hdf5 2>/dev/null ||
        missing+=(hdf5)
    printf '#include <oneapi/dnnl/dnnl.h>\n' | "$compiler" -E - >/dev/null 2>&1 ||
        missing+=(oneapi/dnnl/dnnl.h)
    ((${#missing[@]} || $#)) || return 0
    ((${#missing[@]})) || missing=("$@")

    stop "not found: ${missing[*]}; there is no apt-get here, so install the packages yourself:" \
        "  Fedora  sudo dnf install openmpi-devel openblas-devel hdf5-devel onednn-devel libzstd-devel zlib-devel xxhash-devel pkgconf-pkg-config git" \
        "  Arch    sudo pacman -S --needed openmpi openblas hdf5 onednn zstd zlib xxhash pkgconf git" \
        ${1:+"  and what Debian calls $*"}
}

# Swift comes from its own site: distributions package it rarely and late.
check_swift() {
    local found
    found=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p') || true
    [[ -n $found ]] ||
        stop "no swift on the PATH; Lockstep needs Swift 6.2 or newer, see https://www.swift.org/install"
    ((${found%.*} > 6 || (${found%.*} == 6 && ${found#*.} >= 2))) ||
        stop "Swift $found found, 6.2 or newer needed, see https://www.swift.org/install"
}

if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
    install_with_apt
else
    look_for_libraries "$@"
fi
check_swift
