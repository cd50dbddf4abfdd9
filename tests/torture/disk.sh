#!/usr/bin/env bash
# A disk that is full, fails or can't be written, under the store; and no file descriptors: what is answered, that nothing is half
# done, and that all goes on without a restart. A full disk under the log: tests/system/audit_full.sh.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair
as "$ADMIN" caller add reader --script customscript_reader --out "$SCRATCH/reader" >/dev/null
RULES='"restrictions":{"scripts":["customscript_reader"],"allow_all_domains":true}'
head -c 300000 /dev/zero | tr '\0' l >"$SCRATCH/large"
printf '{"id":"_large","value":"%s",%s}' "$(cat "$SCRATCH/large")" "$RULES" >"$SCRATCH/large.json"
check "a large value" answers 201 - unix "$ADMIN" /v1/secrets --json @"$SCRATCH/large.json"

made=0
# make STATUS CODE: asks for a secret of the next number.
make() {
    made=$((made + 1))
    answers "$1" "$2" unix "$ADMIN" /v1/secrets --json "{\"id\":\"_n$made\",\"value\":\"v\",$RULES}"
}
small() { answers 200 - unix "$FSM" /v1/integrations/fsm/credentials; }
large() { answers "$1" "$2" unix "$SCRATCH/reader" /v1/secrets/_large/value && { [ "$1" != 200 ] || holds '.value | length == 300000' cat "$BODY" >/dev/null; }; }
listed() { vault_curl unix "$ADMIN" '/v1/secrets?limit=1000' | jq -c '[.items[] | [.id, .versions]]'; }
refused_and_nothing_done() {
    listed >"$SCRATCH/before"
    make "$1" "$2" && small && listed | cmp "$SCRATCH/before" -
}
goes_on() { until_true 90 make 201 - && small && large 200 -; }
whole() { holds .intact vault_curl unix "$ADMIN" /v1/audit/verify; }
stop_daemon

# --- full

MOUNT=$VAULT/store
mv "$MOUNT" "$SCRATCH/store"
mkdir -m 700 "$MOUNT"
unmount() {
    local code=$?
    umount --lazy "$MOUNT" 2>/dev/null || true
    leave "$code"
}
if [ "$(id -u)" != 0 ] || ! mount -t tmpfs -o size=64m,mode=0700 tmpfs "$MOUNT"; then
    echo "not ok - a small file system for the store: this takes root and mounting; type: sudo env FSM_VAULT_BIN=$FSM_VAULT_BIN $0"
    exit 0
fi
trap unmount EXIT
cp -a "$SCRATCH/store/." "$MOUNT"
fill() { dd if=/dev/zero of="$MOUNT/others" bs=64k status=none 2>/dev/null || true; }

start_daemon "$VAULT" "$PASSPHRASE"
check "full: there is a reserve" [ "$(stat -c %s:%a "$MOUNT/ballast")" = 4194304:600 ]
check "full: it works while there is room" goes_on
fill
check "full: a change is answered 507, and nothing of it is done" refused_and_nothing_done 507 storage_full
check "full: reads go on, large ones too" large 200 -
check "full: the command line says what to do" says "Make room" 1 as "$ADMIN" secret delete _n1 --yes
rm "$MOUNT/others"
check "full: room again, it goes on by itself" goes_on
stop_daemon
fill
start_daemon "$VAULT" "$PASSPHRASE"
check "full when it starts: reads are served" large 200 -
check "full when it starts: a change is answered 507" refused_and_nothing_done 507 storage_full
rm "$MOUNT/others"
check "full when it starts: room again, it goes on by itself" goes_on
check "full when it starts: the reserve is made again" [ -e "$MOUNT/ballast" ]
check "full: the log is intact" whole
check "full: no write had failed" [ -z "$(logged 'select(.message | test("store failed")) | .message')" ]
stop_daemon

# --- failing

if [ -n "${FSM_VAULT_FAILPOINTS_BIN:-}" ]; then
    sound=$FSM_VAULT_BIN FSM_VAULT_BIN=$FSM_VAULT_FAILPOINTS_BIN
    unserved=0
    combinations=(eio@store.sync enospc@store.apply erofs@store.flush)
    # tests/all --full has them all.
    [ "${DISK_ALL:-no}" = no ] || combinations=({eio,enospc,erofs}@store.{apply,flush,sync,synced})
    for combination in "${combinations[@]}"; do
        errno=${combination%@*} point=${combination#*@}
        # It fails once, some writes after the start, and can't be opened again three times.
        export FAILPOINTS="$point=4*off->1*return($errno);store.open=1*off->3*return($errno)"
        start_daemon "$VAULT" "$PASSPHRASE"
        unset FAILPOINTS
        name="$errno at $point"
        failed=no
        for ((round = 0; round < 8; round++)); do
            make 201 - >/dev/null || { failed=yes; break; }
        done
        check "$name: a change is refused" [ "$failed" = yes ]
        # A full disk has its own code, unless it was another write that met it.
        check "$name: with its code" grep -qx "$([ "$errno" = enospc ] && echo '507 storage_full\|')503 storage_unavailable" \
            <(jq -r '"\(.status) \(.code)"' "$BODY")
        check "$name: small values are served from memory" small
        if large 503 storage_unavailable >/dev/null; then unserved=$((unserved + 1)); fi
        check "$name: it goes on by itself" goes_on
        # Whatever became of the change that failed: it is there whole, or not at all, and the log says which.
        said=$(as "$ADMIN" --output json audit tail -n 100 | jq -r '[.items[] | select(.action == "vault.reopen")][0].reason')
        check "$name: the log says what became of the change" grep -qx 'change_made\|change_not_made' <<<"$said"
        check "$name: the log is intact" whole
        listed >"$SCRATCH/after"
        stop_daemon
        start_daemon "$VAULT" "$PASSPHRASE"
        check "$name: after a restart it is the same" cmp "$SCRATCH/after" <(listed)
        stop_daemon
    done

    # The log's disk, at each step of a write, of a new segment and of the removal of an old one, for longer than one of them and the
    # repair after it: the log waits, and is none the worse.
    printf '[audit]\nsegment_bytes = 65536\nretain = 1\ncheckpoint_seconds = 1\n' >"$SCRATCH/segments.toml"
    segments() { find "$VAULT/audit" -name 'audit-*.jsonl' | sort; }
    # busy: reads on one connection, a hundred of them or until one isn't served; says how that was answered.
    busy() {
        env PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$(dirname "$0")/../system" python3 - "$SOCKET" "$FSM" <<'PYTHON'
import sys
from connection import Connection
service = Connection(*sys.argv[1:])
for _ in range(100):
    status, said = service.ask("/v1/integrations/fsm/credentials")
    if status != 200:
        print(status, said["code"])
        break
PYTHON
    }
    refused() { busy >"$SCRATCH/busy" && [ -s "$SCRATCH/busy" ]; }
    kept() { busy >>"$SCRATCH/busy" && [ -n "$(logged 'select(.message | test("retired audit segment can.t be removed")) | 1')" ]; }
    gone() { [ ! -e "$(head -n 1 "$SCRATCH/before.segments")" ] || { busy; return 1; }; }
    combinations=(eio@audit.append enospc@audit.appended eio@audit.sync erofs@audit.create enospc@audit.created eio@audit.remove)
    [ "${DISK_ALL:-no}" = no ] || combinations=({eio,enospc,erofs}@audit.{append,appended,sync,create,created,remove})
    for combination in "${combinations[@]}"; do
        errno=${combination%@*} point=${combination#*@} passes='9*off->'
        name="$errno at $point"
        # Those aren't come by at a write.
        case $point in audit.create | audit.created | audit.remove) passes='' ;; esac
        export FAILPOINTS="$point=${passes}6*return($errno)"
        start_daemon "$VAULT" "$PASSPHRASE" --config "$SCRATCH/segments.toml"
        unset FAILPOINTS
        segments >"$SCRATCH/before.segments"
        : >"$SCRATCH/busy"
        if [ "$point" = audit.remove ]; then
            check "$name: the segment stays, and that is logged" until_true 120 kept
            check "$name: nobody is refused for it" [ ! -s "$SCRATCH/busy" ]
            check "$name: it was to go" [ "$(segments | wc -l)" -gt 1 ]
        else
            check "$name: a read is refused" until_true 120 refused
            check "$name: with its code" grep -qx '503 audit_unavailable' "$SCRATCH/busy"
            segments >"$SCRATCH/meanwhile.segments"
            check "$name: no segment is begun, nor half of one" cmp "$SCRATCH/meanwhile.segments" "$SCRATCH/before.segments"
            check "$name: so is a change" make 503 audit_unavailable
            lost=$made
        fi
        check "$name: it goes on by itself" goes_on
        [ "$point" = audit.remove ] || check "$name: nothing was done of what was refused" refuses 1 grep -F "\"custsecret_n$lost\"" <(listed)
        check "$name: the log is intact" whole
        listed >"$SCRATCH/after"
        stop_daemon
        start_daemon "$VAULT" "$PASSPHRASE" --config "$SCRATCH/segments.toml"
        check "$name: after a restart it is the same" cmp "$SCRATCH/after" <(listed)
        check "$name: and the log intact" whole
        # It takes a full one, which those of writes don't wait for.
        [ -n "$passes" ] || check "$name: old segments go" until_true 60 gone
        stop_daemon
    done

    check "a large value was refused while the store was closed, and never given wrong" [ "$unserved" -gt 0 ]

    # A disk that doesn't answer any more: the third signal ends the daemon all the same, whatever it waits for; two don't. The first
    # would wait for long, so that it's the second one that ends what it can.
    printf '[limits]\ndrain_seconds = 3600\n' >"$SCRATCH/long.toml"
    is_there() { ! ended "$DAEMON"; }
    said() { [ -n "$(logged "select(.message == \"$1\") | 1")" ]; }
    for hanging in store.sync@TERM audit.append@INT; do
        point=${hanging%@*} signal=${hanging#*@}
        export FAILPOINTS="$point=9*off->pause"
        start_daemon "$VAULT" "$PASSPHRASE" --config "$SCRATCH/long.toml"
        unset FAILPOINTS
        # One that is still under way keeps the daemon from ending at the first signal.
        for ((round = 1; round <= 20; round++)); do
            "$FSM_VAULT_BIN" --identity "$ADMIN" --addr "unix:$SOCKET" caller add "hung-$point-$round" \
                --script customscript_a --out "$SCRATCH/hung-$point-$round" >/dev/null 2>&1 &
            ASKER=$!
            until_true 5 ended "$ASKER" || break
            wait "$ASKER" || true
        done
        check "hanging at $point: it is there" is_there
        check "hanging at $point: and a change hangs" refuses 1 ended "$ASKER"
        kill -"$signal" "$DAEMON"
        check "hanging at $point: the first SIG$signal is heard" until_true 30 said "stopping"
        kill -"$signal" "$DAEMON"
        check "hanging at $point: so is the second" until_true 30 said "second signal, ending at once"
        # One that ends with the second would be gone before this is.
        check "hanging at $point: it waits for the disk all the same" refuses 1 until_true 2 ended "$DAEMON"
        kill -"$signal" "$DAEMON"
        check "hanging at $point: the third ends it" until_true 30 ended "$DAEMON"
        wait "$ASKER" || true
        check "hanging at $point: not in order" refuses 1 reap_daemon
        FSM_VAULT_BIN=$sound start_daemon "$VAULT" "$PASSPHRASE"
        check "hanging at $point: after it, all goes on" goes_on
        check "hanging at $point: the log is intact" whole
        stop_daemon
    done
    FSM_VAULT_BIN=$sound
else
    echo "# not run: a failing disk; type: cargo build --features failpoints, and name that binary in FSM_VAULT_FAILPOINTS_BIN"
fi

# --- files that may grow no more, as by ulimit -f

start_daemon "$VAULT" "$PASSPHRASE"
prlimit --pid "$DAEMON" --fsize=4096:unlimited
check "files may grow no more: a change is refused" make 503 audit_unavailable
check "files may grow no more: it lives" kill -0 "$DAEMON"
prlimit --pid "$DAEMON" --fsize=unlimited:unlimited
check "files may grow again: it goes on by itself" goes_on
check "files may grow again: the log is intact" whole
stop_daemon

# --- no file descriptors

start_daemon "$VAULT" "$PASSPHRASE"
used=$(find "/proc/$DAEMON/fd" -mindepth 1 | wc -l)
prlimit --pid "$DAEMON" --nofile=$((used + 12)):$((used + 12))
check "no descriptors: who is connected is served, others once there are some again" \
    env PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$(dirname "$0")/../system" python3 - "$SOCKET" "$PORT" "$FSM" "$ADMIN" <<'PYTHON'
import json, socket, sys
from connection import Connection
where, port, fsm, admin = sys.argv[1:]
reader, operator = Connection(where, fsm), Connection(where, admin)
reader.connect(), operator.connect()
ask = lambda: reader.ask("/v1/integrations/fsm/credentials")[0]
assert ask() == 200 and operator.ask("/v1/secrets")[0] == 200
idle = []
for _ in range(100):
    idle.append(socket.create_connection(("127.0.0.1", int(port))))
late = socket.socket(socket.AF_UNIX)
late.settimeout(0.5)
late.connect(where)
for number in range(50):
    assert ask() == 200
    body = json.dumps({"id": f"_fd{number}", "value": "v", "restrictions": {"scripts": ["customscript_reader"], "allow_all_domains": True}})
    status, said = operator.ask("/v1/secrets", "POST", body)
    assert status == 201, said
for each in idle:
    each.close()
again = Connection(where, fsm)
again.connect()
assert again.ask("/v1/integrations/fsm/credentials")[0] == 200
PYTHON
check "no descriptors: it ran out, and said so" [ -n "$(logged 'select(.message | test("could not be accepted")) | .message')" ]
check "no descriptors: it goes on" goes_on
check "no descriptors: the log is intact" whole
stop_daemon
check "nothing panicked" no_panic
