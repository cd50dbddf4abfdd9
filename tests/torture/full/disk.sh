#!/usr/bin/env bash
# tests/torture/disk.sh with every error at every step of a write.
exec env DISK_ALL=yes "$(dirname "$0")/../disk.sh"
