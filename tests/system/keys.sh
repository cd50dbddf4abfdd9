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
python3 -c 'print("x" * 4097, end="")' >"$SCRATCH/long" && chmod 600 "$SCRATCH/long"
check "one that no file may have is refused by the daemon too" \
    eval "SHORT=$SCRATCH/long sends /v1/sys/passphrase '{passphrase: \$p, new_passphrase: \$s}' 422 invalid_field"
check "and before it is asked" says "larger than 4096 bytes" 2 \
    as "$ADMIN" keyslot add --passphrase-file "$PASSPHRASE" --new-passphrase-file "$SCRATCH/long"
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

# A new root key. Meanwhile services read: the pair, whose halves are one version's, and a value of 1 MB.
LARGE=$SCRATCH/large HALVES=$SCRATCH/halves
openssl rand -hex 500000 | tr -d '\n' >"$LARGE"
jq -n --rawfile i "$PAIR_ID" --rawfile s "$PAIR_SECRET" '{client_id: $i, client_secret: $s}' | jq -cS . >"$HALVES"
as "$ADMIN" secret create _large --value-file "$LARGE" --script customscript_other --allow-all-domains >/dev/null
as "$ADMIN" keyslot add --label paper --passphrase-file "$NEW" --new-passphrase-file "$SAFE" >/dev/null
# reads NAME COMMAND...: repeats the command until $SCRATCH/enough is there, and counts what failed.
reads() {
    local name=$1 rounds=0 failed=0
    shift
    while [ ! -e "$SCRATCH/enough" ] || [ $rounds = 0 ]; do
        "$@" >>"$SCRATCH/$name.told" 2>&1 || failed=$((failed + 1))
        rounds=$((rounds + 1))
    done
    echo "$rounds $failed" >"$SCRATCH/$name.count"
}
reads_pair() {
    as "$FSM" --output json integration credentials fsm | jq -cS '{client_id, client_secret}' | cmp - "$HALVES"
}
reads_large() {
    as "$OTHER" secret get _large --raw | cmp - "$LARGE"
}
none_failed() {
    local rounds failed
    read -r rounds failed <"$SCRATCH/$1.count"
    echo "$rounds rounds, $failed failed: $(head -c 300 "$SCRATCH/$1.told")"
    [ "$rounds" -gt 0 ] && [ "$failed" = 0 ]
}
# salts: of each header that lies in the store's file, in hexadecimal; headers SALT...: whether one lies in any file.
salts() {
    python3 -c '
import re, sys
database = open(sys.argv[1], "rb").read()
for found in re.finditer(rb"\x01FSMV\x01", database):
    print(database[found.start() + 36 : found.start() + 68].hex())' "$VAULT/store/db" | sort -u
}
lies_nowhere() {
    python3 -c '
import pathlib, sys
files = [path for path in pathlib.Path(sys.argv[1]).rglob("*") if path.is_file()]
found = [path for path in files if any(bytes.fromhex(salt) in path.read_bytes() for salt in sys.argv[2:])]
sys.exit(f"in {found}" if found or not files or not sys.argv[2:] else 0)' "$VAULT" "$@"
}
check "without the other passphrase its slot would go: a conflict" says "(paper)" 6 as "$ADMIN" rekey --passphrase-file "$NEW"
mapfile -t OLD < <(salts)
cp -r "$VAULT/store" "$SCRATCH/before"
reads pair reads_pair &
READERS=($!)
reads large reads_large &
READERS+=($!)
# What is somebody else's stays, and is named.
for path in store/backups epoch.next epoch.draft; do
    mkdir "$VAULT/$path"
    check "a directory $path is in a rekey's way" says "mv $VAULT/$path SOMEWHERE" 6 \
        as "$ADMIN" rekey --passphrase-file "$NEW" --keep-passphrase-file "$SAFE"
    rmdir "$VAULT/$path"
done
mkfifo "$VAULT/store.next"
check "so is a pipe store.next" says "mv $VAULT/store.next SOMEWHERE" 6 \
    as "$ADMIN" rekey --passphrase-file "$NEW" --keep-passphrase-file "$SAFE"
rm "$VAULT/store.next"
check "a new root key, with both passphrases" holds '(.keyslots | length == 2) and .dropped == [] and .records > 10' \
    as "$ADMIN" --output json rekey --passphrase-file "$NEW" --keep-passphrase-file "$SAFE"
check "another, with one of them" holds '(.keyslots | length == 1) and .dropped[0].label == "paper"' \
    as "$ADMIN" --output json rekey --passphrase-file "$NEW" --drop-other-slots
touch "$SCRATCH/enough"
wait "${READERS[@]}"
check "nobody who read the pair meanwhile failed or got halves that don't belong together" none_failed pair
check "nor who read a value of 1 MB" none_failed large
check "what unwraps the old root key lies in none of the files" lies_nowhere "${OLD[@]}"
check "the search would have found it" refuses 1 lies_nowhere "$(salts | head -n 1)"
check "the old store is gone" test ! -e "$VAULT/store.next"
check "the log verifies across it" as "$ADMIN" audit verify
check "in segments of their own" test "$(grep -c '"reason":"rekeyed"' "$VAULT"/audit/*.jsonl | grep -c ':1$')" = 2
check "changes go on" as "$ADMIN" secret edit _large --name large
check "the passphrase still unseals" reseals "$NEW"
check "that of the dropped slot doesn't" refuses 3 reseals "$SAFE" "$NEW"
check "after a restart too" restarts "$NEW"
check "identities still work, and the pair is there" reads_pair
check "and the large value" reads_large
stop_daemon
cp -r "$VAULT" "$SCRATCH/copy" && rm -rf "$SCRATCH/copy/store" && mv "$SCRATCH/before" "$SCRATCH/copy/store"
check "the store as it was before opens with the passphrase that it had, and isn't believed to be the newest" says --accept-rollback 6 \
    "$FSM_VAULT_BIN" operator recover --data-dir "$SCRATCH/copy" --passphrase-file "$SAFE" --out "$SCRATCH/recovered"

# Killed at it, whenever that is: the vault is whole, and it is simply typed again.
inode() {
    stat -c %i "$VAULT/store" 2>/dev/null
}
next_is_there() {
    [ -e "$VAULT/store.next" ]
}
exchanged() {
    [ "$(inode)" != "$BEFORE" ]
}
for moment in next_is_there exchanged; do
    start_daemon "$VAULT" "$NEW"
    BEFORE=$(inode)
    as "$ADMIN" rekey --passphrase-file "$NEW" >"$SCRATCH/rekey" 2>&1 &
    REKEY=$!
    until "$moment" || ! kill -0 $REKEY 2>/dev/null; do :; done
    stop_daemon KILL || true
    wait $REKEY || true
    check "killed when $moment: it starts" start_daemon "$VAULT" "$NEW"
    check "killed when $moment: nothing is left over" test ! -e "$VAULT/store.next"
    check "killed when $moment: the pair is there" reads_pair
    check "killed when $moment: the log verifies" as "$ADMIN" audit verify
    check "killed when $moment: it is done again" as "$ADMIN" rekey --passphrase-file "$NEW"
    stop_daemon
done
start_daemon "$VAULT" "$NEW"

# Wrong ones.
for nth in 1 2 3; do
    check "a wrong passphrase is refused, and where it came from is told ($nth)" says "the file $WRONG" 3 change --passphrase-file "$WRONG" --new-passphrase-file "$SAFE"
done
# On a slow machine the first wait is over before the next attempt; each wrong one doubles it.
check "then one has to wait" until_true 60 sends /v1/sys/passphrase '{passphrase: $w, new_passphrase: $n}' 429 rate_limited
check "and is told how long" grep -qi '^retry-after: [0-9]' "$HEADERS"
check "the key slots are as they were" holds '.items | length == 1' slots
check "each is an entry" holds 'map(select(.action == "vault.passphrase" and .reason == "wrong_passphrase")) | length >= 3' \
    eval "as \"$ADMIN\" --output json audit show -n 50 --outcome denied | jq .items"
check "no passphrase stands in the log or the daemon's output" \
    eval "! grep -rqF -e 'a good one' -e 'in the safe' -e 'of this vault' -e 'eleven char' '$VAULT/audit' '$LOGS'"
check "the log verifies" as "$ADMIN" audit verify
check "nobody panicked" no_panic
