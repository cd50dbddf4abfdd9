#!/usr/bin/env bash
# The log as operators use it: a refusal explained, entries looked for, all of it exported; to each what is his to see.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair
operator() { as "$ADMIN" "$@"; }

as "$OTHER" --output json integration credentials fsm >"$SCRATCH/refused" 2>/dev/null || true
REFUSED=$(jq -r .request_id "$SCRATCH/refused")
check "a refusal tells its request's ID" [ ${#REFUSED} = 24 ]
for part in "to read the pair of the integration fsm" "other, with the certificate" "the Unix socket, uid $(id -u)" \
    "refused (script_not_allowed)" "fsm-vault caller show other" "fsm-vault integration show fsm"; do
    check "it is explained: $part" says "$part" 0 operator audit explain "$REFUSED"
done
check "as JSON" holds ".accounts[0].why != \"\" and .entries[0].request_id == \"$REFUSED\"" operator --output json audit explain "$REFUSED"
check "an ID that never was" refuses 4 operator audit explain 000000000000000000000000
check "services explain nothing" refuses 3 as "$OTHER" audit explain "$REFUSED"
explained() { operator --output json audit explain "$REFUSED" | jq -r '.accounts[0].next[]'; }
commands_work() {
    local command words
    while read -r command; do
        case $command in *[A-Z][A-Z]*|*revoke*) continue ;; esac
        read -ra words <<<"${command#fsm-vault }"
        operator "${words[@]}" || return 1
    done < <(explained)
}
check "what it says to type works" commands_work

SEQ=$(operator --output json audit show --action integration.read --caller other -n 1 | jq '.items[0].seq')
check "an entry by its number" holds ".seq == $SEQ and .request_id == \"$REFUSED\"" operator --output json audit show "$SEQ"
check "in full" says script_not_allowed 0 operator audit show "$SEQ"
check "one that isn't there" refuses 4 operator audit show 99999
check "by integration" holds '.items | length >= 2 and all(.integration == "fsm")' operator --output json audit show --integration fsm
check "by action and time" holds '.items | length >= 2 and all(.action == "caller.add")' \
    operator --output json audit show --action caller.add --since 1h
check "none before the vault was there" holds '.items == []' operator --output json audit show --until 2020-01-01
check "an action that isn't known is looked for, with a warning" says "the nearest is caller.add" 0 \
    operator audit show --action caler.add
unwarned() { operator audit show --action caller.add --output json 2>"$SCRATCH/warned" >/dev/null && [ ! -s "$SCRATCH/warned" ]; }
check "a known one without" unwarned
check "the warning isn't in the document" holds '.items == []' operator --output json audit show --action caler.add
check "no action at all" says "a noun, a dot and a verb" 2 operator audit show --action add
check "a wrong outcome" refuses 2 operator audit show --outcome refused
check "a wrong time" refuses 2 operator audit show --since yesterday

private_file "$SCRATCH/v1" one
operator secret create _crm --value-file "$SCRATCH/v1" --script customscript_crm --allow-all-domains >/dev/null
operator caller add crm --script customscript_crm --out "$SCRATCH/crm" >/dev/null
many() {
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$(dirname "$0") python3 - "$SOCKET" "$SCRATCH/crm" <<'PYTHON'
import sys
from connection import Connection
service = Connection(*sys.argv[1:])
for _ in range(2500):
    assert service.ask("/v1/secrets/_crm/value")[0] == 200
PYTHON
}
check "2500 reads" many
check "are exported" operator audit export --out "$SCRATCH/log.jsonl"
check "each once, in their order" jq -es 'map(.seq) | . == (unique) and length > 2500' "$SCRATCH/log.jsonl"
check "none is missing" [ "$(jq -s 'map(select(.action == "secret.read")) | length' "$SCRATCH/log.jsonl")" = 2500 ]
check "for their owner alone" [ "$(stat -c %a "$SCRATCH/log.jsonl")" = 600 ]
check "not over a file" refuses 6 operator audit export --out "$SCRATCH/log.jsonl"
check "nothing is left beside it" [ ! -e "$SCRATCH/log.jsonl.draft" ]
check "as one document" holds 'type == "array" and length > 2500' operator --output json audit export
LAST=$(jq -s 'last.seq' "$SCRATCH/log.jsonl")
check "what is new" holds "length > 0 and all(.seq > $LAST)" operator --output json audit export --after "$LAST"
check "nothing is one document too" holds '. == []' operator --output json audit export --until 2020-01-01
some() { operator audit export | head -n 1 >/dev/null; }
check "whoever has read enough" some

operator caller add viewer --operator view --employee viewer --out "$SCRATCH/viewer" >/dev/null
viewer() { as "$SCRATCH/viewer" "$@"; }
viewer audit tail >/dev/null
check "a viewer sees his own doings" holds 'length > 0 and all(.caller == "viewer")' viewer --output json audit export
check "and nobody's else's by their number" refuses 4 viewer audit show "$SEQ"
check "nor by a request's ID" refuses 4 viewer audit explain "$REFUSED"
check "nor by a name" holds '.items == []' viewer --output json audit show --caller other

check "the log is intact" operator audit verify
check "it stops in order" stop_daemon
check "nothing panicked" no_panic
