#!/usr/bin/env bash
# That the measuring works: the bare server, the load generator and the document that benches/run writes. How fast
# anything is isn't looked at.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
: "${FSM_VAULT_CEILING:?is the path of the bare server; tests/all sets it}"
: "${FSM_VAULT_LOAD:?is the path of the load generator; tests/all sets it}"

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair
"$FSM_VAULT_CEILING" --data-dir "$VAULT" --unix "$SCRATCH/bare.sock" --tcp 0 >"$SCRATCH/bare.json" &
CEILING=$!
check "the bare server says where it is" until_true 10 test -s "$SCRATCH/bare.json"
TARGET=$(jq -cn --arg unix "$SOCKET" --arg url "https://127.0.0.1:$PORT" --argjson pid "$DAEMON" \
    '{name: "vault", $unix, $url, path: "/v1/integrations/fsm/credentials", $pid}')

# load IDENTITY ARGUMENT...: fifty requests to both.
load() {
    "$FSM_VAULT_LOAD" --identity "$1" --connections 4 --requests 50 --warm-up 0 --target "@$SCRATCH/bare.json" --target "$TARGET" "${@:2}"
}
both() {
    local said
    said=$(load "$FSM" "$@") || return
    printf '%s\n' "$said"
    # The bare server's account may be too short for the kernel to tell.
    jq -es 'map(.server) == ["bare hyper + rustls", "vault"] and all(.errors == 0 and .requests == 50 and .p50_us > 0
        and .p50_us <= .p99_us and .p99_us <= .max_us and .cpu_us >= 0 and .rss_kib > 0)' <<<"$said"
}
for over in unix tcp; do
    for http in 1 2; do
        check "kept open, $over, HTTP/$http" both --over "$over" --http "$http" --streams 2
        check "a connection for each request, $over, HTTP/$http" both --over "$over" --http "$http" --cold
    done
done
check "by time, in rounds, by two threads" holds '.errors == 0 and .requests > 0 and (.rounds | length) == 2 and .own_cpu_us > 0' \
    "$FSM_VAULT_LOAD" --identity "$FSM" --seconds 0.2 --warm-up 0.1 --rounds 2 --threads 2 --target "$TARGET"

# What the daemon did for it stands in its log, as for every other fetch.
check "each answer of the daemon is in its audit log" holds '.items | length >= 400' \
    as "$ADMIN" --output json audit show --caller fsm --action integration.read -n 500

check "another status than expected is an error" refuses 1 load "$OTHER"
check "a status that was expected is none" holds '.errors == 0 and .requests == 8' \
    "$FSM_VAULT_LOAD" --identity "$OTHER" --requests 8 --warm-up 0 --expect 403 --target "$TARGET"
check "a server that isn't there is named" says "can't connect" 2 \
    "$FSM_VAULT_LOAD" --identity "$FSM" --target '{"name": "nobody", "unix": "/nonexistent/socket", "path": "/"}'
check "a server elsewhere is refused" says "isn't on this host" 2 \
    "$FSM_VAULT_LOAD" --identity "$FSM" --over tcp --target '{"name": "far", "url": "https://192.0.2.1:443", "path": "/"}'
anonymous() {
    ! curl --silent --show-error --max-time 10 --noproxy '*' --cacert "$FSM/ca.pem" --unix-socket "$SCRATCH/bare.sock" https://localhost/ &&
        curl --silent --show-error --max-time 10 --noproxy '*' --cacert "$FSM/ca.pem" --cert "$FSM/cert.pem" --key "$FSM/key.pem" \
            --unix-socket "$SCRATCH/bare.sock" https://localhost/ | jq -e '.value | length == 238'
}
check "the bare server asks for a certificate" anonymous
kill "$CEILING"
check "the daemon stops" stop_daemon
check "nothing panicked" no_panic

DOCUMENT=$SCRATCH/document/performance.md
compares() {
    benches/run --quick --rounds 2 --seconds 0.1 --no-peers --no-plot --only 'unix http1' --bin "$FSM_VAULT_BIN" \
        --tools "$FSM_VAULT_CEILING" "$FSM_VAULT_LOAD" --out "$SCRATCH/document"
}
cd "$(dirname "$0")/../.."
check "benches/run measures and writes" compares
filled() {
    grep -q '^| \*\*fsm-vault\*\*, `fsync` |' "$DOCUMENT" && grep -q 'not measured' "$DOCUMENT" && ! grep -qE '\{\{|nan' "$DOCUMENT"
}
check "the document has its figures, and says what it lacks" filled
renders() {
    mv "$DOCUMENT" "$DOCUMENT.first"
    benches/run --render "$SCRATCH/document/side_by_side.json" --no-plot --out "$SCRATCH/document" && cmp "$DOCUMENT" "$DOCUMENT.first"
}
check "the same figures give the same document" renders
# Every server's arguments name the directory; grep's own don't.
printf %s "$SCRATCH/document" >"$SCRATCH/pattern"
# Its exit code tells of processes that end meanwhile, too.
left_behind() { [ -n "$(grep -laFf "$SCRATCH/pattern" /proc/[0-9]*/cmdline 2>/dev/null)" ]; }
check "no server is left behind" refuses 1 left_behind
interrupted() {
    refuses 124 timeout --signal=INT 5 benches/run --quick --seconds 60 --no-peers --no-plot --bin "$FSM_VAULT_BIN" \
        --tools "$FSM_VAULT_CEILING" "$FSM_VAULT_LOAD" --out "$SCRATCH/document" && [ -z "$(find "$SCRATCH/document" -name 'run.*')" ]
}
check "benches/run cleans up when it is interrupted" interrupted
check "no server outlives an interruption" refuses 1 left_behind
