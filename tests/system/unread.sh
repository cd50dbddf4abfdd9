#!/usr/bin/env bash
# Standard error is a pipe that nobody reads: a log driver that hangs, a terminal that stands still. Nobody waits for it.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

prepare_vault
mkfifo "$SCRATCH/pipe"
# Open at both ends, so that it neither breaks nor ends.
exec {pipe}<>"$SCRATCH/pipe"
printf '[log]\nfilter = "debug"\n' >"$SCRATCH/debug.toml"
SOCKET=$VAULT/run/vault.sock LOG=$LOGS/unread.jsonl
serve=("$FSM_VAULT_BIN" serve --data-dir "$VAULT" --passphrase-file "$PASSPHRASE" --listen "unix:$SOCKET"
    --config "$SCRATCH/debug.toml")
unheard() { "${serve[@]}" </dev/null >/dev/null 2>&"$pipe"; }
# noise COUNT: so many handshakes that fail, each of them a line of some 250 bytes.
noise() {
    python3 - "$SOCKET" "$1" <<'PYTHON'
import socket, sys
for _ in range(int(sys.argv[2])):
    with socket.socket(socket.AF_UNIX) as connection:
        # Far above what any takes: so that a daemon that hangs is a failed check.
        connection.settimeout(60)
        connection.connect(sys.argv[1])
        connection.sendall(b"this is no TLS at all\n")
        while connection.recv(4096):
            pass
PYTHON
}
failed() { logged 'select(.message == "handshake failed") | 1' | wc -l; }
dropped() { logged '."log.dropped" // empty' | jq -s 'add // 0'; }
none_is_missing() {
    echo "$(failed) of 6000, $(dropped) missing"
    [ "$(failed)" -lt 6000 ] && [ "$(($(failed) + $(dropped)))" -ge 6000 ]
}
last_is_there() { [ "$(logged '.message' | tail -n 1)" = "handshake failed" ]; }

: >"$LOG"
"${serve[@]}" </dev/null >/dev/null 2>&"$pipe" &
DAEMON=$!
check "it comes up, though nobody reads its log" until_true 30 as "$ADMIN" status
check "it serves while there is room" noise 6000
check "and when there is none" as "$ADMIN" status
cat <"$SCRATCH/pipe" >"$LOG" &
READER=$!
check "once it is read: what was kept, and how many are missing" until_true 30 none_is_missing
check "it is told as a warning" [ "$(logged 'select(."log.dropped") | .level' | sort -u)" = WARN ]
noise 1
check "and then there is all again" until_true 10 last_is_there
kill "$READER"
wait "$READER" 2>/dev/null || true

noise 1000
check "a failure ends though it can't be told" refuses 6 unheard
check "SIGTERM ends it though nobody reads, with 0" stop_daemon
check "nothing panicked" no_panic
