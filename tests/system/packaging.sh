#!/usr/bin/env bash
# What systemd says of the files in systemd/.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
systemd=$(cd "$(dirname "$0")/../../systemd" && pwd)

# verify UNIT...: systemd-analyze verify, where a word of complaint is a failure too.
verify() {
    local said code=0
    said=$(systemd-analyze verify "$@" 2>&1) || code=$?
    echo "$said"
    [ "$code" = 0 ] && [ -z "$said" ]
}

# The binary isn't installed here, and `verify` wants to see it.
units=$SCRATCH/units
mkdir "$units" "$units/unsealing"
sed "s#^ExecStart=/usr/local/bin/fsm-vault#ExecStart=$FSM_VAULT_BIN#" "$systemd/fsm-vault.service" >"$units/fsm-vault.service"
cp "$systemd/fsm-vault.socket" "$units"
sed 's/^#LoadCredential/LoadCredential/' "$units/fsm-vault.service" >"$units/unsealing/fsm-vault.service"

check "the unit runs the binary under test" grep -q "^ExecStart=$FSM_VAULT_BIN serve" "$units/fsm-vault.service"
check "service and socket are valid units" verify "$units/fsm-vault.service" "$units/fsm-vault.socket"
check "the passphrase line is there" grep -q '^LoadCredentialEncrypted=passphrase:' "$units/unsealing/fsm-vault.service"
check "and valid once uncommented" verify "$units/unsealing/fsm-vault.service"
check "exposure is at most 1.6" systemd-analyze security --no-pager --offline=true --threshold=16 "$systemd/fsm-vault.service"
# Both would hide who is at the other end of the Unix socket.
check "peers stay visible to pins" refuses 1 grep -E '^(PrivateUsers|ProtectProc)=' "$systemd/fsm-vault.service"

root=$SCRATCH/root
mkdir -p "$root/etc"
check "the user is made" systemd-sysusers --root="$root" "$systemd/fsm-vault.sysusers"
check "with a group of its own" grep -q '^fsm-vault:' "$root/etc/group"
if [ "$(id -u)" = 0 ]; then
    modes() { stat -c %a "$root/run/fsm-vault" "$root/var/lib/fsm-vault" | tr '\n' ' '; }
    check "the directories are made" systemd-tmpfiles --root="$root" --create "$systemd/fsm-vault.tmpfiles"
    check "and closed to others" [ "$(modes)" = "750 700 " ]
else
    # Owners can't be given here; with a prefix that nothing has, the file is only read.
    check "the directories are well-formed" systemd-tmpfiles --create --prefix=/nowhere "$systemd/fsm-vault.tmpfiles"
fi
