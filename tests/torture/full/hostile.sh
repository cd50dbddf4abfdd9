#!/usr/bin/env bash
# Hostile peers, a minute of each and 10,000 idle connections, against the limits as they are shipped.
# FSM_VAULT_HOSTILE_SECONDS changes the minute.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../../system/lib.sh"
# shellcheck source=tests/torture/hostile/site.sh
. "$(dirname "$0")/../hostile/site.sh"

FSM_VAULT_BIN=${FSM_VAULT_RELEASE_BIN:-$FSM_VAULT_BIN}
ulimit -n "$(ulimit -Hn)"
printf '[audit]\ndurability = "write"\n' >"$SCRATCH/limits.toml"
hostile_site "$SCRATCH/limits.toml"
attack --seconds "${FSM_VAULT_HOSTILE_SECONDS:-60}" --connections 10000 --memory 512
limits_counted
rate_is_kept
afterwards
