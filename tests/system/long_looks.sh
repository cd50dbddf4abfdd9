#!/usr/bin/env bash
# Looks that cost much: whoever asks for many keeps nobody waiting for long, and makes the daemon hold little.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

: "${FSM_VAULT_PYTHON:?is a python3 with tests/system/requirements.txt; tests/all makes it}"
prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
as "$ADMIN" caller add nobody --operator view --employee nobody --out "$SCRATCH/nobody" >/dev/null
looks() {
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$(dirname "$0") "$FSM_VAULT_PYTHON" "$(dirname "$0")/long_looks.py" \
        "$SOCKET" "$ADMIN" "$SCRATCH/nobody" "$DAEMON" >"$SCRATCH/told"
}
told() { holds "$1" cat "$SCRATCH/told"; }
check "many looks" looks
check "a list of long secrets comes in pages" told '.list == {pages: 5, ids: 20, in_order: true}'
check "lists that are made and left lying take little" told '.held_lists.grown < 100 and .held_lists.begun > 16'
check "pages of long entries are short, leave nothing out and repeat nothing" told '.log | .pages > 4 and .repeated == 0 and .in_order'
check "pages that are made and left lying take little" told '.held_pages.grown < 100 and .held_pages.begun > 16'
check "who asks for pages and goes has nobody wait" told '.change < 5'
check "and next to none of them is read" told '.looked < 60'
check "the command line has all of it" holds '.items | length == 21' as "$ADMIN" --output json secret list
seals() { timeout 5 "$FSM_VAULT_BIN" --identity "$ADMIN" --addr "unix:$SOCKET" seal; }
check "the vault seals" seals
stop_daemon
check "nothing panicked" no_panic
