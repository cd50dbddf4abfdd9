#!/usr/bin/env bash
# What a monitoring system gets: a text that an independent parser takes, true counts, no names, and only as an operator.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
: "${FSM_VAULT_PYTHON:?is a Python with tests/system/requirements.txt; tests/all sets it}"

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair
as "$ADMIN" caller add viewer --operator view --employee monitoring --out "$SCRATCH/viewer" >/dev/null
VIEWER=$SCRATCH/viewer
private_file "$SCRATCH/v1" one
as "$ADMIN" secret create _crm --value-file "$SCRATCH/v1" --script customscript_crm --allow-all-domains >/dev/null

SCRAPER=$VIEWER
# shellcheck disable=SC2120  # some pass a header, as arguments of `check`
scrape() { answers 200 - unix "$SCRAPER" /v1/sys/metrics "$@"; }
# value METRIC [LABEL=WORD...]: of the last scrape, read by a parser of the format's makers.
value() {
    "$FSM_VAULT_PYTHON" - "$BODY" "$@" <<'PYTHON'
import sys
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics
path, name, *labels = sys.argv[1:]
labels = dict(label.split("=") for label in labels)
text = open(path).read()
families = (openmetrics if text.endswith("# EOF\n") else parser).text_string_to_metric_families
found = [sample.value for family in families(text) for sample in family.samples
    if sample.name == name and labels.items() <= sample.labels.items()]
print(f"{sum(found):g}" if found else "none")
PYTHON
}
is() { local want=$1; shift; [ "$(value "$@")" = "$want" ] || { echo "got $(value "$@")"; return 1; }; }

check "an operator of any level scrapes" scrape
check "and is told the format: Prometheus text" grep -qix 'content-type: text/plain; version=0.0.4; charset=utf-8.' "$HEADERS"
# Every sample has a type, by its own name (a histogram's by the name that they begin with), as the format wants it.
typed() {
    "$FSM_VAULT_PYTHON" - "$BODY" <<'PYTHON'
import sys
from prometheus_client.parser import text_string_to_metric_families as families
text = open(sys.argv[1]).read()
found = list(families(text))
types = {family.name: family.type for family in found}
assert types["fsm_vault_build_info"] == "gauge" and types["fsm_vault_audit_sync_seconds"] == "histogram", types
assert {"counter", "gauge", "histogram"} == set(types.values()), types
assert all(family.documentation and family.samples for family in found)
assert text.count("# TYPE ") == text.count("# HELP ") == len(found) and "# EOF" not in text and "# UNIT" not in text
counters = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE") and line.endswith(" counter")]
assert counters and all(name.endswith("_total") and f"\n{name}" in text for name in counters), counters
PYTHON
}
check "a text in which each sample has a type and a help" typed
check "over TCP and HTTP/2 too" answers 200 - tcp "$VIEWER" /v1/sys/metrics
samples() { grep -v '^#' "$BODY" | sed -E 's/ [^ ]+$//' | sort; }
samples >"$SCRATCH/classic"
check "who asks for OpenMetrics gets it" scrape -H 'Accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3'
check "and is told so" grep -qix 'content-type: application/openmetrics-text; version=1.0.0; charset=utf-8.' "$HEADERS"
check "with its end" [ "$(tail -n 1 "$BODY")" = "# EOF" ]
check "and the same samples" cmp "$SCRATCH/classic" <(samples)
check "which its parser takes" is 3 fsm_vault_secrets
check "who asks for plain text gets that" scrape -H 'Accept: text/plain'
check "which is Prometheus text too" typed
check "it is unsealed" is 0 fsm_vault_sealed
check "three secrets" is 3 fsm_vault_secrets
check "one integration" is 1 fsm_vault_integrations
check "four callers" is 4 fsm_vault_callers
check "its version" is 1 fsm_vault_build_info "version=$("$FSM_VAULT_BIN" --version | cut -d' ' -f2)"
check "a start in the past" [ "$(grep '^process_start_time_seconds ' "$BODY" | cut -d' ' -f2)" -le "$(date +%s)" ]
check "a certificate that lasts" [ "$(grep '^fsm_vault_server_certificate_expiry_seconds ' "$BODY" | cut -d' ' -f2)" -gt "$(date +%s)" ]
check "entries were synced" [ "$(grep '^fsm_vault_audit_sync_seconds_count ' "$BODY" | cut -d' ' -f2)" -gt 3 ]
check "free space" [ "$(grep '^fsm_vault_store_free_bytes ' "$BODY" | cut -d' ' -f2)" -gt 1000000 ]
no_names() { ! grep -E 'crm|viewer|admin|customscript|oauth2|"fsm"|monitoring|/v1|127\.' "$BODY"; }
check "no names" no_names

for _ in 1 2 3; do as "$FSM" integration credentials fsm >/dev/null; done
as "$OTHER" integration credentials fsm >/dev/null 2>&1 || true
as "$FSM" secret list >/dev/null 2>&1 || true
answers 404 - unix "$ADMIN" /v1/nothing >/dev/null
answers 422 - unix "$ADMIN" '/v1/secrets?limit=0' >/dev/null
curl --silent --noproxy '*' --cacert "$ADMIN/ca.pem" "https://127.0.0.1:$PORT/" >/dev/null 2>&1 || true
scrape
check "three pairs were handed out" is 3 fsm_vault_releases_total kind=pair
check "and no secret" is 0 fsm_vault_releases_total kind=secret
check "three answers and a refusal" is 3 fsm_vault_requests_total call=pair status=2xx
check "the refusal" is 1 fsm_vault_requests_total call=pair status=4xx
check "and that it was one, not why" is 1 fsm_vault_decisions_total outcome=denied reason=access_denied
check "for that tells what there is" is none fsm_vault_decisions_total outcome=denied reason=script_not_allowed
check "a service that manages" is 1 fsm_vault_decisions_total outcome=denied reason=wrong_role
check "what is no call" is 1 fsm_vault_requests_total call=none status=4xx
check "a handshake without a certificate" is 1 fsm_vault_handshake_failures_total
check "one connection is open: the scrape's" is 1 fsm_vault_connections_open

SCRAPER=$ADMIN
scrape
check "a full operator sees the reason" is 1 fsm_vault_decisions_total outcome=denied reason=script_not_allowed
SCRAPER=$VIEWER
scrape

ENTRIES=$(value fsm_vault_audit_entries_total)
scrape && scrape
check "scrapes leave no entries" is "$ENTRIES" fsm_vault_audit_entries_total
check "a service doesn't scrape" answers 403 permission_denied unix "$FSM" /v1/sys/metrics
check "no parameters" answers 422 invalid_field unix "$ADMIN" '/v1/sys/metrics?x=1'
check "no other method" answers 405 method_not_allowed unix "$ADMIN" /v1/sys/metrics -X POST
check "the refusal is an entry" holds '.items | length == 1' as "$ADMIN" --output json audit show --action vault.metrics

as "$ADMIN" seal >/dev/null
SCRAPER=$ADMIN
check "sealed: a full operator scrapes" scrape
check "it says so" is 1 fsm_vault_sealed
check "and no more than it knows" is none fsm_vault_secrets
check "counts go on" is 3 fsm_vault_releases_total kind=pair
check "sealed: nobody else is known" answers 403 caller_unknown unix "$VIEWER" /v1/sys/metrics
check "it stops in order" stop_daemon
check "nothing panicked" no_panic
