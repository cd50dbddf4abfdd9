#!/usr/bin/env bash
# Whoever may write to the data directory: a bent log is told and served on, a bent store never gives a wrong value.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

# sled panics on some damage; the store catches that, and tells it as damage.
MAY_PANIC=/sled-0
prepare_vault
# Small segments, so that there are several.
printf '[audit]\nsegment_bytes = 65536\n' >"$SCRATCH/config.toml"
start_daemon "$VAULT" "$PASSPHRASE" --config "$SCRATCH/config.toml"
prepare_pair
many() {
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$(dirname "$0") python3 - "$SOCKET" "$ADMIN" "$FSM" <<'PYTHON'
import json, sys
from connection import Connection
socket, admin, fsm = sys.argv[1:]
operator, service = Connection(socket, admin), Connection(socket, fsm)
rules = {"scripts": ["customscript_nx_suitelet2"], "allow_all_domains": True}
for number in range(40):
    # Of all sizes: held in memory, read from disk, in pieces.
    body = {"id": f"_v{number}", "value": f"<{number}>" * (1, 100, 30000)[number % 3], "restrictions": rules}
    assert operator.ask("/v1/secrets", "POST", json.dumps(body))[0] == 201
    for _ in range(10):
        assert service.ask(f"/v1/secrets/_v{number}/value")[0] == 200
PYTHON
}
check "forty values and four hundred reads" many
stop_daemon
check "several segments" [ "$(find "$VAULT/audit" -name 'audit-*.jsonl' | wc -l)" -ge 3 ]
mv "$VAULT" "$SCRATCH/prepared"
fresh() {
    rm -rf "$VAULT"
    cp -r "$SCRATCH/prepared" "$VAULT"
}
start() { start_daemon "$VAULT" "$PASSPHRASE" --config "$SCRATCH/config.toml"; }

segment() { printf '%s/audit/audit-%08d.jsonl' "$VAULT" "$1"; }
last=$(find "$SCRATCH/prepared/audit" -name 'audit-*.jsonl' | sort | tail -n 1 | grep -oE '[0-9]{8}' | sed 's/^0*//')

fresh
start
check "untouched, it is intact" says intact 0 as "$ADMIN" audit verify
check "and status says so" holds '.audit.damaged | not' as "$ADMIN" --output json status
stop_daemon

# bent NAME SEGMENT LINE [noticed]: verify tells the first bad place, which is the file place the line is 0; status tells if
# the start looks there (behind the checkpoint), and the daemon serves on.
bent() {
    local place="segment $2, line $3"
    [ "$3" != 0 ] || place=$(basename "$(segment "$2")")
    start
    check "$1: verify says where" says "$place" 1 as "$ADMIN" audit verify
    check "$1: and so does doctor" says "$place" 1 as "$ADMIN" doctor
    check "$1: no line is 0" refuses 1 grep -F "line 0" <(as "$ADMIN" doctor; as "$ADMIN" audit verify)
    check "$1: as JSON too" verdict ".intact == false and .first_bad.segment == $2 and .first_bad.line == $3"
    check "$1: it serves on" as "$FSM" integration credentials fsm
    [ "${4:-}" != noticed ] || check "$1: status tells" holds '.audit.damaged' as "$ADMIN" --output json status
    stop_daemon
}
verdict() { as "$ADMIN" --output json audit verify >"$SCRATCH/verdict" || true; jq -e "$1" "$SCRATCH/verdict"; }

fresh
sed -i '3s/"allowed"/"denied!"/' "$(segment 1)"
bent "a word changed" 1 3
fresh
sed -i '5d' "$(segment 1)"
bent "a line deleted" 1 5
fresh
sed -i '4{h;d};5{G}' "$(segment 1)"
bent "two lines swapped" 1 4
fresh
printf '{"seq":1}\n' >>"$(segment 1)"
bent "a line added" 1 "$(wc -l <"$(segment 1)")"
fresh
rm "$(segment 2)"
bent "a segment deleted" 2 0 noticed
start
check "its notice names the file too" holds ".items | any(.message | contains(\"$(segment 2) is missing\"))" \
    as "$ADMIN" --output json notices
stop_daemon
fresh
cp "$(segment 1)" "$(segment 2)"
bent "a segment replaced" 2 1
fresh
head -n 2 "$(segment "$last")" >"$SCRATCH/head"
cp "$SCRATCH/head" "$(segment "$last")"
# What is there holds; the segment that the start began after it remembers.
bent "the end cut off" $((last + 1)) 1 noticed
fresh
: >"$(segment "$last")"
bent "the last segment emptied" "$last" 1 noticed
fresh
rm "$VAULT/audit/"*
bent "all deleted" 1 0 noticed
start
check "a restart doesn't heal it" refuses 1 as "$ADMIN" audit verify
stop_daemon
fresh
printf 'x' | dd of="$(segment "$last")" bs=1 seek=$(($(stat -c %s "$(segment "$last")") - 40)) conv=notrunc status=none
bent "a byte of the last line" "$last" "$(wc -l <"$(segment "$last")")" noticed
fresh
# At equal length, before the recorded head, in the segment that is written to.
sed -i '2s/"allowed"/"denied!"/' "$(segment "$last")"
bent "a word in the segment in use" "$last" 2 noticed
begun() { head -n 1 "$(segment "$1")" | jq -e '.reason == "damage"'; }
check "a word in the segment in use: a new one is begun" begun $((last + 1))
start
check "a word in the segment in use: the notice stands after a restart" holds \
    ".items | length == 1 and .[0].level == \"critical\" and (.[0].message | endswith(\"segment $last, line 2\"))" \
    as "$ADMIN" --output json notices
check "a word in the segment in use: and verify fails" refuses 1 as "$ADMIN" audit verify
stop_daemon
check "a word in the segment in use: no further segment" [ ! -e "$(segment $((last + 2)))" ]

# Beyond the log's end, or larger than any part of it: named with what to do, and neither uses the numbers up nor is read whole.
fresh
segments=$(find "$VAULT/audit" -name 'audit-*.jsonl' | wc -l)
for number in 1000000 2000000 4294967295; do echo junk >"$(segment "$number")"; done
start
check "strays: verify names the first" says "audit-01000000.jsonl is no segment of this log" 1 as "$ADMIN" audit verify
check "strays: verify and doctor name no line of one" refuses 1 grep -F "line 0" <(as "$ADMIN" doctor; as "$ADMIN" audit verify)
check "strays: status tells" holds '.audit.damaged' as "$ADMIN" --output json status
check "strays: the daemon's log names it" [ "$(logged 'select(.["audit.file"]) | .["audit.file"]')" = "$(segment 1000000)" ]
check "strays: a notice names it, with what to do" holds \
    ".items | length == 1 and (.[0].message | contains(\"$(segment 1000000) \")) and (.[0].action | contains(\"mv $(segment 1000000) \"))" \
    as "$ADMIN" --output json notices
check "strays: it serves on" as "$FSM" integration credentials fsm
stop_daemon
check "strays: no segment was begun" [ "$(find "$VAULT/audit" -name 'audit-*.jsonl' | wc -l)" = $((segments + 3)) ]
check "strays: doctor says what to move" says "mv $(segment 1000000) " 1 \
    as "$ADMIN" doctor --data-dir "$VAULT" --passphrase-file "$PASSPHRASE"
rm "$(segment 1000000)" "$(segment 2000000)" "$(segment 4294967295)"
start
check "strays: moved away, it is intact" says intact 0 as "$ADMIN" audit verify
stop_daemon
fresh
truncate -s 4T "$(segment "$last")"
bent "a hole of four TiB" "$last" 0 noticed
check "a hole of four TiB: doctor tells" says "larger than any" 1 as "$ADMIN" doctor --data-dir "$VAULT" --passphrase-file "$PASSPHRASE"

# While it runs: the next entry notices.
fresh
start
rm "$(segment "$last")"
as "$FSM" integration credentials fsm >/dev/null || true
check "deleted while it runs: it serves on" as "$FSM" integration credentials fsm
check "and verify tells" refuses 1 as "$ADMIN" audit verify
check "and status" holds '.audit.damaged' as "$ADMIN" --output json status
stop_daemon
fresh
start
python3 - "$(segment "$last")" <<'PYTHON'
import sys
with open(sys.argv[1], "r+b") as file:
    text = file.read()
    file.seek(text.index(b'"allowed"'))
    file.write(b'"denied!"')
PYTHON
check "bent while it runs: verify tells" refuses 1 as "$ADMIN" audit verify
check "bent while it runs: a new segment is begun" begun $((last + 1))
check "bent while it runs: the notice is there" holds '.items | length == 1 and .[0].level == "critical"' as "$ADMIN" --output json notices
check "bent while it runs: verify tells again" refuses 1 as "$ADMIN" audit verify
check "bent while it runs: and begins none" [ ! -e "$(segment $((last + 2)))" ]
check "bent while it runs: it serves on" as "$FSM" integration credentials fsm
stop_daemon

# The store: bytes flipped all over its file. Whatever is served is right; what can't be is refused with a text. sled takes
# a damaged end for a torn write and goes back to what was before: then the last secrets are unknown, never wrong.
flip() {
    python3 - "$1" "$2" <<'PYTHON'
import random, sys
path, seed = sys.argv[1:]
random.seed(int(seed))
with open(path, "r+b") as file:
    bytes = bytearray(file.read())
    # sled makes its file larger than what it holds.
    used = len(bytes.rstrip(b"\0"))
    for _ in range(random.choice((1, 3, 20))):
        at = random.randrange(used)
        bytes[at] ^= random.randrange(1, 256)
    file.seek(0)
    file.write(bytes)
PYTHON
}
# right: says how many values are lost; fails if one is wrong.
right() {
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$(dirname "$0") python3 - "$SOCKET" "$FSM" "$PAIR_ID" "$PAIR_SECRET" <<'PYTHON'
import sys
from connection import Connection
socket, fsm, client_id, client_secret = sys.argv[1:]
service = Connection(socket, fsm)
lost = 0
def check(path, right):
    global lost
    status, answer = service.ask(path)
    if status == 200:
        assert right(answer), path
    else:
        assert answer["code"] in ("internal", "access_denied"), (path, status)
        lost += 1
check("/v1/integrations/fsm/credentials", lambda pair:
    (pair["client_id"], pair["client_secret"]) == (open(client_id).read(), open(client_secret).read()))
for number in range(40):
    check(f"/v1/secrets/_v{number}/value", lambda got: got["value"] == f"<{number}>" * (1, 100, 30000)[number % 3])
print(lost)
PYTHON
}
wrong=0 unclear=0 whole=0 lossy=0 refused=0
# tests/all --full flips more often.
for round in $(seq "${TAMPER_ROUNDS:-6}"); do
    fresh
    flip "$VAULT/store/db" "$round"
    if start 2>"$SCRATCH/said"; then
        case $(right || echo wrong) in
            0) whole=$((whole + 1)) ;;
            *wrong) wrong=$((wrong + 1)) ;;
            *) lossy=$((lossy + 1)) ;;
        esac
        stop_daemon || true
    else
        refused=$((refused + 1))
        code=0
        reap_daemon || code=$?
        if [ "$code" = 0 ] || ! grep -qE "^fsm-vault: .*the store('s)? " "$SCRATCH/said"; then
            unclear=$((unclear + 1))
            echo "# round $round: exit $code: $(tail -n 1 "$SCRATCH/said")"
        fi
    fi
done
echo "# flipped bytes: refused $refused times, served whole $whole times, without the last secrets $lossy times"
check "never a wrong value" [ "$wrong" = 0 ]
check "every refusal is a clear one" [ "$unclear" = 0 ]

for piece in store/db tls/server.key tls/ca.pem tls/operators.json; do
    fresh
    : >"$VAULT/$piece"
    if start 2>"$SCRATCH/said"; then
        check "$piece emptied: served rightly" [ "$(right)" = 0 ]
        stop_daemon || true
    else
        reap_daemon || true
        check "$piece emptied: refused with a text" grep -q '^fsm-vault: ' "$SCRATCH/said"
    fi
done
check "nothing but the database panicked" no_panic
