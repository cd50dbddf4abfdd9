#!/usr/bin/env bash
# What is left of a vault's keys in its daemon's memory: nothing once it is sealed, nothing of the former ones after a rekey,
# nothing of a backup's once that is made. On the stacks of idle threads too.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

if [ "$(id -u)" != 0 ]; then
    echo "not ok - what is left of the keys: reading the daemon's memory takes root; type: sudo env FSM_VAULT_BIN=$FSM_VAULT_BIN $0"
    exit
fi
keys() { "$FSM_VAULT_PYTHON" "$(dirname "$0")/keys_left.py" "$@"; }
# work: everything that a vault's keys are used for.
work() {
    for _ in {1..20}; do
        vault_curl unix "$FSM" /v1/integrations/fsm/credentials >/dev/null
        vault_curl tcp "$FSM" /v1/integrations/fsm/credentials --http2 >/dev/null
    done
    as "$ADMIN" secret create "_n$1" --value-file "$SCRATCH/value" --script customscript_a --allow-all-domains >/dev/null
    as "$ADMIN" secret rotate "_n$1" --value-file "$SCRATCH/value" >/dev/null
    as "$ADMIN" secret list >/dev/null
    as "$ADMIN" audit verify >/dev/null
}

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair
printf v >"$SCRATCH/value"
work 1
keys note "$VAULT" "$PASSPHRASE" "$SCRATCH/keys"
check "keys in use are found" refuses 1 keys find "$DAEMON" "$SCRATCH/keys"

as "$ADMIN" backup create --out "$SCRATCH/vault.fsmb" >/dev/null
keys note "$VAULT" "$PASSPHRASE" "$SCRATCH/with_backup" "$SCRATCH/vault.fsmb"
jq 'with_entries(select(.key | startswith("backup")))' "$SCRATCH/with_backup" >"$SCRATCH/of_backup"
check "a backup's are six" [ "$(jq length "$SCRATCH/of_backup")" = 6 ]
check "none is left of a backup's keys" keys find "$DAEMON" "$SCRATCH/of_backup"

as "$ADMIN" seal >/dev/null
check "none is left in a sealed vault" keys find "$DAEMON" "$SCRATCH/with_backup"
as "$ADMIN" unseal --passphrase-file "$PASSPHRASE" >/dev/null
work 2

as "$ADMIN" rekey --passphrase-file "$PASSPHRASE" >/dev/null
work 3
# The former chain's stays, in the store too: what was written with it is still verified.
jq 'with_entries(select(.key | startswith("audit chain") | not))' "$SCRATCH/with_backup" >"$SCRATCH/former"
check "none is left of the former keys after a rekey" keys find "$DAEMON" "$SCRATCH/former"
keys note "$VAULT" "$PASSPHRASE" "$SCRATCH/keys"
as "$ADMIN" seal >/dev/null
check "nor of the new ones once it is sealed" keys find "$DAEMON" "$SCRATCH/keys"
check "nothing panicked" no_panic
