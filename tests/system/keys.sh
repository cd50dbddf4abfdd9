#!/usr/bin/env bash
# Key slots and passphrases on the built binary: what opens the vault, who may change it, what is left of it.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

prepare_vault
NEW=$SCRATCH/new WRONG=$SCRATCH/wrong SAFE=$SCRATCH/safe SHORT=$SCRATCH/short
private_file "$NEW" 'a new passphrase, a good one'
private_file "$SAFE" 'a passphrase in the safe'
private_file "$WRONG" 'no passphrase of this vault'
private_file "$SHORT" 'eleven char'
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair

# reseals FILE: whether this passphrase unseals the vault; it is unsealed afterwards in any case.
reseals() {
    local code=0
    as "$ADMIN" seal >/dev/null
    as "$ADMIN" unseal --passphrase-file "$1" || code=$?
    [ "$code" = 0 ] || as "$ADMIN" unseal --passphrase-file "${2:-$PASSPHRASE}" >/dev/null
    return "$code"
}
# restarts FILE: the same for a daemon that is started with it.
restarts() {
    stop_daemon && start_daemon "$VAULT" "$1"
}
slots() {
    as "$ADMIN" --output json keyslot list
}
slot() {
    slots | jq -r ".items[$1].id"
}
change() {
    as "$ADMIN" passphrase change "$@"
}

# Key slots.
check "a new vault has one key slot, without a maker" holds '.items | length == 1 and .[0].label == null and .[0].made_by == null' slots
FIRST=$(slot 0)
check "another is added" holds '.label == "safe" and .made_by == "admin"' \
    as "$ADMIN" --output json keyslot add --label safe --passphrase-file "$PASSPHRASE" --new-passphrase-file "$SAFE"
check "both are listed as text" says "$FIRST" 0 as "$ADMIN" keyslot list
check "with the label" says safe 0 as "$ADMIN" keyslot list
check "its passphrase unseals the vault" reseals "$SAFE"
check "and the first one still does" reseals "$PASSPHRASE"
check "the same passphrase twice is a conflict" \
    refuses 6 as "$ADMIN" keyslot add --passphrase-file "$PASSPHRASE" --new-passphrase-file "$SAFE"
check "a short one is refused before the daemon is asked" \
    says "at least 12 characters" 2 as "$ADMIN" keyslot add --passphrase-file "$PASSPHRASE" --new-passphrase-file "$SHORT"
# sends PATH BODY...: a body made by jq, from files, so that no passphrase stands in an argument.
sends() {
    jq -n --rawfile p "$PASSPHRASE" --rawfile s "$SHORT" --rawfile w "$WRONG" --rawfile n "$NEW" "$2" >"$SCRATCH/request"
    answers "$3" "$4" unix "${5:-$ADMIN}" "$1" --request "${6:-POST}" --header 'content-type: application/json' --data "@$SCRATCH/request"
}
check "and by the daemon" sends /v1/sys/keyslots '{passphrase: $p, new_passphrase: $s}' 422 invalid_field
check "an unknown member is refused" sends /v1/sys/passphrase '{passphrase: $p, new_passphrase: $n, x: 1}' 422 invalid_field
check "a service may not" sends /v1/sys/passphrase '{passphrase: $p, new_passphrase: $n}' 403 permission_denied "$FSM"
check "nor see the slots" answers 403 permission_denied unix "$FSM" /v1/sys/keyslots
check "an unknown slot is not found" refuses 4 as "$ADMIN" keyslot remove 00000000 --passphrase-file "$PASSPHRASE"
check "what is no slot's ID is told" sends /v1/sys/keyslots/x '{passphrase: $p}' 422 invalid_field "$ADMIN" DELETE
check "a slot is removed with another's passphrase" as "$ADMIN" keyslot remove "$FIRST" --passphrase-file "$SAFE"
check "its passphrase no longer unseals" refuses 3 reseals "$PASSPHRASE" "$SAFE"
LAST=$(slot 0)
check "the last one stays" says "last key slot" 6 as "$ADMIN" keyslot remove "$LAST" --passphrase-file "$SAFE"

# The passphrase.
check "the passphrase is changed" holds ".label == \"safe\" and .id != \"$LAST\"" \
    as "$ADMIN" --output json passphrase change --passphrase-file "$SAFE" --new-passphrase-file "$NEW"
check "the old one no longer unseals" refuses 3 reseals "$SAFE" "$NEW"
check "the new one does" reseals "$NEW"
check "after a restart too" restarts "$NEW"
stop_daemon
check "where the old one starts nothing" refuses 3 "$FSM_VAULT_BIN" serve --data-dir "$VAULT" --passphrase-file "$SAFE"
start_daemon "$VAULT" "$NEW"
check "and the pair is still served" holds '.version == 1' as "$FSM" --output json integration credentials fsm

# Wrong ones.
for nth in 1 2 3; do
    check "a wrong passphrase is refused ($nth)" refuses 3 change --passphrase-file "$WRONG" --new-passphrase-file "$SAFE"
done
check "then one has to wait" sends /v1/sys/passphrase '{passphrase: $w, new_passphrase: $n}' 429 rate_limited
check "and is told how long" grep -qi '^retry-after: [0-9]' "$HEADERS"
check "the key slots are as they were" holds '.items | length == 1' slots
check "each is an entry" holds 'map(select(.action == "vault.passphrase" and .reason == "wrong_passphrase")) | length == 3' \
    eval "as \"$ADMIN\" --output json audit show -n 50 --outcome denied | jq .items"
check "no passphrase stands in the log or the daemon's output" \
    eval "! grep -rqF -e 'a good one' -e 'in the safe' -e 'of this vault' -e 'eleven char' '$VAULT/audit' '$LOGS'"
check "the log verifies" as "$ADMIN" audit verify
check "nobody panicked" no_panic
