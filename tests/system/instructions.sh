#!/usr/bin/env bash
# What a request costs in user instructions: not 10 % more than the committed baseline says. Counted on the release
# build, since that is what is installed; of a debug build the figures would say nothing.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
: "${FSM_VAULT_RELEASE_BIN:?is the path of a release build; tests/all sets it}"
COUNT=$(dirname "$0")/../../benches/instructions/run

said=0
"$COUNT" --bin "$FSM_VAULT_RELEASE_BIN" --json >"$SCRATCH/figures" || said=$?
check "the requests are counted" [ "$said" = 0 ]
# The advice is longer than what `check` shows of a failure.
"$COUNT" --figures "$SCRATCH/figures" || said=$?
check "no request costs 10 % more than in benches/instructions/baseline.json" [ "$said" = 0 ]

jq '.instructions.value_unix = (.instructions.value_unix * 0.88 | floor)' "$SCRATCH/figures" >"$SCRATCH/lower"
check "one that does is named" says "above the baseline: value_unix" 1 \
    "$COUNT" --figures "$SCRATCH/figures" --baseline "$SCRATCH/lower"
