#!/usr/bin/env bash
# The programs in examples/ read the pair and follow its rotation, through a seal, a restart and a reset.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

prepare_vault
# A certificate that has expired, which only a root of one's own can make.
mkdir "$SCRATCH/expired"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=root -keyout "$SCRATCH/root.key" \
    -out "$SCRATCH/root.pem" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -addext "subjectAltName=URI:spiffe://example.org/x" \
    -keyout "$SCRATCH/expired/key.pem" -out "$SCRATCH/expired.csr" 2>/dev/null
openssl x509 -req -in "$SCRATCH/expired.csr" -CA "$SCRATCH/root.pem" -CAkey "$SCRATCH/root.key" -days -1 -copy_extensions copy \
    -out "$SCRATCH/expired/cert.pem" 2>/dev/null
printf 'identity.trust = [{ trust_domain = "example.org", bundle = "%s" }]\n' "$SCRATCH/root.pem" >"$SCRATCH/trust.toml"
start_daemon "$VAULT" "$PASSPHRASE" --config "$SCRATCH/trust.toml"
prepare_pair
cp "$FSM/ca.pem" "$SCRATCH/expired/"
examples=$(dirname "$0")/../../examples

# follow NAME PROGRAM: starts an example as a caller of its own; its output is in $SCRATCH/NAME.out and .err.
follow() {
    as "$ADMIN" caller add "$1" --script customscript_nx_suitelet2 --out "$SCRATCH/$1" >/dev/null
    FSM_VAULT_IDENTITY=$SCRATCH/$1 FSM_VAULT_SOCKET=$SOCKET "$2" >"$SCRATCH/$1.out" 2>"$SCRATCH/$1.err" &
}
uses() { grep -qx "fsm: using version $2" "$SCRATCH/$1.out"; }
both_use() { until_true 30 uses python "$1" && until_true 30 uses node "$1"; }
# turned VERB [ARGUMENT...]: the pair replaced by a random one.
turned() {
    private_file "$SCRATCH/id" "$(openssl rand -hex 32)"
    private_file "$SCRATCH/secret" "$(openssl rand -hex 32)"
    cat "$SCRATCH/id" "$SCRATCH/secret" >>"$SCRATCH/values"
    as "$ADMIN" integration "$@" fsm --client-id-file "$SCRATCH/id" --client-secret-file "$SCRATCH/secret" >/dev/null
}
gone() { [ "$2" = 1 ] && grep -q "refused: caller_revoked" "$SCRATCH/$1.err"; }
both_ended() { ended "$PYTHON" && ended "$NODE"; }
watching() { [ "$(as "$ADMIN" --output json audit tail -n 200 | jq '[.items[] | select(.action == "watch.open" and .outcome == "allowed")] | length')" -ge "$1" ]; }

follow python "$examples/follow_pair.py"
PYTHON=$!
follow node "$examples/follow_pair.mjs"
NODE=$!
check "they read the pair" both_use 1
check "they follow a rotation" turned rotate --force
check "at once" both_use 2
as "$ADMIN" seal >/dev/null
as "$ADMIN" unseal --passphrase-file "$PASSPHRASE" >/dev/null
check "a seal is gone through" turned rotate --force
check "and the next version found" both_use 3
check "a restart is gone through" stop_daemon
start_daemon "$VAULT" "$PASSPHRASE" --config "$SCRATCH/trust.toml"
check "and the rotation after it" turned rotate --force
check "found too" both_use 4
check "a reset ends the pair" as "$ADMIN" integration reset fsm --no-capture
check "a new one is captured" turned capture
check "and used" both_use 5
# Nobody who hasn't an identity, or an expired one, or another vault's, is let in a minute later: both stop, and say with
# which file.
"$FSM_VAULT_BIN" init --data-dir "$SCRATCH/another" --passphrase-file "$PASSPHRASE" >/dev/null
cp -r "$SCRATCH/another/identities/admin" "$SCRATCH/mixed" && cp "$FSM/ca.pem" "$SCRATCH/mixed/"
stops() { # stops TEXT NAME PROGRAM
    says "$1" 1 env "FSM_VAULT_IDENTITY=$SCRATCH/$2" "FSM_VAULT_SOCKET=$SOCKET" timeout 30 "$3"
}
cp -r "$SCRATCH/expired" "$SCRATCH/keyless" && rm "$SCRATCH/keyless/key.pem"
for program in follow_pair.py follow_pair.mjs; do
    # It goes on trying, until nobody reads what it says.
    names() { grep -qm 1 -F "$SCRATCH/nowhere.sock" < <(FSM_VAULT_SOCKET=$SCRATCH/nowhere.sock FSM_VAULT_IDENTITY=$FSM timeout 30 "$1" 2>&1); }
    check "$program: no socket, and it names the one it looked for" names "$examples/$program"
    check "$program: no identity" stops "can't read $SCRATCH/nobody/ca.pem" nobody "$examples/$program"
    check "$program: no key" stops "can't read $SCRATCH/keyless/key.pem" keyless "$examples/$program"
    check "$program: an expired one" stops "the certificate $SCRATCH/expired/cert.pem has expired" expired "$examples/$program"
    check "$program: another vault's" stops "whoever answers at $SOCKET is not the vault of $SCRATCH/another/identities/admin/ca.pem" \
        another/identities/admin "$examples/$program"
    check "$program: with what to do" stops "name that vault's socket in FSM_VAULT_SOCKET" another/identities/admin "$examples/$program"
    check "$program: another vault's, which takes this one for the right one" stops \
        "the daemon at $SOCKET doesn't know $SCRATCH/mixed/cert.pem" mixed "$examples/$program"
done
check "the watch is one of them" watching 1
for who in python node; do as "$ADMIN" caller revoke "$who" >/dev/null; done
check "revoked, both end" until_true 30 both_ended
code=0; wait "$PYTHON" || code=$?
check "the Python one says why" gone python "$code"
code=0; wait "$NODE" || code=$?
check "and the Node one" gone node "$code"
no_value() { ! grep -qFf "$SCRATCH/values" "$SCRATCH"/{python,node}.{out,err}; }
fold -w 64 "$SCRATCH/values" >"$SCRATCH/folded" && mv "$SCRATCH/folded" "$SCRATCH/values"
check "neither has printed a value" no_value
check "no daemon panicked" no_panic
