#!/usr/bin/env bash
# Rotation by the command line: overlap, hard cut, pending, the way back, reset and capture; a pair moves as one.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair

file() { printf %s "$2" >"$SCRATCH/$1" && echo "$SCRATCH/$1"; }
operator() { as "$ADMIN" "$@"; }
reads() { [ "$(as "$SCRATCH/crm" secret get _crm --raw "${@:2}")" = "$1" ]; }
# pair_is N [ARGUMENT...]: both halves of the pair are those of file set N.
pair_is() {
    as "$FSM" --output json integration credentials fsm "${@:2}" |
        jq -e --arg id "id $1" --arg secret "secret $1" '.client_id == $id and .client_secret == $secret' >/dev/null
}
rotate_pair() {
    operator integration "$1" fsm --client-id-file "$(file id "id $2")" --client-secret-file "$(file secret "secret $2")" "${@:3}"
}

operator secret create _crm --value-file "$(file v1 one)" --script customscript_crm --allow-all-domains >/dev/null
as "$ADMIN" caller add crm --script customscript_crm --out "$SCRATCH/crm" >/dev/null
check "a new version is current at once, and what became of the other is told" says "; version 1 stays readable as previous until 20" 0 \
    operator secret rotate _crm --value-file "$(file v2 two)" --note "ticket 1"
check "readers get it" reads two
check "the one before is previous" reads one --version previous
check "the same value again changes nothing" says "nothing was changed" 0 operator secret rotate _crm --value-file "$(file v2 two)"
check "the way back" operator secret activate _crm 1
check "readers get the old one" reads one
check "a pending version is stored" operator secret rotate _crm --value-file "$(file v3 three)" --pending
check "and not served" refuses 4 as "$SCRATCH/crm" secret get _crm --version 3
check "until it is activated, here with a hard cut" operator secret activate _crm 3 --grace 0s
check "readers get it" reads three
check "nothing is previous" refuses 4 as "$SCRATCH/crm" secret get _crm --version previous
check "a retired version doesn't come back" refuses 6 operator secret activate _crm 1
check "the current one isn't retired" refuses 6 operator secret retire _crm 3
check "a version that never was" refuses 4 operator secret activate _crm 9
check "a wrong grace" refuses 2 operator secret rotate _crm --value-file "$(file v4 four)" --grace soon
check "numbers go on" holds '.version == 4' operator --output json secret rotate _crm --value-file "$(file v4 four)"
check "services don't rotate" refuses 3 as "$SCRATCH/crm" secret rotate _crm --value-file "$(file v5 five)"

check "a half doesn't move alone" says "integration rotate, activate, retire, edit or delete fsm" 6 operator secret rotate _fsm_oauth2_client_id --value-file "$(file v1 one)"
check "a pair is captured once" says "integration rotate fsm" 6 rotate_pair capture 2
check "the pair rotates" rotate_pair rotate 2
check "readers get both halves" pair_is 2
check "a pending pair waits" rotate_pair rotate 3 --pending
check "readers still get the one before" pair_is 2
check "and then the new one" operator integration activate fsm 3
check "both halves of it" pair_is 3
check "with the one before within the grace" pair_is 2 --version previous
check "the record tells how all versions stand" \
    holds '.version == 3 and [.versions[].state] == ["retired", "previous", "current"] and .versions[1].until != null' \
    operator --output json integration show fsm
check "in words too" says "until 20" 0 operator integration show fsm
check "which somebody holds" says "fsm" 6 operator integration retire fsm 2
check "and isn't taken from him" pair_is 2 --version previous
check "unless it is meant" says "version 2 of fsm is retired for good" 0 operator integration retire fsm 2 --force
check "then nobody gets it" refuses 4 as "$FSM" integration credentials fsm --version previous
check "and never again" refuses 6 operator integration activate fsm 2
check "the current pair isn't retired so" says "activate another one first" 6 operator integration retire fsm 3
check "a half isn't retired alone" says "integration rotate, activate, retire" 6 operator secret retire _fsm_oauth2_client_secret 3
check "nor a pair that never was" refuses 4 operator integration retire fsm 9
check "a pending one goes too" rotate_pair rotate 9 --pending
check "before anybody had it" holds '.name == "fsm" and .version == 4 and .state == "retired"' operator --output json integration retire fsm 4
check "readers still get theirs" pair_is 3
check "a previous one is there" rotate_pair rotate 2
check "for the reset" pair_is 3 --version previous
check "a reset ends it at once, and a script isn't asked" holds '.name == "fsm" and .version == null and .state == "enabled"' \
    operator --output json integration reset fsm </dev/null
check "for everybody" refuses 4 as "$FSM" integration credentials fsm
check "the previous one too" refuses 4 as "$FSM" integration credentials fsm --version previous
check "the new pair is captured" rotate_pair capture 4
check "and served" pair_is 4
# Over HTTP a change is made on what was looked at.
tag_of() { answers 200 - unix "$ADMIN" "$1" && sed -nE 's/^etag: (.*)\r$/\1/Ip' "$HEADERS"; }
# on TAG STATUS CODE PATH [CURL ARGUMENT...]
on() { answers "$2" "$3" unix "$ADMIN" "$4" -H "If-Match: $1" "${@:5}"; }
for what in secrets/_crm/versions integrations/fsm/credentials; do
    record=/v1/${what%/*} versions=/v1/$what
    seen=$(tag_of "$record")
    new='{"value":"five","activate":false}'
    [ "$what" = secrets/_crm/versions ] || new='{"client_id":"id 5","client_secret":"secret 5","activate":false}'
    check "$what: stored on what was looked at" on "$seen" 201 - "$versions" --json "$new"
    number=$(jq .version "$BODY")
    check "$what: not on an older look" on "$seen" 412 precondition_failed "$versions" --json "$new"
    check "$what: nor activated" on "$seen" 412 precondition_failed "$versions/$number/activate" -X POST
    check "$what: nor retired" on "$seen" 412 precondition_failed "$versions/$number" -X DELETE
    check "$what: a tag that is none is told" on x 400 malformed "$versions/$number" -X DELETE
    check "$what: retired on a new look" on "$(tag_of "$record")" 204 - "$versions/$number" -X DELETE
done
check "a service isn't told whether the tag is right" answers 403 permission_denied unix "$FSM" /v1/integrations/fsm/reset -X POST -H 'If-Match: "x"'
check "nor is a pair reset on an older look" on "$seen" 412 precondition_failed /v1/integrations/fsm/reset -X POST
check "readers still get it" pair_is 4
check "on a new one it is, and answers the record" on "$(tag_of "$record")" 200 - /v1/integrations/fsm/reset -X POST
check "without a pair" jq -e '.name == "fsm" and .version == null' "$BODY"
check "under its new tag" on "$(sed -nE 's/^etag: (.*)\r$/\1/Ip' "$HEADERS")" 200 - "$record" -X PATCH --json '{"note":"reset"}'
check "the next pair" rotate_pair capture 4
check "what was refused is in the log" holds '[.items[] | select(.reason == "precondition_failed") | .action] | unique
    == ["integration.activate", "integration.reset", "integration.retire", "integration.rotate", "secret.activate", "secret.retire", "secret.rotate"]' \
    operator --output json audit tail -n 200
check "the log tells all of it" holds '[.items[].action] | contains(["integration.rotate", "integration.activate", "integration.retire", "integration.reset", "secret.rotate"])' \
    operator --output json audit tail -n 200
check "and is intact" operator audit verify

check "it stops in order" stop_daemon
start_daemon "$VAULT" "$PASSPHRASE"
check "after a restart the pair is the same" pair_is 4
check "and the secret" reads four
check "no daemon panicked" no_panic
