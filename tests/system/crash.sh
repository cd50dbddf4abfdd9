#!/usr/bin/env bash
# kill -9 at any moment: fsm setup happened whole or not at all, what was acknowledged is there, and every value that
# a client got has its audit entry.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# tests/all --full kills more often.
ROUNDS=${CRASH_ROUNDS:-24}

python() {
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$(dirname "$0") python3 - "$@"
}
prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
as "$ADMIN" caller add fsm --script customscript_nx_suitelet2 --out "$SCRATCH/fsm" >/dev/null
FSM=$SCRATCH/fsm
stop_daemon
mv "$VAULT" "$SCRATCH/prepared"
fresh() {
    rm -rf "$VAULT"
    cp -r "$SCRATCH/prepared" "$VAULT"
}

# setup_and_kill SECONDS|never BYTES: fsm setup with halves of so many bytes, the daemon killed so long after the request
# began; says `acknowledged` or `lost`, and how long it took.
setup_and_kill() {
    python "$SOCKET" "$ADMIN" "$DAEMON" "$@" <<'PYTHON'
import http.client, json, os, signal, sys, threading, time
from connection import Connection
socket, admin, daemon, delay, length = sys.argv[1:]
half = lambda letter: letter * int(length)
body = json.dumps({"name": "fsm", "template": "fsm", "credentials": {"client_id": half("i"), "client_secret": half("s")}})
connection = Connection(socket, admin)
connection.connect()
begun = threading.Event()
def kill():
    begun.wait()
    time.sleep(float(delay))
    os.kill(int(daemon), signal.SIGKILL)
if delay != "never":
    killer = threading.Thread(target=kill)
    killer.start()
start = time.monotonic()
begun.set()
try:
    status, answer = connection.ask("/v1/integrations", "POST", body)
    assert status == 201, answer
    outcome = "acknowledged"
except (OSError, http.client.HTTPException):
    outcome = "lost"
print(outcome, time.monotonic() - start)
PYTHON
}

# How long it takes when nobody kills: small halves, and halves of many pieces.
declare -A takes
for bytes in 64 300000; do
    fresh
    start_daemon "$VAULT" "$PASSPHRASE"
    read -r outcome takes[$bytes] < <(setup_and_kill never "$bytes")
    check "fsm setup of $bytes bytes" [ "$outcome" = acknowledged ]
    stop_daemon
done

# whole OUTCOME BYTES: both secrets and the record are there, with their values, or none is; sets THERE.
whole() {
    local secrets records
    secrets=$(vault_curl unix "$ADMIN" /v1/secrets | jq '.items | length') || return 1
    records=$(vault_curl unix "$ADMIN" /v1/integrations | jq '.items | length') || return 1
    THERE=$secrets$records
    case $THERE in
        00) [ "$1" = lost ] && answers 403 access_denied unix "$FSM" /v1/integrations/fsm/credentials ;;
        21) holds ".version == 1 and .client_id == \"i\" * $2 and .client_secret == \"s\" * $2" \
            vault_curl unix "$FSM" /v1/integrations/fsm/credentials >/dev/null ;;
        *) echo "$secrets secrets, $records records"; return 1 ;;
    esac
}

fresh
start_daemon "$VAULT" "$PASSPHRASE"
torn=0 broken=0 acknowledged=0 unheard=0 nothing=0
for ((round = 1; round <= ROUNDS; round++)); do
    bytes=64
    ((round % 3)) || bytes=300000
    delay=$(awk -v most="${takes[$bytes]}" -v seed="$RANDOM$round" 'BEGIN { srand(seed); print rand() * 1.2 * most }')
    read -r outcome _ < <(setup_and_kill "$delay" "$bytes")
    reap_daemon || true
    start_daemon "$VAULT" "$PASSPHRASE"
    THERE=''
    whole "$outcome" "$bytes" || { torn=$((torn + 1)); echo "# round $round: $outcome after $delay s, $bytes bytes: $THERE"; }
    holds .intact vault_curl unix "$ADMIN" /v1/audit/verify || broken=$((broken + 1))
    case $outcome$THERE in
        acknowledged*) acknowledged=$((acknowledged + 1)) ;;
        lost21) unheard=$((unheard + 1)) ;;
        *) nothing=$((nothing + 1)) ;;
    esac
    if [ "$THERE" != 00 ]; then
        stop_daemon
        fresh
        start_daemon "$VAULT" "$PASSPHRASE"
    fi
done >"$SCRATCH/rounds"
grep '^#' "$SCRATCH/rounds" || true
echo "# killed in $ROUNDS setups: $acknowledged had answered, $unheard had stored and not answered, $nothing had not stored"
check "$ROUNDS kills: both secrets and the record, or none" [ "$torn" = 0 ]
check "the audit log was intact after each" [ "$broken" = 0 ]
check "some kills came before the change was made" [ "$nothing" -gt 0 ]
check "and some after" [ $((acknowledged + unheard)) -gt 0 ]
stop_daemon

# read_and_kill: four clients read until the daemon is killed; the IDs of the requests that got the value.
read_and_kill() {
    python "$SOCKET" "$PORT" "$FSM" "$DAEMON" "$1" <<'PYTHON'
import http.client, os, random, signal, sys, threading
from connection import Connection
socket, port, identity, daemon, out = sys.argv[1:]
served, enough, lock = [], threading.Event(), threading.Lock()
most = random.randint(100, 300)
def read(where):
    connection = Connection(where, identity)
    try:
        while True:
            connection.request("GET", "/v1/integrations/fsm/credentials")
            answer = connection.getresponse()
            whole = answer.read()
            if answer.status == 200 and b"iiii" in whole:
                with lock:
                    served.append(answer.headers["x-request-id"])
                    if len(served) >= most:
                        enough.set()
    except (OSError, http.client.HTTPException):
        enough.set()
readers = [threading.Thread(target=read, args=(where,)) for where in (socket, socket, port, port)]
for each in readers:
    each.start()
enough.wait()
os.kill(int(daemon), signal.SIGKILL)
for each in readers:
    each.join()
assert len(served) >= most, len(served)
open(out, "w").write("".join(f"{each}\n" for each in served))
PYTHON
}
for durability in fsync write; do
    fresh
    printf '[audit]\ndurability = "%s"\n' "$durability" >"$SCRATCH/config.toml"
    start_daemon "$VAULT" "$PASSPHRASE" --config "$SCRATCH/config.toml"
    setup_and_kill never 64 >/dev/null
    check "reads under way when it is killed, $durability" read_and_kill "$SCRATCH/served"
    reap_daemon || true
    start_daemon "$VAULT" "$PASSPHRASE" --config "$SCRATCH/config.toml"
    as "$ADMIN" --output json audit tail -n 100000 | jq -r '.items[] | select(.outcome == "allowed") | .request_id' |
        sort >"$SCRATCH/audited"
    check "every value that was served has its entry" [ -z "$(sort "$SCRATCH/served" | comm -23 - "$SCRATCH/audited")" ]
    check "the log is intact" as "$ADMIN" audit verify
    check "and status says so" holds '.audit == {available: true, damaged: false}' as "$ADMIN" --output json status
    stop_daemon
done
check "nothing panicked" no_panic
