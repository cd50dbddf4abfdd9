#!/usr/bin/env bash
# A client that goes away while its change is under way: the change is made or not, and the vault goes on.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

: "${FSM_VAULT_PYTHON:?is a python3 with tests/system/requirements.txt; tests/all makes it}"
prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
printf 'a value' >"$SCRATCH/value"

check "two hundred clients go away" \
    "$FSM_VAULT_PYTHON" "$(dirname "$0")/abandoned.py" "$SOCKET" "$ADMIN" 200
created() { as "$ADMIN" secret create _after --value-file "$SCRATCH/value" --allow-all-scripts --allow-all-domains; }
check "the next change is made" created
as "$ADMIN" --output json secret list >"$SCRATCH/before"
check "some of theirs were made" holds '.items | map(select(.id | startswith("custsecret_left"))) | length > 0' cat "$SCRATCH/before"
check "the audit log verifies" as "$ADMIN" audit verify
check "the vault seals" as "$ADMIN" seal
stop_daemon
start_daemon "$VAULT" "$PASSPHRASE"
as "$ADMIN" --output json secret list >"$SCRATCH/after"
check "a restart finds what there was" cmp "$SCRATCH/before" "$SCRATCH/after"
check "no daemon panicked" no_panic
