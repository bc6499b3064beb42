#!/bin/bash
# Hosts of a pretended cluster on this machine: network namespaces on a bridge, each with a name and
# shared memory of its own, so that MPI takes them for nodes and speaks TCP between them. Needs root.
#   tools/cluster.sh check                          says on one line what is missing, and fails
#   tools/cluster.sh build NAME HOSTS [RATE]        NAME up to 8 letters; RATE as tc has it: 1gbit
#   tools/cluster.sh run NAME MPIEXEC-ARGUMENTS...  RANKS_PER_HOST=N (1) ranks on each host in turn
#   tools/cluster.sh remove NAME                    ends what runs there, too
#   tools/cluster.sh bench                          a step on two hosts with 1 Gbit/s between them;
#                                                   $OVERLAP is bench/overlap where that is elsewhere
#   tools/cluster.sh wire                           what collectives of two ranks on each of two hosts
#                                                   send over it; $WIRE is bench/wire
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "$1" >&2; exit 1; }

check() {
  local command
  for command in ip tc unshare "${MPIEXEC:-mpiexec}"; do
    command -v "$command" >/dev/null || fail "$command is missing: make deps-cluster"
  done
  [ "$(id -u)" = 0 ] || fail "not root, which network namespaces need"
  local probe=check-$$
  { ip netns add "$probe" && ip netns del "$probe"; } 2>/dev/null ||
    fail "this machine allows no network namespaces"
  unshare -m -u true 2>/dev/null || fail "this machine allows no mount namespaces"
}

# Of the hosts' network, which no other run of the moment has: 10.A.B, of the bridge's own address.
prefix_of() { ip -o -4 addr show dev "$1" | sed -n 's/.* inet \([0-9.]*\)\.254\/.*/\1/p'; }
hosts_of() { ip netns list | sed -n "s/^\($1-[0-9]*\)\( .*\)\?$/\1/p" | sort -t- -k2n; }

free_prefix() {
  local try prefix
  for ((try = 0; try < 100; try++)); do
    prefix=10.$((RANDOM % 200 + 50)).$((RANDOM % 256))
    ip -4 route show | grep -qF "$prefix." || { echo "$prefix"; return; }
  done
  fail "no network of 10.0.0.0/8 is free"
}

build() {
  local name=$1 hosts=$2 rate=${3:-} prefix host
  [[ $name =~ ^[a-z0-9]{1,8}$ ]] || fail "name of a cluster: wanted up to 8 letters or digits, found '$name'"
  [ ! -e "/sys/class/net/$name" ] || fail "a network device $name is there already"
  trap 'remove "$name"' ERR
  prefix=$(free_prefix)
  ip link add "$name" type bridge
  ip addr add "$prefix.254/24" dev "$name"
  ip link set "$name" up
  for ((host = 1; host <= hosts; host++)); do
    ip netns add "$name-$host"
    # A veth's ends: one in the host, one on the bridge.
    ip link add "$name-$host" type veth peer name eth0 netns "$name-$host"
    ip link set "$name-$host" master "$name" up
    ip -n "$name-$host" addr add "$prefix.$host/24" dev eth0
    ip -n "$name-$host" link set lo up
    ip -n "$name-$host" link set eth0 up
    if [ -n "$rate" ]; then
      # What a host sends; a burst is what passes at once, and what is beyond the latency is lost. A
      # burst below what the network stack hands over at once, 64 KiB and headers, would have it cut
      # into packets by the processor: 2 ms of its time for 256 KiB, where a real card does that.
      ip netns exec "$name-$host" tc qdisc add dev eth0 root tbf rate "$rate" burst 80kb latency 50ms
    fi
  done
  trap - ERR
}

remove() {
  local host
  for host in $(hosts_of "$1"); do
    # shellcheck disable=SC2046 # one number each
    kill -9 $(ip netns pids "$host") 2>/dev/null || true
    ip netns del "$host"
    ip link del "$host" 2>/dev/null || true  # goes with the namespace, but only soon
  done
  [ ! -e "/sys/class/net/$1" ] || ip link del "$1"
}

run() {
  local name=$1 prefix host list=()
  shift
  prefix=$(prefix_of "$name" 2>/dev/null) || true
  [ -n "$prefix" ] || fail "there is no cluster $name"
  for host in $(hosts_of "$name"); do list+=("$prefix.${host##*-}"); done
  # A host has its share of the cores, and as many as it has ranks where there are so many.
  local cores share=$(($(env -u OMP_NUM_THREADS nproc) / ${#list[@]}))
  ((share >= ${RANKS_PER_HOST:-1})) || share=${RANKS_PER_HOST:-1}
  cores=$((share < $(env -u OMP_NUM_THREADS nproc) ? share : $(env -u OMP_NUM_THREADS nproc)))
  # Left alone UCX notices that the hosts are one machine, and takes its memory for the wire.
  # Over TCP a long message that is not announced first gets on without this rank looking after it.
  COLONNADE_CLUSTER=$name CORES_PER_HOST=$cores UCX_TLS=tcp,self UCX_NET_DEVICES=eth0 \
    UCX_RNDV_THRESH=${UCX_RNDV_THRESH:-inf} \
    exec "${MPIEXEC:-mpiexec}" -launcher ssh -launcher-exec tools/cluster_shell.sh -iface "$name" \
    -hosts "$(IFS=,; echo "${list[*]}")" -ppn "${RANKS_PER_HOST:-1}" "$@"
}

# of_two_hosts PROGRAM RANKS [RATE]
of_two_hosts() {
  check
  [ -x "$1" ] || fail "not built yet: make $1"
  name=b$((BASHPID % 10000000))
  trap 'remove "$name"' EXIT
  trap 'exit 130' INT TERM
  build "$name" 2 "${3:-}"
  RANKS_PER_HOST=$(($2 / 2)) "$0" run "$name" -n "$2" "$1"
}

bench() { of_two_hosts "${OVERLAP:-build/cpu-openblas/float/bench/overlap}" 2 1gbit; }
wire() { of_two_hosts "${WIRE:-build/cpu-openblas/float/bench/wire}" 4; }

case ${1:-} in
  check | bench | wire) "$1" ;;
  build | run | remove) [ $# -ge 2 ] || fail "name of the cluster is missing"; "$@" ;;
  *) sed -n '2,12s/^# \{0,1\}//p' tools/cluster.sh >&2; exit 1 ;;
esac
