#!/usr/bin/env bash
# An older copy of the store is refused, with what to type, and taken when that is typed.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair
stop_daemon
cp -a "$VAULT" "$SCRATCH/older"
start_daemon "$VAULT" "$PASSPHRASE"
as "$ADMIN" backup create --out "$SCRATCH/backup.fsmb" >/dev/null
as "$ADMIN" caller revoke fsm >/dev/null
check "revoked, it gets nothing" answers 403 caller_revoked unix "$FSM" /v1/integrations/fsm/credentials
stop_daemon
cp -a "$VAULT" "$SCRATCH/newest"

# put_back NAME...: the newest directory with these parts of the older one.
put_back() {
    rm -rf "$VAULT" && cp -a "$SCRATCH/newest" "$VAULT"
    local name
    for name in "$@"; do
        rm -rf "${VAULT:?}/$name" && cp -a "$SCRATCH/older/$name" "$VAULT/$name"
    done
}
serve() { timeout 60 "$FSM_VAULT_BIN" serve --data-dir "$VAULT" --passphrase-file "$PASSPHRASE" --listen "unix:$VAULT/run/vault.sock" "$@"; }

put_back store
check "an older store: the daemon refuses, and says what to type" says --accept-rollback 6 serve
check "it names the change that is lacking" says "caller.revoke fsm" 6 serve
check "and leaves the log as it was" diff -r "$SCRATCH/newest/audit" "$VAULT/audit"
put_back store audit
check "with an older log, the file epoch tells" says "the file epoch knows" 6 serve
put_back store epoch
check "with an older file, the log tells" says "the audit log knows" 6 serve
put_back
rm "$VAULT/epoch"
check "without the file, it can't be told" says "the file epoch is gone" 6 serve

put_back
"$FSM_VAULT_BIN" init --data-dir "$SCRATCH/another" --passphrase-file "$PASSPHRASE" >/dev/null
start_daemon "$SCRATCH/another" "$PASSPHRASE"
stop_daemon
cp "$SCRATCH/another/epoch" "$VAULT/epoch"
check "with another vault's, it can't be told either" says "the file epoch isn't this vault's" 6 serve
put_back
rm "$VAULT/epoch" && mkdir "$VAULT/epoch"
check "a directory in its place is to be moved away" says "mv $VAULT/epoch SOMEWHERE" 6 serve
check "whatever is accepted" says "mv $VAULT/epoch SOMEWHERE" 6 serve --accept-rollback
rmdir "$VAULT/epoch"

put_back store epoch
rm -r "$VAULT/audit"
start_daemon "$VAULT" "$PASSPHRASE"
check "without a log nothing inside tells; the daemon says so" grep -q "newest can't be told" "$LOG"
check "and a critical notice stands" refuses 1 as "$ADMIN" notices --fail-on critical
stop_daemon
put_back store
check "operator recover refuses, and takes the same flag" says --accept-rollback 6 \
    "$FSM_VAULT_BIN" operator recover --data-dir "$VAULT" --passphrase-file "$PASSPHRASE" --out "$SCRATCH/recovered"
check "accepted, it recovers" "$FSM_VAULT_BIN" operator recover --data-dir "$VAULT" --passphrase-file "$PASSPHRASE" \
    --out "$SCRATCH/recovered" --accept-rollback

put_back store
start_daemon "$VAULT" ''
check "sealed, unseal refuses too" says --accept-rollback 6 as "$ADMIN" unseal --passphrase-file "$PASSPHRASE"
check "over the API: 409" answers 409 conflict unix "$ADMIN" /v1/sys/unseal --json '{"passphrase":"correct horse battery staple"}'
check "nothing is served" answers 503 sealed unix "$FSM" /v1/integrations/fsm/credentials
check "accepted, it unseals" as "$ADMIN" unseal --accept-rollback --passphrase-file "$PASSPHRASE"
check "and the log says so" holds '.items | any(.[]; .action == "vault.accept_rollback" and .changes.witness > .changes.store)' \
    as "$ADMIN" --output json audit tail
check "what was undone is active again, as it says" answers 200 - unix "$FSM" /v1/integrations/fsm/credentials
check "the log is intact" as "$ADMIN" audit verify
check "a critical notice stands" refuses 1 as "$ADMIN" notices --fail-on critical
notice() { as "$ADMIN" --output json notices | jq -r '.items[].id | select(startswith("rollback."))'; }
check "until somebody acknowledges it" as "$ADMIN" notices acknowledge "$(notice)"
check "then none does" as "$ADMIN" notices --fail-on critical
stop_daemon
start_daemon "$VAULT" "$PASSPHRASE"
check "from then on it starts as usual" as "$ADMIN" status
stop_daemon
cp -a "$VAULT" "$SCRATCH/accepted"
# set_aside NAME...: the vault that took the older store, with these parts of the newest that was set aside for it.
set_aside() {
    rm -rf "$VAULT" && cp -a "$SCRATCH/accepted" "$VAULT"
    local name
    for name in "$@"; do rm -rf "${VAULT:?}/$name" && cp -a "$SCRATCH/newest/$name" "$VAULT/$name"; done
}
set_aside store
check "the store that was set aside is the older one now" says --accept-rollback 6 serve
set_aside store audit
check "with its log, the file epoch tells" says "the file epoch knows" 6 serve
set_aside store epoch
check "with its file, the log tells" says "the audit log knows" 6 serve

# An acceptance that can't be stored is none: the newest store goes on being the newest.
if [ -n "${FSM_VAULT_FAILPOINTS_BIN:-}" ]; then
    put_back store
    in_vain() { FAILPOINTS='store.apply=return(enospc)' FSM_VAULT_BIN=$FSM_VAULT_FAILPOINTS_BIN serve --accept-rollback; }
    check "an acceptance that can't be stored is none" says "the storage is full" 1 in_vain
    check "the log says so" grep -qF '"outcome":"failed"' <(cat "$VAULT"/audit/audit-*.jsonl | grep vault.accept_rollback)
    check "and the older store is refused as before" says --accept-rollback 6 serve
    rm -rf "$VAULT/store" "$VAULT/epoch" && cp -a "$SCRATCH/newest/store" "$SCRATCH/newest/epoch" "$VAULT"
    start_daemon "$VAULT" "$PASSPHRASE"
    check "the newest one is taken for what it is" answers 403 caller_revoked unix "$FSM" /v1/integrations/fsm/credentials
    check "and its log is intact" as "$ADMIN" audit verify
    stop_daemon
else
    echo "# not run: an acceptance in vain; type: cargo build --features failpoints, and name that binary in FSM_VAULT_FAILPOINTS_BIN"
fi

# Of a restored vault: the store that its backup was made of, beside what the restore made.
RESTORED=$SCRATCH/restored
check "it is restored" "$FSM_VAULT_BIN" backup restore "$SCRATCH/backup.fsmb" --passphrase-file "$PASSPHRASE" --data-dir "$RESTORED" --yes
start_daemon "$RESTORED" "$PASSPHRASE"
stop_daemon
rm -rf "$RESTORED/store" && cp -a "$SCRATCH/newest/store" "$RESTORED/store"
VAULT=$RESTORED check "restored: the store that it was backed up from is none of it" says --accept-rollback 6 serve

# The whole directory: nothing inside of it can tell, as docs/threats.md says.
rm -rf "$VAULT" && cp -a "$SCRATCH/older" "$VAULT"
start_daemon "$VAULT" "$PASSPHRASE"
check "the whole directory put back looks whole: what was undone is active again" answers 200 - unix "$FSM" /v1/integrations/fsm/credentials
check "and nothing stands" as "$ADMIN" notices --fail-on critical
stop_daemon
put_back
start_daemon "$VAULT" "$PASSPHRASE" --accept-rollback
check "accepted where nothing is to be accepted, nothing is logged" \
    holds '.items | all(.[]; .action != "vault.accept_rollback")' as "$ADMIN" --output json audit tail -n 100
check "the newest has the caller revoked" answers 403 caller_revoked unix "$FSM" /v1/integrations/fsm/credentials
stop_daemon
check "sealed, serve can't accept" says "fsm-vault unseal" 2 "$FSM_VAULT_BIN" serve --data-dir "$VAULT" --accept-rollback
check "nothing panicked" no_panic
