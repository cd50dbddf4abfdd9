#!/usr/bin/env bash
# Each fuzz target for FUZZ_SECONDS, two minutes unless given; an hour each is for a night: FUZZ_SECONDS=3600.
FUZZ_SECONDS=${FUZZ_SECONDS:-120} exec "$(dirname "$0")/../fuzz.sh"
