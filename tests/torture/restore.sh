#!/usr/bin/env bash
# A restore that is killed at each of its failpoints leaves what is told as unfinished, or the whole vault; and it is done again.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"

if [ -z "${FSM_VAULT_FAILPOINTS_BIN:-}" ]; then
    echo "# not run: the failpoints; type: cargo build --features failpoints, and name that binary in FSM_VAULT_FAILPOINTS_BIN"
    exit 0
fi
prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair
as "$ADMIN" backup create --out "$SCRATCH/one.fsmb" >/dev/null
stop_daemon
new=$SCRATCH/new
restore() { "$FSM_VAULT_BIN" backup restore "$SCRATCH/one.fsmb" --passphrase-file "$PASSPHRASE" --data-dir "$new" --yes; }
serve() { timeout 60 "$FSM_VAULT_BIN" serve --data-dir "$new" --passphrase-file "$PASSPHRASE" --listen "unix:$new/run/vault.sock"; }
killed() {
    local code=0
    rm -rf "$new"
    FAILPOINTS="$1=return(kill)" FSM_VAULT_BIN=$FSM_VAULT_FAILPOINTS_BIN restore || code=$?
    [ "$code" = 137 ]
}
serves() {
    start_daemon "$new" "$PASSPHRASE"
    answers 200 - unix "$FSM" /v1/integrations/fsm/credentials
    stop_daemon
}

for point in restore.begun restore.filled restore.commit; do
    check "killed at $point" killed "$point"
    check "it is no vault, and that is told with what to do" says "came to no end" 6 serve
    check "nor is a restore into it made before it is gone" says "remove that directory" 6 restore
    rm -rf "$new"
    check "then it is done again" restore
    check "and serves" serves
done
check "killed after the last write" killed restore.committed
check "it is the whole vault, and serves" serves


# A backup by the clock whose disk doesn't answer.
mkdir "$SCRATCH/backups"
printf '[limits]\ndrain_seconds = 1\n[backup]\ndirectory = "%s"\n' "$SCRATCH/backups" >"$SCRATCH/backups.toml"
sound=$FSM_VAULT_BIN
FSM_VAULT_BIN=$FSM_VAULT_FAILPOINTS_BIN FAILPOINTS='backup.write=pause' start_daemon "$VAULT" "$PASSPHRASE" --config "$SCRATCH/backups.toml"
FSM_VAULT_BIN=$sound
begun() { [ "$(as "$ADMIN" --output json audit show --action backup.create -n 100 | jq '[.items[] | select(.caller == "daemon")] | length')" -gt 0 ]; }
check "a backup's disk hangs" until_true 30 begun
check "a seal doesn't wait for it" timeout 30 "$FSM_VAULT_BIN" --identity "$ADMIN" --addr "unix:$SOCKET" seal
check "nor does the end" stop_daemon
check "nothing of it is left" [ -z "$(ls -A "$SCRATCH/backups")" ]
check "nothing panicked" no_panic
