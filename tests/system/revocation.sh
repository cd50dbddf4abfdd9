#!/usr/bin/env bash
# What was open a moment ago: revoked callers and sealed vaults refuse the next request on open connections.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair

# python ARGUMENT...: a script from standard input, with the helper and the names of this vault.
python() {
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$(dirname "$0") python3 - "$FSM_VAULT_BIN" "$SOCKET" "$ADMIN" "$@"
}
add() { as "$ADMIN" caller add "$1" --script customscript_nx_suitelet2 --out "$2" >/dev/null; }
revoked_while_open() {
    python "$1" "$2" "$3" <<'PYTHON'
import subprocess, sys
from connection import Connection
binary, socket, admin, where, name, identity = sys.argv[1:]
path = "/v1/integrations/fsm/credentials"
open_before = Connection(where, identity)
idle = Connection(where, identity)
for each in (open_before, idle):
    status, pair = each.ask(path)
    assert status == 200 and pair["version"] == 1, status
subprocess.run([binary, "--identity", admin, "--addr", f"unix:{socket}", "caller", "revoke", name], check=True)
for each in (open_before, idle):
    status, problem = each.ask(path)
    assert (status, problem["code"]) == (403, "caller_revoked"), (status, problem)
    assert each.is_closed(), "the connection stayed open"
status, problem = Connection(where, identity).ask(path)
assert (status, problem["code"]) == (403, "caller_revoked"), (status, problem)
PYTHON
}
add one "$SCRATCH/one"
add two "$SCRATCH/two"
check "revoked on open connections, Unix socket" revoked_while_open "$SOCKET" one "$SCRATCH/one"
check "revoked on open connections, TCP" revoked_while_open "$PORT" two "$SCRATCH/two"
check "and are told so over HTTP/1.1" answers 403 caller_revoked tcp "$SCRATCH/one" /v1/sys/status --http1.1
check "with the connection's end" grep -iq '^connection: close' "$HEADERS"
check "the command line says revoked" says caller_revoked 3 as "$SCRATCH/one" integration credentials fsm
# Nor does a request that can't be answered keep a connection, or tell a revoked caller more than that.
add odd "$SCRATCH/odd"
revoked_and_odd() {
    python "$SOCKET" odd "$SCRATCH/odd" <<'PYTHON'
import subprocess, sys
from connection import Connection
binary, socket, admin, where, name, identity = sys.argv[1:]
odd = {
    ("GET", "/nope"): 404, ("POST", "/v1/audit"): 405, ("OPTIONS", "/v1/secrets"): 405, ("GET", "/v1//secrets"): 400,
    ("GET", "/v1/secrets/-/value"): 422, ("GET", "/v1/integrations/fsm/credentials?wait=9h"): 422,
    ("GET", "/v1/watch?x=1"): 422, ("DELETE", "/v1/audit"): 405,
}
def ask(connection, asked):
    return connection.ask(asked[1], asked[0], "{}" if asked[0] == "POST" else None)
connections = {asked: Connection(where, identity) for asked in odd}
for asked, connection in connections.items():
    status, problem = ask(connection, asked)
    assert status == odd[asked] and connection.ask("/v1/sys/status")[0] == 200, (asked, status, problem)
subprocess.run([binary, "--identity", admin, "--addr", f"unix:{socket}", "caller", "revoke", name], check=True)
for asked, connection in connections.items():
    status, problem = ask(connection, asked)
    assert (status, problem["code"]) == (403, "caller_revoked"), (asked, status, problem)
    assert connection.is_closed(), f"the connection stayed open after {asked}"
PYTHON
}
check "revoked, and asks what can't be" revoked_and_odd
check "which is in the log" holds '[.items[] | select(.action == "vault.request" and .caller == "odd" and
    .outcome == "denied" and .reason == "caller_revoked")] | length > 0' as "$ADMIN" --output json audit tail -n 100
# Nor does who asks for nothing any more keep the place of its connection.
add mute "$SCRATCH/mute"
revoked_and_mute() {
    python "$SOCKET" mute "$SCRATCH/mute" <<'PYTHON'
import subprocess, sys
from connection import Connection
binary, socket, admin, where, name, identity = sys.argv[1:]
mute = Connection(where, identity)
assert mute.ask("/v1/integrations/fsm/credentials")[0] == 200
subprocess.run([binary, "--identity", admin, "--addr", f"unix:{socket}", "caller", "revoke", name], check=True)
assert mute.is_closed(), "the connection stayed open"
PYTHON
}
check "revoked, and mute" revoked_and_mute
check "others are still served" as "$FSM" integration credentials fsm
check "revoked twice is a conflict" says "revoked already" 6 as "$ADMIN" caller revoke one
check "an unknown one isn't found" refuses 4 as "$ADMIN" caller revoke nobody
check "it is shown as revoked" holds '.state == "revoked"' as "$ADMIN" caller show one --output json

add one "$SCRATCH/one.new"
check "the name added again is served" as "$SCRATCH/one.new" integration credentials fsm
check "and doesn't revive the old key" answers 403 caller_unknown unix "$SCRATCH/one" /v1/integrations/fsm/credentials
check "an active name isn't given twice" says "already" 6 as "$ADMIN" caller add one --script customscript_x \
    --out "$SCRATCH/again"
# While a caller renews itself both keys speak, until the old one expires.
cp -r "$SCRATCH/one.new" "$SCRATCH/before"
check "a caller renews itself" as "$SCRATCH/one.new" caller renew
check "with another key" refuses 1 cmp -s "$SCRATCH/before/key.pem" "$SCRATCH/one.new/key.pem"
check "the new one speaks" as "$SCRATCH/one.new" integration credentials fsm
check "the old one still does" as "$SCRATCH/before" integration credentials fsm
# A directory that can't take what is new costs none of the certificates that a caller may have.
renewals() { as "$ADMIN" --output json audit tail -n 100 | jq '[.items[] | select(.action == "caller.renew")] | length'; }
mkdir "$SCRATCH/one.new/cert.pem.new"
before=$(renewals)
check "a renewal that has no place fails" says "cert.pem.new" 2 as "$SCRATCH/one.new" caller renew
check "and nobody was asked" test "$(renewals)" = "$before"
rmdir "$SCRATCH/one.new/cert.pem.new"
check "then it renews" as "$SCRATCH/one.new" caller renew
check "and leaves no draft" test "$(find "$SCRATCH/one.new" -type f | wc -l)" = 3
# A full operator has another one made, for a key made here or elsewhere; what the caller may do stays.
check "another certificate for who is registered" as "$ADMIN" caller certify one --out "$SCRATCH/one.other"
check "it speaks" as "$SCRATCH/one.other" integration credentials fsm
check "the one before still does" as "$SCRATCH/one.new" integration credentials fsm
cp -r "$SCRATCH/one.other" "$SCRATCH/one.csr"
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout "$SCRATCH/one.csr/key.pem" \
    -out "$SCRATCH/one.req" 2>/dev/null
chmod 600 "$SCRATCH/one.csr/key.pem"
by_csr() { as "$ADMIN" caller certify one --csr "$SCRATCH/one.req" --valid 1h >"$SCRATCH/one.csr/cert.pem"; }
check "for a request, the certificate alone" by_csr
check "which speaks" as "$SCRATCH/one.csr" integration credentials fsm
check "a directory in use is refused" says "exists already" 6 as "$ADMIN" caller certify one --out "$SCRATCH/one.other"
check "an unknown one isn't certified" refuses 4 as "$ADMIN" caller certify nobody --out "$SCRATCH/nobody"
check "nor is anything left of it" test ! -e "$SCRATCH/nobody"
check "by itself none is" refuses 3 as "$SCRATCH/one.other" caller certify one --out "$SCRATCH/mine"
as "$ADMIN" caller revoke one >/dev/null
check "a revoked one isn't certified" says "is revoked" 6 as "$ADMIN" caller certify one --out "$SCRATCH/late"
check "a revocation ends those" refuses 3 as "$SCRATCH/one.csr" integration credentials fsm
check "a revocation ends both: new" refuses 3 as "$SCRATCH/one.new" integration credentials fsm
check "a revocation ends both: old" refuses 3 as "$SCRATCH/before" integration credentials fsm
check "nor can it renew" refuses 3 as "$SCRATCH/one.new" caller renew

check "the last full operator stays" says "last full operator" 6 as "$ADMIN" caller revoke admin
as "$ADMIN" caller add second --operator full --employee 2 --out "$SCRATCH/second" >/dev/null
as "$ADMIN" caller add editor --operator edit --employee 3 --out "$SCRATCH/editor" >/dev/null
check "an edit operator can't revoke" refuses 3 as "$SCRATCH/editor" caller revoke second
check "the first can go when there is another" as "$SCRATCH/second" caller revoke admin
check "and is refused then" refuses 3 as "$ADMIN" caller list
check "and the second stays" says "last full operator" 6 as "$SCRATCH/second" caller revoke second
ADMIN=$SCRATCH/second

# With eight certificates already, each renewal ends one. None of them may put the revocation off by what leaves or is waited for.
renewing_while_revoked() {
    python "$SOCKET" "$SCRATCH/many" "$SCRATCH/many.req" <<'PYTHON'
import json, subprocess, sys, time
from connection import Connection
binary, socket, admin, where, identity, request = sys.argv[1:]
body = json.dumps({"csr": open(request).read()})
path, json_type = "/v1/identity/renew", {"Content-Type": "application/json"}
one = Connection(where, identity)
took = []
for number in range(11):
    began = time.monotonic()
    status, answer = one.ask(path, "POST", body)
    assert status == 201, (number, answer)
    took.append(time.monotonic() - began)
assert min(took[8:]) < 0.5, f"a renewal waits for itself: {took}"
connections = [Connection(where, identity) for _ in range(40)]
for each in connections:
    each.request("POST", path, body, json_type)
began = time.monotonic()
subprocess.run([binary, "--identity", admin, "--addr", f"unix:{socket}", "caller", "revoke", "many"], check=True)
took = time.monotonic() - began
answers = [each.getresponse() for each in connections]
told = [(answer.status, json.loads(answer.read()).get("code")) for answer in answers]
assert set(told) <= {(201, None), (403, "caller_revoked")}, set(told)
assert took < 5, (took, told)
PYTHON
}
add many "$SCRATCH/many"
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout "$SCRATCH/many.key" \
    -out "$SCRATCH/many.req" 2>/dev/null
check "renewals by the dozen put no revocation off, and are all answered" renewing_while_revoked

# lost VERB NAME STATUS CODE IDENTITY: 32 readers wait for the next pair, half of them on each listener; after the act is
# acknowledged the pair rotates. None gets it, and none is left waiting.
lost_while_waiting() {
    python "$PORT" "$SCRATCH/id.new" "$SCRATCH/secret.new" "$@" <<'PYTHON'
import json, subprocess, sys
from connection import Connection
binary, socket, admin, port, new_id, new_secret, passphrase, verb, name, status, code, identity = sys.argv[1:]
def operator(*words):
    subprocess.run([binary, "--identity", admin, "--addr", f"unix:{socket}", *words], check=True, capture_output=True)
path = "/v1/integrations/fsm/credentials"
connections = [Connection((socket, port)[number % 2], identity) for number in range(32)]
for each in connections:
    each.request("GET", path)
    answer = each.getresponse()
    tag = answer.headers["ETag"]
    answer.read()
for each in connections:
    each.request("GET", f"{path}?wait=50s", headers={"If-None-Match": tag})
operator("seal") if verb == "seal" else operator("caller", "revoke", name)
if verb == "revoke":
    operator("integration", "rotate", "fsm", "--client-id-file", new_id, "--client-secret-file", new_secret)
got = []
for each in connections:
    answer = each.getresponse()
    got.append((answer.status, json.loads(answer.read()).get("code")))
assert set(got) == {(int(status), code)}, set(got)
if verb == "seal":
    operator("unseal", "--passphrase-file", passphrase)
PYTHON
}
for half in id secret; do private_file "$SCRATCH/$half.new" "$(openssl rand -hex 32)"; done
add three "$SCRATCH/three"
check "revoked while they wait: nobody gets the next pair" lost_while_waiting "$PASSPHRASE" revoke three 403 caller_revoked "$SCRATCH/three"
check "sealed while they wait: nobody is left waiting" lost_while_waiting "$PASSPHRASE" seal - 503 sealed "$FSM"

sealed_while_open() {
    python "$@" <<'PYTHON'
import subprocess, sys
from connection import Connection
binary, socket, admin, identity, passphrase, *ports = sys.argv[1:]
def operator(*words):
    subprocess.run([binary, "--identity", admin, "--addr", f"unix:{socket}", *words], check=True)
path = "/v1/integrations/fsm/credentials"
connections = [Connection(where, identity) for where in (socket, *ports)]
for each in connections:
    assert each.ask(path)[0] == 200
operator("seal")
for each in connections:
    status, problem = each.ask(path)
    assert (status, problem["code"]) == (503, "sealed"), (status, problem)
operator("unseal", "--passphrase-file", passphrase)
for each in connections:
    assert each.ask(path)[0] == 200, "not served after unsealing"
PYTHON
}
check "sealed and unsealed on open connections" sealed_while_open "$FSM" "$PASSPHRASE" "$PORT"
check "only a full operator seals: service" refuses 3 as "$FSM" seal
check "only a full operator seals: edit" refuses 3 as "$SCRATCH/editor" seal
check "unsealed twice is a conflict" refuses 6 as "$ADMIN" unseal --passphrase-file "$PASSPHRASE"

check "seal" holds .sealed as "$ADMIN" --output json seal
check "status answers, sealed" holds '.sealed and .audit == null' as "$FSM" --output json status
check "the command line says sealed" says "fsm-vault unseal" 5 as "$FSM" integration credentials fsm
check "a service can't unseal" refuses 3 as "$FSM" unseal --passphrase-file "$PASSPHRASE"
check "nor an edit operator" refuses 3 as "$SCRATCH/editor" unseal --passphrase-file "$PASSPHRASE"
check "nor a revoked one" refuses 3 as "$VAULT/identities/admin" unseal --passphrase-file "$PASSPHRASE"
private_file "$SCRATCH/wrong" 'correct horse battery stable'
for attempt in 1 2 3; do
    check "wrong passphrase, $attempt" says wrong_passphrase 3 as "$ADMIN" unseal --passphrase-file "$SCRATCH/wrong"
done
check "then it backs off" answers 429 rate_limited unix "$ADMIN" /v1/sys/unseal \
    --json '{"passphrase":"correct horse battery staple"}'
check "and says for how long" grep -qiE '^retry-after: [1-9]' "$HEADERS"
unsealed() { as "$ADMIN" unseal --passphrase-file "$PASSPHRASE" 2>/dev/null; }
check "the right one opens it after that" until_true 30 unsealed
check "the wrong ones are audited once unsealed" holds '[.items[] | select(.action == "vault.unseal" and
    .reason == "wrong_passphrase" and (.caller | endswith("second")))] | length == 3' as "$ADMIN" --output json audit tail -n 100
check "the service is served again" as "$FSM" integration credentials fsm
check "the log is intact" as "$ADMIN" audit verify
stop_daemon

# What a revoked certificate holds is no part of what the name's next holder may have.
printf '[limits]\ncaller_connections = 16\n' >"$SCRATCH/few.toml"
start_daemon "$VAULT" "$PASSPHRASE" --config "$SCRATCH/few.toml"
add four "$SCRATCH/four.old"
as "$ADMIN" caller revoke four >/dev/null
add four "$SCRATCH/four"
crowded() {
    python "$SOCKET" "$SCRATCH/four.old" "$SCRATCH/four" <<'PYTHON'
import sys
from connection import Connection
where, old, new = sys.argv[4:]
held = [Connection(where, old) for _ in range(3)]
for each in held:
    each.connect()
honest = [Connection(where, new) for _ in range(16)]
for each in honest:
    assert each.ask("/v1/integrations/fsm/credentials")[0] == 200
for each in held:
    status, problem = each.ask("/v1/integrations/fsm/credentials")
    assert (status, problem["code"]) == (403, "caller_unknown"), ("there is room for one", status, problem)
    assert each.is_closed()
status, problem = Connection(where, new).ask("/v1/sys/status")
assert (status, problem["code"]) == (429, "rate_limited"), (status, problem)
PYTHON
}
check "others' certificates of a name take nothing from its holder, and hear why they aren't served" crowded
stop_daemon
check "nothing panicked" no_panic
