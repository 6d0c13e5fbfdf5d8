#!/usr/bin/env bash
# What mpirun calls in place of ssh: agent.sh HOST COMMAND. Runs the command in the namespace HOST
# under that host name. Used by run.sh.
set -euo pipefail
host=$1
shift
exec ip netns exec "$host" unshare --uts sh -c "hostname $host; $*"
