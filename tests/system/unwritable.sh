#!/usr/bin/env bash
# Where the command line can't print: the exit code stays true, and what is shown only once isn't lost in silence.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

prepare_vault
start_daemon "$VAULT" "$PASSPHRASE"
prepare_pair
own="integration create own --m2m --scope restlets --script customscript_a --allow-all-domains --issue"
read -ra own <<<"$own"
full() { as "$ADMIN" "$@" >/dev/full; }
unread() {
    local pipe
    exec {pipe}> >(exec true)
    wait "$!"
    as "$ADMIN" "$@" >&"$pipe"
}
deaf() { as "$ADMIN" "$@" 2>/dev/full; }

check "a pair made up and not shown: it is told" says \
    "Version 1 of own's pair is stored, but was not shown" 1 full "${own[@]}"
check "with what to type" says "by: fsm-vault integration rotate own --issue" 1 full integration rotate own --issue
check "of the version that is stored" says "Version 3 of" 1 full integration rotate own --issue --output json
check "and where nobody reads" says "Version 4 of" 1 unread integration rotate own --issue
check "it is" holds '.version == 4' as "$ADMIN" --output json integration show own
check "what was typed then shows one" says client_secret: 0 as "$ADMIN" integration rotate own --issue
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$SCRATCH/key.pem" -out "$SCRATCH/csr.pem" \
    -subj /CN=x 2>/dev/null
check "a certificate that wasn't shown is told" says "fsm-vault caller certify late" 1 \
    full caller add late --script customscript_a --csr "$SCRATCH/csr.pem"
check "another result that can't be printed is a failure, and no more" refuses 1 full secret list

check "standard error full: not found is not found" refuses 4 deaf secret show nope
check "what is wrong is wrong usage" refuses 2 deaf secret show
check "what is done is done" refuses 0 deaf integration rotate own --issue
printf v >"$SCRATCH/value"
as "$ADMIN" secret create _x --value-file "$SCRATCH/value" --script customscript_a --allow-all-domains >/dev/null
check "nor a word on what was done" refuses 0 deaf secret edit _x --max-age-days never
for question in "passphrase change" "secret delete _x" "integration delete own"; do
    read -ra words <<<"$question"
    said=$(python3 "$(dirname "$0")/interrupted.py" - gone "$FSM_VAULT_BIN" --identity "$ADMIN" --addr "unix:$SOCKET" \
        "${words[@]}" | tail -n 1) || true
    check "$question: a terminal that is gone ends it, by its signal or as a failure" \
        [ "$said" = "ended: SIGHUP" -o "$said" = "ended: exit 1" ]
done
stop_daemon
check "nothing panicked" no_panic

"$FSM_VAULT_BIN" serve --data-dir "$VAULT" --passphrase-file "$PASSPHRASE" --listen "unix:$SOCKET" 2>/dev/full &
DAEMON=$!
check "a daemon that can't log serves" until_true 30 as "$ADMIN" status
check "and stops in order" stop_daemon
