#!/usr/bin/env bash
# Installed as README.md says, on a systemd that really boots: socket activation, a sealed start, a start unsealed by an
# encrypted credential, pins to a unit, an end by SIGKILL, the recovery of an operator. In a container, as root.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../lib.sh"
cd "$(dirname "$0")/../../.."

if [ "$(id -u)" != 0 ] || [ ! -e /etc/debian_version ]; then
    echo "not run: tests/system/full/systemd.sh takes root on Debian"
    echo "ok - not run here"
    exit 0
fi
if ! command -v debootstrap systemd-nspawn >/dev/null; then
    apt-get update -q >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends debootstrap systemd-container >/dev/null
fi

root=$SCRATCH/root
debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus bookworm "$root" >"$SCRATCH/debootstrap" 2>&1 ||
    { tail -n 5 "$SCRATCH/debootstrap"; exit 1; }

# README.md, Install as a service.
install -m 0755 "$FSM_VAULT_BIN" "$root/usr/local/bin/fsm-vault"
install -D -m 0644 config/fsm-vault.toml "$root/etc/fsm-vault/fsm-vault.toml"
install -D -m 0644 systemd/fsm-vault.sysusers "$root/etc/sysusers.d/fsm-vault.conf"
install -D -m 0644 systemd/fsm-vault.tmpfiles "$root/etc/tmpfiles.d/fsm-vault.conf"
install -m 0644 systemd/fsm-vault.service systemd/fsm-vault.socket "$root/etc/systemd/system/"

# The checks run inside, as a unit, and power the container off.
cp tests/system/full/inside/systemd.sh "$root/checks.sh"
cat >"$root/etc/systemd/system/checks.service" <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/bash /checks.sh
StandardOutput=file:/checks.out
StandardError=inherit
TimeoutStartSec=300
ExecStopPost=/usr/bin/systemctl --no-block poweroff
[Install]
WantedBy=multi-user.target
UNIT
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -s ../checks.service "$root/etc/systemd/system/multi-user.target.wants/"

# No network but its own loopback; no registration, as the host may have no systemd of its own.
timeout --kill-after=10 400 systemd-nspawn --quiet --boot --register=no --keep-unit --private-network --directory="$root" \
    </dev/null >"$SCRATCH/boot" 2>&1 || tail -n 20 "$SCRATCH/boot"
cat "$root/checks.out"
check "the checks inside came to their end" grep -qx 'all were run' "$root/checks.out"
