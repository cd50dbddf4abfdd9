#!/usr/bin/env bash
# Schemathesis against the daemon, by its own description: once as an operator, once as a service. Thousands of requests
# that the description allows, and near misses that it doesn't; each answer must be one that is described, to the field.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

: "${FSM_VAULT_PYTHON:?is a Python with what tests/system/requirements.txt names; tests/all sets it}"
HERE=$(cd "$(dirname "$0")" && pwd)

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair
# What the description's examples name beside the pair.
as "$ADMIN" secret create _crm_key --value-file "$PAIR_ID" --script customscript_nx_suitelet2 --allow-all-domains >/dev/null

DOCUMENT=$SCRATCH/openapi.json
check "a service gets the description" answers 200 - tcp "$FSM" /v1/openapi.json
check "an operator gets the same" cmp "$BODY" <(vault_curl unix "$ADMIN" /v1/openapi.json)
cp "$BODY" "$DOCUMENT"
check "it is OpenAPI 3.1" "$FSM_VAULT_PYTHON" -m openapi_spec_validator --schema 3.1 "$DOCUMENT"
check "its patterns hold for the vectors of words" "$FSM_VAULT_PYTHON" "$HERE/described_words.py" "$DOCUMENT" "$HERE/../vectors"

# For the runs the answers' schemas are closed, so that a field which isn't described is found; and a real certificate
# request stands as an example, so that renewal is seen to succeed. Nothing waits for long.
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=x -keyout /dev/null -out "$SCRATCH/csr" 2>/dev/null
jq --rawfile csr "$SCRATCH/csr" '
    ([.. | objects | .allOf? // [] | .[] | ."$ref"? // empty | split("/")[-1]] - ["Problem"]) as $parts
    | .components.schemas |= with_entries(
        if (.key | IN($parts[])) or .value.additionalProperties == false or (.value.type != "object" and .value.allOf == null)
        then . else .value.unevaluatedProperties = false end)
    | .paths["/v1/identity/renew"].post.requestBody.content["application/json"].example = {csr: $csr}
    | (.. | objects | select(.allOf and .properties.credentials)) += {unevaluatedProperties: false}
    | (.paths[][].parameters[]? | select(.name == "wait").schema) = {enum: ["0s", "50ms"]}
' "$DOCUMENT" >"$SCRATCH/closed.json"

# No other caller can be tried for, and none is without a certificate: TLS ends before HTTP.
not_for_mtls=ignored_auth,object_level_authorization
# fits service|operator IDENTITY_DIR [ARGUMENT...]: a run in which nothing was found; in which every call for such a caller
# succeeded at least once, but for those in NEVER; and none that is for the other kind.
fits() {
    local kind=$1 identity=$2 code=0
    shift 2
    rm -f "$SCRATCH/har"
    "$(dirname "$FSM_VAULT_PYTHON")/schemathesis" --config-file "$HERE/schemathesis.toml" run "$SCRATCH/closed.json" \
        --url "https://127.0.0.1:$PORT" --tls-verify "$identity/ca.pem" --request-cert "$identity/cert.pem" \
        --request-cert-key "$identity/key.pem" --checks all --exclude-checks $not_for_mtls \
        --report-har-path "$SCRATCH/har" "$@" >"$SCRATCH/run" 2>&1 </dev/null || code=$?
    [ "$code" = 0 ] || sed 's/^/# /' "$SCRATCH/run"
    check "as $kind: every answer is as described" test "$code" = 0
    check "as $kind: what is described for such a caller succeeds, and nothing else" \
        "$FSM_VAULT_PYTHON" "$HERE/succeeded.py" "$DOCUMENT" "$SCRATCH/har" "$kind" "${NEVER[@]}"
}

# First, as the operator will revoke it. A service may not seal, so nothing needs to be left out.
NEVER=()
fits service "$FSM"
# What would end the run is left out: a sealed vault answers nothing else, and showing a passphrase costs an Argon2id at
# each attempt.
# Other scripts test both. The versions that the examples name are retired by then, and the
# notice doesn't stand.
DEAR=(seal unseal changePassphrase addKeySlot removeKeySlot rekey createBackup)
NEVER=("${DEAR[@]}" activatePair retirePair retireVersion acknowledgeNotice)
fits operator "$ADMIN" "${DEAR[@]/#/--exclude-operation-id=}"

check "the vault is well" holds '(.sealed | not) and .audit == {available: true, damaged: false}' \
    as "$ADMIN" --output json status
check "the audit log is intact" as "$ADMIN" audit verify
check "nothing panicked" no_panic
stop_daemon
