#!/usr/bin/env bash
# The life of a secret by curl and by the command line: import, list, edit, lost updates, notes, consumers, access, early
# retirement, deletion, tombstones; and what is known of fetches after a crash.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair

operator() { as "$ADMIN" "$@"; }
json() { as "$ADMIN" --output json "$@"; }
file() { printf %s "$2" >"$SCRATCH/$1" && echo "$SCRATCH/$1"; }
fetch() { as "$1" secret get _crm "${@:2}" >/dev/null; }
# patch STATUS CODE BODY [CURL_ARGUMENT...]
patch() {
    answers "$1" "$2" tcp "$ADMIN" /v1/secrets/_crm -X PATCH -H 'content-type: application/json' --data "$3" "${@:4}"
}
# post STATUS CODE PATH BODY [CURL_ARGUMENT...]
post() {
    answers "$1" "$2" tcp "$ADMIN" "$3" -H 'content-type: application/json' --data "$4" "${@:5}"
}
etag() { sed -nE 's/^etag: (.*)\r$/\1/Ip' "$HEADERS"; }
# ids FILTER...: the secrets that a list finds, without custsecret_
ids() { json secret list "$@" | jq -r '[.items[].id[11:]] | join(" ")'; }
finds() { [ "$(ids "${@:2}")" = "$1" ]; }

# Import.
mkdir "$SCRATCH/in"
printf %s one >"$SCRATCH/in/crm.txt"
printf 'two\n' >"$SCRATCH/in/newline.txt"
rules='"restrictions":{"scripts":["customscript_crm"],"allow_all_domains":true}'
shared='"restrictions":{"scripts":["customscript_crm"],"allow_all_domains":true,"available_to_suiteapp":true,"suiteapp_id":"com.a"}'
import=$SCRATCH/in/secrets.jsonl
cat >"$import" <<END
{"id":"_crm","name":"CRM key","value_file":"crm.txt","owners":["admin","ann"],$rules}

{"id":"_bytes","value_base64":"/wA=",$rules}
{"id":"_app","value":"three",$shared}
END
sed 's/"owners"/"surplus":1,"owners"/; s/_bytes/bad id/' "$import" >"$SCRATCH/in/wrong.jsonl"
printf '{"id":"_x","value_file":"newline.txt",%s}\nno json\n{"id":"_y","value_file":"nowhere",%s}\n' "$rules" "$rules" >"$SCRATCH/in/unreadable.jsonl"
# Two lines with the same ID, which the daemon finds out last.
sed '3s/_bytes/_crm/; 4s/"value"/"surplus":1,"value"/' "$import" >"$SCRATCH/in/several.jsonl"
lines_told() { { operator secret import "$SCRATCH/in/several.jsonl" 2>&1 || true; } | grep -oE '^line [0-9]+|of line [0-9]+' | tr '\n' ' '; }
check "an import tells them in the order of lines, each number once" [ "$(lines_told)" = "line 3 of line 1 line 4 " ]
wrong_order="{\"secrets\":[{\"id\":\"_x\",\"value\":\"a\",$rules},{\"id\":\"_x\",\"value\":\"a\",$rules},{\"id\":\"_y\",\"value\":\"a\",\"max_age_days\":\"1\",$rules}]}"
pointers() { jq -c '[.errors[].pointer]' "$BODY"; }
check "the API tells them in the order of the secrets" post 422 invalid_field /v1/imports "$wrong_order"
check "each with its field" [ "$(pointers)" = '["/secrets/1/id","/secrets/2/max_age_days"]' ]
sed '1s/"owners"/"max_age_days":"1","owners"/' "$import" >"$SCRATCH/in/typed.jsonl"
check "a value of the wrong type is told with its field" says "line 1: max_age_days has a value of the wrong type" 2 \
    operator secret import "$SCRATCH/in/typed.jsonl"
check "an import tells the wrong lines" says "line 1: surplus is no known field" 2 operator secret import "$SCRATCH/in/wrong.jsonl"
check "all of them" says "line 3: id " 2 operator secret import "$SCRATCH/in/wrong.jsonl"
check "and makes nothing" finds "fsm_oauth2_client_id fsm_oauth2_client_secret"
check "a value file that ends with a newline is refused" says "line 1: value: the file" 2 operator secret import "$SCRATCH/in/unreadable.jsonl"
check "a line that is no JSON too" says "line 2: is no JSON" 2 operator secret import "$SCRATCH/in/unreadable.jsonl"
check "and a file that isn't there" says "line 3: can't read" 2 operator secret import "$SCRATCH/in/unreadable.jsonl"
check "an import makes all" holds '[.items[] | .id[11:], .version] == ["crm", 1, "bytes", 1, "app", 1]' json secret import "$import"
check "again it is told which IDs are taken" says "line 4: id can't be used: there is a secret custsecret_app already" 2 operator secret import "$import"
check "services import nothing" refuses 3 as "$FSM" secret import "$import"
as "$ADMIN" caller add crm --script customscript_crm --out "$SCRATCH/crm" >/dev/null
as "$ADMIN" caller add crm2 --script customscript_crm --uid 99 --out "$SCRATCH/crm2" >/dev/null
check "an imported value is served" [ "$(as "$SCRATCH/crm" secret get _crm --raw)" = one ]
check "bytes too" cmp <(as "$SCRATCH/crm" secret get _bytes --raw) <(printf '\377\0')
mkfifo "$SCRATCH/in/pipe"
echo outside >"$SCRATCH/outside"
ln -s ../outside "$SCRATCH/in/link"
for file in ../outside link /etc/passwd pipe; do
    echo "{\"id\":\"_x\",\"value_file\":\"$file\",$rules}" >"$SCRATCH/in/reaching.jsonl"
    check "a value file that is none of the import's own: $file" says "value_file $file" 2 \
        timeout 20 "$FSM_VAULT_BIN" --identity "$ADMIN" --addr "unix:$SOCKET" secret import "$SCRATCH/in/reaching.jsonl"
done
# A link that leads outside and a file, which change places all the time: what was looked at isn't what is opened.
ln -s ../outside "$SCRATCH/in/swapped"
echo -n inside >"$SCRATCH/in/swapping"
echo -n outside >"$SCRATCH/outside"
python3 - "$SCRATCH/in/swapped" "$SCRATCH/in/swapping" <<'PYTHON' &
import ctypes, sys
renameat2, (one, other), here, exchange = ctypes.CDLL(None).renameat2, map(str.encode, sys.argv[1:]), -100, 2
while renameat2(here, one, here, other, exchange) == 0:
    pass
PYTHON
SWAPPER=$!
# led_outside TIMES: whether a program that looks where the name leads and then opens it is led outside.
led_outside() {
    python3 - "$SCRATCH/in/swapped" "$1" <<'PYTHON'
import os, sys
path, times = sys.argv[1], int(sys.argv[2])
inside = os.path.dirname(os.path.realpath(os.path.dirname(path) + "/x"))
for _ in range(times):
    try:
        if os.path.dirname(os.path.realpath(path)) == inside and open(path).read() == "outside":
            sys.exit(0)
    except OSError:
        # It was a link, and none any more when that was read.
        pass
sys.exit(1)
PYTHON
}
check "a link exchanged for a file, the control: who looks first is led outside" led_outside 20000
imported=0
for ((number = 1; number <= 40; number++)); do
    echo "{\"id\":\"_swapped$number\",\"value_file\":\"swapped\",$rules}" >"$SCRATCH/in/swapped.jsonl"
    if operator secret import "$SCRATCH/in/swapped.jsonl" >/dev/null 2>&1; then
        imported=$((imported + 1))
        as "$SCRATCH/crm" secret get "_swapped$number" --raw >>"$SCRATCH/imported" && echo >>"$SCRATCH/imported"
        operator secret delete "_swapped$number" --yes >/dev/null
    fi
done
check "of forty imports some meet the file, and some the link" eval "[ $imported -gt 0 ] && [ $imported -lt 40 ]"
check "none stored what lies outside" [ "$(sort -u "$SCRATCH/imported")" = inside ]
check "they have changed places until the end" kill "$SWAPPER"
wait "$SWAPPER" || true
rm "$SCRATCH/in/swapped" "$SCRATCH/in/swapping"
# By its whole path, or by a link that stays inside, it may be named.
ln -s crm.txt "$SCRATCH/in/inner"
printf '{"id":"_whole","value_file":"%s",%s}\n{"id":"_inner","value_file":"inner",%s}\n' "$SCRATCH/in/crm.txt" "$rules" "$rules" >"$SCRATCH/in/inside.jsonl"
check "a value file by its whole path, and by a link inside" operator secret import "$SCRATCH/in/inside.jsonl"
operator secret delete _whole --yes >/dev/null
operator secret delete _inner --yes >/dev/null
echo "{\"id\":\"_x\",\"value_file\":\"\\u001b[2J\",$rules}" >"$SCRATCH/in/steering.jsonl"
steered() { operator secret import "$SCRATCH/in/steering.jsonl" 2>&1 | grep -q $'\x1b'; }
check "its name doesn't steer the terminal" refuses 1 steered
check "and is told" says 'value_file \u{1b}[2J' 2 operator secret import "$SCRATCH/in/steering.jsonl"
jq -nc '{secrets: [range(300) | {id: "bad id", value: "x", restrictions: {scripts: [range(50) | ""], allow_all_domains: true}}]}' >"$SCRATCH/in/many.json"
check "many problems get a short answer" answers 422 invalid_field unix "$ADMIN" /v1/imports --json "@$SCRATCH/in/many.json"
check "of a hundred" jq -e '(.errors | length) == 100 and (tojson | length) < 40000' "$BODY"
check "no write ignores If-Match" answers 400 malformed unix "$ADMIN" /v1/imports --header 'If-Match: "x"' --json '{"secrets":[]}'
check "an import without secrets is refused" post 422 invalid_field /v1/imports '{"secrets":[]}'
check "so is one that is no list" post 422 invalid_field /v1/imports '{"secrets":{}}'

# Lists.
check "by text" finds crm --search 'CRM K'
check "by application" finds app --search COM.A
check "by exposure" finds app --exposure shared
check "by origin" finds "app bytes crm" --origin external
check "by owner" finds crm --owner ann
check "by two" finds "" --owner ann --exposure shared
check "a wrong filter is told" answers 422 invalid_field unix "$ADMIN" '/v1/secrets?origin=mars'
check "filtered pages are whole" holds '.items | length == 1' vault_curl tcp "$ADMIN" '/v1/secrets?limit=1&origin=external&cursor=custsecret_app'

# Edit.
check "a secret has a tag" answers 200 - tcp "$ADMIN" /v1/secrets/_crm
first=$(etag)
check "an edit changes what it names" patch 200 - '{"name":"Renamed","expires_on":"2027-06-30"}' -H "if-match: $first"
second=$(etag)
check "and nothing else" jq -e '.name == "Renamed" and .owners == ["admin","ann"] and .expires_on == "2027-06-30"' "$BODY"
check "and gives a new tag" [ "$first" != "$second" ]
check "the old tag no longer does" patch 412 precondition_failed '{"name":"Lost"}' -H "if-match: $first"
check "nor does a weak one" patch 412 precondition_failed '{"name":"Lost"}' -H "if-match: W/$second"
check "one of several does" patch 200 - '{"expires_on":null}' -H "if-match: \"x\", $second"
third=$(etag)
check "null clears" jq -e '.expires_on == null' "$BODY"
check "an edit that changes nothing" patch 200 - '{"name":"Renamed"}'
check "gives no new tag" [ "$third" = "$(etag)" ]
for body in '{"id":"_other"}' '{"name":null}' '{"owners":[]}' '{"owners":null}' '{"value":"x"}' '{"max_age_days":0}' '{"expires_on":"soon"}' \
    '{"restrictions":{"scripts":[],"allow_all_domains":true}}' '{"restrictions":null}' '{"release":"use_only"}' '{"name":"a\nb"}'; do
    check "an edit is refused: $body" patch 422 invalid_field "$body"
done
check "an edit of nothing is one" patch 200 - '{}'
check "of what isn't there" answers 404 not_found tcp "$ADMIN" /v1/secrets/_nope -X PATCH -H 'content-type: application/json' --data '{}'
check "services don't edit" answers 403 permission_denied tcp "$FSM" /v1/secrets/_crm -X PATCH -H 'content-type: application/json' --data '{}'
check "the command line edits" holds '.restrictions.domains == ["a.example"] and .max_age_days == 90' \
    json secret edit _crm --domain a.example --max-age-days 90
check "on the state that it was told of" says "changed since you looked" 6 operator secret edit _crm --name x --if-match "$first"
check "all domains again" operator secret edit _crm --allow-all-domains
printf used >"$SCRATCH/used"
operator secret create _used --value-file "$SCRATCH/used" --script customscript_crm --domain a.example >/dev/null
check "with listed domains use_only is fine" says use_only 0 operator secret edit _used --release use_only
check "but not with all of them" refuses 2 operator secret edit _used --allow-all-domains
check "and it isn't taken back" says "stays use_only" 6 operator secret edit _used --release reveal
check "nor by the API" answers 409 conflict tcp "$ADMIN" /v1/secrets/_used -X PATCH -H 'content-type: application/json' \
    --data '{"release":"reveal","restrictions":{"scripts":["customscript_crm"],"allow_all_domains":true}}'
operator secret delete _used --yes >/dev/null
check "a half is not edited alone" says "integration" 6 operator secret edit _fsm_oauth2_client_id --name x

# Levels.
as "$ADMIN" caller add eve --operator edit --employee ann --out "$SCRATCH/eve" >/dev/null
as "$ADMIN" caller add bob --operator edit --employee bob --out "$SCRATCH/bob" >/dev/null
check "an owner edits" as "$SCRATCH/eve" secret edit _crm --description "by ann"
check "another doesn't even see it" refuses 4 as "$SCRATCH/bob" secret edit _crm --description "by bob"
check "nor its notes" refuses 4 as "$SCRATCH/bob" secret notes _crm
check "an owner doesn't delete" refuses 3 as "$SCRATCH/eve" secret delete _crm --yes

# Consumers, early retirement, crash.
check "it is fetched" fetch "$SCRATCH/crm"
check "a rotation" operator secret rotate _crm --value-file "$(file v2 two)"
check "leaves a consumer behind" holds '[.items[0] | .caller, .version, .state, .behind, .count] == ["crm", 1, "previous", true, 2]' json secret consumers _crm
check "who keeps the previous version" says "crm" 6 operator secret retire _crm 1
check "from the next rotation too" says "--force" 6 operator secret rotate _crm --value-file "$(file v3 three)"
check "by the API" post 409 conflict /v1/secrets/_crm/versions '{"value":"three"}'
check "force is a truth value" post 422 invalid_field '/v1/secrets/_crm/versions?force=yes' '{"value":"three"}'
check "the daemon is killed" refuses 137 stop_daemon KILL
start_daemon "$VAULT" "$PASSPHRASE"
check "and knows what was fetched" holds '[.items[0] | .caller, .version, .count] == ["crm", 1, 2]' json secret consumers _crm
check "so it still refuses" refuses 6 operator secret retire _crm 1
check "with force it goes" operator secret retire _crm 1 --force
check "and is written down" holds 'any(.items[]; .action == "secret.retire" and .changes.fetched_last_by == ["crm"])' json secret notes _crm
check "the consumer catches up" fetch "$SCRATCH/crm"
check "it stops in order" stop_daemon
start_daemon "$VAULT" "$PASSPHRASE"
check "and knows it still" holds '[.items[0] | .version, .behind, .count] == [2, false, 3]' json secret consumers _crm
check "a pair counts for both halves" as "$FSM" integration credentials fsm
check "of them one" holds '.items[0].caller == "fsm"' json secret consumers _fsm_oauth2_client_secret

# Notes and access.
check "notes tell who changed what" holds '[.items[].action] | contains(["secret.import", "secret.edit", "secret.rotate", "secret.retire"])' json secret notes _crm
check "old and new" holds 'any(.items[]; .changes.name == {"old": "CRM key", "new": "Renamed"})' json secret notes _crm
check "for people too" says "name: CRM key → Renamed" 0 operator secret notes _crm
check "and who used it" holds '.used_by[0].caller == "crm"' json secret notes _crm
check "never a value" refuses 1 grep -qwE 'one|two|three' <(json secret notes _crm)
check "a page at a time" holds '(.items | length == 1) and .next_cursor != null' vault_curl tcp "$ADMIN" '/v1/secrets/_crm/notes?limit=1'
check "access tells who may" holds '[.items[] | select(.caller == "crm") | .allowed] == [true]' json secret access _crm
check "on which terms" says "allowed, from uid 99 only" 0 operator secret access _crm
check "and why not" holds '[.items[] | select(.caller == "other") | .reason] == ["script_not_allowed"]' json secret access _crm
check "of what isn't there" refuses 4 operator secret access _nope
check "services ask in vain" answers 403 permission_denied tcp "$FSM" /v1/secrets/_crm/access

# Lists take commas.
check "a list by commas" holds '.restrictions.domains == ["*.b.example", "a.example"] and .restrictions.employees == ["1", "2"]' \
    json secret edit _crm --domain 'a.example, *.b.example' --employee 1,2
check "an empty item is refused" refuses 2 operator secret edit _crm --employee 1,,2

# Delete.
check "a lost update is no deletion" answers 412 precondition_failed tcp "$ADMIN" /v1/secrets/_crm -X DELETE -H 'if-match: "x"'
check "it is deleted, and a script isn't asked" operator secret delete _crm </dev/null
check "and gone" refuses 4 operator secret show _crm
check "for services as if it never was" refuses 3 fetch "$SCRATCH/crm"
check "its ID is used again, and its numbers not" holds '.versions[0].version == 3' \
    json secret create _crm --value-file "$(file v4 four)" --script customscript_crm --allow-all-domains
check "notes tell of this life alone" holds '[.items[].action] == ["secret.create"] and .used_by == []' json secret notes _crm
check "the shared one is deleted" answers 204 - unix "$ADMIN" /v1/secrets/_app -X DELETE
check "and its ID never used again" post 409 tombstoned /v1/secrets "{\"id\":\"_app\",\"value\":\"x\",$rules}"
check "not by an import either" says "line 1: id can't be used" 2 operator secret import - <<<"{\"id\":\"_app\",\"value\":\"x\",$rules}"
check "a half is not deleted alone" refuses 6 operator secret delete _fsm_oauth2_client_id --yes
check "unknown methods are told" answers 405 method_not_allowed tcp "$ADMIN" /v1/secrets/_crm -X PUT
check "the log is intact" operator audit verify

check "it stops in order" stop_daemon
check "no panic" no_panic
