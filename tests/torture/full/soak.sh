#!/usr/bin/env bash
# An hour of everything at once, sealing and unsealing included: nothing fails, and memory, descriptors and threads don't grow.
# tests/torture/full/soak.sh [SECONDS]
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../../system/lib.sh"
LASTS=${1:-3600} SEED=${SEED:-$RANDOM}

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair
as "$ADMIN" caller add reader --script customscript_reader --out "$SCRATCH/reader" >/dev/null
stop_daemon
jq -n --arg binary "$FSM_VAULT_BIN" --arg vault "$VAULT" --arg passphrase "$PASSPHRASE" --arg admin "$ADMIN" \
    --arg reader "$SCRATCH/reader" --arg fsm "$FSM" --arg scratch "$SCRATCH" --argjson seconds "$LASTS" --argjson seed "$SEED" \
    '{binary: $binary, vault: $vault, passphrase: $passphrase, admin: $admin, reader: $reader, fsm: $fsm, scratch: $scratch,
      seconds: $seconds, seal_seconds: ([60, $seconds / 4] | min), seed: $seed, cut: "none"}' >"$SCRATCH/plan.json"
PYTHONDONTWRITEBYTECODE=1 python3 "$(dirname "$0")/../ill_use/main.py" "$SCRATCH/plan.json" || echo "not ok - the driver ended with $?"
