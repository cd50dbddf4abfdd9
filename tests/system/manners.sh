#!/usr/bin/env bash
# How the daemon comes, stays and goes: ready when it is, drained when told to stop, sealed without a passphrase.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

prepare_vault
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH
PYTHONPATH=$(dirname "$0")

# upload finish|never: a creation whose body stops half way. Prints `under way` when the daemon has begun to read it, goes
# on (or not) when the daemon says that it stops, and prints the status.
upload() {
    python3 -u - "$SOCKET" "$ADMIN" "$LOG" "$1" <<'PYTHON'
import json, sys, time
from connection import Connection
socket, admin, log, then = sys.argv[1:]
body = json.dumps({"id": "_slow", "value": "v", "restrictions": {"allow_all_scripts": True, "allow_all_domains": True}}).encode()
connection = Connection(socket, admin)
connection.connect()
connection.sock.sendall(b"POST /v1/secrets HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
assert b" 100 " in connection.sock.recv(4096)
connection.sock.sendall(body[:20])
print("under way")
if then == "finish":
    end = time.monotonic() + 20
    while '"stopping"' not in open(log).read() and time.monotonic() < end:
        time.sleep(0.02)
    connection.sock.sendall(body[20:])
answer = connection.sock.recv(4096).split(b"\r\n")[0].decode()
print(answer or "nothing")
PYTHON
}
under_way() {
    : >"$SCRATCH/upload"
    upload "$1" >"$SCRATCH/upload" 2>&1 &
    UPLOAD=$!
    until_true 20 grep -q 'under way' "$SCRATCH/upload"
}
is_stopping() { [ -n "$(logged 'select(.message == "stopping") | 1')" ]; }

start_daemon "$VAULT" "$PASSPHRASE"
under_way finish
check "SIGTERM: it waits for what is under way, and exits 0" stop_daemon
wait "$UPLOAD" || true
check "which is answered" grep -q '201 Created' "$SCRATCH/upload"

printf '[limits]\ndrain_seconds = 1\n' >"$SCRATCH/short.toml"
start_daemon "$VAULT" "$PASSPHRASE" --config "$SCRATCH/short.toml"
check "and was stored" as "$ADMIN" secret show _slow
under_way never
check "SIGINT: a deadline ends what doesn't end, and it exits 0" stop_daemon INT
check "and it says so" [ "$(logged 'select(.message == "drain deadline reached") | ."connections.given_up"')" = 1 ]
wait "$UPLOAD" || true

printf '[limits]\ndrain_seconds = 3600\n' >"$SCRATCH/long.toml"
start_daemon "$VAULT" "$PASSPHRASE" --config "$SCRATCH/long.toml"
under_way never
kill -TERM "$DAEMON"
until_true 20 is_stopping
check "a second signal ends it at once" stop_daemon TERM
check "and it says so" [ -n "$(logged 'select(.message == "second signal, ending at once") | 1')" ]
wait "$UPLOAD" || true

# A start that hangs: the log's disk doesn't answer.
hangs() { find "/proc/$DAEMON/fd" -lname "$(realpath "$VAULT")/audit/audit-*" | grep -q .; }
if [ -n "${FSM_VAULT_FAILPOINTS_BIN:-}" ]; then
    for signal in TERM INT HUP; do
        LOG=$LOGS/hangs.$signal
        FAILPOINTS='audit.append=pause' "$FSM_VAULT_FAILPOINTS_BIN" serve --data-dir "$VAULT" \
            --passphrase-file "$PASSPHRASE" --listen "unix:$SOCKET" </dev/null >"$LOG" 2>&1 &
        DAEMON=$!
        check "it hangs while it starts" until_true 20 hangs
        check "SIG$signal ends it all the same, with 0" stop_daemon "$signal"
        check "and it says so" [ -n "$(logged 'select(.message == "stopped before it served") | 1')" ]
    done
else
    echo "# not run: a start that hangs; type: cargo build --features failpoints, and name that binary in FSM_VAULT_FAILPOINTS_BIN"
fi

# sd_notify, with a watchdog; the passphrase as systemd's credential.
python3 - "$SCRATCH/notify" >"$SCRATCH/notified" <<'PYTHON' &
import socket, sys
manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(sys.argv[1])
manager.settimeout(60)
said = ""
while "STOPPING=1" not in said:
    said = manager.recv(4096).decode()
    print(said, flush=True)
PYTHON
MANAGER=$!
until_true 20 test -S "$SCRATCH/notify"
mkdir "$SCRATCH/credentials"
cp "$PASSPHRASE" "$SCRATCH/credentials/passphrase" && chmod 440 "$SCRATCH/credentials/passphrase"
NOTIFY_SOCKET=$SCRATCH/notify WATCHDOG_USEC=200000 CREDENTIALS_DIRECTORY=$SCRATCH/credentials start_daemon "$VAULT" ''
check "systemd's credential unseals it" holds '.sealed | not' as "$ADMIN" --output json status
check "it tells that it is ready" until_true 20 grep -qx READY=1 "$SCRATCH/notified"
check "and alive" until_true 20 grep -qx WATCHDOG=1 "$SCRATCH/notified"
stop_daemon
check "and stopping" until_true 20 grep -qx STOPPING=1 "$SCRATCH/notified"
check "ready comes first" [ "$(grep -E '^(READY|STOPPING)' "$SCRATCH/notified" | tr '\n' ' ')" = "READY=1 STOPPING=1 " ]
wait "$MANAGER"

# Sockets from systemd.
LOG=$LOGS/activated.jsonl
systemd-socket-activate --listen="$SCRATCH/activated.sock" "$FSM_VAULT_BIN" serve --data-dir "$VAULT" \
    --passphrase-file "$PASSPHRASE" </dev/null >>"$LOG" 2>&1 &
DAEMON=$! SOCKET=$SCRATCH/activated.sock
until_true 20 test -S "$SOCKET"
check "a connection to systemd's socket starts it" until_true 20 as "$ADMIN" status
check "it listens there alone" [ "$(logged 'select(.message == "listening") | ."listen.address"')" = "unix:$SOCKET" ]
check "and ends in order" stop_daemon

# No journald here: entries are written all the same.
printf '[audit]\njournald = true\n' >"$SCRATCH/journald.toml"
start_daemon "$VAULT" "$PASSPHRASE" --config "$SCRATCH/journald.toml"
check "journald wanted: it serves" holds '.audit.available' as "$ADMIN" --output json status
stop_daemon

# Its memory: no core dump has it, and another process of its own user doesn't get at it.
no_core() { grep -E '^Max core file size +0 +0 ' "/proc/$DAEMON/limits" || { grep core "/proc/$DAEMON/limits"; return 1; }; }
# Whoever becomes that user has no capability left.
nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups)
# It needn't be read.
opens() { "${nobody[@]}" head -c 0 "/proc/$1/$2"; }
if [ "$(id -u)" = 0 ]; then
    LOW=$SCRATCH/low
    chmod 711 "$SCRATCH"
    mkdir "$LOW"
    cp -a "$VAULT" "$PASSPHRASE" "$LOW" && cp "$FSM_VAULT_BIN" "$LOW/fsm-vault" && chown -R 65534:65534 "$LOW"
    printf '#!/bin/sh\nexec %s "%s" "$@"\n' "${nobody[*]}" "$LOW/fsm-vault" >"$LOW/serve"
    chmod 755 "$LOW/serve"
    # As many hosts have it.
    ulimit -S -c unlimited
    FSM_VAULT_BIN=$LOW/serve start_daemon "$LOW/vault" "$LOW/passphrase"
    "${nobody[@]}" sleep 1000 >/dev/null 2>&1 &
    UNGUARDED=$!
    until_true 20 grep -qx sleep "/proc/$UNGUARDED/comm"
    check "it runs as another user" grep -qE '^Uid:\s+65534\s' "/proc/$DAEMON/status"
    check "it dumps no core" no_core
    check "the control: another process would" refuses 1 grep -qE '^Max core file size +0 ' "/proc/$UNGUARDED/limits"
    for file in mem maps environ; do
        check "its own user can't open its $file" refuses 1 opens "$DAEMON" $file
        # Yama may keep everybody's memory from whoever isn't a parent.
        if [ $file != mem ] || [ "$(cat /proc/sys/kernel/yama/ptrace_scope 2>/dev/null || echo 0)" = 0 ]; then
            check "the control: another process's $file it can" opens "$UNGUARDED" $file
        fi
    done
    kill "$UNGUARDED"
    wait "$UNGUARDED" 2>/dev/null || true
    stop_daemon
else
    echo "not ok - a daemon of another user: this takes root; type: sudo env FSM_VAULT_BIN=$FSM_VAULT_BIN $0"
fi

# Sealed.
start_daemon "$VAULT" ''
check "without a passphrase it comes up sealed" holds '.sealed' as "$ADMIN" --output json status
for path in secrets secrets/_slow secrets/_slow/value integrations integrations/fsm/credentials callers callers/admin audit \
    audit/verify; do
    check "sealed: GET /v1/$path" answers 503 sealed unix "$ADMIN" "/v1/$path"
done
for path in secrets integrations callers identity/renew; do
    check "sealed: POST /v1/$path" answers 503 sealed tcp "$ADMIN" "/v1/$path" --json '{}'
done
check "sealed: DELETE" answers 503 sealed unix "$ADMIN" /v1/callers/admin -X DELETE
check "the command line says what to do" says "fsm-vault unseal" 5 as "$ADMIN" secret list
recover() { "$FSM_VAULT_BIN" operator recover --data-dir "$VAULT" --passphrase-file "$PASSPHRASE" --out "$SCRATCH/recovered" "$@"; }
check "no recovery while it runs" says "in use by another fsm-vault process" 6 recover
check "and no identity is written" [ ! -e "$SCRATCH/recovered/key.pem" ]
stop_daemon

# Recovery.
private_file "$SCRATCH/wrong" 'something else altogether'
check "no recovery without the passphrase" refuses 3 "$FSM_VAULT_BIN" operator recover --data-dir "$VAULT" \
    --passphrase-file "$SCRATCH/wrong" --out "$SCRATCH/recovered"
check "nor of nobody" refuses 4 recover --operator nobody
check "an operator is recovered, offline" recover
check "not over an identity" refuses 6 recover
start_daemon "$VAULT" "$PASSPHRASE"
RECOVERED=$SCRATCH/recovered
check "the new identity speaks" as "$RECOVERED" caller list
check "the old one doesn't" answers 403 caller_unknown unix "$ADMIN" /v1/callers
check "it is audited" holds '.items | any(.action == "operator.recover" and .caller == "offline" and .subject == "admin")' \
    as "$RECOVERED" --output json audit tail
check "the log is intact" as "$RECOVERED" audit verify

# The command line's own manners.
for list in "secret list" "integration list" "caller list" "audit tail" "audit tail -n 1" "audit verify" status "secret show _slow" \
    "caller show admin"; do
    read -ra words <<<"$list"
    check "one JSON document: $list" holds 'type == "object"' as "$RECOVERED" "${words[@]}" --output json
done
check "one for a failure too" jq -es 'length == 1 and .[0].code == "not_found" and .[0].exit_code == 4' \
    <(as "$RECOVERED" --output json secret show _none 2>/dev/null)
stop_daemon
for shell in bash zsh fish; do
    "$FSM_VAULT_BIN" completions $shell >"$SCRATCH/completions.$shell"
    check "completions for $shell" grep -q quickstart "$SCRATCH/completions.$shell"
done
check "which bash can read" bash -n "$SCRATCH/completions.bash"
# offered WORD...: what bash offers in the last one's place.
offered() {
    bash -c 'source "$1"; shift; COMP_WORDS=(fsm-vault "$@") COMP_CWORD=$#; _fsm__vault fsm-vault "${@: -1}" "${@: -2:1}"; echo "${COMPREPLY[*]}"' \
        - "$SCRATCH/completions.bash" "$@"
}
check "bash offers commands" says quickstart 0 offered ""
check "and what one of them takes" says "add list show edit revoke certify renew" 0 offered caller ""
check "and its options" says "--operator" 0 offered caller add --
check "and their values" says "view create edit full" 0 offered caller add --operator ""
check "neither a shell nor the manual: both are named" says "completions --man DIR" 2 "$FSM_VAULT_BIN" completions
check "the manual is written" "$FSM_VAULT_BIN" completions --man "$SCRATCH/man/man1"
modes() { stat --format %a "$SCRATCH/man" "$SCRATCH/man/man1" "$SCRATCH/man/man1/fsm-vault.1" | paste -sd ' '; }
check "for everybody to read" test "$(modes)" = "755 755 644"
check "a page for a verb" [ -s "$SCRATCH/man/man1/fsm-vault-audit-explain.1" ]
well_formed() {
    local page
    for page in "$SCRATCH"/man/man1/*.1; do
        if command -v mandoc >/dev/null; then
            mandoc -T lint -W error "$page" || return 1
        elif command -v groff >/dev/null; then
            # A synopsis without a place to break is no fault of the page.
            [ -z "$(groff -man -ww -W break -z "$page" 2>&1)" ] || return 1
        else
            grep -q '^\.TH fsm-vault' "$page" || return 1
        fi
    done
}
check "which is well-formed" well_formed
verbs() {
    "$FSM_VAULT_BIN" "$@" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]\+\) .*/\1/p' | grep -vx help
}
helps() {
    local verb
    for verb in $(verbs "$@"); do
        if [ -n "$(verbs "$@" "$verb")" ]; then
            helps "$@" "$verb"
        else
            check "an example: $* $verb" grep -qE '^ *Examples?:' <("$FSM_VAULT_BIN" "$@" "$verb" --help)
        fi
    done
}
helps
check "nothing panicked" no_panic
