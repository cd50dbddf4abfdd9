#!/usr/bin/env bash
# The formats on disk: a reader written from docs/formats.md alone, on the vectors and on a real vault.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
: "${FSM_VAULT_PYTHON:?is a Python with what tests/system/requirements.txt names; tests/all makes and sets it}"
here=$(cd "$(dirname "$0")" && pwd)
vectors=$here/../vectors

read_formats() {
    "$FSM_VAULT_PYTHON" -B "$here/read_formats.py" "$@"
}

check "the vectors are what their generator makes" "$FSM_VAULT_PYTHON" -B "$vectors/generate.py" --check
check "an independent reader agrees about every header" read_formats header "$vectors/header.json"
check "about every name and record" read_formats records "$vectors/records.json"
check "and about every audit log" read_formats audit "$vectors/audit.json"

vault=$SCRATCH/vault right=$SCRATCH/right wrong=$SCRATCH/wrong
(umask 077 && echo 'correct horse battery staple' >"$right" && echo 'correct horse battery stapl' >"$wrong")

serve_once() {
    start_daemon "$vault" "$right" && stop_daemon
}
# The log of a vault whose data directory was copied and one word in it exchanged for another as long.
bent_log() {
    cp -r "$vault" "$SCRATCH/bent" && sed -i 's/vault\.create/vault.delete/' "$SCRATCH/bent/audit/audit-00000001.jsonl" &&
        ! cmp -s "$vault/audit/audit-00000001.jsonl" "$SCRATCH/bent/audit/audit-00000001.jsonl" &&
        refuses 4 read_formats log "$SCRATCH/bent" "$right"
}
# The key hash of a certificate, by openssl.
key_hash() {
    openssl x509 -in "$1" -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -r | cut -d' ' -f1
}
operator_is_known() {
    [ "$(jq -r '.[0].spki_sha256' "$vault/tls/operators.json")" = "$(key_hash "$vault/identities/admin/cert.pem")" ] &&
        [ "$(jq -cS '.[0] | keys' "$vault/tls/operators.json")" = '["not_after","pins","serial","spiffe_id","spki_sha256"]' ]
}
server_key_holds_both() {
    openssl pkey -in "$vault/tls/server.key" -noout &&
        [ "$(openssl x509 -in "$vault/tls/server.key")" = "$(openssl x509 -in "$vault/tls/server.pem")" ]
}
modes() {
    (cd "$1" && stat -c '%a %n' . ./* | sort -k 2 | tr '\n' ' ')
}
has_modes() {
    local found
    found=$(modes "$1")
    echo "$found"
    [ "$found" = "$2" ]
}

check "a vault is made" "$FSM_VAULT_BIN" init --data-dir "$vault" --passphrase-file "$right"
check "and served once" serve_once
check "its header is found without sled, and its log verifies" read_formats log "$vault" "$right"
check "so does the file epoch: written at the making's commit, the unsealing's and the end's" says '"epoch": 3' 0 read_formats log "$vault" "$right"
rekeyed() {
    start_daemon "$vault" "$right" && as "$vault/identities/admin" rekey --passphrase-file "$right" && stop_daemon &&
        grep -q '"reason":"rekeyed"' "$vault"/audit/audit-00000002.jsonl
}
check "the vault is rekeyed" rekeyed
check "and its log verifies under both keys" read_formats log "$vault" "$right"
check "not by a wrong passphrase" refuses 3 read_formats log "$vault" "$wrong"
check "nor once a word was changed" bent_log
check "tls/ knows the operator's key by its hash" operator_is_known
check "server.key holds the key and its certificate" server_key_holds_both
check "tls/ has the modes that the page gives" has_modes "$vault/tls" \
    '700 . 644 ./ca.pem 600 ./operators.json 600 ./server.key 644 ./server.pem '
check "so has the operator's identity" has_modes "$vault/identities/admin" '700 . 644 ./ca.pem 644 ./cert.pem 600 ./key.pem '
