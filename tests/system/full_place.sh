#!/usr/bin/env bash
# A vault that is to be made where there is no room: where that is, and what to type.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
as "$ADMIN" backup create --out "$SCRATCH/vault.fsmb" >/dev/null
stop_daemon

SMALL=$SCRATCH/small
mkdir "$SMALL"
unmount() {
    local code=$?
    umount --lazy "${TLS:-$SMALL}" "$SMALL" 2>/dev/null || true
    leave "$code"
}
if [ "$(id -u)" != 0 ] || ! mount -t tmpfs -o size=300k,mode=0700 tmpfs "$SMALL"; then
    echo "not ok - a small file system: this takes root and mounting; type: sudo env FSM_VAULT_BIN=$FSM_VAULT_BIN $0"
    exit 0
fi
trap unmount EXIT

init() { "$FSM_VAULT_BIN" init --data-dir "$SMALL/new" --passphrase-file "$PASSPHRASE"; }
restore() {
    "$FSM_VAULT_BIN" backup restore "$SCRATCH/vault.fsmb" --data-dir "$SMALL/restored" --passphrase-file "$PASSPHRASE" --yes
}
quickstart() { "$FSM_VAULT_BIN" quickstart --once --dir "$1" </dev/null; }
check "init says where it is full" says "no vault was made in $SMALL/new" 1 init
check "and what to type" says "(df -h $SMALL/new)" 1 init
rm -rf "${SMALL:?}/new"
check "a restore too" says "remove that directory and type the same again" 1 restore
rm -rf "${SMALL:?}/restored"
check "quickstart too" says "no vault was made in $SMALL/quick/vault" 1 quickstart "$SMALL/quick"
head -c 1M /dev/zero >"$SMALL/filler" 2>/dev/null || true
check "and where not even its passphrase has room" says "Name another directory with --dir" 1 quickstart "$SMALL/late"

rm "$SMALL/filler"
rm -rf "${SMALL:?}/quick"
mount -o remount,size=64m "$SMALL"
check "with room, what was typed works: init" init
check "restore" restore

# Backups by the clock, onto the vault's own disk: they never take the room that changes need.
BACKUPS=$SMALL/backups
mkdir -m 700 "$BACKUPS"
printf '[backup]\ndirectory = "%s"\n' "$BACKUPS" >"$SCRATCH/backups.toml"
fallocate -l $(($(df --output=avail -B1 "$SMALL" | tail -n 1) - (32 << 20) - 1000)) "$SMALL/filler"
start_daemon "$SMALL/restored" "$PASSPHRASE" --config "$SCRATCH/backups.toml"
ADMIN=$SCRATCH/vault/identities/admin
refused() { says "on the vault's own disk" 0 as "$ADMIN" notices >/dev/null; }
check "a backup that would take the vault's room is given up, and told" until_true 30 refused
check "nothing of it is left" [ -z "$(ls -A "$BACKUPS")" ]
printf v >"$SCRATCH/value"
check "changes are made" as "$ADMIN" secret create _x --value-file "$SCRATCH/value" --script customscript_a --allow-all-domains
stop_daemon
rm "$SMALL/filler"
start_daemon "$SMALL/restored" "$PASSPHRASE" --config "$SCRATCH/backups.toml"
has_one() { [ "$(find "$BACKUPS" -name '*.fsmb' | wc -l)" = 1 ]; }
check "with room it is made" until_true 30 has_one
stop_daemon

# No room for the certificate that each unsealing issues: the one that there is, or the new one unwritten, serves.
TLS=$SMALL/restored/tls
mkdir "$SCRATCH/tls"
cp -p "$TLS"/* "$SCRATCH/tls"
mount -t tmpfs -o size=32k,mode=0700 tmpfs "$TLS"
cp -p "$SCRATCH/tls"/* "$TLS"
head -c 64k /dev/zero >"$TLS/filler" 2>/dev/null || true
start_daemon "$SMALL/restored" "$PASSPHRASE"
check "without room for its certificate a vault is started" says custsecret_x 0 as "$ADMIN" secret list
as "$ADMIN" seal >/dev/null
check "and unsealed" as "$ADMIN" unseal --passphrase-file "$PASSPHRASE"
check "the log says what couldn't be written" grep -q "can't be written: it is tried again" "$LOG"
check "the one that there is stays" cmp -s "$SCRATCH/tls/server.key" "$TLS/server.key"
stop_daemon
check "nothing panicked" no_panic
