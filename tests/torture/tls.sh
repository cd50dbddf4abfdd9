#!/usr/bin/env bash
# Negative handshakes of our own against the listener. What the scanners of others find: full/tls_scanners.sh.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"

: "${FSM_VAULT_PYTHON:?is a python3 with tests/system/requirements.txt; tests/all makes it}"
prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair
"$FSM_VAULT_PYTHON" "$(dirname "$0")/hostile/handshakes.py" "$PORT" "$FSM" "$OTHER"
check "the caller is served afterwards" answers 200 - tcp "$FSM" /v1/integrations/fsm/credentials
check "no daemon panicked" no_panic
