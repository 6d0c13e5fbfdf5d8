#!/usr/bin/env bash
# Runs a command under mpirun on N hosts made of network namespaces on this machine.
#
#     scripts/cluster/run.sh [--hosts N] [--slots K] [--rate 1gbit] [--delay 25us] [--mpirun "…"]
#         [--launch "lockstep launch"] COMMAND …
#
# Every host has its own network stack, host name and Open MPI daemon; ranks on different hosts talk
# TCP over a bridge, as on a real cluster. `--rate` and `--delay` shape each host's link with sch_netem;
# where the kernel lacks that, sch_tbf does for `--rate` alone. Needs root and iproute2. `--mpirun` adds
# arguments for mpirun, `--launch` words before it: by `lockstep launch` a SIGTERM stops the run with a
# checkpoint. SIGTERM, SIGINT and SIGUSR1 are handed on to what was started.
# The exit status is the command's. While it runs, host k is the namespace lockstep-PID-k:
#
#     ip netns exec lockstep-PID-1 ip link set dev eth0 down      # pull a cable
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

hosts=2 slots=1 rate='' delay='' extra=() launch=()
while [[ ${1:-} == --* ]]; do
    case $1 in
        --hosts) hosts=$2 ;;
        --slots) slots=$2 ;;
        --rate) rate=$2 ;;
        --delay) delay=$2 ;;
        --mpirun) read -r -a extra <<<"$2" ;;
        --launch) read -r -a launch <<<"$2" ;;
        *)
            echo "cluster: unknown option $1; see the head of scripts/cluster/run.sh" >&2
            exit 2
            ;;
    esac
    shift 2
done
if [[ $# -eq 0 || $hosts -lt 1 || $hosts -gt 200 ]]; then
    echo "cluster: expected 1 to 200 hosts and a command; see the head of scripts/cluster/run.sh" >&2
    exit 2
fi
if [[ $EUID -ne 0 ]] || ! command -v ip >/dev/null; then
    echo "cluster: network namespaces need root and the ip command (package iproute2)" >&2
    exit 2
fi

name=lockstep-$$
bridge=lk$$
# From the process number, so that runs side by side do not meet.
network=10.$((64 + $$ / 250 % 64)).$(($$ % 250))

# shellcheck disable=SC2317  # the trap calls it
clean_up() {
    for ((k = 0; k < hosts; k++)); do
        ip netns pids "$name-$k" 2>/dev/null | xargs -r kill -9 2>/dev/null || true
        ip netns delete "$name-$k" 2>/dev/null || true
        rm -rf "/etc/netns/$name-$k"
    done
    ip link delete "$bridge" 2>/dev/null || true
}
trap clean_up EXIT

ip link add "$bridge" type bridge
ip link set dev "$bridge" up
list=''
table="127.0.0.1 localhost"
for ((k = 0; k < hosts; k++)); do
    table+=$'\n'"$network.$((k + 1)) $name-$k"
    list+="${list:+,}$name-$k:$slots"
done
for ((k = 0; k < hosts; k++)); do
    ip netns add "$name-$k"
    # `ip netns exec` shows this file as /etc/hosts.
    mkdir -p "/etc/netns/$name-$k"
    echo "$table" >"/etc/netns/$name-$k/hosts"
    ip link add "$bridge-$k" type veth peer name eth0 netns "$name-$k"
    ip link set dev "$bridge-$k" master "$bridge" up
    ip -n "$name-$k" address add "$network.$((k + 1))/24" dev eth0
    ip -n "$name-$k" link set dev eth0 up
    ip -n "$name-$k" link set dev lo up
    # A namespace takes this machine's, and BBR leaves a fifth of a shaped link unused where data and the
    # acknowledgements of other data share it. Reno, which every kernel has and allows, fills it, as
    # the usual CUBIC does.
    ip netns exec "$name-$k" sysctl -qw net.ipv4.tcp_congestion_control=reno
    if [[ -n $rate$delay ]]; then
        tc -n "$name-$k" qdisc add dev eth0 root netem \
            ${delay:+delay "$delay"} ${rate:+rate "$rate"} 2>/dev/null ||
            { [[ -z $delay ]] && tc -n "$name-$k" qdisc add dev eth0 root tbf \
                rate "$rate" burst 80kb limit 1500kb; } || {
            echo "cluster: this kernel cannot shape links so (sch_netem; sch_tbf for --rate alone)" >&2
            exit 2
        }
    fi
done

# More ranks than cores: a rank that waits must give way. mpirun knows only its own host's share.
if ((hosts * slots > $(nproc))); then extra+=(--mca mpi_yield_when_idle 1); fi

# mpirun itself: each of these programs becomes the next.
# shellcheck disable=SC2016  # the inner shell expands it
ip netns exec "$name-0" unshare --uts sh -c 'hostname "$0"; exec "$@"' "$name-0" \
    ${launch[@]+"${launch[@]}"} mpirun --allow-run-as-root -q --host "$list" --bind-to none \
    --mca plm_rsh_agent "$here/agent.sh" --mca plm_rsh_no_tree_spawn 1 \
    --mca oob_tcp_if_include "$network.0/24" --mca btl_tcp_if_include "$network.0/24" \
    --mca pml ob1 --mca btl tcp,vader,self ${extra[@]+"${extra[@]}"} "$@" &
started=$!
interrupted=1
for signal in TERM INT USR1; do
    # shellcheck disable=SC2064  # now, not later
    trap "interrupted=1; kill -$signal $started 2>/dev/null" "$signal"
done
while ((interrupted)); do
    interrupted=0 status=0
    wait "$started" || status=$?
done
exit $status
