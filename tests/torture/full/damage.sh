#!/usr/bin/env bash
# tests/torture/damage.sh with ten thousand harms.
exec env DAMAGE_HARMS="${DAMAGE_HARMS:-10000}" "$(dirname "$0")/../damage.sh"
