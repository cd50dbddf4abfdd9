#!/usr/bin/env bash
# Readers learn of changes: wait= on the two reads, and GET /v1/watch; what ends both; who hears what.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair
operator() { as "$ADMIN" "$@"; }
add() { operator caller add "$1" --script customscript_nx_suitelet2 --out "$SCRATCH/$1" >/dev/null; }
VERSION=1 HEARD=$SCRATCH/heard
mkdir "$HEARD"
# rotate [VERB]: a random pair, the version after $VERSION, whoever still holds the one that it pushes out.
rotate() {
    private_file "$SCRATCH/id" "$(openssl rand -hex 32)"
    private_file "$SCRATCH/secret" "$(openssl rand -hex 32)"
    VERSION=$((VERSION + 1))
    local verb=("${1:-rotate}" fsm)
    [ $# -gt 0 ] || verb+=(--force)
    operator integration "${verb[@]}" --client-id-file "$SCRATCH/id" --client-secret-file "$SCRATCH/secret" >/dev/null
}
# watch NAME unix|tcp IDENTITY [CURL_ARGUMENT...]: a watch in the background, its events in $HEARD/NAME, its process
# WATCH; returns when it has begun.
watch() {
    local into=$HEARD/$1
    shift
    : >"$into"
    vault_curl "$1" "$2" /v1/watch --no-buffer --max-time 120 --dump-header "$into.head" "${@:3}" >"$into" &
    WATCH=$!
    until_true 20 grep -q '^event: open$' "$into"
}
told() { grep -A 2 "^event: $2\$" "$HEARD/$1" | grep -q "$3"; }
is_told() { until_true 20 told "$@"; }
not_told() { ! grep -q "$2" "$HEARD/$1"; }
last_id() { sed -n 's/^id: //p' "$HEARD/$1" | tail -n 1; }
audited() { operator --output json audit tail -n 200 | jq -e ".items | map(select(.action == \"watch.open\" and $1)) | length >= 1" >/dev/null; }
# stop PROCESS: ends what a function in the background started, and the function with it.
stop() {
    # shellcheck disable=SC2046
    kill $(cat "/proc/$1/task/$1/children")
    wait "$1" 2>/dev/null || true
}

# Who hears what.
watch fsm unix "$FSM" --http1.1; FSM_WATCH=$WATCH
watch other tcp "$OTHER" --http2; OTHER_WATCH=$WATCH
watch admin unix "$ADMIN" --http2; ADMIN_WATCH=$WATCH
operator caller add viewer --operator view --employee 9 --out "$SCRATCH/viewer" >/dev/null
watch viewer tcp "$SCRATCH/viewer" --http1.1; VIEWER_WATCH=$WATCH
check "a watch is events" grep -qi '^content-type: text/event-stream' "$HEARD/fsm.head"
check "with an ID of the request, and not to be stored" test "$(grep -ciE '^(x-request-id: .|cache-control: no-store)' "$HEARD/other.head")" = 2
rotate
check "the service hears of a rotation" is_told fsm rotated '"integration":"fsm","version":2,"secrets":\["custsecret_fsm_oauth2_client_id",'
check "the operator does" is_told admin rotated '"integration":"fsm","version":2'
printf one >"$SCRATCH/value"
operator secret create _other --value-file "$SCRATCH/value" --script customscript_other --allow-all-domains --owner 9 >/dev/null
check "the other one hears of its own" is_told other rotated '"secret":"custsecret_other","version":1'
check "and of nothing else" not_told other integration
check "the owner hears of it" is_told viewer rotated '"secret":"custsecret_other","version":1'
check "and of nothing else" not_told viewer integration
rotate
check "what isn't theirs isn't told" is_told fsm rotated '"version":3'
check "nor named" not_told fsm custsecret_other
check "no value is told" not_told admin "$(cat "$SCRATCH/secret")"

# Resuming.
ID=$(last_id fsm)
stop "$FSM_WATCH"
rotate
watch fsm tcp "$FSM" --header "Last-Event-ID: $ID"; FSM_WATCH=$WATCH
check "it goes on where it was" told fsm open '"resumed":true'
check "and misses nothing" is_told fsm rotated '"version":4'
watch lost unix "$FSM" --header 'Last-Event-ID: 0123456789abcdef'; LOST_WATCH=$WATCH
check "an unknown ID is told so" told lost open '"resumed":false'
check "and what to do" is_told lost resync missed
stop "$LOST_WATCH"
for wrong in 1 0123456789ABCDEF "$ID$ID" '*'; do
    check "no ID: ${wrong:0:20}" answers 400 malformed unix "$FSM" /v1/watch --header "Last-Event-ID: $wrong"
done
check "no other method" answers 405 method_not_allowed unix "$FSM" /v1/watch -X POST
check "no parameters" answers 422 invalid_field unix "$FSM" '/v1/watch?since=1'
check "the begin is an entry" audited '.caller == "fsm" and .outcome == "allowed"'

# Waiting.
PAIR=/v1/integrations/fsm/credentials HALF=/v1/secrets/_fsm_oauth2_client_id/value
held() { echo "If-None-Match: \"$VERSION\""; }
check "at the end of the wait: 304" answers 304 - unix "$FSM" "$PAIR?wait=1s" --header "$(held)"
check "without a tag: what there is" answers 200 - tcp "$FSM" "$PAIR?wait=1s"
check "another tag doesn't wait" answers 200 - unix "$FSM" "$PAIR?wait=5m" --header 'If-None-Match: "1"'
check "0s doesn't wait" answers 304 - unix "$FSM" "$PAIR?wait=0s" --header "$(held)"
check "who may not is refused at once" answers 403 access_denied unix "$OTHER" "$PAIR?wait=5m"
for wrong in 6m -1s soon '' 1; do
    check "no wait: '$wrong'" answers 422 invalid_field unix "$FSM" "$PAIR?wait=$wrong"
done
check "only for the current version" answers 422 invalid_field unix "$FSM" "$HALF?wait=1s&version=previous"
# crowd VERSION...: 64 readers over both listeners, each waiting for the pair or a half of it; prints when they are
# about to, and `all` when each has had exactly these versions.
crowd() {
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$(dirname "$0") python3 -u - "$SOCKET" "$PORT" "$FSM" "$@" <<'PYTHON'
import sys, threading
from connection import Connection
*places, identity, first, last = sys.argv[1:]
failed, ready = [], threading.Barrier(65)
def read(number):
    try:
        connection = Connection(places[number % 2], identity)
        path = ("/v1/integrations/fsm/credentials", "/v1/secrets/_fsm_oauth2_client_id/value")[number // 2 % 2]
        had = int(first)
        connection.connect()
        ready.wait()
        while had < int(last):
            connection.request("GET", f"{path}?wait=60s", headers={"If-None-Match": f'"{had}"'})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            assert int(answer.headers["ETag"].strip('"')) > had, answer.headers["ETag"]
            had = int(answer.headers["ETag"].strip('"'))
    except BaseException as error:
        failed.append(error)
threads = [threading.Thread(target=read, args=[number], daemon=True) for number in range(64)]
for each in threads: each.start()
ready.wait(30)
print("ready")
for each in threads: each.join(60)
print("all" if not failed and not any(each.is_alive() for each in threads) else failed)
PYTHON
}
crowd "$VERSION" "$((VERSION + 3))" >"$SCRATCH/crowd" 2>&1 &
until_true 30 grep -q ready "$SCRATCH/crowd"
for _ in 1 2 3; do rotate; done
check "64 readers get every rotation" until_true 60 grep -qx all "$SCRATCH/crowd"

# waiting NAME IDENTITY [CURL_ARGUMENT...]: a read in the background that waits; its status and problem go to $SCRATCH/NAME.
waiting() {
    : >"$SCRATCH/$1"
    vault_curl unix "$2" "$PAIR?wait=5m" --header "$(held)" --max-time 60 --write-out '\n%{http_code}\n' "${@:3}" >"$SCRATCH/$1" 2>&1 &
}
got() { until_true 30 grep -qx "$2" "$SCRATCH/$1" && { [ "$2" != 503 ] && [ "$2" != 403 ] || grep -q "\"$3\"" "$SCRATCH/$1"; }; }
add leaver
waiting leaver.wait "$SCRATCH/leaver"
watch leaver unix "$SCRATCH/leaver"; LEAVER_WATCH=$WATCH
operator caller revoke leaver >/dev/null
check "a revocation ends a wait" got leaver.wait 403 caller_revoked
check "and a watch, told" is_told leaver revoked '"code":"caller_revoked"'
check "which ends" until_true 20 ended "$LEAVER_WATCH"
check "and can't be begun again" answers 403 caller_revoked unix "$SCRATCH/leaver" /v1/watch
check "that is an entry too" audited '.caller == "leaver" and .outcome == "denied"'
check "others go on" kill -0 "$FSM_WATCH" "$OTHER_WATCH" "$ADMIN_WATCH" "$VIEWER_WATCH"

waiting reset.wait "$FSM"
operator integration reset fsm --no-capture >/dev/null
check "a reset ends a wait" got reset.wait 404 -
check "and is told" is_told fsm rotated '"version":null'
rotate capture
check "the new pair too" is_told fsm rotated "\"version\":$VERSION"

waiting seal.wait "$FSM"
operator seal >/dev/null
check "a seal ends a wait" got seal.wait 503 sealed
for each in fsm other admin viewer; do check "a seal ends the watch of $each" is_told "$each" end '"code":"sealed"'; done
check "sealed, none begins" answers 503 sealed unix "$FSM" /v1/watch
operator unseal --passphrase-file "$PASSPHRASE" >/dev/null

# The command line.
as "$FSM" --output json watch >"$SCRATCH/cli" 2>"$SCRATCH/cli.err" & CLI=$!
as "$FSM" watch --count 2 >"$SCRATCH/text" 2>"$SCRATCH/text.err" & TEXT=$!
begun() { grep -q '"open"' "$SCRATCH/cli" && audited '.caller == "fsm"' && [ "$(operator --output json audit tail -n 9 | jq '[.items[] | select(.action == "watch.open")] | length')" -ge 2 ]; }
check "the command line watches" until_true 20 begun
rotate
said() { jq -es "map(select(.event == \"rotated\" and .data.version == $VERSION)) | length == 1" "$SCRATCH/cli" >/dev/null; }
check "and tells a document a line" until_true 20 said
check "or a line of text" until_true 20 grep -q "rotated integration fsm: version $VERSION\$" "$SCRATCH/text"
check "it prints nothing for a version one has" holds ".unchanged and .version == $VERSION" as "$FSM" --output json integration credentials fsm --wait 1s --known "$VERSION"
silent() { [ -z "$(as "$FSM" "$@" 2>/dev/null)" ]; }
check "nor as text" silent secret get _fsm_oauth2_client_id --wait 1s --known "$VERSION"
check "and waits for another" holds ".version == $VERSION" as "$FSM" --output json integration credentials fsm --wait 30s --known 1
check "a wrong wait is wrong input" refuses 2 as "$FSM" integration credentials fsm --wait 1h

# Stopping.
watch fsm unix "$FSM"
waiting stop.wait "$FSM"
check "the daemon stops for nobody who waits" stop_daemon
check "tells the watch" is_told fsm end '"code":"shutting_down"'
start_daemon "$VAULT" "$PASSPHRASE"
check "the command line comes back and is told" until_true 30 grep -q '"resync"' "$SCRATCH/cli"
check "the text one had its two" until_true 30 ended "$TEXT"
stop "$CLI"

check "the daemon stops again" stop_daemon
printf '[limits]\nwaiting = 1\n' >"$SCRATCH/one.toml"
start_daemon "$VAULT" "$PASSPHRASE" --config "$SCRATCH/one.toml"
watch only unix "$FSM" --http1.1
check "there are only so many places" answers 429 rate_limited unix "$FSM" "$PAIR?wait=1s"
check "and the answer says when to come back" grep -qi '^retry-after: 10' "$HEADERS"
check "a read that doesn't wait needs none" answers 200 - unix "$FSM" "$PAIR"
stop "$WATCH"
check "who goes away gives the place back" until_true 20 answers 200 - unix "$FSM" "$PAIR?wait=1s"
# A read that waits has the only place: until then it isn't there yet.
waiting goner.wait "$FSM" --http1.1; GONER=$!
full() {
    # Whoever asks first has the place: a reader that came second was refused and has ended. It comes again.
    kill -0 "$GONER" 2>/dev/null || { waiting goner.wait "$FSM" --http1.1; GONER=$!; }
    answers 429 rate_limited unix "$FSM" "$PAIR?wait=1s" --header "$(held)"
}
check "a read that waits takes a place" until_true 20 full
stop "$GONER"
check "and gives it back when its reader goes away" until_true 20 answers 304 - unix "$FSM" "$PAIR?wait=1s" --header "$(held)"
check "the log is intact" operator audit verify
check "no daemon panicked" no_panic
