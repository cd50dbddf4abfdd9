#!/usr/bin/env bash
# A disk that fails under a rekey: what fails in its own store leaves the vault as it was, and isn't tried again by itself; where
# it isn't known which store the disk holds, nothing is unsealed before a restart finds out.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"
if [ -z "${FSM_VAULT_FAILPOINTS_BIN:-}" ]; then
    echo "not ok - a failing disk; type: cargo build --features failpoints, and name that binary in FSM_VAULT_FAILPOINTS_BIN"
    exit 0
fi
FSM_VAULT_BIN=$FSM_VAULT_FAILPOINTS_BIN

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair
listed() { vault_curl unix "$ADMIN" '/v1/secrets?limit=1000' | jq -c '[.items[] | [.id, .versions[].number]]'; }
rekey() { as "$ADMIN" rekey --passphrase-file "$PASSPHRASE"; }
pair() { answers 200 - unix "$FSM" /v1/integrations/fsm/credentials; }
made=0
goes_on() {
    made=$((made + 1))
    answers 201 - unix "$ADMIN" /v1/secrets --json '{"id":"_n'$made'","value":"v","restrictions":{"allow_all_scripts":true,"allow_all_domains":true}}' && pair
}
whole() { holds .intact vault_curl unix "$ADMIN" /v1/audit/verify; }
listed >"$SCRATCH/before"
stop_daemon

# How many batches are written before it begins depends on what is due; one of those may meet the error, too.
for ((batches = 1; batches < 6; batches++)); do
    FAILPOINTS="store.apply=$batches*off->1*return(eio)" start_daemon "$VAULT" "$PASSPHRASE"
    if said=$(rekey 2>&1); then code=0; else code=$?; fi
    ! grep -q "rekey again" <<<"$said" || break
    # Its end may meet the error.
    stop_daemon || true
done
check "a rekey whose store fails: it says so" says "rekey again" 0 printf '%s' "$said"
check "a rekey whose store fails: with its exit code" [ "$code" = 1 ]
check "a rekey whose store fails: the vault is as it was" cmp "$SCRATCH/before" <(listed)
check "a rekey whose store fails: all goes on" goes_on
check "a rekey whose store fails: it can be done again" rekey
check "a rekey whose store fails: then, too" goes_on
check "a rekey whose store fails: the log is intact" whole
listed >"$SCRATCH/before"
stop_daemon

# The stores change places; that can't be made durable, nor can the way back.
FAILPOINTS="rekey.sync=2*return(eio)" start_daemon "$VAULT" "$PASSPHRASE"
check "not known which store it is: one is told to restart" says "restart the daemon" 1 rekey
check "not known which store it is: sealed" answers 503 sealed unix "$FSM" /v1/integrations/fsm/credentials
check "not known which store it is: not unsealed before that" says "restart the daemon" 1 as "$ADMIN" unseal --passphrase-file "$PASSPHRASE"
stop_daemon
start_daemon "$VAULT" "$PASSPHRASE"
check "not known which store it is: after it the vault is there" cmp "$SCRATCH/before" <(listed)
check "not known which store it is: all goes on" goes_on
check "not known which store it is: nothing is left of the other" [ ! -e "$VAULT/store.next" ]
check "not known which store it is: the log is intact" whole
stop_daemon

# Once only: the way back is durable.
FAILPOINTS="rekey.sync=1*return(eio)" start_daemon "$VAULT" "$PASSPHRASE"
check "undone: it comes to nothing" refuses 1 rekey
check "undone: all goes on" goes_on
check "undone: it can be done again" rekey
check "undone: then, too" goes_on
check "undone: the log is intact" whole
stop_daemon
check "nothing panicked" no_panic
