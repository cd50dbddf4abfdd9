#!/usr/bin/env bash
# Each fuzz target for FUZZ_SECONDS, 900 unless given; an hour each is for a night: FUZZ_SECONDS=3600.
FUZZ_SECONDS=${FUZZ_SECONDS:-900} exec "$(dirname "$0")/../fuzz.sh"
