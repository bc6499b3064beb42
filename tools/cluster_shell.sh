#!/bin/bash
# What mpiexec starts in ssh's place on the hosts of tools/cluster.sh: cluster_shell.sh [OPTIONS] HOST
# COMMAND... runs the command there, HOST being an address.
set -euo pipefail
while [[ $1 = -* ]]; do shift; done
number=${1##*.}
shift
first=$(((number - 1) * CORES_PER_HOST % $(env -u OMP_NUM_THREADS nproc)))
# As ssh does, give the words to a shell: mpiexec has quoted them for one.
# shellcheck disable=SC2016 # for the inner shell
exec taskset -c "$first-$((first + CORES_PER_HOST - 1))" ip netns exec "$COLONNADE_CLUSTER-$number" \
  unshare --mount --uts bash -c '
    mount -t tmpfs tmpfs /dev/shm
    hostname "$0"
    eval exec "$@"' "$COLONNADE_CLUSTER-$number" "$*"
