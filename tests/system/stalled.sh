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
# shellcheck disable=SC2046
check "nothing comes after the seal" gets_nothing "$FSM" $(operator seal)
check "no daemon panicked" no_panic
