#!/usr/bin/env bash
# tests/torture/power_cut.sh with two hundred cuts.
exec env POWER_CUTS="${POWER_CUTS:-200}" "$(dirname "$0")/../power_cut.sh"
