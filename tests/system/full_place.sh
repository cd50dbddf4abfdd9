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
    umount --lazy "$SMALL" 2>/dev/null || true
    leave
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
