#!/usr/bin/env bash
# Each fuzz target for 20 seconds, from the seeds in fuzz/seeds. fuzz/run does it for longer.
set -uo pipefail
"$(dirname "$0")/../../fuzz/run" "${FUZZ_SECONDS:-20}"
# A crash has been told as `not ok`; not to have built is another matter.
[ $? -le 1 ]
