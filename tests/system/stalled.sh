#!/usr/bin/env bash
# A released value that its peer doesn't take waits in a send buffer, of HTTP or of TLS: a seal or a revocation ends that too.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

: "${FSM_VAULT_PYTHON:?is a python3 with tests/system/requirements.txt; tests/all makes it}"
prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair

# taken IDENTITY COMMAND...: bytes of the pair that a stalled client gets once the command is done.
taken() {
    local identity=$1
    shift
    "$FSM_VAULT_PYTHON" "$(dirname "$0")/stalled.py" "$SOCKET" "$identity" "$@"
}
gets() { [ "$(taken "$@")" -gt 0 ]; }
gets_nothing() { [ "$(taken "$@")" = 0 ]; }
# jammed CALLER COMMAND...: the same of 50 pairs that wait behind what the kernel takes, all of which are in the log by then.
jammed() {
    local caller=$1
    shift
    "$FSM_VAULT_PYTHON" "$(dirname "$0")/stalled.py" --jam 50 "$SOCKET" "$SCRATCH/$caller" bash -c "$(declare -f until_true as released)
        until_true 30 released $caller && \"\$@\"" jammed "$@"
}
released() { [ "$(as "$ADMIN" --output json audit show --action integration.read --caller "$1" -n 60 | jq '.items | length')" = 50 ]; }
gets_nothing_jammed() { [ "$(jammed "$@")" = 0 ]; }
gets_jammed() { [ "$(jammed "$@")" -gt 5000 ]; }
operator() { echo "$FSM_VAULT_BIN" --identity "$ADMIN" --addr "unix:$SOCKET" "$@"; }

as "$ADMIN" caller add slow --script customscript_nx_suitelet2 --out "$SCRATCH/slow" >/dev/null
as "$ADMIN" caller add third --script customscript_third --out "$SCRATCH/third" >/dev/null
# shellcheck disable=SC2046
check "the control: it comes when the window opens" gets "$SCRATCH/slow" true
# shellcheck disable=SC2046
check "another's revocation is no reason to cut" gets "$SCRATCH/slow" $(operator caller revoke third)
# shellcheck disable=SC2046
check "nothing comes after the revocation" gets_nothing "$SCRATCH/slow" $(operator caller revoke slow)
for name in first second; do
    as "$ADMIN" caller add "$name" --script customscript_nx_suitelet2 --out "$SCRATCH/$name" >/dev/null
done
export FSM_VAULT_BIN ADMIN SOCKET
check "the control: behind a full socket, they come when it is read" gets_jammed first true
# shellcheck disable=SC2046
check "none of them comes after the revocation" gets_nothing_jammed second $(operator caller revoke second)

# What lasts, and is never taken: it ends with the right to it, and its connection with it.
# lasts WHETHER IDENTITY WHAT SECONDS COMMAND...
lasts() {
    local whether=$1
    shift
    [ "$("$FSM_VAULT_PYTHON" "$(dirname "$0")/lasting.py" "${kept[@]}" "$SOCKET" "$@")" = "$whether" ]
}
kept=()
as "$ADMIN" caller add brief --script customscript_brief --valid 1m --out "$SCRATCH/brief" >/dev/null
lasts ended "$SCRATCH/brief" watch 80 true & BRIEF=$!
for name in watcher gone; do as "$ADMIN" caller add "$name" --script customscript_x --out "$SCRATCH/$name" >/dev/null; done
for name in keeper maker; do as "$ADMIN" caller add "$name" --operator full --employee "$name" --out "$SCRATCH/$name" >/dev/null; done
check "the control: a watch that isn't read stays open" lasts open "$SCRATCH/watcher" watch 3 true
# shellcheck disable=SC2046
check "with another's revocation too" lasts open "$SCRATCH/watcher" watch 3 $(operator caller revoke gone)
# shellcheck disable=SC2046
check "it ends with its caller's" lasts ended "$SCRATCH/watcher" watch 3 $(operator caller revoke watcher)
check "the control: a backup that isn't read goes on" lasts open "$SCRATCH/maker" backup 3 true
# shellcheck disable=SC2046
check "it ends with its caller" lasts ended "$SCRATCH/maker" backup 3 $(operator caller revoke maker)
kept=(--to /v1/sys/keyslots --body "{\"passphrase\":\"$(cat "$PASSPHRASE")\",\"new_passphrase\":\"another one, quite as long\",\"label\":\"x\"}")
check "a watch keeps no connection that brought a passphrase" lasts ended "$SCRATCH/keeper" watch 3 true
kept=()
check "a watch that isn't read ends with its certificate" wait "$BRIEF"
for what in watch backup; do
    # shellcheck disable=SC2046
    check "a seal ends a $what that isn't read" lasts ended "$SCRATCH/keeper" "$what" 3 $(operator seal)
    as "$ADMIN" unseal --passphrase-file "$PASSPHRASE" >/dev/null
done
kept=(--to /v1/secrets --body '{"id":"_kept","name":"n","value":"v","restrictions":{"scripts":["customscript_x"],"allow_all_domains":true}}')
# shellcheck disable=SC2046
check "and one beside which a value came in" lasts ended "$SCRATCH/keeper" watch 3 $(operator seal)
as "$ADMIN" unseal --passphrase-file "$PASSPHRASE" >/dev/null
# shellcheck disable=SC2046
check "nothing comes after the seal" gets_nothing "$FSM" $(operator seal)
check "no daemon panicked" no_panic
