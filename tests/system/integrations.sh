#!/usr/bin/env bash
# Integration records by curl and by the command line: made, captured, issued, edited, blocked, deleted, and refused.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
operator() { as "$ADMIN" "$@"; }
api() { vault_curl unix "$ADMIN" "/v1/integrations$1" "${@:2}"; }
refused() { answers "$1" "$2" unix "$ADMIN" "/v1/integrations$3" "${@:4}"; }
# wrong POINTERS JSON: POST is refused with exactly these pointers.
wrong() { refused 422 invalid_field '' --json "$2" && [ "$(jq -r '[.errors[].pointer] | join(" ")' "$BODY")" = "$1" ]; }
file() { printf %s "$2" >"$SCRATCH/$1" && echo "$SCRATCH/$1"; }
pair_files() { echo "--client-id-file $(file id "$1") --client-secret-file $(file secret "$2")"; }
hex() { openssl rand -hex 32; }

operator caller add crm --script customscript_crm --out "$SCRATCH/crm" >/dev/null
operator caller add other --script customscript_other --out "$SCRATCH/other" >/dev/null
operator caller add editor --operator edit --employee admin --out "$SCRATCH/editor" >/dev/null
operator caller add stranger --operator edit --employee nobody --out "$SCRATCH/stranger" >/dev/null
CRM=$SCRATCH/crm
right='"authorization_code_grant":true,"redirect_uris":["https://crm.example/callback"],"scopes":["restlets"]'
rules='"restrictions":{"scripts":["customscript_crm"],"allow_all_domains":true}'

# What is wrong is told by field, all of it at once.
check "no name, no grant, no scope" wrong '/name /scopes /authorization_code_grant' '{}'
check "http redirect" wrong /redirect_uris/0 "{\"name\":\"crm\",${right/https:/http:}}"
check "public with M2M" wrong /client_credentials_grant "{\"name\":\"crm\",$right,\"public_client\":true,\"client_credentials_grant\":true}"
check "0 hours" wrong /refresh_token_validity_hours "{\"name\":\"crm\",$right,\"public_client\":true,\"refresh_token_validity_hours\":0}"
check "721 hours" wrong /maximum_token_rotation_hours "{\"name\":\"crm\",$right,\"public_client\":true,\"maximum_token_rotation_hours\":721}"
check "hours of a confidential client" wrong /refresh_token_validity_hours "{\"name\":\"crm\",$right,\"refresh_token_validity_hours\":48}"
check "mcp with another scope" wrong /scopes "{\"name\":\"crm\",${right/restlets/mcp\",\"restlets}}"
check "registration of a confidential client" wrong /dynamic_client_registration "{\"name\":\"crm\",$right,\"dynamic_client_registration\":true}"
check "issue and credentials" wrong /issue "{\"name\":\"crm\",$right,\"issue\":true,\"credentials\":{\"client_id\":\"a\",\"client_secret\":\"b\"}}"
check "another template" wrong /template '{"name":"crm","template":"x"}'
check "a public client's secret" wrong /credentials/client_secret "{\"name\":\"crm\",$right,\"public_client\":true,\"credentials\":{\"client_id\":\"a\",\"client_secret\":\"b\"}}"
check "a value isn't repeated" [ "$(wrong /credentials/client_secret "{\"name\":\"crm\",$right,\"credentials\":{\"client_id\":\"hushhush\",\"client_secret\":\"hushhush\"}}" && grep -c hushhush "$BODY")" = 0 ]
check "an unknown field" refused 422 invalid_field '' --json "{\"name\":\"crm\",$right,\"surplus\":1}"
check "an array for an object" refused 422 invalid_field '' --json "{\"name\":\"crm\",$right,\"restrictions\":[\"a\"]}"
check "nothing was made" holds '.items == []' operator --output json integration list

# A record without a pair, by curl; captured by the command line.
check "a record without a pair" holds ".version == null and .client_id_secret == \"custsecret_crm_client_id\" and .owners == [\"admin\"]
    and (.application_id | test(\"^[0-9A-F-]{36}\$\")) and [.gaps[].pointer] == [\"/version\"]" api '' --json "{\"name\":\"CRM\",$right,$rules}"
check "the name is taken" refused 409 conflict '' --json "{\"name\":\"crm\",$right}"
check "nothing to serve yet" answers 404 not_found unix "$CRM" /v1/integrations/crm/credentials
check "to others it isn't there" answers 403 access_denied unix "$SCRATCH/other" /v1/integrations/crm/credentials
id=$(hex) secret=$(hex)
# shellcheck disable=SC2046
check "the pair is captured" operator integration capture crm $(pair_files "$id" "$secret")
check "which changes the record" holds '.changed_at == .versions[0].created_at and .changed_at != .created_at' operator --output json integration show crm
check "and served" holds ". == {client_id: \"$id\", client_secret: \"$secret\", version: 1}" vault_curl tcp "$CRM" /v1/integrations/crm/credentials
# shellcheck disable=SC2046
check "captured once" says "integration rotate crm" 6 operator integration capture crm $(pair_files a b)
check "what isn't 64 hex digits is warned about" says "the client ID is not 64 hexadecimal digits" 0 operator integration rotate crm \
    --client-id-file "$(file id short)" --client-secret-file "$(file secret "$secret")"
check "the value isn't in the warning" [ "$(operator integration rotate crm --force --client-id-file "$(file id hushhush)" \
    --client-secret-file "$(file secret "$(hex)")" 2>&1 | grep -c hushhush)" = 0 ]

# Blocked and waiting records serve nothing, whole or half.
operator integration edit crm --state blocked >/dev/null
for path in integrations/crm/credentials secrets/_crm_client_id/value secrets/_crm_client_secret/value; do
    check "blocked: no $path" answers 403 access_denied unix "$CRM" "/v1/$path"
done
check "the reason is in the log" holds '.items | any(.reason == "integration_blocked" and .caller == "crm")' \
    operator --output json audit tail -n 20
check "no way back to waiting" says "waiting_for_approval" 2 operator integration edit crm --state waiting_for_approval
check "enabled again" holds '.state == "enabled"' operator --output json integration edit crm --state enabled
check "and served again" holds '.version == 3' as "$CRM" --output json integration credentials crm

# Edits depend on what was looked at.
answers 200 - unix "$ADMIN" /v1/integrations/crm
tag=$(tr -d '\r' <"$HEADERS" | sed -nE 's/^etag: (.*)$/\1/Ip')
check "an edit on what was looked at" refused 200 - /crm -X PATCH -H "If-Match: $tag" --json '{"note":"one","max_age_days":90}'
check "another on the same look" refused 412 precondition_failed /crm -X PATCH -H "If-Match: $tag" --json '{"note":"two"}'
check "a delete on the same look" refused 412 precondition_failed /crm -X DELETE -H "If-Match: $tag"
check "the first stands" holds '.note == "one" and .max_age_days == 90' operator --output json integration show crm
check "the secrets have it too" holds '.max_age_days == 90' operator --output json secret show _crm_client_secret
check "null is the usual" holds '.note == "" and .max_age_days == null' api /crm -X PATCH --json '{"note":null,"max_age_days":null}'
check "what is fixed" refused 422 invalid_field /crm -X PATCH --json '{"name":"x","client_id_secret":"_x","application_id":"x"}'
check "each of it" [ "$(jq -r '[.errors[].pointer] | join(" ")' "$BODY")" = "/name /client_id_secret /application_id" ]
check "a public client isn't made of it" refused 422 invalid_field /crm -X PATCH --json '{"public_client":true}'
check "a redirect URI's token" api /crm -X PATCH --json '{"redirect_uris":["https://crm.example/?ns-at=hushhush"]}'
check "is in no entry of the log" [ "$(operator --output json audit tail -n 200 | grep -c hushhush)" = 0 ]
check "the log has old and new" holds '[.items[] | select(.action == "integration.edit") | .changes] |
    any(.note == {old: "", new: "one"}) and any(.redirect_uris == "changed")' operator --output json audit tail -n 50
check "an owner may edit" as "$SCRATCH/editor" integration edit crm --description "CRM" --account-id 1234567 --account 1234567-sb1=blocked
check "what isn't named stays" holds '.accounts == [{account_id: "1234567_SB1", state: "blocked", note: "sandbox", consent_policy: "always_ask"}]
    and .description == "CRM" and .restrictions.employees == ["7"] and .restrictions.scripts == ["customscript_crm"]
    and .endpoints.token == "https://sso.example/token"' \
    operator --output json integration edit crm --account-note 1234567_SB1=sandbox --employee 7 --endpoint token=https://sso.example/token
check "an edit of nothing is a slip" says "say what shall change" 2 operator integration edit crm
check "an employee's rule is lifted" holds '.restrictions.employees == [] and .restrictions.scripts == ["customscript_crm"]' \
    operator --output json integration edit crm --any-employee
check "what is cleared and given begins anew" holds '.restrictions == {scripts: ["customscript_crm"], allow_all_scripts: false, domains: [],
    allow_all_domains: true, employees: [], available_to_suiteapp: false, suiteapp_id: null} and .note == "n" and .accounts == []' \
    operator --output json integration edit crm --clear restrictions --script customscript_crm --allow-all-domains --clear note \
    --note n --clear accounts
check "another who may edit doesn't see it" refuses 4 as "$SCRATCH/stranger" integration edit crm --note x
check "nor may an owner delete it" refuses 3 as "$SCRATCH/editor" integration delete crm --yes
check "a service changes nothing" answers 403 permission_denied unix "$CRM" /v1/integrations/crm -X PATCH --json '{"note":"x"}'

# A public client has a client ID alone.
operator integration create app --public-client --code-grant --redirect-uri myapp://callback --scope mcp --script customscript_crm \
    --allow-all-domains --dynamic-client-registration --client-name App --client-id-file "$(file id "$(hex)")" >/dev/null
id=$(cat "$SCRATCH/id")
check "no client secret" holds '.client_secret_secret == null and .refresh_token_validity_hours == 48' operator --output json integration show app
check "null in its place" holds ". == {client_id: \"$id\", client_secret: null, version: 1}" vault_curl unix "$CRM" /v1/integrations/app/credentials
check "one line of text" [ "$(as "$CRM" integration credentials app)" = "client_id: $id" ]
# shellcheck disable=SC2046
check "no secret to give" says "public client" 2 operator integration rotate app $(pair_files "$(hex)" "$(hex)")
check "it rotates alone" operator integration rotate app --client-id-file "$(file id "$(hex)")"
check "a new version" holds ".version == 2 and .client_id == \"$(cat "$SCRATCH/id")\"" as "$CRM" --output json integration credentials app

# An issued pair is shown once.
issued=$(operator --output json integration create own --m2m --scope suite_analytics --script customscript_crm --allow-all-domains --issue 2>/dev/null)
check "64 hex digits each" jq -e '.credentials | [.client_id, .client_secret] | all(test("^[0-9a-f]{64}$"))' <<<"$issued"
check "are what services get" [ "$(as "$CRM" --output json integration credentials own | jq -S '{client_id, client_secret}')" = "$(jq -S .credentials <<<"$issued")" ]
check "and not shown again" holds 'has("credentials") | not' operator --output json integration show own
rotated=$(operator integration rotate own --issue 2>/dev/null)
check "rotated the same way" [ "$(as "$CRM" integration credentials own)" = "$(tail -n 2 <<<"$rotated")" ]
check "with the one before in its grace" holds '.version == 1' as "$CRM" --output json integration credentials own --version previous
value=$(jq -r .credentials.client_secret <<<"$issued")
check "no file and no log has it" [ "$(grep -rlF "$value" "$VAULT" "$LOGS" | wc -l)" = 0 ]

# Reset, and the template.
check "a reset without a new pair" operator integration reset own --no-capture
check "serves nobody" refuses 4 as "$CRM" integration credentials own
# shellcheck disable=SC2046
check "a reset with one" holds '.version == 3' operator --output json integration reset own $(pair_files "$(hex)" "$(hex)")
check "a missing file resets nothing" refuses 2 operator integration reset own --client-id-file "$SCRATCH/none" --client-secret-file "$SCRATCH/none"
check "it is served" holds '.version == 3' as "$CRM" --output json integration credentials own
check "the FSM template" holds '.client_id_secret == "custsecret_fsm_oauth2_client_id" and .restrictions.scripts == ["customscript_nx_suitelet2"]
    and ([.gaps[].pointer] == ["/version"])' operator --output json integration create fsm --template fsm --redirect-uri https://a.example/x
check "a second one, with less" holds '[.gaps[].pointer] == ["/redirect_uris", "/version"] and .restrictions.employees == ["7"]' \
    operator --output json integration create fsm_sb --template fsm --employee 7

# Deleted with everything.
check "deleted, and a script isn't asked" operator integration delete crm </dev/null
for path in integrations/crm/credentials secrets/_crm_client_id/value secrets/_crm_client_secret/value; do
    check "gone: $path" answers 403 access_denied unix "$CRM" "/v1/$path"
done
check "twice is once" refuses 4 operator integration delete crm --yes
# shellcheck disable=SC2046
check "made again, its numbers go on" holds '.version == 4' operator --output json integration create crm --code-grant \
    --redirect-uri https://crm.example/x --scope restlets --script customscript_crm --allow-all-domains $(pair_files "$(hex)" "$(hex)")

stop_daemon
start_daemon "$VAULT" "$PASSPHRASE"
check "all of it after a restart" holds '[.items[] | [.name, .version]] == [["app", 2], ["crm", 4], ["fsm", null], ["fsm_sb", null], ["own", 3]]' \
    operator --output json integration list
check "the log is intact" operator audit verify
stop_daemon
check "nothing panicked" no_panic
