# shellcheck shell=bash
# What full/systemd.sh checks inside its container, as root. Prints lines like lib.sh's `check` does.
set -uo pipefail

check() {
    local name=$1 code=0
    shift
    "$@" >/tmp/check 2>&1 || code=$?
    if [ "$code" = 0 ]; then
        echo "ok - $name"
    else
        echo "not ok - $name: exit $code from: $* $(head -c 400 /tmp/check | tr '\n' ' ')"
    fi
}
refuses() {
    local wanted=$1 code=0
    shift
    "$@" || code=$?
    [ "$code" = "$wanted" ]
}
shows() {
    local text=$1
    shift
    "$@" | grep -qF -- "$text"
}
active() { systemctl is-active --quiet fsm-vault.service; }

systemd-sysusers fsm-vault.conf && systemd-tmpfiles --create fsm-vault.conf
(umask 077 && printf 'correct horse battery staple' >/root/passphrase && printf 'the id' >/root/id && printf 'the secret' >/root/secret)
install -m 0600 -o fsm-vault /root/passphrase /tmp/passphrase
check "init as the daemon's user" runuser -u fsm-vault -- fsm-vault init --data-dir /var/lib/fsm-vault --passphrase-file /tmp/passphrase
rm /tmp/passphrase
mv /var/lib/fsm-vault/identities/admin /root/vault-admin && chown -R root: /root/vault-admin
export FSM_VAULT_IDENTITY=/root/vault-admin

systemctl daemon-reload
check "enable" systemctl enable fsm-vault
check "the socket starts" systemctl start fsm-vault.socket
check "and the daemon isn't running yet" refuses 3 systemctl is-active fsm-vault.service
check "the first connection starts it, sealed" shows '"sealed":true' fsm-vault --output json status
check "systemd knows that it is ready" active
check "nothing is served while sealed" refuses 5 fsm-vault secret list
check "an operator unseals it" fsm-vault unseal --passphrase-file /root/passphrase
check "the pair is stored" fsm-vault fsm setup --client-id-file /root/id --client-secret-file /root/secret

fsm-vault caller add pinned --script customscript_nx_suitelet2 --unit reader.service --out /root/pinned >/dev/null
reader() { systemd-run --quiet --wait --pipe --collect --unit="$1" fsm-vault --identity /root/pinned integration credentials fsm; }
check "a caller pinned to a unit is served in it" shows 'the secret' reader reader.service
check "and refused in another" refuses 3 reader other.service
check "and outside of any" refuses 3 fsm-vault --identity /root/pinned integration credentials fsm

check "killed, it is started again" systemctl kill --signal=KILL fsm-vault.service
back() { for _ in $(seq 100); do active && fsm-vault status && return 0; sleep 0.1; done; return 1; }
check "and answers, sealed" back
check "the log is whole after that" fsm-vault unseal --passphrase-file /root/passphrase
check "and verifies" fsm-vault audit verify

install -d -m 0700 /etc/credstore.encrypted
check "the passphrase is encrypted under the host's key" systemd-creds encrypt --with-key=host --name=passphrase /root/passphrase /etc/credstore.encrypted/fsm-vault
sed -i 's/^#LoadCredentialEncrypted=passphrase/LoadCredentialEncrypted=passphrase/' /etc/systemd/system/fsm-vault.service
systemctl daemon-reload
check "with the credential it restarts" systemctl restart fsm-vault.service
check "unsealed" shows '"sealed":false' fsm-vault --output json status
check "and serves" fsm-vault integration show fsm

check "it stops in order" systemctl stop fsm-vault.socket fsm-vault.service
recover() {
    install -m 0600 -o fsm-vault /root/passphrase /tmp/passphrase
    runuser -u fsm-vault -- fsm-vault operator recover --data-dir /var/lib/fsm-vault --passphrase-file /tmp/passphrase \
        --out /var/lib/fsm-vault/identities/recovered &&
        mv -T /var/lib/fsm-vault/identities/recovered /root/recovered && chown -R root: /root/recovered
}
check "an operator is recovered" recover
systemctl start fsm-vault.socket fsm-vault.service
check "and manages" fsm-vault --identity /root/recovered caller list
check "its log is in the journal" shows unsealed journalctl --unit=fsm-vault.service
panicked() { journalctl --unit=fsm-vault.service | grep -qF panicked; }
check "nothing panicked" refuses 1 panicked
echo "all were run"
