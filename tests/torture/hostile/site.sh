# shellcheck shell=bash
# What the short and the long form share: a vault with an honest caller and hostile ones, and the checks afterwards.

: "${FSM_VAULT_PYTHON:?is a python3 with tests/system/requirements.txt; tests/all makes it}"
HOSTILE=$(dirname "${BASH_SOURCE[0]}")

# hostile_site CONFIG: a running daemon with these limits, which also trusts a root that makes odd certificates.
hostile_site() {
    WHO=$SCRATCH/who
    prepare_vault
    "$FSM_VAULT_PYTHON" "$HOSTILE/certificates.py" "$WHO" "$ADMIN/ca.pem"
    printf '\n[identity]\ntrust = [{ trust_domain = "hostile.example", bundle = "%s" }]\n' "$WHO/bundle.pem" >>"$1"
    start_daemon "$VAULT" "$PASSPHRASE" --config "$1"
    prepare_pair
    cp -r "$FSM" "$WHO/honest"
    as "$ADMIN" caller add hostile --script customscript_hostile --out "$WHO/hostile" >/dev/null
    as "$ADMIN" caller add greedy --script customscript_greedy --out "$WHO/greedy" >/dev/null
    as "$ADMIN" caller add brief --script customscript_brief --valid 1m --out "$WHO/brief" >/dev/null
    as "$ADMIN" caller add operator --operator create --employee 7 --out "$WHO/operator" >/dev/null
    head -c 900000 /dev/zero | tr '\0' x >"$SCRATCH/large"
    printf small >"$SCRATCH/small"
    for size in large small; do
        as "$ADMIN" secret create "_$size" --value-file "$SCRATCH/$size" --script customscript_greedy --allow-all-domains >/dev/null
    done
}

attack() {
    "$FSM_VAULT_PYTHON" "$HOSTILE/run.py" --port "$PORT" --socket "$SOCKET" --pid "$DAEMON" \
        --pair "$PAIR_ID" "$PAIR_SECRET" --identities "$WHO" "$@"
}

limits_counted() {
    check "the limits were counted" metrics_say 'fsm_vault_limited_total{limit="handshakes"} [1-9]' 'fsm_vault_limited_total{limit="caller_connections"} [1-9]' \
        'fsm_vault_limited_total{limit="caller_waiting"} [1-9]' 'fsm_vault_limited_total{limit="caller_large"} [1-9]'
}

# What must be so when it is over.
afterwards() {
    check "the audit log verifies" as "$ADMIN" audit verify
    check "no handshake, request or body made a log line of level error" no_errors
    check "the vault seals" as "$ADMIN" seal
    check "it stops in order" stop_daemon
    check "no daemon panicked" no_panic
}

metrics_say() {
    local metrics line
    metrics=$(vault_curl tcp "$ADMIN" /v1/sys/metrics)
    for line in "$@"; do
        grep -qE -- "^${line/\{/\\\{}" <<<"$metrics" || { echo "no $line"; return 1; }
    done
}

no_errors() { ! cat "$LOGS"/* | jq -Rr 'fromjson? | select(.level == "ERROR") | .message' | grep .; }

# rate_is_kept: the vault served anew with a request rate; who passes it is told so, and nobody else.
rate_is_kept() {
    stop_daemon
    printf '[limits]\nrequests_per_second = 1\nrequest_burst = 3\n' >"$SCRATCH/rate.toml"
    start_daemon "$VAULT" "$PASSPHRASE" --config "$SCRATCH/rate.toml"
    ask_often >"$SCRATCH/often"
    check "three requests at once are served" holds '.statuses[:3] == [200, 200, 200]' cat "$SCRATCH/often"
    check "more are refused, with the reason and a time" \
        holds '(.statuses | index(429)) and .code == "rate_limited" and (.detail | contains("limits.requests_per_second")) and .after == "1"' cat "$SCRATCH/often"
    check "another caller doesn't notice" answers 200 - unix "$WHO/honest" /v1/integrations/fsm/credentials
}

ask_often() {
    PYTHONPATH=$HOSTILE/../../system "$FSM_VAULT_PYTHON" - "$SOCKET" "$WHO/hostile" <<'PYTHON'
import json, sys
from connection import Connection

connection, statuses, told = Connection(*sys.argv[1:]), [], {}
# Twenty requests don't take as many seconds.
for _ in range(20):
    connection.request("GET", "/v1/sys/status")
    answer = connection.getresponse()
    said = json.loads(answer.read())
    statuses.append(answer.status)
    if answer.status == 429:
        told = {"code": said["code"], "detail": said["detail"], "after": answer.headers["retry-after"]}
print(json.dumps({"statuses": statuses, **told}))
PYTHON
}
