#!/usr/bin/env bash
# Long lists are few at a time: one that there is no room for is refused, and the log doesn't say that it was answered.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

: "${FSM_VAULT_PYTHON:?is a python3 with tests/system/requirements.txt; tests/all makes it}"
prepare_vault
printf '[limits]\ncaller_large = 1\n' >"$SCRATCH/limits.toml"
start_daemon "$VAULT" "$PASSPHRASE" --config "$SCRATCH/limits.toml"
# Most of a megabyte of list, which no socket takes unread.
jq -nc --arg text "$(head -c 1500 /dev/zero | tr '\0' x)" 'range(400) | {id: "_long_\(.)", value: "v", description: $text,
    restrictions: {scripts: ["customscript_x"], allow_all_domains: true}}' >"$SCRATCH/many.jsonl"
check "many secrets" as "$ADMIN" secret import "$SCRATCH/many.jsonl"

# Asks for a long list and leaves it lying; then again, and for a short one, on another connection.
PYTHONPATH=$(dirname "$0") "$FSM_VAULT_PYTHON" - "$SOCKET" "$ADMIN" >"$SCRATCH/told" <<'PYTHON'
import json, sys
from connection import Connection

LONG = "/v1/secrets?limit=1000"
left, other = Connection(*sys.argv[1:]), Connection(*sys.argv[1:])
left.request("GET", LONG)
# Its head is here, so it has its place; most of it isn't.
lies = left.getresponse()
other.request("GET", LONG)
answer = other.getresponse()
refused = json.loads(answer.read())
short, _ = other.ask("/v1/secrets?limit=1")
taken = len(json.loads(lies.read())["items"])
again, _ = other.ask(LONG)
print(json.dumps({"status": answer.status, "refused": refused, "short": short, "taken": taken, "again": again}))
PYTHON
told() { holds "$1" cat "$SCRATCH/told"; }
check "the second long list is refused" told '.status == 429 and .refused.code == "rate_limited"'
check "with the limit, and what to do about a list" told \
    '.refused.detail | contains("large answers") and contains("limits.caller_large") and contains("limit=")'
check "a short one isn't" told '.short == 200'
check "the first is whole, and there is room again" told '.taken == 400 and .again == 200'
id=$(jq -r .refused.request_id "$SCRATCH/told")
explained() { holds "$1" as "$ADMIN" --output json audit explain "$id"; }
check "the log says that nobody got it" explained '[.entries[] | [.action, .outcome, .reason]] ==
    [["secret.list", "allowed", null], ["secret.list", "failed", "no_room"]]'
check "and so does what is explained" says "nothing came of it (no_room)" 0 as "$ADMIN" audit explain "$id"
check "the log is intact" as "$ADMIN" audit verify
stop_daemon
check "nothing panicked" no_panic
