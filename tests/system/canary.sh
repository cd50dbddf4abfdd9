#!/usr/bin/env bash
# One canary: a marked secret and a marked passphrase through every route at TRACE, found in no log, error, audit entry or
# file, and in the daemon's memory neither once the connections are closed.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

: "${FSM_VAULT_PYTHON:?is a python3 with tests/system/requirements.txt; tests/all makes it}"
MARK=$(openssl rand -hex 16) PASS=$(openssl rand -hex 16) WRONG=$(openssl rand -hex 16)
SAID=$SCRATCH/said RELEASED=$SCRATCH/released GIVEN=$SCRATCH/given
mkdir "$SAID" "$RELEASED" "$GIVEN"

prepare_vault
rm -rf "$VAULT"
private_file "$PASSPHRASE" "passphrase $PASS"
"$FSM_VAULT_BIN" init --data-dir "$VAULT" --passphrase-file "$PASSPHRASE" >"$SAID/init" 2>&1
printf '[log]\nfilter = "trace"\n[audit]\ndurability = "write"\n' >"$SCRATCH/config.toml"
start_daemon "$VAULT" "$PASSPHRASE" --config "$SCRATCH/config.toml"

count=0
# said COMMAND...: runs it, whatever it thinks; what it prints must not have the mark.
said() { count=$((count + 1)); "$@" >"$SAID/$count" 2>&1 || true; }
# released COMMAND...: its standard output may.
released() { count=$((count + 1)); "$@" >"$RELEASED/$count" 2>"$SAID/$count" || echo "# failed: $*"; }

# In.
printf %s "id-$MARK" >"$GIVEN/id"
printf %s "secret-$MARK" >"$GIVEN/secret"
said as "$ADMIN" fsm setup --client-id-file "$GIVEN/id" --client-secret-file "$GIVEN/secret"
said as "$ADMIN" fsm setup --client-id-file "$GIVEN/id" --client-secret-file "$GIVEN/secret" --output json
rules='"restrictions":{"scripts":["customscript_nx_suitelet2"],"allow_all_domains":true}'
said as "$ADMIN" secret create _file --value-file "$GIVEN/id" --script customscript_nx_suitelet2 --allow-all-domains
said as "$ADMIN" secret create _stdin --value-file - --script customscript_nx_suitelet2 --domain a.example <"$GIVEN/id"
python3 -c 'import sys; print((sys.argv[1] + "\n") * 6000, end="")' "$MARK" >"$GIVEN/large"
said as "$ADMIN" secret create _large --value-file "$GIVEN/large" --exact --script customscript_nx_suitelet2 --allow-all-domains
for http in --http1.1 --http2; do
    said vault_curl unix "$ADMIN" /v1/secrets $http --json "{\"id\":\"_api${http//[^0-9]/}\",\"value\":\"$MARK\",$rules}"
    said vault_curl tcp "$ADMIN" /v1/secrets $http \
        --json "{\"id\":\"_base64${http//[^0-9]/}\",\"value_base64\":\"$(printf %s "$MARK" | base64 -w0)\",$rules}"
done
for second in "\"id\":\"_import2\"" "\"id\":\"not an id\"" "\"surplus\":\"$MARK\"" "\"value\":\"$MARK\""; do
    said vault_curl unix "$ADMIN" /v1/imports --json \
        "{\"secrets\":[{\"id\":\"_import1\",\"value\":\"$MARK\",$rules},{$second,\"value_base64\":\"$(printf %s "$MARK" | base64 -w0)\",$rules}]}"
done
printf '{"id":"_line","value":"%s",%s}\n{"id":"_linefile","value_file":"id",%s}\n' "$MARK" "$rules" "$rules" >"$GIVEN/lines"
said as "$ADMIN" secret import "$GIVEN/lines"
printf '{"value":"%s "}\n{"value":"%s","value":"%s"}\n["%s"]\n%s\n' "$MARK" "$MARK" "$MARK" "$MARK" "$MARK" >"$GIVEN/wrong"
said as "$ADMIN" secret import "$GIVEN/wrong"
said as "$ADMIN" secret edit _file --max-age-days 3 --name "a name"
said vault_curl tcp "$ADMIN" /v1/secrets/_file -X PATCH --json "{\"value\":\"$MARK\"}"
said as "$ADMIN" integration create later --template fsm --redirect-uri https://a.example/
said as "$ADMIN" integration capture later --client-id-file "$GIVEN/id" --client-secret-file "$GIVEN/secret"
said as "$ADMIN" integration create public --template fsm --public-client --client-id-file "$GIVEN/id"
as "$ADMIN" caller add fsm --script customscript_nx_suitelet2 --out "$SCRATCH/fsm" >/dev/null
as "$ADMIN" caller add other --script customscript_other --out "$SCRATCH/other" >/dev/null
FSM=$SCRATCH/fsm OTHER=$SCRATCH/other

# Out.
for http in --http1.1 --http2; do
    for where in unix tcp; do
        released vault_curl $where "$FSM" /v1/integrations/fsm/credentials $http
        released vault_curl $where "$FSM" /v1/secrets/_large/value $http -H 'Accept: application/octet-stream'
        released vault_curl $where "$FSM" /v1/secrets/_base6411/value $http
    done
done
released as "$FSM" integration credentials fsm
released as "$FSM" integration credentials fsm --output json
released as "$FSM" integration credentials later
released as "$FSM" integration credentials public --output json
released as "$FSM" secret get _file
released as "$FSM" secret get _file --output json
released as "$FSM" secret get _import2
released as "$FSM" secret get _linefile
for look in notes consumers access; do said as "$ADMIN" secret $look _file --output json; done
released as "$FSM" secret get _stdin --domain a.example --raw
check "what was asked for was released" [ "$(grep -rlF "$MARK" "$RELEASED" | wc -l)" = "$(find "$RELEASED" -type f | wc -l)" ]

# Refused, in every shape.
for identity in "$OTHER" "$ADMIN"; do
    said vault_curl unix "$identity" /v1/integrations/fsm/credentials
    said as "$identity" secret get _file
done
for body in "{\"id\":[\"$MARK\"]}" "{\"id\":\"-$MARK\",\"value\":\"v\",$rules}" "{\"value\":{\"$MARK\":1}}" "{\"$MARK\":1}" \
    "[\"$MARK\"]" "\"$MARK\"" "{\"id\":\"_x\",\"value\":\"$MARK\"" "{\"id\":\"_x\",\"value\":\"$MARK\u0000\ud800\",$rules}" \
    "{\"id\":\"_x\",\"value\":\"$MARK\"}" "{\"id\":\"_x\",\"value\":\"$MARK\",\"value_base64\":\"$MARK\",$rules}" \
    "{\"id\":\"_x\",\"value_base64\":\"-$MARK\",$rules}" "{\"id\":\"_file\",\"value\":\"$MARK\",$rules}" \
    "{\"id\":\"_x\",\"value\":\"v\",\"release\":\"$MARK\",$rules}" "{\"id\":\"_x\",\"expires_on\":\"$MARK\",\"value\":\"v\",$rules}" \
    "{\"id\":\"_x\",\"value\":\"v\",\"restrictions\":{\"scripts\":[\"$MARK\"],\"domains\":[\"-$MARK\"],\"employees\":[\"$MARK,\"]}}"; do
    said vault_curl unix "$ADMIN" /v1/secrets --json "$body"
    said vault_curl tcp "$ADMIN" /v1/integrations --json "$body"
    said vault_curl tcp "$ADMIN" /v1/integrations/fsm -X PATCH --json "$body"
    said vault_curl tcp "$ADMIN" /v1/integrations/fsm/credentials --json "$body"
    said vault_curl tcp "$ADMIN" /v1/callers --json "$body"
    said vault_curl tcp "$ADMIN" /v1/identity/renew --json "$body"
    said vault_curl tcp "$OTHER" /v1/secrets --json "$body"
done
for path in '' /fsm; do
    said vault_curl unix "$ADMIN" "/v1/integrations$path" -X "$([ -z "$path" ] && echo POST || echo PATCH)" --json \
        "{\"name\":\"-$MARK\",\"state\":\"$MARK\",\"scopes\":[\"$MARK\"],\"account_id\":\"-$MARK\",\"endpoints\":{\"token\":\"http://$MARK\"}}"
    said vault_curl unix "$ADMIN" "/v1/integrations$path" -X "$([ -z "$path" ] && echo POST || echo PATCH)" --json \
        "{\"state\":\"$MARK\",\"consent_policy\":\"$MARK\",\"accounts\":[{\"account_id\":\"-$MARK\",\"name\":\"$MARK\"}],\"client_name\":\"$MARK\"}"
done
said vault_curl unix "$ADMIN" /v1/integrations --json \
    "{\"name\":\"fsm\",\"template\":\"-$MARK\",\"redirect_uris\":[\"http://$MARK/\"],\"credentials\":{\"client_id\":\"$MARK\",\"client_secret\":\"$MARK\"}}"
for target in "/v1/secrets/-$MARK/value" "/v1/$MARK" "/v1/secrets/%$MARK" "/v1/secrets?$MARK=1" "/v1/secrets?cursor=-$MARK" \
    "/v1/secrets/_file/value?employee=$MARK," "/v1/secrets/_file/value?version=$MARK" "/v1/secrets/_file/value?domain=-$MARK"; do
    said vault_curl unix "$FSM" "$target" -H "Authorization: Bearer $MARK" -H "Cookie: $MARK" -H "If-None-Match: \"$MARK\""
done
said vault_curl unix "$FSM" /v1/secrets -X "M$MARK"
said vault_curl unix "$ADMIN" /v1/secrets --data "$MARK" -H "Content-Type: $MARK"
said as "$ADMIN" secret create _x "$MARK" --script customscript_a --allow-all-domains
said as "$ADMIN" secret create _x "--value=$MARK" --script customscript_a --allow-all-domains
printf ' %s \n' "$MARK" >"$GIVEN/blank"
said as "$ADMIN" secret create _x --value-file "$GIVEN/blank" --script customscript_a --allow-all-domains
said as "$ADMIN" caller add x --script customscript_a --csr "$GIVEN/blank"
said as "$OTHER" fsm setup --client-id-file "$GIVEN/id" --client-secret-file "$GIVEN/secret"
# No TLS at all, and a handshake with the mark as the server's name.
said curl --silent --max-time 5 --noproxy '*' "http://127.0.0.1:$PORT/$MARK"
said openssl s_client -connect "127.0.0.1:$PORT" -servername "$MARK.example" </dev/null

# Sealed, with wrong passphrases; unsealed again.
said as "$ADMIN" seal
private_file "$GIVEN/wrong" "wrong $WRONG"
said as "$ADMIN" unseal --passphrase-file "$GIVEN/wrong"
said vault_curl unix "$ADMIN" /v1/sys/unseal --json "{\"passphrase\":\"$WRONG\"}"
said vault_curl unix "$ADMIN" /v1/sys/unseal --json "{\"passphrase\":[\"$WRONG\"]}"
said vault_curl unix "$OTHER" /v1/sys/unseal --json "{\"passphrase\":\"$PASS\"}"
said vault_curl unix "$ADMIN" /v1/sys/unseal --json "{\"passphrase\":\"passphrase $PASS\",\"$PASS\":1}"
check "unsealed again" as "$ADMIN" unseal --passphrase-file "$PASSPHRASE"
for look in status "audit tail -n 100000" "audit verify" "secret list" "secret show _file" "integration show fsm" "caller list"; do
    read -ra words <<<"$look"
    said as "$ADMIN" "${words[@]}"
    said as "$ADMIN" "${words[@]}" --output json
done
tr '\0' '\n' <"/proc/$DAEMON/cmdline" >"$SAID/cmdline"
tr '\0' '\n' <"/proc/$DAEMON/environ" >"$SAID/environ"

# The mark as it is, in base64 at each of its three offsets, in hexadecimal, and percent-encoded.
forms() {
    python3 - "$@" <<'PYTHON'
import base64, sys
for mark in map(str.encode, sys.argv[1:]):
    print(mark.decode())
    for offset in range(3):
        # Without what depends on the neighbours.
        print(base64.b64encode(b"x" * offset + mark)[-(-offset * 8 // 6):-4].decode())
    print(mark.hex())
    print("".join(f"%{byte:02x}" for byte in mark))
    print(", ".join(map(str, mark)))
PYTHON
}
forms "$MARK" "$PASS" "$WRONG" >"$SCRATCH/forms"
# found WHERE: names the files that have it.
found() { grep -rliF -f "$SCRATCH/forms" "$@"; }
check "the search finds it where it is" found "$RELEASED" "$GIVEN"
base64 -w0 "$GIVEN/id" >"$SCRATCH/control"
check "in base64 too" found "$SCRATCH/control"
check "there is a trace to search" [ "$(logged 'select(.level == "TRACE" or .level == "DEBUG") | 1' | wc -l)" -gt 0 ]
check "not in the daemon's log" refuses 1 found "$LOGS"
check "not in what the commands said" refuses 1 found "$SAID"
for part in audit store tls run identities; do check "not in $part/" refuses 1 found "$VAULT/$part"; done

export HERE
HERE=$(dirname "$0")
# no_trace_of WORD...: none of them is in the daemon's memory; tells where it is.
no_trace_of() {
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$HERE python3 - "$DAEMON" "$@" <<'PYTHON'
import re, sys
from memory import pieces
pid, *marks = sys.argv[1:]
pattern = re.compile(b"|".join(mark.encode() for mark in marks))
found = 0
for place, name, held in pieces(pid):
    for match in pattern.finditer(held):
        found += 1
        print(marks.index(match[0].decode()), place, name, held[max(0, match.start() - 60):match.end() + 40])
sys.exit(found > 0)
PYTHON
}

# kept HTTP IDENTITY PATH BODY ACCEPT COMMAND...: does COMMAND while a connection is open that has had its answer.
kept() {
    local http=$1 identity=$2 path=$3 body=$4 accept=$5
    shift 5
    PYTHONDONTWRITEBYTECODE=1 "$FSM_VAULT_PYTHON" "$(dirname "$0")/kept_open.py" "$http" "$SOCKET" "$identity" "$path" "$body" "$accept" \
        bash -c "$(declare -f until_true as no_trace_of after); DAEMON=$DAEMON; \"\$@\"" kept "$@"
}
# after WORD COMMAND...: an operator's COMMAND, and nothing of WORD is left once it has returned.
after() {
    local word=$1
    shift
    as "$ADMIN" "$@" >/dev/null && no_trace_of "$word"
}
connections_kept_open() {
    local bytes=application/octet-stream raw=/v1/secrets/_api2/value pair=/v1/integrations/fsm/credentials http
    export ADMIN SOCKET FSM_VAULT_BIN
    check "a pair fetched: not in its memory, over HTTP/1.1" kept 1 "$FSM" $pair - - until_true 5 no_trace_of "$MARK"
    check "over HTTP/2" kept 2 "$FSM" $pair - - until_true 5 no_trace_of "$MARK"
    check "a value fetched, over HTTP/2" kept 2 "$FSM" $raw - - until_true 5 no_trace_of "$MARK"
    check "its bytes, over HTTP/1.1" kept 1 "$FSM" $raw - $bytes until_true 5 no_trace_of "$MARK"
    check "the control: over HTTP/2 they are" refuses 1 kept 2 "$FSM" $raw - $bytes no_trace_of "$MARK"
    check "but not for long" kept 2 "$FSM" $raw - $bytes until_true 25 no_trace_of "$MARK"
    check "nor once the vault is sealed" kept 2 "$FSM" $raw - $bytes after "$MARK" seal
    printf '{"passphrase":"passphrase %s"}' "$PASS" >"$GIVEN/unseal"
    for http in 1 2; do
        check "a passphrase isn't there once it has unsealed, HTTP/$http" kept $http "$ADMIN" /v1/sys/unseal "$GIVEN/unseal" - \
            until_true 5 no_trace_of "$PASS"
        check "sealed again" as "$ADMIN" seal
    done
    check "unsealed" as "$ADMIN" unseal --passphrase-file "$PASSPHRASE"
}

if [ "$(id -u)" = 0 ]; then
    check "the daemon's memory can be searched" refuses 1 no_trace_of custsecret_base6411
    check "not in its memory, the connections closed" until_true 10 no_trace_of "$MARK" "$PASS" "$WRONG"
    connections_kept_open
else
    echo "not ok - not in its memory: reading it takes root; type: sudo env FSM_VAULT_BIN=$FSM_VAULT_BIN $0"
fi
check "nothing panicked" no_panic
