#!/usr/bin/env bash
# crash.sh, many more times.
export CRASH_ROUNDS=200
exec "$(dirname "$0")/../crash.sh"
