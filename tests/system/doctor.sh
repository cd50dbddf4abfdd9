#!/usr/bin/env bash
# doctor: what is fine is said to be, what isn't is named with what to type, at rest and while the daemon runs.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

# finds CODE FILTER ARGUMENT...: succeeds if doctor ends with this exit code and jq's FILTER is true of its findings.
finds() {
    local wanted=$1 filter=$2 code=0
    shift 2
    as "$ADMIN" --output json doctor "$@" >"$SCRATCH/findings" 2>&1 || code=$?
    cat "$SCRATCH/findings"
    [ "$code" = "$wanted" ] && jq -e ".findings | ($filter)" "$SCRATCH/findings" >/dev/null
}
# at NAME: the health of that finding, as a jq filter.
at() { printf '(map(select(.at == "%s")) | .[0].health)' "$1"; }

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair
check "a running daemon is fine" finds 0 "$(at vault) == \"ok\" and $(at 'audit log') == \"ok\""
check "its files are left alone" finds 0 "$(at store) == \"not seen\"" --data-dir "$VAULT"
as "$ADMIN" integration create idle --template fsm --redirect-uri https://a.example/ --client-id-secret _i --client-secret-secret _s >/dev/null
idle() { finds 0 "any(.[]; .health == \"warning\" and .at == \"integrations\" and (.found | contains(\"$1\")) and (.advice | contains(\"$2\")))"; }
check "an integration without a pair" idle "idle has no pair" "integration capture idle"
as "$ADMIN" integration edit idle --state blocked >/dev/null
check "and one that is blocked" idle "idle isn't enabled" "--state enabled"
as "$ADMIN" integration delete idle --yes >/dev/null
check "else all have theirs" finds 0 "$(at integrations) == \"ok\""
as "$ADMIN" seal >/dev/null
check "sealed is bad" finds 1 "$(at vault) == \"bad\" and any(.[]; .advice // \"\" | contains(\"fsm-vault unseal\"))"
as "$ADMIN" unseal --passphrase-file "$PASSPHRASE" >/dev/null
stop_daemon
check "a daemon that is gone can't be asked" finds 7 "$(at daemon) == \"bad\" and any(.[]; .advice // \"\" | contains(\"--data-dir\"))"

rest() { finds "$1" "$2" --data-dir "$VAULT" --passphrase-file "$PASSPHRASE"; }
# Little room is as bad at rest as for the daemon's notice, and by the same settings.
for level in low:warning:0 critical:bad:1; do
    IFS=: read -r key health code <<<"$level"
    { printf '[notice]\nlow_space_mib = 1048576\n'; [ "$key" = low ] || echo 'critical_space_mib = 1048576'; } >"$SCRATCH/room.toml"
    check "little room, $key: $health" finds "$code" "$(at space) == \"$health\"" --data-dir "$VAULT" --config "$SCRATCH/room.toml"
done
check "at rest all is fine" rest 0 "$(at records) == \"ok\" and $(at 'audit log') == \"ok\" and all(.health != \"bad\")"
check "it counts what there is" rest 0 'any(.[]; .found | contains("2 secrets, 1 integrations, 3 callers"))'
check "without the passphrase it says what it didn't see" finds 0 "$(at records) == \"not seen\"" --data-dir "$VAULT"
private_file "$SCRATCH/wrong" 'wrong horse battery staple'
# typed LINE ARGUMENT...: doctor on a terminal, where LINE is typed at its question; prints what stands there.
typed() { python3 "$(dirname "$0")/typed.py" "$1" "$FSM_VAULT_BIN" doctor "${@:2}"; }
check "on a terminal it asks for the passphrase" says "2 secrets, 1 integrations, 3 callers" 0 \
    typed "$(cat "$PASSPHRASE")" --data-dir "$VAULT"
check "an empty line declines, and it says what wasn't checked" says "for want of the passphrase" 0 typed "" --data-dir "$VAULT"
check "which is not asked in vain" says "no vault" 1 timeout 20 "$FSM_VAULT_BIN" doctor --data-dir "$SCRATCH/nowhere"
check "a wrong passphrase is told" finds 1 "$(at passphrase) == \"bad\"" --data-dir "$VAULT" --passphrase-file "$SCRATCH/wrong"
check "with the file that it stood in" says "the file $SCRATCH/wrong (--passphrase-file)" 1 \
    as "$ADMIN" doctor --data-dir "$VAULT" --passphrase-file "$SCRATCH/wrong"
check "looking changes nothing that it reports" rest 0 "$(at records) == \"ok\""
check "text says what to do" says "do: " 1 as "$ADMIN" doctor --data-dir "$VAULT" --passphrase-file "$SCRATCH/wrong"

if [ "$(id -u)" = 0 ]; then
    mkdir "$SCRATCH/anothers" && touch "$SCRATCH/anothers/some.fsmb" && chown nobody "$SCRATCH/anothers"
    check "another user's directory without a vault is told as that alone" finds 1 \
        'map(select(.health == "bad") | .at) == ["data directory", "store"] and any(.[]; .found | contains("there is no vault"))' \
        --data-dir "$SCRATCH/anothers"
    # Who may not look isn't told that something is wrong with what he can't see.
    chmod 0755 "$SCRATCH"
    cp "$FSM_VAULT_BIN" "$SCRATCH/fsm-vault"
    as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$SCRATCH/fsm-vault" "$@"; }
    as_owner() { as_nobody doctor --data-dir "$VAULT" >"$SCRATCH/asked" 2>&1 || ! grep -E '^ +do: ' "$SCRATCH/asked" | grep -vE 'look as its owner|as for'; }
    check "who may not look is told who may" as_owner
fi

cp -r "$VAULT" "$SCRATCH/prepared"
fresh() { rm -rf "$VAULT" && cp -r "$SCRATCH/prepared" "$VAULT"; }
chmod 0755 "$VAULT/audit"
check "a directory open to others" rest 1 "$(at permissions) == \"bad\""
check "which stays as it is" [ "$(stat -c %a "$VAULT/audit")" = 755 ]
fresh
chmod 0640 "$VAULT/tls/server.key" "$VAULT/tls/operators.json"
check "a file open to others, with the command that closes it" \
    rest 1 "any(.[]; .advice == \"take it from the others: chmod 600 $VAULT/tls/server.key\")"
fresh
rm "$VAULT/tls/server.key" "$VAULT/tls/operators.json"
remedies() { as "$ADMIN" doctor --data-dir "$VAULT" | grep -c "do: .*fsm-vault serve --data-dir $VAULT"; }
check "a remedy that two findings share is told once" [ "$(remedies)" = 1 ]
check "nothing is left for the reader to find out" says "do: as for the server certificate above" 1 as "$ADMIN" doctor --data-dir "$VAULT"
fresh
sed -i '3s/"allowed"/"denied!"/' "$VAULT/audit/audit-00000001.jsonl"
check "a bent log" rest 1 "$(at 'audit log') == \"bad\" and any(.[]; .found | contains(\"segment 1, line 3\"))"
for place in store audit tls; do
    fresh
    rm -r "${VAULT:?}/$place" && : >"$VAULT/$place"
    check "a file in the place of $place/ is named" says "$VAULT/$place: is no directory, and should be one: move it away" 1 \
        as "$ADMIN" doctor --data-dir "$VAULT" --passphrase-file "$PASSPHRASE"
    check "and by a start" says "$VAULT/$place: is no directory, and should be one: move it away" 1 \
        "$FSM_VAULT_BIN" serve --data-dir "$VAULT" --passphrase-file "$PASSPHRASE"
done
fresh
mkdir -p "$VAULT/store/snap.00000000000000FF.generating/kept"
check "a directory where the database makes a file" says "mv $VAULT/store/snap.00000000000000FF.generating SOMEWHERE" 1 \
    as "$ADMIN" doctor --data-dir "$VAULT" --passphrase-file "$PASSPHRASE"
fresh
rm "$VAULT/tls/server.key"
check "a missing server key" rest 1 "$(at 'server certificate') == \"bad\""
fresh
dd if=/dev/urandom of="$VAULT/store/db" bs=1024 seek=0 count=64 conv=notrunc status=none
check "a broken store, and what to do" rest 1 'any(.[]; .advice // "" | contains("backup restore"))'
fresh
rm -r "$VAULT/store"
check "no store" rest 1 "$(at store) == \"bad\""
# Where there is no vault nothing is made.
mkdir "$SCRATCH/empty" "$SCRATCH/foreign" "$SCRATCH/foreign/store" && echo kept >"$SCRATCH/foreign/file"
there() { find "$1" -mindepth 1 -printf '%P %s\n' | sort | tr '\n' ' '; }
foreign=$(there "$SCRATCH/foreign")
for place in empty foreign; do
    check "$place: nothing of one is missed" finds 1 'all(.at != "local CA" and .at != "server certificate")' --data-dir "$SCRATCH/$place"
    check "$place: no vault" finds 1 "$(at store) == \"bad\"" --data-dir "$SCRATCH/$place" --passphrase-file "$PASSPHRASE"
done
check "an empty directory stays empty" [ "$(there "$SCRATCH/empty")" = "" ]
check "another as it is" [ "$(there "$SCRATCH/foreign")" = "$foreign" ]
check "no directory" finds 1 "$(at 'data directory') == \"bad\"" --data-dir "$SCRATCH/nowhere"
check "the passphrase file goes with a directory" refuses 2 as "$ADMIN" doctor --passphrase-file "$PASSPHRASE"
check "nothing panicked" no_panic
