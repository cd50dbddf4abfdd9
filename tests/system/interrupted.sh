#!/usr/bin/env bash
# A question that hides what is typed, and whoever doesn't answer it: the terminal is put back, whatever ends the command.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

prepare_vault
"$FSM_VAULT_BIN" init --data-dir "$SCRATCH/stopped" --passphrase-file "$PASSPHRASE" >/dev/null
start_daemon "$VAULT" "$PASSPHRASE"

# interrupted LINES END ARGUMENT...: the command line on a terminal.
interrupted() {
    python3 "$(dirname "$0")/interrupted.py" "$1" "$2" "$FSM_VAULT_BIN" --identity "$ADMIN" --addr "unix:$SOCKET" "${@:3}"
}
# ends HOW COMMAND...: succeeds if COMMAND, an `interrupted`, hid what was typed, and ended like this.
ends() {
    local wanted=$1 said
    shift
    said=$("$@") || { echo "$said"; return 1; }
    printf '%s\n' "$said"
    grep -qx 'asked: echo off' <<<"$said" && [ "$(tail -n 1 <<<"$said")" = "ended: $wanted" ]
}

while IFS='|' read -r lines command; do
    read -ra words <<<"$command"
    what="${words[*]:0:2}"
    for end in '^C|SIGINT' '^\|SIGQUIT' 'INT|SIGINT' 'TERM|SIGTERM' 'HUP|SIGHUP'; do
        check "$what: ${end%|*} ends it, and typing is seen again" \
            ends "${end#*|}, echo on" interrupted "$lines" "${end%|*}" "${words[@]}"
    done
    check "$what: ^Z stops it, and it asks anew" ends 'SIGINT, echo on' interrupted "$lines" '^Z' "${words[@]}"
done <<TABLE
-|passphrase change
a current passphrase|passphrase change
-|init --data-dir $SCRATCH/new
-|fsm setup
-|quickstart --dir $SCRATCH/quick
-|operator recover --data-dir $SCRATCH/stopped --out $SCRATCH/none
TABLE
# A quickstart that was answered catches for itself what ends a daemon.
sample() { interrupted "$2" "Ctrl-C stops=$1" quickstart --dir "$SCRATCH/sample"; }
check "quickstart, once it serves: ^C stops it in order" says 'ended: exit 0, echo on' 0 sample '^C' ''
check "a closed terminal does, too" says 'ended: exit 0, echo on' 0 sample HUP -
said=$(interrupted - '^Z' passphrase change)
check "while it is stopped typing is seen" grep -qx 'stopped: echo on' <<<"$said"
check "nothing was made" [ ! -e "$SCRATCH/new" ]
check "nothing of a quickstart either" [ ! -e "$SCRATCH/quick" ]

stop_daemon
check "nothing panicked" no_panic
