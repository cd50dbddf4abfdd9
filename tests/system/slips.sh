#!/usr/bin/env bash
# What people mistype, and what they are told: in the command line's own words, and with what to type.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair
printf v >"$SCRATCH/value"
create() { as "$ADMIN" secret create "$1" --value-file "$SCRATCH/value" --script customscript_nx_suitelet2 "${@:2}"; }
create _x --domain a.example >/dev/null
as "$ADMIN" caller add two --script customscript_nx_suitelet2 --employee 1 --employee 2 --out "$SCRATCH/two" >/dev/null

check "a domain is missing: the option is named" says "with --domain HOST" 3 as "$FSM" secret get _x
check "an employee too" says "with --employee EMPLOYEE" 3 as "$SCRATCH/two" secret get _x --domain a.example
check "to programs it is the API's text" says "with domain=." 3 as "$FSM" secret get _x --output json
check "that is no request ID" says "that is no request ID" 2 as "$ADMIN" audit explain zzz
check "an unknown one isn't found" refuses 4 as "$ADMIN" audit explain 0123456789ab0123456789ab
check "no version" says "a number from 1" 2 as "$ADMIN" secret activate _x one
asked() { python3 "$(dirname "$0")/typed.py" "" "$FSM_VAULT_BIN" --identity "$ADMIN" --addr "unix:$SOCKET" secret rotate "$1"; }
check "a value isn't asked for in vain" says "no such secret" 4 asked _nosuch
check "nor half of a pair" says "integration rotate fsm" 6 asked custsecret_fsm_oauth2_client_id
check "an expiry in the past is told" says "2020-01-01 is in the past" 0 create _y --expires-on 2020-01-01 --allow-all-domains
check "by an edit too" says "2020-01-02 is in the past" 0 as "$ADMIN" secret edit _y --expires-on 2020-01-02
check "and of a pair" says "2020-01-03 is in the past" 0 as "$ADMIN" integration edit fsm --expires-on 2020-01-03
printf 'https://a.example/x?ns-at=t\n' >"$SCRATCH/uri"
check "a redirect URI from a file" holds '.redirect_uris == ["https://a.example/x?ns-at=t"]' \
    as "$ADMIN" --output json integration edit fsm --redirect-uri "@$SCRATCH/uri"
check "that isn't there" says "can't read $SCRATCH/none" 2 as "$ADMIN" integration edit fsm --redirect-uri "@$SCRATCH/none"
check "one to come isn't" refuses 1 grep -q past <(as "$ADMIN" secret edit _y --expires-on 2999-01-01 2>&1)
check "a stray word after passphrase isn't repeated" refuses 1 grep -q hunter2 <(as "$ADMIN" passphrase hunter2 2>&1)
check "and it is wrong usage" refuses 2 as "$ADMIN" passphrase hunter2
check "a near miss is helped" says "Did you mean: status?" 2 as "$ADMIN" statu
check "an empty standard input is called so" says "standard input is empty" 2 \
    as "$ADMIN" unseal --passphrase-file - </dev/null

# A file that was named is looked at, whatever is done.
printf 'data_dri = "/x"\n' >"$SCRATCH/bad.toml"
printf 'data_dir = "/x"\n' >"$SCRATCH/good.toml"
check "a configuration that isn't there" says "$SCRATCH/none.toml" 2 as "$ADMIN" --config "$SCRATCH/none.toml" status
check "and one that is wrong" says data_dri 2 as "$ADMIN" --config "$SCRATCH/bad.toml" status
check "one that is right" as "$ADMIN" --config "$SCRATCH/good.toml" status

# Flags beat the environment, which beats the file; who named the place where nobody answers is told.
by() { "$FSM_VAULT_BIN" --identity "$ADMIN" "$@"; }
printf 'listen = ["tcp:127.0.0.1:%s", "unix:%s"]\n' 1 "$SOCKET" >"$SCRATCH/socket.toml"
printf 'listen = ["tcp:127.0.0.1:%s"]\n' "$PORT" >"$SCRATCH/port.toml"
printf 'listen = ["unix:%s"]\n' "$SCRATCH/nobody.sock" >"$SCRATCH/nobody.toml"
check "the file's socket before its other addresses" by --config "$SCRATCH/socket.toml" status
check "the file's address" by --config "$SCRATCH/port.toml" status
check "of the file that the environment names" env "FSM_VAULT_CONFIG=$SCRATCH/port.toml" "$FSM_VAULT_BIN" --identity "$ADMIN" status
check "nobody where the file says" says "nobody answers at unix:$SCRATCH/nobody.sock (the first of listen in $SCRATCH/nobody.toml): " 7 \
    by --config "$SCRATCH/nobody.toml" status
check "the environment beats the file" env "FSM_VAULT_ADDR=unix:$SOCKET" "$FSM_VAULT_BIN" --identity "$ADMIN" \
    --config "$SCRATCH/nobody.toml" status
check "a flag beats both" env "FSM_VAULT_ADDR=unix:$SCRATCH/none" "$FSM_VAULT_BIN" --identity "$ADMIN" \
    --config "$SCRATCH/nobody.toml" --addr "unix:$SOCKET" status
check "nobody where the environment says" says "nobody answers at unix:$SCRATCH/none (as FSM_VAULT_ADDR says): " 7 \
    env "FSM_VAULT_ADDR=unix:$SCRATCH/none" "$FSM_VAULT_BIN" --identity "$ADMIN" status
check "nor where the flag does" says "(as --addr says): " 7 by --addr "unix:$SCRATCH/none" status

cat >"$SCRATCH/import" <<'LINES'
{"id":"_i","value":" v","restrictions":{"scripts":["customscript_a"],"allow_all_domains":true}}
{"id":"_j","value":"v","restrcitions":{"scripts":["customscript_a"],"allow_all_domains":true}}
LINES
check "an import tells a line's white space" says "line 1: value begins or ends" 2 as "$ADMIN" secret import "$SCRATCH/import"
check "and another's field at once" says "line 2: restrcitions is no known field" 2 as "$ADMIN" secret import "$SCRATCH/import"

check "who isn't there, with where to look" says "fsm-vault caller list" 4 as "$ADMIN" caller show nobody
check "no such slot" says "fsm-vault keyslot list" 4 as "$ADMIN" keyslot remove 00000000 --passphrase-file "$PASSPHRASE"
check "no such notice" says "fsm-vault notices" 4 as "$ADMIN" notices acknowledge expiry.nobody.2027-01-01
printf v >"$SCRATCH/v"
check "an ID run together is told" says "for custsecret_crm type _crm" 0 \
    as "$ADMIN" secret create crm --value-file "$SCRATCH/v" --script customscript_a --allow-all-domains
check "a place for an export is named as it was typed" says "/nowhere/x.jsonl: " 2 as "$ADMIN" audit export --out "$SCRATCH/nowhere/x.jsonl"

check "sealed" as "$ADMIN" seal
check "sealed already is sealed" says "sealed already" 0 as "$ADMIN" seal
check "as one document" holds .sealed as "$ADMIN" seal --output json
stop_daemon
check "nothing panicked" no_panic
