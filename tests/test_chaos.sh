# A short run of tools/chaos.sh: the same choices each time, on ranks that don't crowd the machine.
# `make chaos` is the long one.
# shellcheck shell=bash
SEED=${SEED:-1} PROCESSES=${PROCESSES:-2} exec bash tools/chaos.sh 10
