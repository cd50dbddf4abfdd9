#!/usr/bin/env bash
# tests/torture/crash.sh with a thousand kills.
exec env CRASH_DEATHS="${CRASH_DEATHS:-1000}" ALL_POINTS=true "$(dirname "$0")/../crash.sh"
