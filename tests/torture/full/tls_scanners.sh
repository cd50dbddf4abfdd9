#!/usr/bin/env bash
# sslyze (PyPI) and testssl.sh (Debian) against the listener. Each finding of theirs is explained in docs/threats.md, by
# its name there; one that isn't fails.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../../system/lib.sh"

THREATS=$(realpath "$(dirname "$0")/../../../docs/threats.md")
: "${FSM_VAULT_PYTHON:?is a python3 with tests/system/requirements.txt; tests/all makes it}"
# Of its own, because sslyze wants an older cryptography than the other tests.
SCANNERS=$(dirname "$FSM_VAULT_PYTHON")/../../scanners
[ -x "$SCANNERS/bin/sslyze" ] || { python3 -m venv "$SCANNERS" && "$SCANNERS/bin/python" -m pip install --quiet --disable-pip-version-check 'sslyze>=6,<7'; }
if ! command -v testssl >/dev/null && [ "$(id -u)" = 0 ] && [ -e /etc/debian_version ]; then
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends testssl.sh bsdextrautils; } >/dev/null
fi

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair
cd "$SCRATCH"

# Its exit code says whether Mozilla's profile is met; what isn't is looked for below.
"$SCANNERS/bin/sslyze" --cert "$FSM/cert.pem" --key "$FSM/key.pem" --certinfo_ca_file "$FSM/ca.pem" --mozilla_config modern \
    --json_out sslyze.json "localhost:$PORT" >sslyze.txt 2>&1 || true
# Which `--mozilla_config` leaves out.
"$SCANNERS/bin/sslyze" --cert "$FSM/cert.pem" --key "$FSM/key.pem" --early_data --resum --json_out again.json "localhost:$PORT" >/dev/null 2>&1 || true
said() { jq -e ".server_scan_results[0].scan_result | $1" sslyze.json; }
check "sslyze: it could connect with a certificate" said '.tls_1_3_cipher_suites.result.accepted_cipher_suites | length > 0'
check "sslyze: no protocol but TLS 1.3" said \
    '[.ssl_2_0_cipher_suites, .ssl_3_0_cipher_suites, .tls_1_0_cipher_suites, .tls_1_1_cipher_suites, .tls_1_2_cipher_suites] | all(.result.accepted_cipher_suites == [])'
check "sslyze: three suites, all AEAD" said '[.tls_1_3_cipher_suites.result.accepted_cipher_suites[].cipher_suite.name] | sort == ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]'
check "sslyze: no early data and no resumption" jq -e '.server_scan_results[0].scan_result
    | .tls_1_3_early_data.result.supports_early_data == false
      and .session_resumption.result.session_id_resumption_result != "FULLY_SUPPORTED"
      and .session_resumption.result.tls_ticket_resumption_result != "FULLY_SUPPORTED"' again.json
check "sslyze: no compression, renegotiation, Heartbleed, ROBOT or CCS injection" said \
    '.tls_compression.result.supports_compression == false
     and .session_renegotiation.result.is_vulnerable_to_client_renegotiation_dos == false and .heartbleed.result.is_vulnerable_to_heartbleed == false
     and (.robot.result.robot_result | startswith("NOT_VULNERABLE")) and .openssl_ccs_injection.result.is_vulnerable_to_ccs_injection == false'
check "sslyze: the vault's own CA verifies the chain" said \
    '.certificate_info.result.certificate_deployments | all(.path_validation_results | any(.was_validation_successful))'
explained_by_sslyze() {
    local finding
    sed -nE 's/^ *\* ([a-z_]+): .*/\1/p' sslyze.txt >findings
    cat findings
    while read -r finding; do grep -qF "sslyze \`$finding\`" "$THREATS" || return 1; done <findings
}
check "sslyze: what Mozilla's modern profile misses is explained" explained_by_sslyze

testssl --quiet --color 0 --warnings batch --add-ca "$FSM/ca.pem" --jsonfile testssl.json "localhost:$PORT" >testssl.txt 2>&1 || true
check "testssl.sh: it came to its end" jq -e 'map(.id) | index("TLS1_3") and index("RC4") and index("cert_chain_of_trust")' testssl.json
explained_by_testssl() {
    local finding
    # What it couldn't do on this host is no finding of ours.
    jq -r '.[] | select(.severity | IN("LOW", "MEDIUM", "HIGH", "CRITICAL")) | .id' testssl.json | sort -u >findings
    cat findings
    while read -r finding; do grep -qF "testssl.sh \`$finding\`" "$THREATS" || return 1; done <findings
}
check "testssl.sh: each finding is explained" explained_by_testssl
check "the caller is served afterwards" answers 200 - tcp "$FSM" /v1/integrations/fsm/credentials
check "no daemon panicked" no_panic
