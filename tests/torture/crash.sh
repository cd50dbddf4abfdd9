#!/usr/bin/env bash
# SIGKILL at any moment and at every named failpoint, under operators' and services' work. tests/all --full kills more often.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"
DEATHS=${CRASH_DEATHS:-50} SEED=${SEED:-$RANDOM}

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair
as "$ADMIN" caller add reader --script customscript_reader --out "$SCRATCH/reader" >/dev/null
stop_daemon

# Those of a restore and of a scheduled backup aren't in this work, tests/torture/restore.sh has them; nor is a rekey's, which
# tests/torture/rekey.sh has.
points='[]'
if [ -n "${FSM_VAULT_FAILPOINTS_BIN:-}" ]; then
    points=$(cd "$(dirname "$0")/../.." && grep -rhoE 'failpoint!\("[a-z._]+"' src | grep -vE 'room.point|"(restore|backup|rekey)\.' | sed -E 's/.*"(.*)"/\1/' |
        sort -u | jq -Rn '[inputs]')
else
    echo "# not run: the failpoints; type: cargo build --features failpoints, and name that binary in FSM_VAULT_FAILPOINTS_BIN"
fi
jq -n --arg binary "$FSM_VAULT_BIN" --arg failpoints "${FSM_VAULT_FAILPOINTS_BIN:-}" --argjson points "$points" \
    --arg vault "$VAULT" --arg passphrase "$PASSPHRASE" --arg admin "$ADMIN" --arg reader "$SCRATCH/reader" --arg fsm "$FSM" \
    --arg scratch "$SCRATCH" --argjson deaths "$DEATHS" --argjson seed "$SEED" --argjson all "${ALL_POINTS:-false}" \
    '{binary: $binary, failpoints_binary: $failpoints, points: $points, all_points: $all, vault: $vault, passphrase: $passphrase,
      admin: $admin, reader: $reader, fsm: $fsm, scratch: $scratch, deaths: $deaths, seed: $seed, cut: "kill"}' >"$SCRATCH/plan.json"
PYTHONDONTWRITEBYTECODE=1 python3 "$(dirname "$0")/ill_use/main.py" "$SCRATCH/plan.json" || echo "not ok - the driver ended with $?"
