#!/usr/bin/env bash
# crash_rotation.sh, many more times.
export CRASH_ROUNDS=150
exec "$(dirname "$0")/../crash_rotation.sh"
