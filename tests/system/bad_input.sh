#!/usr/bin/env bash
# What bad input gets: a clear, typed error, and nothing changed.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair
as "$ADMIN" caller add creator --operator create --employee admin --out "$SCRATCH/creator" >/dev/null
as "$ADMIN" caller add editor --operator edit --employee nobody --out "$SCRATCH/editor" >/dev/null
state() {
    for list in secrets integrations callers; do vault_curl unix "$ADMIN" "/v1/$list"; done
}
state >"$SCRATCH/before"
VALUE=/v1/secrets/custsecret_fsm_oauth2_client_id/value

# Bodies. secret JSON_MEMBERS: a secret that lacks nothing, with these members on top.
rules='"restrictions":{"scripts":["customscript_a"],"allow_all_domains":true}'
# api STATUS CODE WHAT BODY [CURL_ARGUMENT...]: POST /v1/secrets gets that.
api() { check "API: $3" answers "$1" "$2" unix "$ADMIN" /v1/secrets --json "$4" "${@:5}"; }
told() { check "and $1 is named" holds ".errors | any(.pointer == \"$1\")" cat "$BODY"; }

for id in '' custsecret CUSTSECRET a-b 'a b' a/b ../x 'a%2fb' 'ä' 'a.b' "$(printf 'x%.0s' {1..90})"; do
    api 422 invalid_field "the ID '$id'" "$(jq -nc --arg id "$id" "{id: \$id, value: \"v\", ${rules}}")"
    told /id
done
check "command line: a bad ID" refuses 2 as "$ADMIN" secret create a-b --value-file "$PAIR_ID" --script customscript_a \
    --allow-all-domains
api 422 invalid_field "an empty value" "{\"id\":\"_x\",\"value\":\"\",$rules}"
told /value
api 422 invalid_field "no value" "{\"id\":\"_x\",$rules}"
told /value
api 422 invalid_field "two values" "{\"id\":\"_x\",\"value\":\"a\",\"value_base64\":\"YQ==\",$rules}"
api 422 invalid_field "no base64" "{\"id\":\"_x\",\"value_base64\":\"YQ\",$rules}"
told /value_base64
python3 -c 'print("x" * 1_000_001, end="")' >"$SCRATCH/long"
{ printf '{"id":"_x",%s,"value":"' "$rules"; cat "$SCRATCH/long"; printf '"}'; } >"$SCRATCH/long.json"
api 422 invalid_field "a value of a million characters and one" "@$SCRATCH/long.json"
told /value
api 422 invalid_field "no restrictions" '{"id":"_x","value":"v"}'
while read -r what pointer form; do
    api 422 invalid_field "$what" "{\"id\":\"_x\",\"value\":\"v\",\"restrictions\":$form}"
    told "/restrictions/$pointer"
done <<'TABLE'
box-and-list scripts {"scripts":["customscript_a"],"allow_all_scripts":true,"allow_all_domains":true}
cleared-box-empty-list scripts {"allow_all_domains":true}
cleared-box-no-domains domains {"allow_all_scripts":true,"domains":[]}
box-and-domains domains {"allow_all_scripts":true,"allow_all_domains":true,"domains":["a.example"]}
bad-script scripts/1 {"scripts":["customscript_a","nx"],"allow_all_domains":true}
bad-domain domains/0 {"allow_all_scripts":true,"domains":["https://a.example"]}
domain-of-all domains/0 {"allow_all_scripts":true,"domains":["*"]}
suiteapp-without-box suiteapp_id {"allow_all_scripts":true,"allow_all_domains":true,"suiteapp_id":"com.a"}
TABLE
api 422 invalid_field "use_only to anywhere" "{\"id\":\"_x\",\"value\":\"v\",\"release\":\"use_only\",$rules}"
api 422 invalid_field "an unknown field" "{\"id\":\"_x\",\"value\":\"v\",\"surplus\":1,$rules}"
told /surplus
api 422 invalid_field "an unknown rule" '{"id":"_x","value":"v","restrictions":{"allow_all_scripts":true,"allow_all_domains":true,"x":1}}'
api 422 invalid_field "a field twice" "{\"id\":\"_x\",\"id\":\"_y\",\"value\":\"v\",$rules}"
api 422 invalid_field "a number as value" "{\"id\":\"_x\",\"value\":48151623,$rules}"
check "which is not repeated" refuses 1 grep -q 48151623 "$BODY"
api 422 invalid_field "an array" '["_x"]'
for body in '' '{' 'nope' '{"id":"_x"' "{'id':1}" "{\"id\":\"_x\",\"value\":\"v\",$rules} {}"; do api 400 malformed "malformed JSON: $body" "$body"; done
printf '{"id":"\xff"}' >"$SCRATCH/latin"
api 400 malformed "no UTF-8" "@$SCRATCH/latin"
python3 -c 'import sys; print(sys.argv[1] + "[" * 200_000 + "]" * 200_000 + "}")' '{"id":"_x","value":' >"$SCRATCH/deep"
api 422 invalid_field "deep JSON in a field" "@$SCRATCH/deep"
python3 -c 'print("[" * 200_000 + "]" * 200_000)' >"$SCRATCH/deep"
api 422 invalid_field "deep JSON" "@$SCRATCH/deep"
head -c 8388609 /dev/zero | tr '\0' ' ' >"$SCRATCH/huge"
head -c 65537 "$SCRATCH/huge" >"$SCRATCH/medium"
for http in --http1.1 --http2; do
    api 413 too_large "over 8 MiB, by its length $http" "@$SCRATCH/huge" $http
    api 413 too_large "over 8 MiB, in chunks $http" "@$SCRATCH/huge" $http -H 'Transfer-Encoding: chunked' -H 'Content-Length:'
    check "API: over 64 KiB where no value is $http" answers 413 too_large unix "$ADMIN" /v1/callers \
        --json "@$SCRATCH/medium" $http
done
# Answered before its body has come, curl must hear it all the same.
early() {
    local time
    for time in 1 2 3 4 5 6 7 8; do
        answers 415 unsupported_media_type tcp "$ADMIN" /v1/secrets --http2 --json "@$SCRATCH/medium" \
            -H 'Content-Type: text/plain' || return
        answers 404 not_found tcp "$ADMIN" "/v1/$time" --http2 --json '{}' || return
    done
}
check "API: an early answer is heard over HTTP/2" early
api 415 unsupported_media_type "text/plain" '{}' -H 'Content-Type: text/plain'
api 415 unsupported_media_type "no media type" '{}' -H 'Content-Type:'
check "API: a body with GET" answers 400 malformed unix "$ADMIN" /v1/secrets -X GET --data '{}'
for path in integrations/none/reset notices/expiry.none.2027-01-01/acknowledge; do
    for empty in '{}' ' { } '; do
        check "API: an empty object is no body: $path '$empty'" answers 404 not_found unix "$ADMIN" "/v1/$path" --data "$empty"
    done
    for body in '[]' '{"a":1}' '{}{}' x "{$(printf %100s "")}"; do
        check "API: anything else is refused: $path $body" answers 400 malformed unix "$ADMIN" "/v1/$path" --data "$body"
    done
done
check "API: nor is the vault sealed with one" answers 400 malformed unix "$ADMIN" /v1/sys/seal --json '{"force":true}'
check "API: and isn't" answers 404 not_found unix "$ADMIN" /v1/secrets/_none
check "API: a known ID" answers 409 conflict unix "$ADMIN" /v1/secrets \
    --json "{\"id\":\"CUSTSECRET_fsm_oauth2_client_id\",\"value\":\"v\",$rules}"

# Who may not do it at all is told that, and not what is wrong with it.
refused() { check "$(basename "$1") may not: $2 ${*:3}" answers 403 permission_denied unix "$1" "$2" "${@:3}"; }
for path in secrets imports integrations callers sys/passphrase sys/keyslots sys/rekey sys/backup sys/unseal \
    secrets/_a-/versions integrations/fsm/credentials; do
    refused "$FSM" "/v1/$path" --json '{"x":1}'
done
for path in secrets/_none secrets/_a- integrations/fsm integrations/none callers/fsm; do
    refused "$FSM" "/v1/$path" -X PATCH --json '{"x":1}'
done
refused "$FSM" /v1/secrets/_a-/versions/0 -X DELETE
for path in callers sys/keyslots integrations/fsm/credentials/x/activate; do refused "$SCRATCH/creator" "/v1/$path" --json '{"x":1}'; done
refused "$SCRATCH/creator" /v1/secrets/_a- -X PATCH --json '{"name":1}'
refused "$SCRATCH/editor" /v1/integrations/fsm -X PATCH --json '{"scopes":1}'
check "who may is told what is wrong" answers 422 invalid_field unix "$SCRATCH/creator" /v1/secrets --json '{"x":1}'
check "in a path too" answers 422 invalid_field unix "$SCRATCH/editor" /v1/secrets/_a- -X PATCH --json '{}'
check "what is no JSON is, to anybody" answers 400 malformed unix "$FSM" /v1/secrets --json '{'
check "the denials are in the log" holds '[.items[] | select(.caller == "editor" and .outcome == "denied")] | length == 1
    and .[0].action == "integration.edit" and .[0].integration == "fsm"' as "$ADMIN" --output json audit tail -n 200

# Paths and queries.
for path in /v1/secrets/../callers /v1/secrets/./_x/value /v1//secrets /v1/secrets/ /v1/secrets/a%2fb/value \
    /v1/secrets/%2e%2e/value //v1/secrets "/v1/secrets/a;b/value" /v1/secrets/%00/value '/v1/secrets/_x%20/value'; do
    check "path $path" answers 400 malformed unix "$FSM" "$path" --path-as-is
done
check "an unknown path" answers 404 not_found unix "$FSM" /v2/secrets
check "a wrong method" answers 405 method_not_allowed unix "$ADMIN" /v1/secrets -X PUT
for http in --http1.1 --http2; do check "HEAD $http" answers 405 - unix "$ADMIN" /v1/sys/status --head $http; done
for query in surplus=1 domain=a.example\&domain=b.example Domain=a.example domain=%ff employee= version=0 version=latest \
    version=%2B1 limit=1; do
    check "query $query" answers 422 invalid_field unix "$FSM" "$VALUE?$query"
done
for query in limit=0 limit=1001 limit=x cursor=- surplus=1; do
    check "list query $query" answers 422 invalid_field unix "$ADMIN" "/v1/secrets?$query"
done

# White space, only by the command line.
create() { as "$ADMIN" secret create "$1" --value-file "$2" --script customscript_a --allow-all-domains "${@:3}"; }
printf 'value\n' >"$SCRATCH/newline"
printf ' value' >"$SCRATCH/blank"
: >"$SCRATCH/empty"
check "a newline at its end" says "ends with a newline" 2 create _x "$SCRATCH/newline"
check "from stdin too" says "--exact" 2 create _x - <"$SCRATCH/newline"
check "white space before it" says "--exact" 2 create _x "$SCRATCH/blank"
check "an empty file" says "is empty" 2 create _x "$SCRATCH/empty"
check "an empty file, exact" says "is empty" 2 create _x "$SCRATCH/empty" --exact
check "a missing file" says "$SCRATCH/none" 2 create _x "$SCRATCH/none"
check "a value that is too long" refuses 2 create _x "$SCRATCH/long"
for release in null '"surely"'; do
    api 422 invalid_field "release $release" "{\"id\":\"_x\",\"value\":\"v\",\"release\":$release,$rules}"
    told /release
done
printf 'value' >"$SCRATCH/value"
check "a name that is too long" says "is too long: at most " 2 create _x "$SCRATCH/value" --name "$(printf '%05000d' 1)"
check "a value as an argument" says "never given as arguments" 2 as "$ADMIN" secret create _x 48151623 \
    --script customscript_a --allow-all-domains
check "fsm setup: white space" says "ends with a newline" 2 as "$ADMIN" fsm setup --client-id-file "$SCRATCH/newline" \
    --client-secret-file "$PAIR_SECRET"
check "fsm setup: nobody to ask" says "--client-id-file" 2 as "$ADMIN" fsm setup </dev/null
check "caller: a bad name" refuses 2 as "$ADMIN" caller add Fsm --script customscript_a --out "$SCRATCH/x"
check "caller: no length of time" refuses 2 as "$ADMIN" caller add x --script customscript_a --valid soon --out "$SCRATCH/x"
check "caller: too long a time" refuses 2 as "$ADMIN" caller add x --script customscript_a --valid 367d --out "$SCRATCH/x"
printf 'nonsense' >"$SCRATCH/csr"
check "caller: no request" refuses 2 as "$ADMIN" caller add x --script customscript_a --csr "$SCRATCH/csr"
check "caller: an identity in its place" refuses 6 as "$ADMIN" caller add x --script customscript_a --out "$FSM"
check "no identity" says "--identity" 2 "$FSM_VAULT_BIN" --addr "unix:$SOCKET" status
check "an address elsewhere" refuses 2 "$FSM_VAULT_BIN" --identity "$FSM" --addr https://vault.example.com:8271 status
# What is in the environment was not typed, and a usage line shows what can be.
usage() { { "$@" "$FSM_VAULT_BIN" secret get; "$@" "$FSM_VAULT_BIN" secret get --help; } 2>&1 || true; }
named=(env FSM_VAULT_IDENTITY="$FSM" FSM_VAULT_ADDR="unix:$SOCKET" FSM_VAULT_CONFIG=/none)
check "usage lines and help don't depend on the environment" [ "$(usage "${named[@]}")" = "$(usage env)" ]
check "which counts all the same" "${named[@]}" "$FSM_VAULT_BIN" secret get _fsm_oauth2_client_id
check "a bad address there is named" says "FSM_VAULT_ADDR is no address" 2 \
    env FSM_VAULT_ADDR=http://localhost "$FSM_VAULT_BIN" --identity "$FSM" status
check "nobody there" refuses 7 "$FSM_VAULT_BIN" --identity "$FSM" --addr "unix:$SCRATCH/none.sock" status

state >"$SCRATCH/after"
check "nothing has changed by all this" cmp "$SCRATCH/before" "$SCRATCH/after"
check "exact keeps white space" create _exact "$SCRATCH/newline" --exact
check "to the byte" cmp "$SCRATCH/newline" <(as "$ADMIN" caller add a --script customscript_a --out "$SCRATCH/a" >/dev/null &&
    as "$SCRATCH/a" secret get _exact --raw)
check "the daemon is well" holds '.audit == {available: true, damaged: false}' as "$ADMIN" --output json status

# Files that others may read, and vaults that are there.
cp -r "$FSM" "$SCRATCH/open" && chmod 640 "$SCRATCH/open/key.pem"
check "a group-readable key" says "chmod 600 $SCRATCH/open/key.pem" 2 as "$SCRATCH/open" status
check "API: the vault is sealed with an empty object" answers 200 - unix "$ADMIN" /v1/sys/seal --json '{}'
check "sealed, a service isn't told how to unseal" answers 403 caller_unknown unix "$FSM" /v1/sys/unseal --json '{}'
check "a full operator is" answers 422 invalid_field unix "$ADMIN" /v1/sys/unseal --json '{}'
cp "$PASSPHRASE" "$SCRATCH/shared" && chmod 640 "$SCRATCH/shared"
check "a group-readable passphrase: unseal" says "chmod 600 $SCRATCH/shared" 2 as "$ADMIN" unseal \
    --passphrase-file "$SCRATCH/shared"
stop_daemon
serve() { timeout 30 "$FSM_VAULT_BIN" serve --data-dir "$VAULT" --listen tcp:127.0.0.1:0 "$@" </dev/null; }
init() { "$FSM_VAULT_BIN" init --data-dir "$SCRATCH/new" "$@" </dev/null; }
check "a group-readable passphrase: serve" says "chmod 600" 2 serve --passphrase-file "$SCRATCH/shared"
check "a group-readable passphrase: init" says "chmod 600" 2 init --passphrase-file "$SCRATCH/shared"
check "a missing passphrase file" says "$SCRATCH/none" 2 serve --passphrase-file "$SCRATCH/none"
private_file "$SCRATCH/wrong" 'not the passphrase of it'
check "a wrong passphrase: serve" says "wrong passphrase" 3 serve --passphrase-file "$SCRATCH/wrong"
check "and where it came from" says "the file $SCRATCH/wrong (--passphrase-file)" 3 serve --passphrase-file "$SCRATCH/wrong"
printf 'passphrase_file = "%s"\n' "$SCRATCH/wrong" >"$SCRATCH/wrong.toml"
check "by the configuration" says "(passphrase_file in the configuration)" 3 serve --config "$SCRATCH/wrong.toml"
mkdir "$SCRATCH/credentials" && cp "$SCRATCH/wrong" "$SCRATCH/credentials/passphrase"
check "by systemd" says "is a credential of the unit" 3 env "CREDENTIALS_DIRECTORY=$SCRATCH/credentials" \
    timeout 30 "$FSM_VAULT_BIN" serve --data-dir "$VAULT" --listen tcp:127.0.0.1:0
recover() { "$FSM_VAULT_BIN" operator recover --data-dir "$VAULT" --out "$SCRATCH/recovered" "$@"; }
check "a wrong passphrase: recover" says "came from standard input" 3 recover --passphrase-file - <"$SCRATCH/wrong"
check "typed" says "was typed at the question" 3 \
    python3 "$(dirname "$0")/typed.py" "not the passphrase of it" "$FSM_VAULT_BIN" operator recover --data-dir "$VAULT" \
    --out "$SCRATCH/recovered"
private_file "$SCRATCH/short" 'short'
check "a short one: init" says "at least 12" 2 init --passphrase-file "$SCRATCH/short"
check "no passphrase: init" says "--passphrase-file" 2 init
check "no place: init" says "init --data-dir DIR" 2 "$FSM_VAULT_BIN" init --passphrase-file "$PASSPHRASE"
printf 'listen = []\n' >"$SCRATCH/nowhere.toml"
check "nor a file that names one" says "init --data-dir DIR" 2 "$FSM_VAULT_BIN" init --config "$SCRATCH/nowhere.toml" --passphrase-file "$PASSPHRASE"
printf 'data_dir = "%s"\n' "$SCRATCH/configured" >"$SCRATCH/configured.toml"
check "one that does" says "made a vault in $SCRATCH/configured" 0 "$FSM_VAULT_BIN" init --config "$SCRATCH/configured.toml" \
    --passphrase-file "$PASSPHRASE"
check "none of these made a vault" [ ! -e "$SCRATCH/new/store" ]
check "no vault: serve" says "fsm-vault init" 2 "$FSM_VAULT_BIN" serve --data-dir "$SCRATCH/new" --passphrase-file "$PASSPHRASE"
check "an existing vault: init" says "already" 6 "$FSM_VAULT_BIN" init --data-dir "$VAULT" --passphrase-file "$PASSPHRASE"
start_daemon "$VAULT" "$PASSPHRASE"
check "which is untouched" as "$FSM" integration credentials fsm
stop_daemon

cat >"$SCRATCH/bad.toml" <<'TOML'
lisen = ["tcp:127.0.0.1:1"]
listen = ["tcp:0.0.0.0:8271"]
data_dir = "relative"
[audit]
durability = "maybe"
retain = -1
[limits]
connections = "many"
TOML
config() { "$FSM_VAULT_BIN" config check "$@"; }
for problem in lisen 'listen[0]' data_dir audit.durability audit.retain limits.connections; do
    check "config check tells $problem" says "$problem" 2 config "$SCRATCH/bad.toml"
done
check "as one JSON document" jq -es 'length == 1 and (.[0].valid | not) and (.[0].problems | length == 6)' \
    <(config "$SCRATCH/bad.toml" --output json)
check "serve refuses it too" says "audit.durability" 2 serve --config "$SCRATCH/bad.toml"
printf 'listen = [\n' >"$SCRATCH/broken.toml"
check "broken TOML" refuses 2 config "$SCRATCH/broken.toml"
check "a missing file" says none.toml 2 config "$SCRATCH/none.toml"
# What it names is looked at as serve will: all of it at once.
cat >"$SCRATCH/names.toml" <<TOML
data_dir = "$VAULT"
passphrase_file = "$SCRATCH/none"
identity.trust = [{ trust_domain = "example.org", bundle = "$SCRATCH/none.pem" }]
outbound.extra_ca = "$SCRATCH/none.ca"
notice.command = ["$SCRATCH/none.sh"]
backup.directory = "$SCRATCH/none.d"
[notice.smtp]
host = "localhost"
from = "vault@example.org"
username = "vault"
password_file = "$SCRATCH/shared"
ca = "$PASSPHRASE"
TOML
for problem in "passphrase_file: can't open $SCRATCH/none:" "identity.trust: can't open $SCRATCH/none.pem:" "notice.command: $SCRATCH/none.sh" \
    "outbound.extra_ca: can't open $SCRATCH/none.ca:" \
    "notice.smtp.password_file: $SCRATCH/shared is open"; do
    check "config check tells $problem" says "$problem" 2 config "$SCRATCH/names.toml"
    check "serve tells it too" says "$problem" 2 "$FSM_VAULT_BIN" serve --config "$SCRATCH/names.toml"
done
# Also where its text is wrong in other places; of what is wrong itself no more is said.
sed -e '1a audit.durability = "often"' -e 's/^passphrase_file = .*/passphrase_file = "relative"/' "$SCRATCH/names.toml" >"$SCRATCH/both.toml"
both() { config "$SCRATCH/both.toml" --output json || [ $? = 2 ]; }
check "text and files are told together" holds '[.problems[].key] |
    (index("audit.durability") != null) and (map(select(. == "passphrase_file")) | length == 1) and (index("identity.trust") != null)' both
check "warnings too" holds '[.warnings[].key] == ["backup.directory"]' both
printf 'data_dir = "%s"\nlisten = ["unix:%s/a.sock", "unix:%s/../%s/a.sock"]\n' "$VAULT" "$SCRATCH" "$SCRATCH" "${SCRATCH##*/}" >"$SCRATCH/twice.toml"
check "a socket in two spellings" says "a.sock is a socket that stands there already" 2 config "$SCRATCH/twice.toml"
printf 'data_dir = "%s"\nidentity.trust = [{ trust_domain = "a.example", bundle = "%s" }]\n' "$VAULT" "$VAULT/tls/ca.pem" >"$SCRATCH/own.toml"
check "the vault's own root for another domain" says "identity.trust: " 2 config "$SCRATCH/own.toml"
check "serve refuses it too" refuses 2 "$FSM_VAULT_BIN" serve --config "$SCRATCH/own.toml" --passphrase-file "$PASSPHRASE"
check "a directory in place of a file" says "it is a directory and no file" 2 config "$SCRATCH"
for place in store/backups ./store.next audit/../tls run/../audit/x; do
    printf 'data_dir = "%s"\nbackup.directory = "%s"\n' "$VAULT" "$VAULT/$place" >"$SCRATCH/within.toml"
    check "backups in $place" says "backup.directory: $VAULT/$place lies in $VAULT/" 2 config "$SCRATCH/within.toml"
done
check "serve refuses it too" says "backup.directory: $VAULT/$place lies in" 2 \
    "$FSM_VAULT_BIN" serve --config "$SCRATCH/within.toml" --passphrase-file "$PASSPHRASE"
check "a level that is none" says "log.filter: is no log filter" 2 config <(printf 'log.filter = "inof"\n')
if [ "$(id -u)" = 0 ]; then
    chmod 711 "$SCRATCH" && printf 'listen = ["tcp:127.0.0.1:80"]\n' >"$SCRATCH/low.toml" && chmod 644 "$SCRATCH/low.toml"
    check "a port that this user may not take" says "is a port that takes a right" 0 \
        setpriv --reuid 65534 --regid 65534 --clear-groups "$FSM_VAULT_BIN" config check "$SCRATCH/low.toml"
    chmod 700 "$SCRATCH"
fi
check "a directory for backups that isn't there is a warning" says "warning: backup.directory: $SCRATCH/none.d is no" 2 \
    config "$SCRATCH/names.toml"
sed -i -e /shared/d -e /username/d -e "s|/none.ca|/passphrase|" "$SCRATCH/names.toml"
check "a file of no certificates" says "notice.smtp.ca: $PASSPHRASE holds no certificates" 2 config "$SCRATCH/names.toml"
check "of no roots" says "outbound.extra_ca: $PASSPHRASE has no certificates" 2 config "$SCRATCH/names.toml"
printf 'data_dir = "%s"\npassphrase_file = "%s"\nbackup.directory = "%s"\n' "$VAULT" "$PASSPHRASE" "$SCRATCH/none.d" \
    >"$SCRATCH/warned.toml"
check "a warning alone leaves it valid" holds '.valid and .problems == [] and (.warnings | length == 1)' \
    config "$SCRATCH/warned.toml" --output json
if [ "$(id -u)" = 0 ]; then
    # As another user: what may be right for the daemon's is a warning, with what to type.
    chmod 711 "$SCRATCH" && chmod 644 "$SCRATCH/warned.toml"
    as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$FSM_VAULT_BIN" config check "$SCRATCH/warned.toml"; }
    check "another user's check warns" says "sudo -u root fsm-vault config check $SCRATCH/warned.toml" 0 as_nobody
    check "of the file that he may not read" says "warning: passphrase_file: can't open $PASSPHRASE: Permission denied" 0 as_nobody
    chmod 700 "$SCRATCH"
fi
# A place that can't be one is wrong input, whatever was to be made there.
quick() { "$FSM_VAULT_BIN" quickstart --once --dir "$1" </dev/null; }
recover() { "$FSM_VAULT_BIN" operator recover --data-dir "$SCRATCH/kept" --passphrase-file "$PASSPHRASE" --out "$1"; }
"$FSM_VAULT_BIN" init --data-dir "$SCRATCH/kept" --passphrase-file "$PASSPHRASE" >/dev/null
check "a vault below a file" says "$PASSPHRASE is no directory; name another with --data-dir" 2 \
    "$FSM_VAULT_BIN" init --data-dir "$PASSPHRASE/new" --passphrase-file "$PASSPHRASE"
check "none is served there" says "$PASSPHRASE is no directory; name another with --data-dir" 2 \
    "$FSM_VAULT_BIN" serve --data-dir "$PASSPHRASE/new" --passphrase-file "$PASSPHRASE"
mkdir "$SCRATCH/somebodys"; touch "$SCRATCH/somebodys/hosts"
check "a quickstart among other things" says "holds something else (hosts)" 2 quick "$SCRATCH/somebodys"
check "leaves them alone" [ "$(ls -A "$SCRATCH/somebodys")" = hosts ]
if [ "$(id -u)" = 0 ]; then
    mkdir -p "$SCRATCH/fresh/lost+found"
    check "a quickstart on a file system that was just made" says "all checks passed" 0 quick "$SCRATCH/fresh"
fi
check "a quickstart below a file" says "Name another directory with --dir" 2 quick "$PASSPHRASE/new"
check "an identity below a file" refuses 2 recover "$PASSPHRASE/out"
check "a socket below a file" says "can't listen on unix:$PASSPHRASE/vault.sock" 2 "$FSM_VAULT_BIN" serve --data-dir "$SCRATCH/kept" \
    --passphrase-file "$PASSPHRASE" --listen "unix:$PASSPHRASE/vault.sock"
# A pipe that nobody writes to is refused, and not waited for.
mkfifo -m 600 "$SCRATCH/pipe"
printf 'data_dir = "%s"\nidentity.trust = [{ trust_domain = "example.org", bundle = "%s" }]\noutbound.extra_ca = "%s"\n' "$VAULT" "$SCRATCH/pipe" \
    "$SCRATCH/pipe" >"$SCRATCH/piped.toml"
printf '[notice.smtp]\nhost = "localhost"\nfrom = "vault@example.org"\nto = ["ops@example.org"]\nca = "%s"\n' "$SCRATCH/pipe" >>"$SCRATCH/piped.toml"
in_time() { timeout 20 "$FSM_VAULT_BIN" "$@"; }
for key in identity.trust outbound.extra_ca notice.smtp.ca; do
    check "a pipe as $key" says "$key: $SCRATCH/pipe is no regular file" 2 in_time config check "$SCRATCH/piped.toml"
    check "serve says so too" says "$key: $SCRATCH/pipe is no regular file" 2 in_time serve --config "$SCRATCH/piped.toml"
done
# Nor is a file believed that any user may change: it says whom to trust.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$SCRATCH/root.key" -out "$SCRATCH/pem" -subj /CN=root \
    -addext subjectAltName=URI:spiffe://example.org -addext keyUsage=critical,keyCertSign 2>/dev/null
sed "s|/pipe|/pem|" "$SCRATCH/piped.toml" >"$SCRATCH/trusting.toml"
chmod 664 "$SCRATCH/pem"
check "roots that a group may change are its owner's affair" config "$SCRATCH/trusting.toml"
chmod 646 "$SCRATCH/pem"
for key in identity.trust outbound.extra_ca notice.smtp.ca; do
    check "one that any user may change as $key" says "$key: $SCRATCH/pem can be changed by any user; type: chmod o-w $SCRATCH/pem" 2 \
        config "$SCRATCH/trusting.toml"
    check "serve says so too" says "$key: $SCRATCH/pem can be changed by any user" 2 in_time serve --config "$SCRATCH/trusting.toml"
done
# What is for calls that nothing makes yet is taken and checked, and the log says that nothing uses it.
printf '%s\n' 'oauth.allowed_hosts = ["https://a.example"]' 'outbound.allow_addresses = ["10.1.2.3/8"]' 'outbound.allow_ports = [443, 443]' \
    >"$SCRATCH/calls.toml"
unfit() { config "$SCRATCH/calls.toml" --output json || [ $? = 2 ]; }
check "wrong hosts, addresses and ports are told together" holds '[.problems[] | "\(.line) \(.key)"] ==
    ["1 oauth.allowed_hosts[0]", "2 outbound.allow_addresses[0]", "3 outbound.allow_ports[1]"]' unfit
chmod 644 "$SCRATCH/pem"
cat >"$SCRATCH/calls.toml" <<TOML
data_dir = "$VAULT"
oauth.allowed_hosts = ["tokens.example", "*.idp.example"]
[outbound]
extra_ca = "$SCRATCH/pem"
allow_addresses = ["10.0.0.0/8", "127.0.0.1", "::1/128"]
allow_ports = [443, 8443]
TOML
check "right ones are valid" says "is valid" 0 config "$SCRATCH/calls.toml"
start_daemon "$VAULT" "$PASSPHRASE" --config "$SCRATCH/calls.toml"
unused() { logged 'select(.message | startswith("nothing uses these settings yet")) | ."config.keys"'; }
check "the daemon serves with them, and says so" \
    [ "$(unused)" = "oauth.allowed_hosts, outbound.extra_ca, outbound.allow_addresses, outbound.allow_ports" ]
stop_daemon
start_daemon "$VAULT" "$PASSPHRASE"
check "without them it says nothing" [ -z "$(unused)" ]
stop_daemon
check "a pipe as the configuration" says "$SCRATCH/pipe: can't be read: it is a pipe" 2 in_time config check "$SCRATCH/pipe"
check "what a shell hands over is read" says "is valid" 0 in_time config check <(printf 'data_dir = "%s"\n' "$VAULT")
# Where it is to listen is looked at without listening.
printf 'data_dir = "%s"\nlisten = ["unix:%s", "unix:%s/vault.sock", "unix:%s"]\n' "$VAULT" "$PASSPHRASE" "$PASSPHRASE" \
    "$SCRATCH/made/later/vault.sock" >"$SCRATCH/listen.toml"
check "a listen address that is a file" says "listen: unix:$PASSPHRASE is a file that is no socket" 2 config "$SCRATCH/listen.toml"
check "one below a file" says "listen: unix:$PASSPHRASE/vault.sock can't be made: $PASSPHRASE" 2 config "$SCRATCH/listen.toml"
check "a directory to be made is no problem" jq -es '.[0].problems | length == 2' <(config "$SCRATCH/listen.toml" --output json)
long=$SCRATCH/$(printf 'x%.0s' {1..90})
printf 'data_dir = "%s"\n' "$long" >"$SCRATCH/long.toml"
check "a default socket whose path is too long" says "data_dir: with it the default Unix socket is too long" 0 config "$SCRATCH/long.toml"
if [ "$(id -u)" = 0 ]; then
    chmod 711 "$SCRATCH"
    printf 'data_dir = "%s"\nlisten = ["unix:/usr/vault.sock"]\n' "$VAULT" >"$SCRATCH/foreign.toml" && chmod 644 "$SCRATCH/foreign.toml"
    foreign() { setpriv --reuid 65534 --regid 65534 --clear-groups "$FSM_VAULT_BIN" config check "$SCRATCH/foreign.toml"; }
    check "a foreign directory is a warning to who isn't the daemon" says "warning: listen: unix:/usr/vault.sock can't be made: /usr" 0 foreign
    chmod 700 "$SCRATCH"
fi
check "the shipped example is valid" config "$(dirname "$0")/../../config/fsm-vault.toml"
check "nothing panicked" no_panic
