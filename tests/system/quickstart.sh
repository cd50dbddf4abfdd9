#!/usr/bin/env bash
# The whole main job from nothing by one command, and what it says to try next.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

DIR="$SCRATCH/quick start"
quickstart() { timeout 120 "$FSM_VAULT_BIN" quickstart --dir "$DIR" "$@" </dev/null 2>"$SCRATCH/errors"; }

check "from nothing, it ends well" says "all checks passed" 0 quickstart --once
# Worth an alert is each: its own looking around is none.
denied() { find "$DIR" -name 'audit-*.jsonl' -exec cat {} + | grep -c '"outcome":"denied"'; }
check "the one refusal in its log is the one that it shows" [ "$(denied)" = 1 ]
quickstart --once >"$SCRATCH/second"
check "again on the same directory" grep -q 'all checks passed' "$SCRATCH/second"
check "with the vault of before" grep -q 'found the vault' "$SCRATCH/second"
check "and its identities" [ "$(grep -c 'kept the identity' "$SCRATCH/second")" = 2 ]
check "one allowed" grep -q 'fsm may: got version 1' "$SCRATCH/second"
check "one refused" grep -q 'other may not: refused with 403 access_denied' "$SCRATCH/second"
check "the log verified" grep -q 'audit log: .* intact' "$SCRATCH/second"
check "as one JSON document" holds '.allowed == {caller: "fsm", version: 1} and .refused == {caller: "other", code: "access_denied"}
    and .audit.intact' quickstart --once --output json
check "the passphrase is private" [ "$(stat -c %a "$DIR/passphrase" "$DIR" | tr '\n' ' ')" = "600 700 " ]

# On a terminal it asks for the pair, and an empty line is an answer.
rm -rf "$DIR"
asked() { python3 "$(dirname "$0")/typed.py" "$1" timeout 120 "$FSM_VAULT_BIN" quickstart --once --dir "$DIR"; }
check "on a terminal it says what it asks for, and sample values are one line away" \
    says "stored the FSM client ID and client secret (random sample values, as none were typed)" 0 asked ''
rm -rf "$DIR"
check "what it asks for" says "an empty line, for random sample values" 0 asked $'an id\nan id\na secret\na secret\nyes'
rm -rf "$DIR"
check "what looks odd is asked about" says "nothing was stored" 1 asked $'an id\nan id\na secret\na secret\nno'
rm -rf "$DIR"
check "a client ID alone isn't enough" says "client secret is empty" 2 asked $'an id\nan id\n\n\n'

rm -rf "$DIR"
printf %s "$(openssl rand -hex 32)" >"$SCRATCH/id"
printf %s "$(openssl rand -hex 32)" >"$SCRATCH/secret"
quickstart --client-id-file "$SCRATCH/id" --client-secret-file "$SCRATCH/secret" >"$SCRATCH/out" &
QUICKSTART=$!
says_more() { grep -q 'Ctrl-C stops' "$SCRATCH/out"; }
check "with a pair of one's own, from nothing, in under a minute" until_true 60 says_more
for step in 'made up a passphrase' 'made a vault' 'serving on' 'stored the FSM client ID and client secret (the values you gave)' \
    'added the service fsm' 'added the service other' 'fsm may' 'other may not' 'audit log'; do
    check "it says: $step" grep -qF "$step" "$SCRATCH/out"
done
check "and no value" refuses 1 grep -qF -f "$SCRATCH/id" -f "$SCRATCH/secret" "$SCRATCH/out" "$SCRATCH/errors"
mapfile -t commands < <(sed -n 's/^  \(.*fsm-vault.* --identity .*\)/\1/p' "$SCRATCH/out")
check "three commands to try" [ ${#commands[@]} = 3 ]
typed() { bash -c "${commands[$1]}"; }
check "the first prints the pair" [ "$(typed 0)" = "client_id: $(cat "$SCRATCH/id")
client_secret: $(cat "$SCRATCH/secret")" ]
check "the second is refused" says access_denied 3 typed 1
check "the third shows the log" says integration.read 0 typed 2
# To the command itself, as the terminal would.
pkill -INT --parent "$QUICKSTART" || true
code=0
wait "$QUICKSTART" || code=$?
check "Ctrl-C ends it well" [ "$code" = 0 ]
check "a pair that is half given" refuses 2 quickstart --once --client-id-file "$SCRATCH/id"
# It would not be needed; it was meant, though.
check "nor does a file that is missing pass unseen" refuses 2 quickstart --once --client-id-file "$SCRATCH/nosuch" --client-secret-file "$SCRATCH/secret"
kept() {
    quickstart --once --client-id-file "$SCRATCH/id" --client-secret-file "$SCRATCH/secret" --exact &&
        grep -F "$SCRATCH/id and $SCRATCH/secret were not used" "$SCRATCH/errors" &&
        grep -F "integration rotate fsm --client-id-file $SCRATCH/id --client-secret-file $SCRATCH/secret --exact" "$SCRATCH/errors"
}
check "a pair that is there stays; that the files weren't used is said, and what to type" kept
check "without files there is nothing to say" refuses 1 eval 'quickstart --once >/dev/null; grep -q "not used" "$SCRATCH/errors"'
check "nothing panicked" refuses 1 grep -q panicked "$SCRATCH/errors"
