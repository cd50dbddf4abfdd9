#!/usr/bin/env bash
# A vault's files and a backup, bent, cut, swapped, zeroed, doubled, removed and put back from older copies, drawn by lot.
# tests/all --full does it ten thousand times.
HARMS=${DAMAGE_HARMS:-100} SEED=${SEED:-$RANDOM}
: "${FSM_VAULT_DAMAGE:?is the path of the driver; type: cargo build --example damage, and name target/debug/examples/damage}"

# In memory where that is to be had: nothing here is about the disk.
if [ -d /dev/shm ] && [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi
code=0
"$FSM_VAULT_DAMAGE" "$HARMS" "$SEED" || code=$?
# 1: it came to its end, and has said what is not ok.
[ "$code" -le 1 ]
