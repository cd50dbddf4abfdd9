#!/usr/bin/env bash
# tamper.sh, many more times.
export TAMPER_ROUNDS=200
exec "$(dirname "$0")/../tamper.sh"
