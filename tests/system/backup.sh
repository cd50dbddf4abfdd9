#!/usr/bin/env bash
# Backups: made while everything goes on, read by an independent reader, checked, bent, restored and served.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
: "${FSM_VAULT_PYTHON:?is a Python with what tests/system/requirements.txt names; tests/all makes and sets it}"
here=$(cd "$(dirname "$0")" && pwd)

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair
wrong=$SCRATCH/wrong own=$SCRATCH/own words=$SCRATCH/words
private_file "$wrong" 'correct horse battery stapler'
private_file "$own" 'another passphrase altogether'
# A value above one frame, and rows of digits that are looked for in everything that is printed.
canary=48151623$(openssl rand -hex 20)
private_file "$SCRATCH/large" "$canary$(head -c 200000 /dev/zero | tr '\0' x)"
as "$ADMIN" secret create _large --value-file "$SCRATCH/large" --script customscript_nx_suitelet2 --allow-all-domains >/dev/null
as "$ADMIN" caller add bob --operator full --employee 2 --out "$SCRATCH/bob" >/dev/null

read_backup() { "$FSM_VAULT_PYTHON" -B "$here/read_backup.py" "$@"; }
backup() { "$FSM_VAULT_BIN" backup "$@"; }
# Its own words are kept, to be looked through at the end.
noted() { "$@" 2>&1 | tee -a "$words"; return "${PIPESTATUS[0]}"; }

# Pairs are rotated as fast as they can be, and read, while backups are made. A pair is `id-N` and `secret-N`.
rotate_on() {
    local n=0
    while [ ! -e "$SCRATCH/enough" ]; do
        n=$((n + 1))
        private_file "$SCRATCH/id" "id-$n" && private_file "$SCRATCH/secret" "secret-$n"
        as "$ADMIN" integration rotate fsm --client-id-file "$SCRATCH/id" --client-secret-file "$SCRATCH/secret" --force >/dev/null || return 1
        echo "$n" >"$SCRATCH/rotated"
    done
}
read_on() {
    while [ ! -e "$SCRATCH/enough" ]; do as "$FSM" integration credentials fsm >/dev/null || return 1; done
}
make_five() {
    local n
    rotate_on & local rotating=$!
    read_on & local reading=$!
    until_true 30 [ -e "$SCRATCH/rotated" ] || return 1
    for n in 1 2 3 4 5; do noted as "$ADMIN" backup create --out "$SCRATCH/$n.fsmb" || return 1; done
    touch "$SCRATCH/enough"
    wait "$rotating" && wait "$reading"
}
# Of each version, both halves are of the same rotation; and the vault has gone on meanwhile.
never_mixed() {
    local n
    for n in 1 2 3 4 5; do
        read_backup "$SCRATCH/$n.fsmb" "$PASSPHRASE" >"$SCRATCH/$n.json" || return 1
        jq -e '.secrets as $all | $all.custsecret_fsm_oauth2_client_id as $ids | $all.custsecret_fsm_oauth2_client_secret as $secrets
            | ($ids | keys) == ($secrets | keys) and ($ids | length) > 0
            and all($ids | to_entries[] | select(.value.value | startswith("id-")); .value.value == ($secrets[.key].value | sub("secret"; "id")))
            and any($ids[]; .value | startswith("id-"))' "$SCRATCH/$n.json" || return 1
    done
    [ "$(jq -cS .secrets "$SCRATCH"/[1-5].json | sort -u | wc -l)" -gt 1 ]
}
large_is_in_it() {
    [ "$(jq -r '.secrets.custsecret_large["1"].value' "$SCRATCH/1.json")" = "$(cat "$SCRATCH/large")" ]
}

check "five backups are made while the pair rotates and is read" make_five
check "an independent reader decrypts each; no pair in them is mixed" never_mixed
check "and agrees about every vector" read_backup vectors "$here/../vectors/backup.json"
check "a value larger than a frame is in it whole" large_is_in_it
file=$SCRATCH/1.fsmb
check "it is for its owner alone" [ "$(stat -c %a "$file")" = 600 ]
check "a file that is there is not replaced" refuses 6 as "$ADMIN" backup create --out "$file"
check "nor is a service given one" refuses 3 as "$FSM" backup create --out "$SCRATCH/none.fsmb"
check "and no half file is left" [ ! -e "$SCRATCH/none.fsmb" ]
# newer AT: the file with another number of format at this byte.
newer() { cp "$file" "$SCRATCH/newer.fsmb" && printf '\2' | dd of="$SCRATCH/newer.fsmb" bs=1 seek="$1" conv=notrunc status=none; }
told_newer() { newer "$1" && says "$2 has format 2, and this program reads format 1: install fsm-vault 2.0" 2 backup verify "$SCRATCH/newer.fsmb" --passphrase-file "$PASSPHRASE"; }
check "one of a newer format is told from damage, and what to install" told_newer 4 'the backup'
check "so is one of a vault of a newer format" told_newer 51 'the vault in the backup'
check "and restored by nobody" refuses 2 backup restore "$SCRATCH/newer.fsmb" --passphrase-file "$PASSPHRASE" --data-dir "$SCRATCH/none" --yes
leaves_no_draft() { [ -z "$(find "$SCRATCH" -maxdepth 1 -name '.*.draft')" ]; }
check "nor a draft" leaves_no_draft
check "the log has each, by whom" holds '[.items[] | select( .outcome == "allowed" and .caller == "admin")] | length == 5' \
    as "$ADMIN" audit show --action backup.create -n 100 --output json

verify() { noted backup verify "$@"; }
check "verify opens and counts all of it" holds '.intact and .records.secret == 3 and .records.authority == 1 and (.active_callers | map(.name) == ["admin","bob","fsm","other"])' \
    backup verify "$file" --passphrase-file "$PASSPHRASE" --output json
slot() { as "$ADMIN" keyslot list --output json | jq -r '.items[0].id'; }
check "and names the key slot that opened it" says "key slot $(slot)" 0 verify "$file" --passphrase-file "$PASSPHRASE"
check "a wrong passphrase is told as such" refuses 3 verify "$file" --passphrase-file "$wrong"
check "the reader agrees" refuses 3 read_backup "$file" "$wrong"
check "what is no backup is told without a passphrase" says "no backup" 1 backup verify "$PASSPHRASE"
check "and what isn't there" refuses 2 backup verify "$SCRATCH/nowhere.fsmb" --passphrase-file "$PASSPHRASE"

# Bent at a place: neither the binary nor the reader takes it.
bent() {
    local at=$1 byte
    cp "$file" "$SCRATCH/bent" || return 1
    byte=$(od -An -tu1 -j "$at" -N 1 "$file")
    printf '%b' "\\x$(printf %02x $((byte ^ 1)))" | dd of="$SCRATCH/bent" bs=1 seek="$at" conv=notrunc status=none
    ! cmp -s "$file" "$SCRATCH/bent" || return 1
    refused "$SCRATCH/bent"
}
refused() {
    local code=0
    backup verify "$1" --passphrase-file "$PASSPHRASE" >>"$words" 2>&1 || code=$?
    [[ $code =~ ^[13]$ ]] || { echo "verify: $code"; return 1; }
    code=0
    read_backup "$1" "$PASSPHRASE" >"$SCRATCH/read" 2>&1 || code=$?
    [[ $code =~ ^[34]$ ]] || { echo "reader: $code"; return 1; }
}
# Everywhere: head, header and slot, a frame's start, ciphertext and tag, the frames after it, the digest.
bent_everywhere() {
    local size head at
    size=$(stat -c %s "$file") head=$((47 + 22 + 109))
    for at in 0 4 12 13 46 51 60 69 91 120 177 $head $((head + 4)) $((head + 5)) $((head + 5 + 65536)) $((head + 5 + 65552)) \
        $((size / 2)) $((size - 33)) $((size - 1)); do
        bent "$at" || { echo "at $at of $size"; return 1; }
    done
}
cut_everywhere() {
    local size head at
    size=$(stat -c %s "$file") head=$((47 + 22 + 109))
    for at in 0 46 100 $head $((head + 5 + 65552)) $((size - 32)) $((size - 1)); do
        head -c "$at" "$file" >"$SCRATCH/cut" && refused "$SCRATCH/cut" || { echo "at $at of $size"; return 1; }
    done
}
longer() { { cat "$file"; printf x; } >"$SCRATCH/longer" && refused "$SCRATCH/longer"; }
forged() { read_backup forge "$file" "$PASSPHRASE" "$SCRATCH/forged" && refused "$SCRATCH/forged"; }
check "one bit bent anywhere, and it is refused" bent_everywhere
check "cut anywhere, too" cut_everywhere
check "or longer by a byte" longer
check "or without a record, sealed anew by somebody with the keys" forged

# A passphrase of its own.
check "a backup with its own passphrase is made for one who knows the vault's" \
    noted as "$ADMIN" backup create --out "$SCRATCH/own.fsmb" --passphrase-file "$own" --vault-passphrase-file "$PASSPHRASE"
check "and for nobody else" refuses 3 as "$ADMIN" backup create --out "$SCRATCH/none.fsmb" --passphrase-file "$own" --vault-passphrase-file "$wrong"
# Which of both it is, the vault knows: --passphrase-file with one of the vault's simply makes a backup.
create() { noted as "$ADMIN" backup create "$@" </dev/null; }
check "with a passphrase of the vault's it is the ordinary one, unattended, and says so" says "with the passphrases that the vault has now" 0 \
    create --out "$SCRATCH/ordinary.fsmb" --passphrase-file "$PASSPHRASE"
check "and opens with it" holds '.own_passphrase | not' backup verify "$SCRATCH/ordinary.fsmb" --passphrase-file "$PASSPHRASE" --output json
piped() { noted as "$ADMIN" backup create --out "$SCRATCH/piped.fsmb" --passphrase-file - <"$PASSPHRASE"; }
check "from standard input too" piped
typed() {
    noted python3 "$here/typed.py" "$(cat "$PASSPHRASE")" "$FSM_VAULT_BIN" --identity "$ADMIN" --addr "unix:$SOCKET" backup create "$@"
}
check "with none of them, on a terminal the vault's is asked for" says "with that passphrase of its own alone" 0 \
    typed --out "$SCRATCH/asked.fsmb" --passphrase-file "$own"
check "and it opens with its own" holds '.own_passphrase' backup verify "$SCRATCH/asked.fsmb" --passphrase-file "$own" --output json
check "where nobody can be asked, it is told which of both it may be" \
    says "--vault-passphrase-file FILE" 3 create --out "$SCRATCH/none.fsmb" --passphrase-file "$own"
check "and what to do if it was to be the vault's" grep -qF "put the right one there" "$words"
check "each was a try, as the log has it" holds '[.items[] | select(.reason == "wrong_passphrase")] | length == 3' \
    as "$ADMIN" audit show --action backup.create -n 100 --output json
check "and no draft is left" leaves_no_draft
check "nor a file" [ ! -e "$SCRATCH/none.fsmb" ]
check "it opens with that" holds '.own_passphrase' backup verify "$SCRATCH/own.fsmb" --passphrase-file "$own" --output json
check "for the reader too" read_backup "$SCRATCH/own.fsmb" "$own"
check "and not with the vault's" refuses 3 verify "$SCRATCH/own.fsmb" --passphrase-file "$PASSPHRASE"
check "a short one is refused" answers 422 invalid_field unix "$ADMIN" /v1/sys/backup --json '{"passphrase":"correct horse battery staple","own_passphrase":"short"}'
as "$ADMIN" seal >/dev/null
check "a sealed vault makes none" refuses 5 as "$ADMIN" backup create --out "$SCRATCH/none.fsmb"
stop_daemon || true

# Restore.
new=$SCRATCH/new
restore() { noted backup restore "$SCRATCH/5.fsmb" --passphrase-file "$PASSPHRASE" "$@" </dev/null; }
check "a restore without a terminal lists who comes back, and refuses" says "customscript_other" 2 restore --data-dir "$new"
check "having made nothing" [ ! -e "$new" ]
mkdir "$SCRATCH/full" && touch "$SCRATCH/full/x"
check "a directory with anything in it is refused" refuses 6 restore --data-dir "$SCRATCH/full" --yes
if [ "$(id -u)" = 0 ]; then
    # A file system that was just made isn't empty.
    mkdir -m 700 "$SCRATCH/fresh" "$SCRATCH/fresh/lost+found"
    check "a fresh file system's lost+found is none" restore --data-dir "$SCRATCH/fresh" --yes
fi
check "so is the vault's own" refuses 6 restore --data-dir "$VAULT" --yes
# One who may make nothing there, at a place that isn't there: told before the passphrase is asked for.
if [ "$(id -u)" = 0 ]; then
    mkdir -m 755 "$SCRATCH/roots" && chmod 711 "$SCRATCH" && cp "$SCRATCH/5.fsmb" "$SCRATCH/roots/" && chmod 644 "$SCRATCH/roots/5.fsmb"
    as_nobody() {
        setpriv --reuid 65534 --regid 65534 --clear-groups "$FSM_VAULT_BIN" backup restore "$SCRATCH/roots/5.fsmb" \
            --data-dir "$SCRATCH/roots/new/vault" </dev/null
    }
    check "where this user can make nothing is told first, with what to type" \
        says "sudo install -d -m 0700 -o 65534 $SCRATCH/roots/new/vault" 2 as_nobody
    chmod 700 "$SCRATCH"
fi
check "callers that aren't in it can't be left out" says "leave out --without nobody --without none" 4 \
    restore --data-dir "$new" --yes --without nobody --without other --without none
check "nor can all full operators" refuses 6 restore --data-dir "$new" --yes --without admin --without bob
check "a bent backup restores nothing" refuses 1 backup restore "$SCRATCH/longer" --passphrase-file "$PASSPHRASE" --data-dir "$new" --yes
check "nothing was made by any of these" [ ! -e "$new" ]
check "it is restored without one of them" noted backup restore "$SCRATCH/5.fsmb" --passphrase-file "$PASSPHRASE" --data-dir "$new" --yes --without other
check "a second time it is refused" refuses 6 restore --data-dir "$new" --yes
start_daemon "$new" "$PASSPHRASE"
restarts() {
    stop_daemon && start_daemon "$new" "$PASSPHRASE" && serves_the_pair
}
says_nothing() {
    local secret
    [ -s "$words" ] || return 1
    for secret in "$canary" "$(cat "$PAIR_SECRET")" "$(cat "$PASSPHRASE")" "$(cat "$own")" secret-1; do
        ! grep -qF -- "$secret" "$words" "$LOGS"/* && ! grep -rqF -- "$secret" "$VAULT/audit" "$new/audit" || return 1
    done
}
pair_of_it() {
    jq -r '.secrets.custsecret_fsm_oauth2_client_id[] | select(.state == "current").value' "$SCRATCH/5.json"
}
serves_the_pair() {
    [ "$(as "$FSM" integration credentials fsm --output json | jq -r .client_id)" = "$(pair_of_it)" ]
}
check "a service gets the pair of then, by its old identity" serves_the_pair
check "the one that was left out is refused" refuses 3 as "$OTHER" integration credentials fsm
check "an operator works at once" holds '.state == "revoked"' as "$SCRATCH/bob" caller show other --output json
check "the new log is whole" as "$ADMIN" audit verify
check "and begins with where it comes from" holds '.items[0].changes | .revoked == ["other"] and .active_count == 3 and .backup.audit.seq > 1' \
    as "$ADMIN" audit show --action vault.restore --output json
check "who fetched what is known" holds '.items | map(.caller) | index("fsm") != null' as "$ADMIN" secret consumers custsecret_fsm_oauth2_client_id --output json
check "it can be changed" noted as "$ADMIN" secret rotate _large --value-file "$SCRATCH/large"
check "and backed up" noted as "$ADMIN" backup create --out "$SCRATCH/again.fsmb"
check "who was revoked in it already may be named" says "other is revoked in the backup already" 0 \
    backup restore "$SCRATCH/again.fsmb" --passphrase-file "$PASSPHRASE" --data-dir "$SCRATCH/again" --yes --without other
check "it starts again" restarts

# By the clock: one is made at the start, since there is none yet.
scheduled=$SCRATCH/scheduled
mkdir -m 0700 "$scheduled"
printf '[backup]\ndirectory = "%s"\n' "$scheduled" >"$SCRATCH/config.toml"
starts_with_a_schedule() { stop_daemon && start_daemon "$new" "$PASSPHRASE" --config "$SCRATCH/config.toml"; }
made_by_itself() { [ "$(find "$scheduled" -name "fsm-vault-????????-????????T??????Z.fsmb" -perm 600 | wc -l)" = 1 ]; }
opens_what_was_made() { noted backup verify "$(find "$scheduled" -name '*.fsmb')" --passphrase-file "$PASSPHRASE"; }
check "it starts with a schedule" starts_with_a_schedule
check "and makes a backup by itself" until_true 30 made_by_itself
check "which opens" opens_what_was_made
check "and is in the log" holds '.items[0].caller == "daemon"' as "$ADMIN" audit show --action backup.create --output json
check "no notice stands for it" holds '[.items[] | select(.id | startswith("backup."))] == []' as "$ADMIN" notices --output json
check "no value and no passphrase was printed" says_nothing
check "no daemon has panicked" no_panic
