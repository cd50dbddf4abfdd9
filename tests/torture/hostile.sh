#!/usr/bin/env bash
# Hostile peers beside an honest one: bounded memory, right answers, no crash. The long form is full/hostile.sh.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"
# shellcheck source=tests/torture/hostile/site.sh
. "$(dirname "$0")/hostile/site.sh"

cat >"$SCRATCH/limits.toml" <<'TOML'
[audit]
durability = "write"
[limits]
handshakes = 50
handshake_seconds = 2
header_seconds = 1
body_seconds = 30
caller_connections = 60
caller_requests = 200
caller_waiting = 20
caller_large = 4
TOML
hostile_site "$SCRATCH/limits.toml"
attack --seconds 1.5 --connections 80 --memory 128 --handshakes 50
limits_counted
rate_is_kept
afterwards
