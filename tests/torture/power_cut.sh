#!/usr/bin/env bash
# The power goes right after an acknowledgement: ext4 on a loop device, shut down without flushing its journal.

# In a mount namespace of its own: whoever makes another one meanwhile would take the disk along, and keep it as it is.
if [ "$(id -u)" = 0 ] && [ -z "${POWER_CUT_ALONE:-}" ] && unshare --mount true 2>/dev/null; then
    POWER_CUT_ALONE=yes exec unshare --mount "$0"
fi
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"
CUTS=${POWER_CUTS:-10} SEED=${SEED:-$RANDOM}

MOUNT=$SCRATCH/disk IMAGE=$SCRATCH/image
truncate -s 512M "$IMAGE"
mkdir "$MOUNT"
unmount() {
    local code=$?
    umount --lazy "$MOUNT" 2>/dev/null || true
    leave "$code"
}
if [ "$(id -u)" != 0 ] || ! command -v mkfs.ext4 >/dev/null || ! mkfs.ext4 -q -F "$IMAGE" || ! mount -o loop "$IMAGE" "$MOUNT"; then
    echo "# not run: it takes root, mkfs.ext4 and a loop device; type: sudo env FSM_VAULT_BIN=$FSM_VAULT_BIN $0"
    echo "ok - power cuts are skipped here"
    exit 0
fi
trap unmount EXIT

VAULT=$MOUNT/vault PASSPHRASE=$SCRATCH/passphrase ADMIN=$SCRATCH/admin
private_file "$PASSPHRASE" 'correct horse battery staple'
"$FSM_VAULT_BIN" init --data-dir "$VAULT" --passphrase-file "$PASSPHRASE" >/dev/null
cp -a "$VAULT/identities/admin" "$ADMIN"
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair
as "$ADMIN" caller add reader --script customscript_reader --out "$SCRATCH/reader" >/dev/null
stop_daemon
# Made before the cuts: it, too, is durable once it has been acknowledged.
sync -f "$MOUNT"
jq -n --arg binary "$FSM_VAULT_BIN" --arg vault "$VAULT" --arg passphrase "$PASSPHRASE" --arg admin "$ADMIN" \
    --arg reader "$SCRATCH/reader" --arg fsm "$FSM" --arg scratch "$SCRATCH" --arg mount "$MOUNT" --arg image "$IMAGE" \
    --argjson deaths "$CUTS" --argjson seed "$SEED" \
    '{binary: $binary, vault: $vault, passphrase: $passphrase, admin: $admin, reader: $reader, fsm: $fsm, scratch: $scratch,
      mount: $mount, image: $image, deaths: $deaths, seed: $seed, cut: "power"}' >"$SCRATCH/plan.json"
PYTHONDONTWRITEBYTECODE=1 python3 "$(dirname "$0")/ill_use/main.py" "$SCRATCH/plan.json" || echo "not ok - the driver ended with $?"
