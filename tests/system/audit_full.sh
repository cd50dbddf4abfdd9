#!/usr/bin/env bash
# A full disk under the audit log: nothing is released without its entry, and it recovers by itself when there is room.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair
stop_daemon

# The log on a small file system of its own.
MOUNT=$VAULT/audit
mv "$MOUNT" "$SCRATCH/log"
mkdir -m 700 "$MOUNT"
unmount() {
    local code=$?
    # The daemon may still hold it: let go of it now, gone when that ends.
    umount --lazy "$MOUNT" 2>/dev/null || true
    leave "$code"
}
if [ "$(id -u)" != 0 ] || ! mount -t tmpfs -o size=512k,mode=0700 tmpfs "$MOUNT"; then
    echo "not ok - a small file system for the log: this takes root and mounting; type: sudo env FSM_VAULT_BIN=$FSM_VAULT_BIN $0"
    exit 0
fi
trap unmount EXIT
cp -a "$SCRATCH/log/." "$MOUNT"

for durability in fsync write; do
    printf '[audit]\ndurability = "%s"\n' "$durability" >"$SCRATCH/config.toml"
    start_daemon "$VAULT" "$PASSPHRASE" --config "$SCRATCH/config.toml"
    read_pair() { answers "$1" "$2" "${3:-unix}" "$FSM" /v1/integrations/fsm/credentials; }
    check "$durability: read while there is room" read_pair 200 -
    vault_curl unix "$ADMIN" /v1/callers | jq -c '.items | map([.name, .state])' >"$SCRATCH/before"
    full() {
        dd if=/dev/zero of="$MOUNT/ballast" bs=4k status=none 2>/dev/null || true
        # What is left of the last page takes some more entries.
        until_true 20 read_pair 503 audit_unavailable
    }
    check "$durability: full, it answers 503" full
    check "$durability: over TCP too" read_pair 503 audit_unavailable tcp
    check "$durability: nothing is released" refuses 1 grep -qf "$PAIR_SECRET" "$BODY"
    # Its entry is longer than a release's, which didn't fit.
    check "$durability: nor is a refusal told" answers 503 audit_unavailable unix "$OTHER" \
        "/v1/secrets/$(printf 'x%.0s' {1..89})/value?domain=$(printf 'y%.0s' {1..60}).example"
    check "$durability: nor anything changed" answers 503 audit_unavailable unix "$ADMIN" /v1/callers \
        --json '{"name":"unaudited","service":{"script":"customscript_x"}}'
    check "$durability: the command line says so" says audit_unavailable 1 as "$FSM" secret get _fsm_oauth2_client_id
    check "$durability: status tells" holds '.audit.available | not' vault_curl unix "$FSM" /v1/sys/status
    check "$durability: the answer, too" says "disk is full: make room on it" 1 as "$FSM" secret get _fsm_oauth2_client_id
    check "$durability: and doctor, with what to do" says "make room on its disk" 1 as "$ADMIN" doctor
    check "$durability: the log tells why, without the value" [ "$(logged 'select(.level == "ERROR") | .message' |
        sort -u)" = "audit log can't be written
audit log is full; nothing is released or changed until there is room" ]
    rm "$MOUNT/ballast"
    check "$durability: room again, it recovers by itself" until_true 20 read_pair 200 -
    check "$durability: the log says that it refused, and for how many" holds '[.items[] | select(.action | startswith("audit.re"))] |
        .[0].action == "audit.resume" and .[0].count > 2 and .[1].action == "audit.refusing"' as "$ADMIN" --output json audit tail -n 100
    check "$durability: the last room is set aside again" [ "$(stat -c %s:%a "$MOUNT/reserve")" = 16384:600 ]
    check "$durability: the caller was not added" cmp "$SCRATCH/before" \
        <(vault_curl unix "$ADMIN" /v1/callers | jq -c '.items | map([.name, .state])')
    check "$durability: the log is intact" as "$ADMIN" audit verify
    check "$durability: and status says so" holds '.audit == {available: true, damaged: false}' \
        vault_curl unix "$FSM" /v1/sys/status
    stop_daemon
done
start_daemon "$VAULT" "$PASSPHRASE"
check "intact after a restart" as "$ADMIN" audit verify
stop_daemon
check "nothing panicked" no_panic
