#!/usr/bin/env bash
# The measurements of rest and scale run, on a vault small enough for every day; their figures are for people to judge.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

HERE=$(dirname "$0")/../../benches
# Its daemons write where those of the other scripts do, so that a panic of theirs is found at the end.
LOG=$LOGS/scale.jsonl PROGRAM=$SCRATCH/fsm-vault
printf '#!/bin/sh\nexec "%s" "$@" 2>>"%s"\n' "$FSM_VAULT_BIN" "$LOG" >"$PROGRAM"
chmod +x "$PROGRAM"
measured() {
    "$HERE/scale/run" --bin "$PROGRAM" --secrets 1200 --idle 1 --fetches 50 --out "$SCRATCH/scale.json" || { tail -n 3 "$LOG"; return 1; }
}
has() { jq -e "$1" "$SCRATCH/scale.json" >/dev/null; }

check "rest and scale are measured" measured
check "memory is told, before and after" has '.rss_few.rss > 0 and .rss_many.anon > 0 and .rss_after_all.rss > 0'
check "both vaults were asked" has '[.fetch, .rotation, .edit, .search | length == 2] | all'
check "every page was read" has '.page_far_number >= 12'
