# shellcheck shell=bash
# Helpers of the system tests, which drive the built binary with the real curl and openssl. A script begins with
#     # shellcheck source=tests/system/lib.sh
#     . "$(dirname "$0")/lib.sh"        (in full/: /../lib.sh)
# and prints one line per check by `check`; it exits 0 when it came to its end, whatever the checks said.
set -euo pipefail

: "${FSM_VAULT_BIN:?is the path of the binary under test; tests/all sets it}"
# What the caller's shell has must not reach the daemon or the client.
unset FSM_VAULT_CONFIG FSM_VAULT_IDENTITY FSM_VAULT_ADDR RUNTIME_DIRECTORY CREDENTIALS_DIRECTORY \
    NOTIFY_SOCKET WATCHDOG_USEC LISTEN_FDS LISTEN_PID

SCRATCH=$(mktemp -d)
DAEMON='' SOCKET='' PORT=''
# The log of the daemon started last, JSON lines; those of the ones before stay beside it.
LOGS=$SCRATCH/logs LOG=''
# Which of its panics a script may bring about, as grep has it; none, unless it damages the database's file.
MAY_PANIC=''
# What `answers` got.
BODY=$SCRATCH/body HEADERS=$SCRATCH/headers
mkdir "$LOGS"

# leave [CODE]: with the code that it is told, by a script that has more to do at its end.
leave() {
    local code=${1:-$?} left
    trap - EXIT
    # Every daemon that the script left behind, and whatever else it started.
    for left in $(jobs -p); do kill -KILL "$left" 2>/dev/null || true; done
    # In each script, whether it looks itself or forgot to, or ends early.
    no_panic >"$SCRATCH/check" || echo "not ok - a daemon panicked: $(head -c 400 "$SCRATCH/check" | tr '\n' ' ')"
    rm -rf "$SCRATCH"
    exit "$code"
}
trap leave EXIT
trap 'exit 1' INT TERM

# check NAME COMMAND...: ok if the command succeeds. Its output is shown only when it fails.
check() {
    local name=$1 code=0
    shift
    "$@" >"$SCRATCH/check" 2>&1 || code=$?
    if [ "$code" = 0 ]; then
        echo "ok - $name"
    else
        echo "not ok - $name: exit $code from: $* $(head -c 400 "$SCRATCH/check" | tr '\n' ' ')"
    fi
}

# refuses CODE COMMAND...: succeeds if the command ends with exactly this exit code.
refuses() {
    local wanted=$1 code=0
    shift
    "$@" || code=$?
    [ "$code" = "$wanted" ]
}

# until_true SECONDS COMMAND...: polls until the command succeeds.
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.05
    done
}

# holds FILTER COMMAND...: succeeds if the command does and jq's FILTER is true of the one JSON document it prints.
holds() {
    local filter=$1 said code=0
    shift
    said=$("$@") || code=$?
    printf '%s\n' "$said"
    [ "$code" = 0 ] && jq -es "length == 1 and (.[0] | ($filter))" <<<"$said" >/dev/null
}

# says TEXT CODE COMMAND...: succeeds if the command ends with this exit code and prints TEXT, wherever.
says() {
    local text=$1 wanted=$2 said code=0
    shift 2
    said=$("$@" 2>&1) || code=$?
    printf 'exit %s: %s\n' "$code" "$said"
    [ "$code" = "$wanted" ] && grep -qF -- "$text" <<<"$said"
}

# logged FILTER: what jq's FILTER makes of the daemon's log; a line that is still being written is left out.
logged() {
    jq -Rr "fromjson? | $1" "$LOG"
}

# private_file PATH TEXT: a file for its owner alone.
private_file() {
    (umask 077 && printf %s "$2" >"$1")
}

# prepare_vault: a new vault with one full operator; sets VAULT, PASSPHRASE (its file) and ADMIN (an identity).
prepare_vault() {
    VAULT=$SCRATCH/vault PASSPHRASE=$SCRATCH/passphrase ADMIN=$SCRATCH/vault/identities/admin
    private_file "$PASSPHRASE" 'correct horse battery staple'
    "$FSM_VAULT_BIN" init --data-dir "$VAULT" --passphrase-file "$PASSPHRASE" >/dev/null
}

# prepare_pair: the FSM pair in the running vault, and the services fsm and other; sets PAIR_ID, PAIR_SECRET (files),
# FSM and OTHER (identities). The values are 64 hexadecimal digits, like NetSuite's.
prepare_pair() {
    PAIR_ID=$SCRATCH/client_id PAIR_SECRET=$SCRATCH/client_secret FSM=$SCRATCH/fsm OTHER=$SCRATCH/other
    private_file "$PAIR_ID" "$(openssl rand -hex 32)"
    private_file "$PAIR_SECRET" "$(openssl rand -hex 32)"
    as "$ADMIN" fsm setup --client-id-file "$PAIR_ID" --client-secret-file "$PAIR_SECRET" >/dev/null
    as "$ADMIN" caller add fsm --script customscript_nx_suitelet2 --out "$FSM" >/dev/null
    as "$ADMIN" caller add other --script customscript_other --out "$OTHER" >/dev/null
}

# start_daemon DATA_DIR PASSPHRASE_FILE [ARGUMENT...]: serves on DATA_DIR/run/vault.sock and a free TCP port;
# sets DAEMON, SOCKET and PORT. An empty PASSPHRASE_FILE starts it sealed. Fails if it isn't up within 30 s.
start_daemon() {
    local data_dir=$1 passphrase=()
    [ -z "$2" ] || passphrase=(--passphrase-file "$2")
    shift 2
    SOCKET=$data_dir/run/vault.sock PORT=''
    LOG=$LOGS/$(find "$LOGS" -type f | wc -l).jsonl
    : >"$LOG"
    "$FSM_VAULT_BIN" serve --data-dir "$data_dir" "${passphrase[@]}" \
        --listen "unix:$SOCKET" --listen tcp:127.0.0.1:0 "$@" </dev/null 2>>"$LOG" >&2 &
    DAEMON=$!
    if ! until_true 30 listens_or_ended || [ -z "$PORT" ]; then
        echo "the daemon did not come up:" >&2
        cat "$LOG" >&2
        return 1
    fi
}

listens_or_ended() {
    local addresses
    addresses=$(logged 'select(.message == "listening") | ."listen.address"')
    if grep -q '^unix:' <<<"$addresses"; then
        PORT=$(sed -nE 's/^tcp:.*:([0-9]+)$/\1/p' <<<"$addresses" | tail -n 1)
    fi
    [ -n "$PORT" ] || ! kill -0 "$DAEMON" 2>/dev/null
}

# stop_daemon [SIGNAL]: ends it (TERM unless told otherwise) and returns its exit code; 137 if it had to be killed.
stop_daemon() {
    local signal=${1:-TERM}
    kill -"$signal" "$DAEMON"
    [ "$signal" = KILL ] || until_true 30 ended "$DAEMON" || kill -KILL "$DAEMON"
    reap_daemon
}

# reap_daemon: waits for a daemon that is ending, and returns its exit code.
reap_daemon() {
    local pid=$DAEMON code=0
    DAEMON=''
    # The shell's own word about a killed child is no news.
    wait "$pid" 2>/dev/null || code=$?
    return "$code"
}

# A child that has ended is a zombie until it is waited for.
ended() {
    local state
    state=$(sed -E 's/.*\) (.).*/\1/' "/proc/$1/stat" 2>/dev/null) || true
    [ -z "$state" ] || [ "$state" = Z ]
}

# as IDENTITY_DIR ARGUMENT...: the command line, over the Unix socket.
as() {
    local identity=$1
    shift
    "$FSM_VAULT_BIN" --identity "$identity" --addr "unix:$SOCKET" "$@"
}

# vault_curl unix|tcp IDENTITY_DIR PATH [CURL_ARGUMENT...]
vault_curl() {
    local base where=() identity=$2 path=$3
    case $1 in
        unix) base=https://localhost where=(--unix-socket "$SOCKET") ;;
        tcp) base=https://127.0.0.1:$PORT ;;
        *) echo "vault_curl: unix or tcp" >&2; return 2 ;;
    esac
    shift 3
    curl --silent --show-error --max-time 30 --noproxy '*' --cert "$identity/cert.pem" --key "$identity/key.pem" \
        --cacert "$identity/ca.pem" "${where[@]}" "$@" "$base$path"
}

# answers STATUS CODE unix|tcp IDENTITY_DIR PATH [CURL_ARGUMENT...]: succeeds if vault_curl gets this status and, unless
# CODE is -, a problem with this code. Leaves $BODY and $HEADERS.
answers() {
    local status=$1 code=$2 got
    shift 2
    rm -f "$BODY" "$HEADERS"
    got=$(vault_curl "$@" --output "$BODY" --dump-header "$HEADERS" --write-out '%{http_code}') || true
    [ "$got" = "$status" ] && { [ "$code" = - ] || [ "$(jq -r .code "$BODY")" = "$code" ]; } ||
        { echo "got $got: $(head -c 300 "$BODY")"; return 1; }
}

# no_panic: no daemon of this script has panicked, but where it may.
no_panic() {
    ! grep -rh panicked "$LOGS" | grep -v -- "${MAY_PANIC:-^$}"
}
