#!/usr/bin/env bash
# Scripts, SuiteApp, employees and domains: what lets a caller in, and its near misses.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"

# service NAME SCRIPT [ARGUMENT...]
service() { as "$ADMIN" caller add "$1" --script "$2" "${@:3}" --out "$SCRATCH/$1" >/dev/null; }
service a customscript_a
service near customscript_a1
service seven customscript_a --employee 7
service both customscript_a --employee 7 --employee 9
service nine customscript_a --employee 9
service app customscript_a --suiteapp com.example.app
service app2 customscript_a --suiteapp com.example.app2

printf value >"$SCRATCH/value"
create() { as "$ADMIN" secret create "$1" --value-file "$SCRATCH/value" --script CustomScript_A "${@:2}" >/dev/null; }
create _everywhere --allow-all-domains
create _hosts --domain api.example.com --domain '*.Example.ORG.' --domain 192.0.2.7
create _people --allow-all-domains --employee 7 --employee 8
create _app --allow-all-domains --suiteapp com.example.app
create _all --domain api.example.com --employee 7
create _hidden --domain api.example.com --use-only

# got STATUS CODE CALLER SECRET [QUERY]
got() { check "$3 $4 ${5:-}: $2" answers "$1" "$2" unix "$SCRATCH/$3" "/v1/secrets/$4/value${5:+?$5}"; }

got 200 - a _everywhere
got 200 - a _EveryWhere
got 200 - a custsecret_everywhere
got 403 access_denied near _everywhere
got 200 - a _everywhere domain=any.example
# An address is no domain: only where it is listed.
for domain in 10.0.0.1 ::1 '[::1]' 127.0.0.1; do got 403 domain_not_allowed a _everywhere "domain=$domain"; done
got 403 access_denied near _everywhere domain=10.0.0.1
check "the dry run says the same of an address" says address_not_listed 0 as "$ADMIN" secret access _everywhere --domain 10.0.0.1
check "and the log" says address_not_listed 0 as "$ADMIN" audit show --secret _everywhere
got 403 access_denied a _everywhere employee=7

got 403 domain_required a _hosts
for domain in api.example.com API.Example.COM api.example.com. x.example.org 192.0.2.7; do
    got 200 - a _hosts "domain=$domain"
done
for domain in example.com api.example.com.evil.test xapi.example.com api.example.co example.org a.b.example.org \
    .example.org 192.0.2.8 'api.example.com%00' 'api.example.com:443' 'https://api.example.com' \
    'api.example.com/' '*.example.org' ''; do
    # What is no domain at all is told so; the rest is not allowed.
    case $domain in
        *:* | */* | '*'* | .* | *%* | '') got 422 invalid_field a _hosts "domain=$domain" ;;
        *) got 403 domain_not_allowed a _hosts "domain=$domain" ;;
    esac
done
# Only who passed the script rule is told that there is a domain rule.
got 403 access_denied near _hosts
got 403 access_denied near _hosts domain=api.example.com

got 200 - seven _people
got 200 - seven _people employee=7
got 200 - both _people employee=7
got 403 employee_required both _people
got 403 access_denied both _people employee=9
got 403 access_denied seven _people employee=8
got 403 access_denied nine _people
got 403 access_denied a _people
got 403 access_denied seven _people employee=07
got 403 access_denied seven _people employee=7%20x

got 200 - app _app
got 403 access_denied app2 _app
got 403 access_denied a _app
got 200 - app _everywhere

got 200 - seven _all domain=api.example.com
got 403 domain_required seven _all
got 403 access_denied a _all domain=api.example.com
got 403 access_denied nine _all domain=api.example.com
got 403 access_denied nine _all domain=evil.test
got 403 use_only a _hidden domain=api.example.com
got 403 access_denied near _hidden domain=api.example.com

got 404 not_found a _everywhere version=2
got 404 not_found a _everywhere version=previous
got 200 - a _everywhere version=1
got 403 access_denied near _everywhere version=2

# Pins: served on the Unix socket alone, to that user.
service mine customscript_a --uid "$(id -u)"
service theirs customscript_a --uid 54321
got 200 - mine _everywhere
got 403 wrong_peer theirs _everywhere
check "pinned: not over TCP" answers 403 wrong_peer tcp "$SCRATCH/mine" /v1/secrets/_everywhere/value

# What was declared and decided stands in the log.
check "the domain is audited" holds '.items | any(.domain == "x.example.org" and .outcome == "allowed")
    and any(.domain == "example.com" and .outcome == "denied")' as "$ADMIN" --output json audit tail -n 200
check "the implied employee too" holds '.items | any(.caller == "seven" and .employee == "7" and .outcome == "allowed")' \
    as "$ADMIN" --output json audit tail -n 200
stop_daemon
