#!/usr/bin/env bash
# Bodies are closed: a member that isn't known is refused by name, in every body that the description has, and nothing is done.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair
document=$(dirname "$0")/../../src/api/openapi/document.json
slot=$(as "$ADMIN" --output json keyslot list | jq -r '.items[0].id')
entries() { as "$ADMIN" --output json audit show --outcome allowed | jq '[.items[] | select(.action | test("view|list|show|read") | not)] | length'; }
before=$(entries)

# refused METHOD PATH: a body with nothing else.
refused() {
    local method=$1 path=$2
    path=${path/'{name}'/fsm} path=${path/'{number}'/1}
    case $path in */keyslots/*) path=${path/'{id}'/$slot} ;; *) path=${path/'{id}'/_fsm_oauth2_client_id} ;; esac
    answers 422 invalid_field unix "$ADMIN" "$path" -X "${method^^}" --json '{"surplus":1}' &&
        holds '.errors | any(.pointer == "/surplus")' cat "$BODY"
}
bodies='.paths | to_entries[] | .key as $path | .value | to_entries[]
    | select(.value.requestBody) | [.key, $path, .value.operationId] | @tsv'
count=0
while IFS=$'\t' read -r method path operation; do
    [ "$operation" != unseal ] || continue # Of an unsealed vault it says that first.
    count=$((count + 1))
    check "$operation" refused "$method" "$path"
done < <(jq -r "$bodies" "$document")
check "all of them" [ "$count" -ge 18 ]
check "nothing was done" [ "$(entries)" = "$before" ]
as "$ADMIN" seal >/dev/null
check "unseal" refused post /v1/sys/unseal
stop_daemon
check "nothing panicked" no_panic
