#!/usr/bin/env bash
# kill -9 while a pair is rotated and read: both halves are always of one version, what was acknowledged is there, and
# every pair that a client got has its audit entry.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
# tests/all --full kills more often.
ROUNDS=${CRASH_ROUNDS:-10}

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair

# rotate_and_kill FIRST BYTES OUT: rotates from number FIRST on with halves of so many bytes and more, while two clients
# read, until the daemon is killed at some moment; prints the last number that was acknowledged and the last that was
# sent. The IDs of the requests that got a pair go to OUT. Fails if a reader saw halves of two pairs.
rotate_and_kill() {
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$(dirname "$0") python3 - "$SOCKET" "$PORT" "$ADMIN" "$FSM" "$DAEMON" "$@" <<'PYTHON'
import http.client, json, os, random, signal, sys, threading, time
from connection import Connection
socket, port, admin, fsm, daemon, first, length, out = sys.argv[1:]
half = lambda what, number: f"{what} {number} " + "x" * int(length)
number_of = lambda text: int(text.split()[1])
served, mixed, lock = [], [], threading.Lock()
acknowledged = sent = int(first) - 1

def read(where):
    connection = Connection(where, fsm)
    try:
        while True:
            connection.request("GET", "/v1/integrations/fsm/credentials")
            answer = connection.getresponse()
            whole = json.loads(answer.read())
            if answer.status == 200 and whole["client_id"].startswith("id "):
                with lock:
                    served.append(answer.headers["x-request-id"])
                    if number_of(whole["client_id"]) != number_of(whole["client_secret"]):
                        mixed.append(whole["version"])
    except (OSError, http.client.HTTPException, ValueError):
        pass

def kill():
    time.sleep(random.uniform(0.02, 0.4))
    os.kill(int(daemon), signal.SIGKILL)

writer = Connection(socket, admin)
writer.connect()
threads = [threading.Thread(target=read, args=(where,)) for where in (socket, port)] + [threading.Thread(target=kill)]
for each in threads:
    each.start()
try:
    while True:
        sent += 1
        pair = {"client_id": half("id", sent), "client_secret": half("secret", sent), "grace": random.choice(["1h", "0s"])}
        status, answer = writer.ask("/v1/integrations/fsm/credentials?force=true", "POST", json.dumps(pair))
        assert status == 201, answer
        acknowledged = sent
except (OSError, http.client.HTTPException):
    pass
for each in threads:
    each.join()
open(out, "a").write("".join(f"{each}\n" for each in served))
print(acknowledged, sent)
sys.exit(f"mixed: {mixed}" if mixed else 0)
PYTHON
}

# stored ACKNOWLEDGED SENT: the pair is of one number, from the first to the second; so is the previous one, if there is one.
# An acknowledged 0 stands for the pair of the beginning. Sets NUMBER.
stored() {
    local pair numbers='[(.client_id, .client_secret) | split(" ")[1] | tonumber]'
    pair=$(vault_curl unix "$FSM" /v1/integrations/fsm/credentials) || return 1
    NUMBER=$(jq "if .client_id | startswith(\"id \") then $numbers | if .[0] == .[1] then .[0] else -1 end else 0 end" <<<"$pair")
    [ "$NUMBER" -ge "$1" ] && [ "$NUMBER" -le "$2" ] || { echo "number $NUMBER, $1 to $2 expected"; return 1; }
    if [ "$NUMBER" -gt 1 ]; then
        pair=$(vault_curl unix "$FSM" '/v1/integrations/fsm/credentials?version=previous')
        jq -e ".code == \"not_found\" or ($numbers | .[0] == .[1] and .[0] < $NUMBER)" <<<"$pair" >/dev/null ||
            { echo "the previous pair: $(head -c 200 <<<"$pair")"; return 1; }
    fi
}

: >"$SCRATCH/served"
torn=0 mixed=0 broken=0 rotated=0 unheard=0 NUMBER=0
for ((round = 1; round <= ROUNDS; round++)); do
    bytes=10
    ((round % 3)) || bytes=40000
    rotate_and_kill $((NUMBER + 1)) "$bytes" "$SCRATCH/served" >"$SCRATCH/came_to" 2>"$SCRATCH/why" || mixed=$((mixed + 1))
    read -r acknowledged sent <"$SCRATCH/came_to"
    reap_daemon || true
    start_daemon "$VAULT" "$PASSPHRASE"
    before=$NUMBER
    stored "$acknowledged" "$sent" >>"$SCRATCH/why" || { torn=$((torn + 1)); echo "# round $round: $(cat "$SCRATCH/why")"; }
    holds .intact vault_curl unix "$ADMIN" /v1/audit/verify >/dev/null || broken=$((broken + 1))
    rotated=$((rotated + NUMBER - before))
    [ "$NUMBER" = "$acknowledged" ] || unheard=$((unheard + 1))
done
echo "# killed in $ROUNDS rounds of $rotated rotations; $unheard had stored and not answered; $(wc -l <"$SCRATCH/served") pairs were read"
check "$ROUNDS kills: the pair is of one version, and what was acknowledged is there" [ "$torn" = 0 ]
check "no reader saw halves of two" [ "$mixed" = 0 ]
check "the audit log was intact after each" [ "$broken" = 0 ]
check "rotations were made" [ "$rotated" -gt 0 ]
check "and pairs were read" [ -s "$SCRATCH/served" ]
as "$ADMIN" --output json audit tail -n 100000 | jq -r '.items[] | select(.outcome == "allowed" and .action == "integration.read") | .request_id' |
    sort >"$SCRATCH/audited"
check "every pair that was served has its entry" [ -z "$(sort "$SCRATCH/served" | comm -23 - "$SCRATCH/audited")" ]
check "it goes on rotating" answers 201 - unix "$ADMIN" '/v1/integrations/fsm/credentials?force=true' \
    --json "{\"client_id\":\"id $((NUMBER + 1))\",\"client_secret\":\"secret $((NUMBER + 1))\"}"
stop_daemon
check "nothing panicked" no_panic
