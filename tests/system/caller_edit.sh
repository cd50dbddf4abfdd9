#!/usr/bin/env bash
# A registration is edited: it holds from the caller's next request on, on open connections too.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair

edit() { as "$ADMIN" caller edit "$@"; }

moved_while_open() {
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$(dirname "$0") python3 - "$FSM_VAULT_BIN" "$SOCKET" "$ADMIN" "$FSM" <<'PYTHON'
import subprocess, sys
from connection import Connection
binary, socket, admin, identity = sys.argv[1:]
def edit(*words):
    subprocess.run([binary, "--identity", admin, "--addr", f"unix:{socket}", "caller", "edit", "fsm", *words],
                   check=True, stdout=subprocess.DEVNULL)
path = "/v1/integrations/fsm/credentials"
connection = Connection(socket, identity)
assert connection.ask(path)[0] == 200
edit("--script", "customscript_elsewhere")
status, problem = connection.ask(path)
assert (status, problem["code"]) == (403, "access_denied"), (status, problem)
edit("--script", "customscript_nx_suitelet2")
assert connection.ask(path)[0] == 200
edit("--uid", "4711")
status, problem = connection.ask(path)
assert (status, problem["code"]) == (403, "wrong_peer"), (status, problem)
edit("--any-uid")
assert connection.ask(path)[0] == 200
PYTHON
}
check "an edit holds on an open connection" moved_while_open
check "what was changed is told" holds '.service.employees == ["7", "8"] and .mail == "ann@example.com"' \
    edit fsm --employee 8 --employee 7 --mail ann@example.com --output json
check "and stands in the log, without the address" holds '[.items[] | select(.action == "caller.edit")][0].changes |
    .role.new.employees == ["7", "8"] and .mail == "changed"' as "$ADMIN" audit tail --output json
check "several employees: one must be named" answers 403 employee_required unix "$FSM" /v1/integrations/fsm/credentials
check "no employees" edit fsm --no-employees --no-mail
check "served again" as "$FSM" integration credentials fsm

check "a service gets no level" says "is a service" 2 edit fsm --level view
check "an operator gets no script" says "is an operator" 2 edit admin --script customscript_x
check "nothing to change is a usage error" refuses 2 edit fsm
check "an unknown one isn't found" refuses 4 edit nobody --no-mail
check "the last full operator stays one" says "last full operator" 6 edit admin --level edit
check "nor is it pinned to where nobody comes from" says "don't fit this connection" 6 edit admin --uid 4294967294
check "nor from a listener that no pin fits" says "Unix socket" 6 \
    "$FSM_VAULT_BIN" --identity "$ADMIN" --addr "https://127.0.0.1:$PORT" caller edit admin --uid "$(id -u)"
check "to where it is, it can be" edit admin --uid "$(id -u)"
as "$ADMIN" caller add nowhere --operator full --employee 9 --uid 4294967294 --out "$SCRATCH/nowhere" >/dev/null
check "one who can't come in is no replacement" says "caller edit nowhere --any-uid" 6 as "$ADMIN" caller revoke admin
as "$ADMIN" caller revoke nowhere >/dev/null
check "without a pin again" edit admin --any-uid
check "the API refuses the other kind" answers 422 invalid_field unix "$ADMIN" /v1/callers/fsm --request PATCH \
    --json '{"operator":{"level":"full"}}'
check "and unknown fields" answers 422 invalid_field unix "$ADMIN" /v1/callers/fsm --request PATCH --json '{"name":"x"}'
check "and null for what there must be" answers 422 invalid_field unix "$ADMIN" /v1/callers/fsm --request PATCH \
    --json '{"service":{"script":null}}'
check "and an address that the mailer can't use" answers 422 invalid_field unix "$ADMIN" /v1/callers/fsm \
    --request PATCH --json '{"mail":"ops@example.com."}'

check "an edit of an older state is refused" answers 412 precondition_failed unix "$ADMIN" /v1/callers/fsm \
    --request PATCH --header 'If-Match: "1"' --json '{"mail":null}'
vault_curl unix "$ADMIN" /v1/callers/fsm --dump-header "$HEADERS" --output /dev/null
tag=$(sed -nE 's/^etag: (.*)\r$/\1/Ip' "$HEADERS")
check "one of the present state is made" answers 200 - unix "$ADMIN" /v1/callers/fsm --request PATCH \
    --header "If-Match: $tag" --json '{"mail":"x@example.com"}'
check "once" answers 412 precondition_failed unix "$ADMIN" /v1/callers/fsm --request PATCH \
    --header "If-Match: $tag" --json '{"mail":null}'
check "nor is it revoked on what isn't so any more" answers 412 precondition_failed unix "$ADMIN" /v1/callers/fsm \
    --request DELETE --header "If-Match: $tag"

as "$ADMIN" caller add editor --operator edit --employee 3 --out "$SCRATCH/editor" >/dev/null
check "only a full operator edits" refuses 3 as "$SCRATCH/editor" caller edit editor --level full
check "a level is raised" edit editor --level full
check "and holds at once" as "$SCRATCH/editor" caller edit fsm --no-mail
check "a service never" answers 403 permission_denied unix "$FSM" /v1/callers/fsm --request PATCH --json '{"mail":null}'
check "the log is intact" as "$ADMIN" audit verify
stop_daemon
check "nothing panicked" no_panic
