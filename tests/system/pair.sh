#!/usr/bin/env bash
# The main job: the FSM pair goes in as NETSUITE.md's table says and comes out to those whom the rules let in.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

# Another vault, set up from standard input.
prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
printf %s id-from-stdin >"$SCRATCH/id"
check "fsm setup takes one half from stdin" as "$ADMIN" fsm setup --client-id-file - \
    --client-secret-file "$PASSPHRASE" <"$SCRATCH/id"
as "$ADMIN" caller add fsm --script customscript_nx_suitelet2 --out "$SCRATCH/fsm" >/dev/null
check "and serves it" holds '.client_id == "id-from-stdin"' as "$SCRATCH/fsm" integration credentials fsm --output json
check "not both halves from stdin" says "standard input can't be both" 2 as "$ADMIN" fsm setup --client-id-file - \
    --client-secret-file - <"$SCRATCH/id"
stop_daemon
rm -rf "$VAULT" "$SCRATCH/fsm"

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair
id=$(cat "$PAIR_ID") secret=$(cat "$PAIR_SECRET")

rules='{scripts: ["customscript_nx_suitelet2"], allow_all_scripts: false, domains: [], allow_all_domains: true,
    employees: [], available_to_suiteapp: false, suiteapp_id: null}'
secrets=".items | length == 2 and all(.[]; .restrictions == $rules and .expires_on == null and .max_age_days == null
    and .release == \"reveal\" and .integration == \"fsm\" and (.versions | map([.version, .state]) == [[1, \"current\"]]))"
names='.items | map({(.id): .name}) | add == {
    custsecret_fsm_oauth2_client_id: "FSM OAuth 2.0 Client ID",
    custsecret_fsm_oauth2_client_secret: "FSM OAuth 2.0 Client Secret"}'
record=".items | length == 1 and (.[0] | .name == \"fsm\" and .state == \"enabled\" and .authorization_code_grant
    and (.client_credentials_grant | not) and .scopes == [\"restlets\"] and .consent_policy == \"always_ask\"
    and .restrictions == $rules and .client_id_secret == \"custsecret_fsm_oauth2_client_id\"
    and .client_secret_secret == \"custsecret_fsm_oauth2_client_secret\" and .version == 1
    and (.application_id | test(\"^[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}\$\")))"
check "both secrets have the table's rules" holds "$secrets" as "$ADMIN" --output json secret list
check "and its IDs and names" holds "$names" as "$ADMIN" --output json secret list
check "the integration is the table's" holds "$record" as "$ADMIN" --output json integration list
check "a second setup is refused" says "fsm-vault integration rotate fsm" 6 as "$ADMIN" fsm setup --client-id-file "$PAIR_ID" \
    --client-secret-file "$PAIR_SECRET"
asked() { python3 "$(dirname "$0")/typed.py" "" "$FSM_VAULT_BIN" --identity "$ADMIN" --addr "unix:$SOCKET" fsm setup; }
check "on a terminal too" says "fsm-vault integration rotate fsm" 6 asked
unasked() { { asked || true; } >"$SCRATCH/asked"; ! grep hidden "$SCRATCH/asked"; }
check "before anything is asked for" unasked

pair=".client_id == \"$id\" and .client_secret == \"$secret\" and .version == 1 and (keys | length == 3)"
value=/v1/secrets/custsecret_fsm_oauth2_client_id/value
for where in unix tcp; do
    for http in --http1.1 --http2; do
        check "curl gets the pair: $where $http" holds "$pair" vault_curl $where "$FSM" \
            /v1/integrations/fsm/credentials $http
    done
    check "curl gets one value: $where" holds ". == {id: \"custsecret_fsm_oauth2_client_id\", version: 1,
        value: \"$id\", encoding: \"utf-8\", state: \"current\"}" vault_curl $where "$FSM" $value
done
speaks() { [ "$(vault_curl unix "$FSM" $value -o /dev/null -w '%{http_version}' "$1")" = "$2" ]; }
check "HTTP/2 is HTTP/2" speaks --http2 2
check "HTTP/1.1 is HTTP/1.1" speaks --http1.1 1.1
check "credentials prints both" [ "$(as "$FSM" integration credentials fsm)" = "client_id: $id
client_secret: $secret" ]
check "secret get prints the value" [ "$(as "$FSM" secret get _FSM_oauth2_client_secret)" = "$secret" ]
check "over TCP too" [ "$("$FSM_VAULT_BIN" --identity "$FSM" --addr "https://127.0.0.1:$PORT" secret get \
    custsecret_fsm_oauth2_client_id)" = "$id" ]

# One answer to the letter for what is forbidden and what isn't there, head and body.
refused() {
    answers 403 access_denied unix "$OTHER" "$1" && sed -E 's/"request_id":"[0-9a-f]+"//' "$BODY" >"$SCRATCH/$2" &&
        grep -viE '^(x-request-id|date):' "$HEADERS" >>"$SCRATCH/$2"
}
check "another script is refused the secret" refused $value forbidden
for unknown in secrets/custsecret_unknown/value integrations/fsm/credentials integrations/unknown/credentials; do
    check "and $unknown" refused "/v1/$unknown" unknown
    check "to the letter" cmp "$SCRATCH/forbidden" "$SCRATCH/unknown"
done
check "the command line says refused" refuses 3 as "$OTHER" secret get _fsm_oauth2_client_id
check "an operator can't read it" answers 403 permission_denied unix "$ADMIN" $value
check "nor the pair" answers 403 permission_denied tcp "$ADMIN" /v1/integrations/fsm/credentials
check "nor an unknown one" answers 403 permission_denied unix "$ADMIN" /v1/secrets/_unknown/value
check "a service can't list" answers 403 permission_denied unix "$FSM" /v1/secrets
check "a service can't enrol" answers 403 permission_denied unix "$FSM" /v1/callers \
    --json '{"name":"x","service":{"script":"customscript_x"}}'
check "why stands in the audit log" holds '[.items[] | select(.caller == "other" and .action == "secret.read") | .reason]
    | index("script_not_allowed") != null and index("secret_unknown") != null' as "$ADMIN" --output json audit tail
first_told() { as "$ADMIN" audit tail -n 1000 | sed -n 2p; }
check "the log is told oldest first" grep -q vault.create <(first_told)

has_header() { tr -d '\r' <"$HEADERS" | grep -iE "^$1\$"; }
answers 200 - unix "$FSM" $value
check "no-store" has_header 'cache-control: no-store'
check "a request ID" has_header 'x-request-id: [0-9a-f]{24}'
check "an entity tag" has_header 'etag: "1"'
check "304 for who has it" answers 304 - unix "$FSM" $value -H 'If-None-Match: "0", "1"'
check "without a body" [ ! -s "$BODY" ]
check "200 for who has another" answers 200 - unix "$FSM" $value -H 'If-None-Match: "2"'
check "a tag without its quotes is told, not taken for another" answers 400 malformed unix "$FSM" "$value?wait=1s" -H 'If-None-Match: 1'
check "no 304 for who may not" answers 403 access_denied unix "$OTHER" $value -H 'If-None-Match: "1"'
check "bytes for who wants bytes" answers 200 - unix "$FSM" $value -H 'Accept: application/octet-stream'
check "those bytes" cmp "$BODY" "$PAIR_ID"
check "of that type" has_header 'content-type: application/octet-stream'
for accept in 'Application/Octet-Stream' 'application/octet-stream;q=1.0' 'application/json;q=0.5, application/octet-stream; q=0.9'; do
    check "bytes too for $accept" answers 200 - unix "$FSM" $value -H "Accept: $accept"
    check "of that type, $accept" has_header 'content-type: application/octet-stream'
    check "those bytes, $accept" cmp "$BODY" "$PAIR_ID"
done
for accept in '*/*' 'application/octet-stream;q=0' 'application/json, application/octet-stream;q=0.1'; do
    check "JSON for $accept" answers 200 - unix "$FSM" $value -H "Accept: $accept"
    check "of that type, $accept" has_header 'content-type: application/json'
done
check "refusals are no-store too" answers 403 access_denied unix "$OTHER" $value
check "with that header" has_header 'cache-control: no-store'
check "as problem+json" has_header 'content-type: application/problem\+json'

open='"restrictions":{"scripts":["customscript_other"],"allow_all_domains":true}'
printf 'a\0b\377\n' >"$SCRATCH/binary"
check "a binary value goes in" answers 201 - unix "$ADMIN" /v1/secrets \
    --json "{\"id\":\"_binary\",\"value_base64\":\"$(base64 -w0 "$SCRATCH/binary")\",$open}"
check "comes out as base64" holds ".encoding == \"base64\" and .value == \"$(base64 -w0 "$SCRATCH/binary")\"" \
    vault_curl unix "$OTHER" /v1/secrets/_binary/value
as "$OTHER" secret get _binary --raw >"$SCRATCH/got"
check "and raw as it was" cmp "$SCRATCH/binary" "$SCRATCH/got"

python3 -c 'print("\U0001F511" * 1_000_000, end="")' >"$SCRATCH/large"
check "a million four-byte characters go in" as "$ADMIN" secret create _large --value-file "$SCRATCH/large" \
    --script customscript_other --allow-all-domains
as "$OTHER" secret get custsecret_large --raw >"$SCRATCH/got"
check "and come out" cmp "$SCRATCH/large" "$SCRATCH/got"
check "for curl too" holds '.value | length == 1000000' vault_curl tcp "$OTHER" /v1/secrets/_large/value

# Requests that fill what the daemon reads at once to its end, sent behind one another, and another's meanwhile.
behind_one_another() {
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$(dirname "$0") python3 - "$SOCKET" "$OTHER" <<'PYTHON'
import sys
from connection import Connection
line = b"GET /v1/secrets/_binary/value HTTP/1.1\r\nHost: localhost\r\nX-Padding: "
request = line + b"x" * (8192 - len(line) - 4) + b"\r\n\r\n"
several, another = (Connection(*sys.argv[1:]) for _ in range(2))
several.connect()
several.sock.sendall(3 * request)
for _ in range(300):
    assert another.ask("/v1/secrets/_binary/value")[0] == 200
several.sock.setblocking(False)
answers = b""
try:
    while more := several.sock.recv(65536):
        answers += more
except OSError:
    pass
assert answers.count(b"HTTP/1.1 200 OK") == 3, answers.count(b"HTTP/1.1 200 OK")
PYTHON
}
check "requests behind one another wait for no more than the answers before them" behind_one_another

stop_daemon
check "nothing panicked" no_panic
