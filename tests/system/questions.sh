#!/usr/bin/env bash
# The commands that ask before they destroy something: what is typed decides, and a "no" has one exit code everywhere.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair
printf 'v' >"$SCRATCH/value"
as "$ADMIN" secret create _x --value-file "$SCRATCH/value" --script customscript_a --allow-all-domains >/dev/null
as "$ADMIN" backup create --out "$SCRATCH/vault.fsmb" >/dev/null

# typed LINE ARGUMENT...: the command line on a terminal, where LINE is typed at its first question.
typed() {
    python3 "$(dirname "$0")/typed.py" "$1" "$FSM_VAULT_BIN" --identity "$ADMIN" --addr "unix:$SOCKET" "${@:2}"
}
state() { for list in secrets integrations; do vault_curl unix "$ADMIN" "/v1/$list"; done; }
state >"$SCRATCH/before"

restored="--data-dir $SCRATCH/restored --passphrase-file $PASSPHRASE"
while IFS='|' read -r command kept; do
    read -ra words <<<"$command"
    what="${words[0]} ${words[1]}"
    for line in '' no y; do
        check "$what: '$line' declines" says "$kept" 1 typed "$line" "${words[@]}"
    done
    # The end of what is typed, by Ctrl-D.
    check "$what: the end declines" says "$kept" 1 typed $'\x04' "${words[@]}"
done <<TABLE
secret delete _x|nothing was deleted
integration delete fsm|nothing was deleted
integration reset fsm|the pair is as it was
backup restore $SCRATCH/vault.fsmb $restored|nothing was restored
TABLE
state >"$SCRATCH/after"
check "none of these changed anything" cmp "$SCRATCH/before" "$SCRATCH/after"
check "nor made a vault" [ ! -e "$SCRATCH/restored" ]

read -ra words <<<"$restored"
# The others do as they are told then: integrations.sh, rotation.sh, secrets.sh.
check "with nobody to ask a restore is wrong usage" says "give --yes" 2 as "$ADMIN" backup restore "$SCRATCH/vault.fsmb" "${words[@]}" </dev/null
check "the word to type is named" says "Type custsecret_x to go on" 1 typed no secret delete _x
check "the ID goes on" typed custsecret_x secret delete _x
as "$ADMIN" secret create _x --value-file "$SCRATCH/value" --script customscript_a --allow-all-domains >/dev/null
check "and as it was typed before" typed _x secret delete custsecret_x
check "the name goes on" typed fsm integration reset fsm --no-capture
check "and here" typed fsm integration delete fsm
in_plain_text() { ! typed no backup restore "$SCRATCH/vault.fsmb" "${words[@]}" >"$SCRATCH/asked" 2>&1 && ! grep -qF 1b "$SCRATCH/asked" && grep -qF NAME "$SCRATCH/asked"; }
check "what comes back is listed without codes" in_plain_text
check "the word goes on" typed restore backup restore "$SCRATCH/vault.fsmb" "${words[@]}"
# That it looks first whether the pair is there already is no refusal in the log: an alert may hang on those.
denied() { as "$ADMIN" --output json audit show --outcome denied | jq '.items | length'; }
before=$(denied) id=$(openssl rand -hex 32) secret=$(openssl rand -hex 32)
check "a pair is asked for" typed "$id"$'\n'"$id"$'\n'"$secret"$'\n'"$secret" fsm setup
check "no entry says denied of it" [ "$(denied)" = "$before" ]
check "a second one is refused before it asks" says "rotate fsm" 6 typed "" fsm setup
version=$(as "$ADMIN" --output json integration show fsm | jq .version)
check "what was typed and looks odd is asked about" says "nothing was stored" 1 typed $'abc\nabc\ndef\ndef\nno' integration rotate fsm
check "and isn't stored" holds ".version == $version" as "$ADMIN" --output json integration show fsm
check "unless it is meant" typed $'abc\nabc\ndef\ndef\nyes' integration rotate fsm
new=$(openssl rand -hex 32)
check "the ID once more is no secret, and asked for anew" says "the same as the client ID" 0 \
    typed "$id"$'\n'"$id"$'\n'"$id"$'\n'"$new"$'\n'"$new" integration rotate fsm
printf %s "$id" >"$SCRATCH/id"
for command in "rotate fsm" "reset fsm --yes"; do
    read -ra words <<<"$command"
    check "$command: nor from files" says "the same as the client ID" 2 \
        as "$ADMIN" integration "${words[@]}" --client-id-file "$SCRATCH/id" --client-secret-file "$SCRATCH/id"
done
check "then it is" holds ".version == $version + 2" as "$ADMIN" --output json integration show fsm

# Hidden ones: what is wrong is said before it is typed again, three times.
check "a change asks for the present one first" says "Present passphrase (hidden)" 1 typed $'\x04' passphrase change
check "a new passphrase that is too short is refused at once" \
    says "too short" 2 typed $'correct horse battery staple\nshort\nshort\nshort' passphrase change
check "and asked for anew" typed $'correct horse battery staple\nshort\nanother one, longer\nanother one, longer' \
    passphrase change
check "a value with white space at its end too" \
    typed $'value \nvalue\nvalue' secret create _y --script customscript_a --allow-all-domains
check "the end of what is typed is no answer" says "no answer from the terminal: nothing was typed" 1 typed $'\x04' passphrase change
bold() { TERM=$1 typed '' secret list | grep -q $'\x1b\[1m'; }
check "a head is bold on a terminal" bold xterm
check "but not on one that knows nothing" refuses 1 bold dumb
check "a backup isn't written to standard output" says "--out vault.fsmb" 2 as "$ADMIN" backup create --out -
check "nor into a file of that name" [ ! -e ./- ]
check "--out - exports to standard output" says '"action":' 0 as "$ADMIN" audit export --out -
check "nor is there a file of that name" [ ! -e ./- ]

# What has several lines is refused whole, and none of it stays for whoever reads the terminal next: a shell would run it.
# pasted TIMES TEXT ARGUMENT...: TEXT comes so often, all at once, at the first question.
pasted() {
    python3 "$(dirname "$0")/pasted.py" "$1" "$2" "$FSM_VAULT_BIN" --identity "$ADMIN" --addr "unix:$SOCKET" "${@:3}"
}
# unkept CODE SAYS COMMAND...: it ends so and says so, and nothing of the text was shown or is left.
unkept() {
    local said code=0
    said=$("${@:3}" 2>&1) || code=$?
    printf 'exit %s: %s\n' "$code" "${said:0:4000}"
    [ "$code" = "$1" ] && grep -qF -- "$2" <<<"$said" && ! grep -qE 'left:|touch|-----' <<<"$said"
}
lines=$'-----BEGIN PRIVATE KEY-----\ntouch this\n-----END PRIVATE KEY-----\n'
create=(secret create _lines --script customscript_a --allow-all-domains)
check "several lines are no value" unkept 2 "--value-file FILE" pasted 3 "$lines" "${create[@]}"
check "nor more than the terminal has room for" unkept 2 "--value-file FILE" pasted 4000 "$lines" "${create[@]}"
check "nor half of a pair" unkept 2 "--client-id-file FILE" pasted 3 "$lines" integration rotate fsm
check "nor a passphrase" unkept 2 "--passphrase-file FILE" pasted 1 $'another one, longer\ntouch this\n' passphrase change
check "the end of what is typed leaves nothing either" unkept 1 "nothing was typed" pasted 1 $'\x04touch this\n' passphrase change
check "what was typed before the question is no answer" says "nothing was typed" 1 pasted 0 $'another one, longer\n' passphrase change
check "nothing was kept" refuses 4 as "$ADMIN" secret show _lines

# What can't be is said before anybody types anything.
check "an unsealed vault is told to be" says "unsealed already" 6 typed '' unseal
check "a key slot that isn't there" says "no such key slot" 4 typed '' keyslot remove 00000000
check "a secret that is there" says "secret rotate custsecret_y" 6 typed '' secret create _y --script customscript_a --allow-all-domains
as "$ADMIN" seal >/dev/null
for command in "keyslot add" "keyslot remove 00000000" "passphrase change" rekey; do
    read -ra words <<<"$command"
    check "$command: sealed, nobody is asked" says "fsm-vault unseal" 5 typed '' "${words[@]}"
done
check "several lines don't unseal" unkept 2 "--passphrase-file FILE" pasted 1 $'another one, longer\ntouch this\n' unseal
check "unsealed by what is typed" typed 'another one, longer' unseal

# Whoever watches is told that it has begun.
typed '' watch --count 1 >"$SCRATCH/watched" &
watching=$!
begun() { as "$ADMIN" --output json audit show --action watch.open | jq -e '.items | length > 0'; }
check "a watch begins" until_true 20 begun
as "$ADMIN" secret rotate _y --value-file "$SCRATCH/value" >/dev/null
check "and ends" wait "$watching"
check "it says so" says "watching; Ctrl-C ends it" 0 cat "$SCRATCH/watched"
stop_daemon
check "nothing panicked" no_panic

check "serve asks nobody, and says so" says "comes up sealed" 2 \
    typed '' serve --data-dir "$VAULT" --passphrase-file -
