#!/usr/bin/env bash
# One canary: a marked secret and marked passphrases through every route at TRACE, found in no log, error, audit entry or
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
# Who asks, and where the answer goes; what was asked, and with which status it was answered.
FROM=$ADMIN INTO=$SAID ASKED=$SCRATCH/asked
# ask METHOD PATH [BODY [CURL_ARGUMENT...]]: one request; its answer's status is noted, and looked at by `reached`.
ask() {
    local status
    count=$((count + 1))
    status=$(vault_curl unix "$FROM" "$2" --request "$1" ${3:+--json "$3"} "${@:4}" --output "$INTO/$count.answer" \
        --dump-header "$SAID/$count" --write-out '%{http_code}') || true
    echo "$1 ${2%%\?*} $status" >>"$ASKED"
}
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

as "$ADMIN" caller add fsm --script customscript_nx_suitelet2 --out "$SCRATCH/fsm" >/dev/null
as "$ADMIN" caller add other --script customscript_other --out "$SCRATCH/other" >/dev/null
FSM=$SCRATCH/fsm OTHER=$SCRATCH/other
rules='"restrictions":{"scripts":["customscript_nx_suitelet2"],"allow_all_domains":true}'

# It hears of all that follows, until the seal.
ask GET /v1/watch '' --no-buffer --max-time 300 &
WATCH=$! HEARD=$((count + 1)).answer
count=$((count + 1))
check "a watch is open" until_true 20 grep -q '^event: open' "$SAID/$HEARD"

# Every route of the description that it serves. First rightly, with the mark where a value goes, and the passphrases' where
# one of those does.
slot() { as "$ADMIN" --output json keyslot list | jq -r '.items[-1].id'; }
encoded=$(printf %s "fourth-$MARK" | base64 -w0) old="passphrase $PASS" new="new $PASS"
tomorrow=$(date -u -d '1 day' +%F)
csr=$(openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout "$SCRATCH/csr.key" 2>/dev/null | jq -Rs '{csr: .}')
FROM=$FSM ask GET /v1/openapi.json
mv "$SAID/$count.answer" "$SCRATCH/openapi.json"
ask POST /v1/secrets "{\"id\":\"_every\",\"value\":\"first-$MARK\",\"expires_on\":\"$tomorrow\",$rules}"
ask POST /v1/secrets/_every/versions "{\"value\":\"second-$MARK\"}"
ask POST /v1/secrets/_every/versions "{\"value\":\"third-$MARK\",\"activate\":false,\"note\":\"a note\"}"
ask POST /v1/secrets/_every/versions/3/activate '{"grace":"0s"}'
ask POST /v1/secrets/_every/versions "{\"value_base64\":\"$encoded\",\"activate\":false}"
ask DELETE /v1/secrets/_every/versions/4
ask PATCH /v1/secrets/_every '{"name":"every"}'
FROM=$FSM INTO=$RELEASED ask GET /v1/secrets/_every/value
for look in '' /_every /_every/access /_every/consumers /_every/notes; do ask GET "/v1/secrets$look"; done
ask GET /v1/notices
ask POST "/v1/notices/expiry.custsecret_every.$tomorrow/acknowledge"
ask POST /v1/imports "{\"secrets\":[{\"id\":\"_import3\",\"value\":\"$MARK\",$rules}]}"
# pair NUMBER: of its own each time.
pair() { echo "\"client_id\":\"id-$1-$MARK\",\"client_secret\":\"secret-$1-$MARK\""; }
ask POST /v1/integrations "{\"name\":\"every\",\"template\":\"fsm\",\"redirect_uris\":[\"https://a.example/\"],\"credentials\":{$(pair 1)}}"
ask POST /v1/integrations/every/credentials "{$(pair 2)}"
ask POST /v1/integrations/every/credentials "{$(pair 3),\"activate\":false}"
ask POST /v1/integrations/every/credentials/3/activate '{"grace":"0s"}'
ask POST /v1/integrations/every/credentials "{$(pair 4),\"activate\":false}"
ask DELETE /v1/integrations/every/credentials/4
ask PATCH /v1/integrations/every '{"note":"a note"}'
FROM=$FSM INTO=$RELEASED ask GET /v1/integrations/every/credentials
for look in '' /every; do ask GET "/v1/integrations$look"; done
ask POST /v1/integrations/every/reset
ask POST /v1/integrations/every/credentials "{$(pair 5)}"
ask POST /v1/callers '{"name":"every","service":{"script":"customscript_every"}}'
ask POST /v1/callers/every/certificates "$csr"
ask PATCH /v1/callers/every '{"mail":"every@a.example"}'
for look in '' /every; do ask GET "/v1/callers$look"; done
FROM=$OTHER ask POST /v1/identity/renew "$csr"
ask POST /v1/sys/keyslots "{\"passphrase\":\"$old\",\"new_passphrase\":\"$new\",\"label\":\"new\"}"
ask GET /v1/sys/keyslots
ask DELETE "/v1/sys/keyslots/$(slot)" "{\"passphrase\":\"wrong $WRONG\"}"
ask DELETE "/v1/sys/keyslots/$(slot)" "{\"passphrase\":\"$old\"}"
ask POST /v1/sys/passphrase "{\"passphrase\":\"$old\",\"new_passphrase\":\"$new\"}"
ask POST /v1/sys/backup "{\"passphrase\":\"$new\",\"own_passphrase\":\"own $PASS\"}"
ask POST /v1/sys/rekey "{\"passphrase\":\"$new\",\"drop_others\":true}"
for look in /v1/audit /v1/audit/verify /v1/sys/metrics /v1/sys/status; do ask GET $look; done

# The same by the command line; the passphrase is again what it was.
private_file "$GIVEN/old" "$old" && private_file "$GIVEN/new" "$new" && private_file "$GIVEN/own" "own $PASS"
printf ' %s \n' "$MARK" >"$GIVEN/blank"
printf %s "id-6-$MARK" >"$GIVEN/id6" && printf %s "secret-6-$MARK" >"$GIVEN/secret6"
said as "$ADMIN" passphrase change --passphrase-file "$GIVEN/new" --new-passphrase-file "$GIVEN/new"
said as "$ADMIN" passphrase change --passphrase-file "$GIVEN/new" --new-passphrase-file "$GIVEN/old"
said as "$ADMIN" keyslot add --label own --passphrase-file "$PASSPHRASE" --new-passphrase-file "$GIVEN/own"
said as "$ADMIN" rekey --passphrase-file "$PASSPHRASE" --keep-passphrase-file "$GIVEN/own"
said as "$ADMIN" keyslot remove "$(slot)" --passphrase-file "$GIVEN/own"
said as "$ADMIN" rekey --passphrase-file "$PASSPHRASE" --drop-other-slots
said as "$ADMIN" backup create --out "$SAID/own.fsmb" --passphrase-file "$GIVEN/own" --vault-passphrase-file "$PASSPHRASE"
said as "$ADMIN" backup create --out "$SAID/ordinary.fsmb"
for file in own ordinary; do check "a backup was made: $file" [ -s "$SAID/$file.fsmb" ]; done
said as "$ADMIN" secret rotate _every --value-file "$GIVEN/id6" --force
said as "$ADMIN" secret rotate _every --value-file "$GIVEN/blank"
said as "$ADMIN" secret rotate _every "$MARK"
said as "$ADMIN" integration capture every --client-id-file "$GIVEN/id6" --client-secret-file "$GIVEN/secret6"
said as "$ADMIN" integration rotate every --client-id-file "$GIVEN/id6" --client-secret-file "$GIVEN/secret6" --force
said as "$ADMIN" integration rotate every --client-id-file "$GIVEN/id6" --client-secret-file "$GIVEN/id6"
said as "$ADMIN" integration activate every 1
said as "$ADMIN" notices

# Then wrongly: the mark in the path, in its query and in headers; and in bodies of no form, of another, and of the route's own
# with each of its members of another type, or with a character that no text may have.
bodies() {
    jq -rn --arg mark "$MARK" --slurpfile document "$SCRATCH/openapi.json" --arg method "${1,,}" --arg path "$2" '
        $document[0] as $all | $all.paths[$path][$method].requestBody.content["application/json"].schema // empty
        | .["$ref"] as $form | if $form then $all.components.schemas[$form | sub(".*/"; "")] else . end
        | ({($mark): $mark}, [$mark], $mark,
            ([.. | .properties? // empty | keys[]] | unique[] | {(.): {($mark): [$mark]}}, {(.): "\u0001\($mark)"}) | tojson),
          "{\"value\":\"\($mark)"'
}
jq -r '.paths | to_entries[] | .key as $path | .value | keys[] | select(test("^(get|put|post|patch|delete)$")) | "\(ascii_upcase) \($path)"' \
    "$SCRATCH/openapi.json" >"$SCRATCH/routes"
check "the description has routes" grep -qx 'POST /v1/secrets/{id}/versions' "$SCRATCH/routes"
wrongly() {
    local method path place body ASKED=$SCRATCH/wrongly
    while read -r method path; do
        ask "$method" "$(sed -E "s/\{[a-z]+\}/-$MARK/g" <<<"$path")?$MARK=$MARK" '' -H "Authorization: Bearer $MARK" \
            -H "Cookie: $MARK" -H "If-Match: \"$MARK\"" -H "Accept: x/$MARK"
        # Of what is there; but for the key slot.
        place=${path/\{number\}/1} place=${place/\{name\}/every}
        case $path in /v1/sys/*) place=${place/\{id\}/00000000} ;; *) place=${place/\{id\}/_every} ;; esac
        while read -r body; do ask "$method" "$place" "$body"; done < <(bodies "$method" "$path")
    done <"$SCRATCH/routes"
}
wrongly
# Each of them is tried, though the one before has to be waited for.
tried() { ask "$@" && ! tail -n 1 "$ASKED" | grep ' 429$'; }
show() { check "a wrong passphrase is tried: $1 $2" until_true 60 tried "$@"; }
show POST /v1/sys/keyslots "{\"passphrase\":\"wrong $WRONG\",\"new_passphrase\":\"$new\"}"
show POST /v1/sys/passphrase "{\"passphrase\":\"wrong $WRONG\",\"new_passphrase\":\"$new\"}"
show POST /v1/sys/backup "{\"passphrase\":\"wrong $WRONG\",\"own_passphrase\":\"own $PASS\"}"
show POST /v1/sys/rekey "{\"passphrase\":\"wrong $WRONG\"}"
ask DELETE /v1/callers/every
ask DELETE /v1/integrations/every
ask DELETE /v1/secrets/_every
[ "$(id -u)" != 0 ] || check "not in its memory after all of that" until_true 10 no_trace_of "$MARK" "$PASS" "$WRONG"
ask POST /v1/sys/seal
wait "$WATCH"
check "a watch heard of the rotations" grep -q '^event: rotated' "$SAID/$HEARD"
check "what was wrong was refused" refuses 1 grep -vE ' 4[0-9][0-9]$' "$SCRATCH/wrongly"
# To the next one no wrong passphrase has been shown yet.
stop_daemon
start_daemon "$VAULT" "$PASSPHRASE" --config "$SCRATCH/config.toml"

# In.
printf %s "id-$MARK" >"$GIVEN/id"
printf %s "secret-$MARK" >"$GIVEN/secret"
said as "$ADMIN" fsm setup --client-id-file "$GIVEN/id" --client-secret-file "$GIVEN/secret"
said as "$ADMIN" fsm setup --client-id-file "$GIVEN/id" --client-secret-file "$GIVEN/secret" --output json
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
ask POST /v1/sys/unseal "{\"passphrase\":\"$old\"}"
# reached METHOD PATH: some right request to this route was answered as such.
reached() { grep -qE "^$1 $(sed -E 's/\{[a-z]+\}/[^\/]+/g' <<<"$2") 2..$" "$ASKED"; }
while read -r method path; do check "the mark has been to $method $path" reached "$method" "$path"; done <"$SCRATCH/routes"
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
check "not in the data directory" refuses 1 found "$VAULT"

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
