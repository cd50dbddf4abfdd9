#!/usr/bin/env bash
# Notices: what stands, who is told of it by the hook program and by mail, and that nobody who is silent holds it up.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"
: "${FSM_VAULT_PYTHON:?is a Python with what tests/system/requirements.txt names; tests/all makes and sets it}"
here=$(cd "$(dirname "$0")" && pwd)

prepare_vault
operator() { as "$ADMIN" "$@"; }
day() { date -u -d "$1 days" +%F; }
file() { private_file "$SCRATCH/$1" "$2" && echo "$SCRATCH/$1"; }

servers=()
# mail_server NAME KIND: starts one; its port is in $SCRATCH/NAME/port.
mail_server() {
    mkdir "$SCRATCH/$1"
    "$FSM_VAULT_PYTHON" -B "$here/mail_server.py" "$SCRATCH/$1" "$2" "$SCRATCH/mail.pem" "$SCRATCH/mail.key" \
        </dev/null >"$SCRATCH/$1/log" 2>&1 &
    servers+=("$!")
    until_true 30 test -e "$SCRATCH/$1/port"
}
# config NAME TLS PORT [LINE...]: a configuration with the hook and this mail server.
config() {
    local path=$SCRATCH/$1.toml
    { cat <<END
[notice]
command = ["$SCRATCH/hook", "first", "\$(touch $SCRATCH/shell)"]
command_seconds = 2
[notice.smtp]
host = "localhost"
port = $3
tls = "$2"
from = "vault@example.org"
seconds = 2
END
        printf '%s\n' "${@:4}"; } >"$path"
    chmod 0644 "$path"
    echo "$path"
}
hooked() { # hooked FILTER: some run of the hook was told what jq's FILTER is true of.
    jq -es "any(.[]; $1)" "$SCRATCH/hooked" >/dev/null 2>&1
}
times() { # times ID: how often the hook was told of it.
    jq -s --arg id "$1" 'map(select(.id == $id)) | length' "$SCRATCH/hooked"
}
told_times() {
    echo "told $(times "$1") times: $(tail -n 3 "$SCRATCH/hooked")"
    [ "$(times "$1")" = "$2" ]
}
mailed() { # mailed NAME FILTER
    jq -es "any(.[]; $2)" "$SCRATCH/$1"/*.eml >/dev/null 2>&1
}
stands() { # stands FILTER ARGUMENT...: the list holds such a notice.
    holds ".items | any($1)" operator --output json notices
}
failed_mail() { [ -n "$(logged 'select(."notice.way" == "mail") | .error')" ]; }
killed_hook() { logged 'select(."notice.way" == "hook") | .error' | grep -qF killed; }

# A certificate authority, and a server's certificate from it.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=ca -keyout "$SCRATCH/ca.key" \
    -out "$SCRATCH/ca.pem" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout "$SCRATCH/mail.key" \
    -out "$SCRATCH/mail.csr" 2>/dev/null
openssl x509 -req -in "$SCRATCH/mail.csr" -CA "$SCRATCH/ca.pem" -CAkey "$SCRATCH/ca.key" -days 1 -out "$SCRATCH/mail.pem" \
    -extfile <(printf 'subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n') 2>/dev/null
cat >"$SCRATCH/hook" <<END
#!/bin/sh
cat >>"$SCRATCH/hooked"
echo "\$*" >"$SCRATCH/arguments"
env >"$SCRATCH/environment"
ls -l /proc/self/fd | grep -c socket >"$SCRATCH/sockets" || true
END
chmod 0755 "$SCRATCH/hook"
: >"$SCRATCH/hooked"

# A server with STARTTLS that wants a user.
mail_server relay starttls
file password 's3cret mail' >/dev/null
relay=$(config relay starttls "$(cat "$SCRATCH/relay/port")" 'to = ["ops@example.org"]' 'username = "vault"' \
    "password_file = \"$SCRATCH/password\"" "ca = \"$SCRATCH/ca.pem\"")
check "the configuration is valid" "$FSM_VAULT_BIN" config check "$relay"
start_daemon "$VAULT" "$PASSPHRASE" --config "$relay"
check "nothing stands in a new vault" holds '.items == []' operator --output json notices
check "and nothing fails" operator notices --fail-on warning
check "people are told so" says "no notices" 0 operator notices
operator caller add ann --operator edit --employee 7 --mail ann@example.org --out "$SCRATCH/ann" >/dev/null
operator caller add eve --operator edit --employee 9 --out "$SCRATCH/eve" >/dev/null
operator secret create _soon --value-file "$(file v 'the value itself')" --script customscript_x --allow-all-domains \
    --owner 7 --expires-on "$(day 6)" >/dev/null
soon=expiry.custsecret_soon.$(day 6)
check "a secret that expires in six days is a warning" stands ".id == \"$soon\" and .level == \"warning\" and .subject == \"custsecret_soon\""
check "--fail-on critical is content" operator notices --fail-on critical
check "--fail-on warning is not, and prints it" says "custsecret_soon expires in 6 days" 1 operator notices --fail-on warning
check "info is no level to fail on" refuses 2 operator notices --fail-on info
check "its owner sees it" holds '.items | length == 1' as "$SCRATCH/ann" --output json notices
check "another operator doesn't" holds '.items == []' as "$SCRATCH/eve" --output json notices
check "nor may acknowledge it" refuses 4 as "$SCRATCH/eve" notices acknowledge "$soon"
check "its owner acknowledges it" as "$SCRATCH/ann" notices acknowledge "$soon"
check "then nothing fails" operator notices --fail-on warning
check "though it stands" stands '.acknowledged_by == "ann"'
check "one that isn't there" refuses 4 operator notices acknowledge expiry.custsecret_none.2027-01-01
check "no ID" refuses 2 operator notices acknowledge "nonsense"
check "over the API" answers 200 - unix "$ADMIN" "/v1/notices?level=warning&limit=5"
check "a wrong level" answers 422 invalid_field unix "$ADMIN" "/v1/notices?level=loud"
check "the log tells all of it" holds '[.items[].action] | contains(["notice.raise", "notice.acknowledge"])' \
    operator --output json audit tail -n 100

check "the hook program is told" until_true 20 hooked ".id == \"$soon\" and .level == \"warning\" and .event == \"raised\" and (.action | contains(\"rotate\"))"
check "with its arguments, and no shell" [ "$(cat "$SCRATCH/arguments")" = "first \$(touch $SCRATCH/shell)" ]
check "which would have run this" [ ! -e "$SCRATCH/shell" ]
check "its environment is a path" [ -z "$(grep -vE '^(PATH|PWD|SHLVL|_|OLDPWD)=' "$SCRATCH/environment")" ]
check "no socket of the daemon is handed to it" [ "$(cat "$SCRATCH/sockets")" = 0 ]
check "the default address gets a mail, over TLS, from a known user" until_true 20 mailed relay \
    ".to == [\"ops@example.org\"] and .tls and (.text | contains(\"custsecret_soon\"))"
check "the owner gets one of her own" until_true 20 mailed relay \
    ".to == [\"ann@example.org\"] and .from == \"vault@example.org\" and (.text | test(\"Subject: .*warning: custsecret_soon\"))"
check "no value is in a mail or told to the hook" refuses 1 grep -rqF 'the value itself' "$SCRATCH/relay" "$SCRATCH/hooked"
delivered() { holds '[.items[] | select(.action == "notice.deliver") | .reason] | contains(["hook", "mail"])' operator --output json audit tail -n 100; }
check "the deliveries are in the log" until_true 10 delivered

operator secret create _late --value-file "$SCRATCH/v" --script customscript_x --allow-all-domains --expires-on "$(day -2)" >/dev/null
late=expiry.custsecret_late.$(day -2)
check "an overdue one is critical" says "custsecret_late expired" 1 operator notices --fail-on critical
check "the hook hears of it" until_true 20 told_times "$late" 1
check "it stops in order" stop_daemon
start_daemon "$VAULT" "$PASSPHRASE" --config "$relay"
check "after a restart they stand" stands ".id == \"$late\""
check "acknowledged as before" stands ".id == \"$soon\" and .acknowledged_by == \"ann\""
check "and nobody is told again" told_times "$late" 1
check "it stops in order" stop_daemon

# The hook is busy with the first of several that don't matter much, when one comes that does.
cp "$SCRATCH/hook" "$SCRATCH/hook.quick"
printf '#!/bin/sh\ncat >>"%s"\nuntil [ -e "%s" ]; do sleep 0.05; done\n' "$SCRATCH/hooked" "$SCRATCH/go" >"$SCRATCH/hook"
printf '[notice]\ncommand = ["%s"]\ncommand_seconds = 60\n' "$SCRATCH/hook" >"$SCRATCH/busy.toml"
start_daemon "$VAULT" "$PASSPHRASE" --config "$SCRATCH/busy.toml"
small() { jq -cn --arg on "$(day 20)" '{secrets: [range(3) | {id: "_small\(.)", value: "v", expires_on: $on,
    restrictions: {scripts: ["customscript_x"], allow_all_domains: true}}]}'; }
check "three are imported" answers 201 - unix "$ADMIN" /v1/imports --json "$(small)"
check "the hook is told of one of them" until_true 20 hooked '.id | contains("custsecret_small")'
operator secret create _grave --value-file "$SCRATCH/v" --script customscript_x --allow-all-domains --expires-on "$(day -3)" >/dev/null
touch "$SCRATCH/go"
all_four() { [ "$(jq -s 'map(select(.id | test("custsecret_(small|grave)"))) | length' "$SCRATCH/hooked")" = 4 ]; }
second() { jq -sr 'map(select(.id | test("custsecret_(small|grave)"))) | .[1].subject' "$SCRATCH/hooked"; }
check "in the end of all four" until_true 20 all_four
check "of the grave one before the rest" [ "$(second)" = custsecret_grave ]
# Sealed while the hook is at the first of several, it isn't run for the others; unsealed, it is, and they stand at once.
rm "$SCRATCH/go"
inner() { jq -cn --arg on "$(day 20)" '{secrets: [range(3) | {id: "_inner\(.)", value: "v", expires_on: $on,
    restrictions: {scripts: ["customscript_x"], allow_all_domains: true}}]}'; }
told_of_inner() { [ "$(jq -sr 'map(.id | select(contains("custsecret_inner"))) | unique | length' "$SCRATCH/hooked")" = "$1" ]; }
check "three more are imported" answers 201 - unix "$ADMIN" /v1/imports --json "$(inner)"
check "the hook is told of one of these" until_true 20 told_of_inner 1
check "the vault is sealed meanwhile" operator seal
touch "$SCRATCH/go"
sleep 2
check "of the others it isn't told" told_of_inner 1
operator unseal --passphrase-file "$PASSPHRASE" >/dev/null
check "unsealed, they stand" holds '[.items[] | select(.id | contains("custsecret_inner"))] | length == 3' operator --output json notices
check "and it is told of them" until_true 20 told_of_inner 3
check "it stops in order" stop_daemon
mv "$SCRATCH/hook.quick" "$SCRATCH/hook"

# A server whose certificate is from nobody one trusts gets neither mail nor password.
other=$(config other starttls "$(cat "$SCRATCH/relay/port")" 'to = ["ops@example.org"]')
start_daemon "$VAULT" "$PASSPHRASE" --config "$other"
operator secret create _third --value-file "$SCRATCH/v" --script customscript_x --allow-all-domains --expires-on "$(day 1)" >/dev/null
check "a server that isn't trusted gets nothing" until_true 30 failed_mail
check "it stops in order" stop_daemon

# Implicit TLS; what couldn't be sent before is sent now.
mail_server wrapped implicit
wrapped=$(config wrapped implicit "$(cat "$SCRATCH/wrapped/port")" 'to = ["ops@example.org"]' "ca = \"$SCRATCH/ca.pem\"")
start_daemon "$VAULT" "$PASSPHRASE" --config "$wrapped"
check "what wasn't sent is sent after a restart" until_true 30 mailed wrapped '.tls and (.text | contains("custsecret_third"))'
check "and only that" refuses 1 grep -qF custsecret_late "$SCRATCH"/wrapped/*.eml
check "the hook isn't told again for it" told_times "expiry.custsecret_third.$(day 1)" 1
check "it stops in order" stop_daemon

# Servers that refuse, that say nothing, that aren't there; and a hook that fails, or hangs.
mail_server no refusing
mail_server mute silent
mail_server talker endless
printf '#!/bin/sh\nexec sleep 1000\n' >"$SCRATCH/hook"
said_too_much() { logged 'select(."notice.way" == "mail") | .error' | grep -qF 'look at what answers at notice.smtp.host'; }
number=0
for kind in no mute gone talker; do
    port=1
    [ ! -e "$SCRATCH/$kind/port" ] || port=$(cat "$SCRATCH/$kind/port")
    start_daemon "$VAULT" "$PASSPHRASE" --config "$(config "$kind" none "$port" 'to = ["ops@example.org"]')"
    number=$((number + 1))
    operator secret create "_try$number" --value-file "$SCRATCH/v" --script customscript_x --allow-all-domains \
        --expires-on "$(day 0)" >/dev/null
    check "a mail server that is $kind is a failure" until_true 30 failed_mail
    [ "$kind" != talker ] || check "which says what to look at" said_too_much
    check "and holds nothing up" stands ".subject == \"custsecret_try$number\""
    check "not even the end" stop_daemon
done
start_daemon "$VAULT" "$PASSPHRASE" --config "$(config late none 1)"
check "a hook that hangs is killed" until_true 30 killed_hook
check "it stops in order" stop_daemon

chmod 0757 "$SCRATCH/hook"
check "a hook that anybody may change isn't run" says "chmod o-w" 2 "$FSM_VAULT_BIN" serve --data-dir "$VAULT" \
    --passphrase-file "$PASSPHRASE" --config "$(config open none 1)"
chmod 0644 "$SCRATCH/password"
check "nor is a password read that anybody may read" refuses 2 "$FSM_VAULT_BIN" serve --data-dir "$VAULT" \
    --passphrase-file "$PASSPHRASE" --config "$relay"
printf '[notice.smtp]\nhost = "mail.example.org"\nfrom = "a@b.example"\ntls = "none"\n' >"$SCRATCH/plain.toml"
check "no mail server but this host's without TLS" says "goes to this host alone" 2 "$FSM_VAULT_BIN" config check "$SCRATCH/plain.toml"
# Entries that should go to journald too, on a host that has none; elsewhere the unit tests have a socket of their own.
if [ ! -e /run/systemd/journal/socket ]; then
    printf 'data_dir = "%s"\n[audit]\njournald = true\n' "$VAULT" >"$SCRATCH/journald.toml"
    chmod 0644 "$SCRATCH/journald.toml"
    check "no journald: config check warns" says "warning: audit.journald: is on, and journald isn't there" 0 \
        "$FSM_VAULT_BIN" config check "$SCRATCH/journald.toml"
    check "so does doctor" says "journald isn't there" 0 "$FSM_VAULT_BIN" --config "$SCRATCH/journald.toml" doctor \
        --data-dir "$VAULT" </dev/null
    start_daemon "$VAULT" '' --config "$SCRATCH/journald.toml"
    check "so does the log at a start" [ -n "$(logged 'select(.level == "WARN" and (.message | test("journald"))) | 1')" ]
    operator unseal --passphrase-file "$PASSPHRASE" >/dev/null
    check "and a notice stands" stands '.id == "journal.journald.away" and .level == "warning"'
    check "it stops" stop_daemon
    start_daemon "$VAULT" "$PASSPHRASE"
    check "without the setting it is cleared" holds '.items | all(.kind != "journal")' operator --output json notices
    check "and stops" stop_daemon
fi
for server in "${servers[@]}"; do
    kill "$server"
    wait "$server" 2>/dev/null || true
done
check "no daemon panicked" no_panic
