#!/usr/bin/env bash
# Who gets through the door: TLS 1.3 with a certificate of the vault's own CA, on sockets that are the daemon's alone.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

prepare_vault
# Only a root of one's own makes a certificate that has expired.
mkdir "$SCRATCH/expired"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=root -keyout "$SCRATCH/root.key" \
    -out "$SCRATCH/root.pem" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -addext "subjectAltName=URI:spiffe://example.org/x" \
    -keyout "$SCRATCH/expired/key.pem" -out "$SCRATCH/expired.csr" 2>/dev/null
openssl x509 -req -in "$SCRATCH/expired.csr" -CA "$SCRATCH/root.pem" -CAkey "$SCRATCH/root.key" -days -1 -copy_extensions copy \
    -out "$SCRATCH/expired/cert.pem" 2>/dev/null
cp "$ADMIN/ca.pem" "$SCRATCH/expired/"
printf 'identity.trust = [{ trust_domain = "example.org", bundle = "%s" }]\n' "$SCRATCH/root.pem" >"$SCRATCH/trust.toml"
start_daemon "$VAULT" "$PASSPHRASE" --config "$SCRATCH/trust.toml"
as "$ADMIN" caller add fsm --script customscript_x --out "$SCRATCH/fsm" >/dev/null
FSM=$SCRATCH/fsm

# s_client ARGUMENT...: openssl's client, which sends one request for the status.
s_client() {
    printf 'GET /v1/sys/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' |
        { timeout 20 openssl s_client -CAfile "$FSM/ca.pem" -ign_eof "$@" 2>&1 || true; } | tr -d '\0'
}
mine=(-cert "$FSM/cert.pem" -key "$FSM/key.pem")
tcp=(-connect "127.0.0.1:$PORT")
served() { grep -qF 'HTTP/1.1 200 OK' <<<"$(s_client "$@")"; }
# alert NAME ARGUMENT...: nothing was answered but this alert.
alert() {
    local said
    said=$(s_client "${@:2}")
    echo "$said"
    grep -q "alert $1" <<<"$said" && ! grep -q '^HTTP/' <<<"$said"
}

check "a caller is served over TCP" served "${tcp[@]}" "${mine[@]}"
check "and over the Unix socket" served -unix "$SOCKET" "${mine[@]}"
for where in "-unix $SOCKET" "-connect 127.0.0.1:$PORT"; do
    read -ra to <<<"$where"
    check "no certificate: ${to[0]}" alert 'certificate required' "${to[@]}"
    check "TLS 1.2: ${to[0]}" alert 'protocol version' "${to[@]}" "${mine[@]}" -tls1_2
    check "TLS 1.1: ${to[0]}" refuses 1 served "${to[@]}" "${mine[@]}" -tls1_1
done

# certificate NAME SAN [OPENSSL_ARGUMENT...]: a key, and a certificate that signs itself.
certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=x -addext "subjectAltName=$2" \
        -keyout "$SCRATCH/$1.key" -out "$SCRATCH/$1.pem" "${@:3}" 2>/dev/null
}
uri=URI:spiffe://fsm-vault.internal/caller/admin
certificate own "$uri" -addext basicConstraints=critical,CA:false
check "a self-signed certificate" alert 'unknown ca' "${tcp[@]}" -cert "$SCRATCH/own.pem" -key "$SCRATCH/own.key"
# A CA with the name of the vault's, and a leaf of it.
subject=$(openssl x509 -in "$FSM/ca.pem" -noout -subject -nameopt compat | sed 's/^subject=//; s/^ *//')
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj "${subject:0:1}${subject:1}" \
    -keyout "$SCRATCH/ca.key" -out "$SCRATCH/ca.pem" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -addext "subjectAltName=$uri" \
    -keyout "$SCRATCH/leaf.key" -out "$SCRATCH/leaf.csr" 2>/dev/null
openssl x509 -req -in "$SCRATCH/leaf.csr" -CA "$SCRATCH/ca.pem" -CAkey "$SCRATCH/ca.key" -days 1 -copy_extensions copy \
    -out "$SCRATCH/leaf.pem" 2>/dev/null
refused() { ! served "$@"; }
check "another CA of the same name" refused "${tcp[@]}" -cert "$SCRATCH/leaf.pem" -key "$SCRATCH/leaf.key"
# A caller's certificate as a CA.
openssl x509 -req -in "$SCRATCH/leaf.csr" -CA "$FSM/cert.pem" -CAkey "$FSM/key.pem" -days 1 -copy_extensions copy \
    -out "$SCRATCH/child.pem" 2>/dev/null
check "a certificate issued by a caller" refused "${tcp[@]}" -cert "$SCRATCH/child.pem" -key "$SCRATCH/leaf.key" \
    -cert_chain "$FSM/cert.pem"
check "the server's own certificate" refused "${tcp[@]}" -cert "$VAULT/tls/server.pem" -key "$VAULT/tls/server.key"
cp -r "$FSM" "$SCRATCH/stranger"
cp "$SCRATCH/own.pem" "$SCRATCH/stranger/cert.pem"
private_file "$SCRATCH/stranger/key.pem" "$(cat "$SCRATCH/own.key")"
check "the command line says what to do" says '--identity' 7 as "$SCRATCH/stranger" status
ended_badly() { refuses 7 "$@"; }
for where in "unix:$SOCKET" "https://127.0.0.1:$PORT"; do
    late() { "$FSM_VAULT_BIN" --identity "$SCRATCH/expired" --addr "$where" "$@"; }
    check "an expired certificate: ${where%%:*}" says "the certificate $SCRATCH/expired/cert.pem has expired. A full operator" 7 \
        late secret get _x
    check "with what to type" says "fsm-vault caller certify NAME --out DIR" 7 late integration credentials fsm
    check "for a renewal it is too late" says "$SCRATCH/expired/cert.pem has expired" 7 late caller renew
    check "as one document" holds '.code == "unreachable" and .exit_code == 7 and (.detail | contains("has expired"))' \
        ended_badly late --output json status
done
check "to others too" alert 'certificate expired' "${tcp[@]}" -cert "$SCRATCH/expired/cert.pem" -key "$SCRATCH/expired/key.pem"

# Every connection proves its key: no tickets, no resumption, no early data.
session=$SCRATCH/session
said=$(s_client "${tcp[@]}" "${mine[@]}" -sess_out "$session")
check "no session ticket" refuses 1 grep -q 'New Session Ticket' <<<"$said"
check "no early data" grep -q 'Early data was not sent' <<<"$said"
if [ -s "$session" ]; then said=$(s_client "${tcp[@]}" "${mine[@]}" -sess_in "$session"); fi
check "no resumption" refuses 1 grep -q '^Reused' <<<"$said"
check "TLS 1.3" grep -q '^New, TLSv1.3' <<<"$said"
if openssl list -kem-algorithms 2>/dev/null | grep -q X25519MLKEM768; then
    check "a post-quantum key exchange" grep -q 'Negotiated TLS1.3 group: X25519MLKEM768' <<<"$said"
fi
check "ALPN h2" grep -q 'ALPN protocol: h2' <<<"$(s_client "${tcp[@]}" "${mine[@]}" -alpn h2)"
check "no other protocol" alert 'no application protocol' "${tcp[@]}" "${mine[@]}" -alpn h3
openssl s_client "${tcp[@]}" "${mine[@]}" </dev/null 2>/dev/null | openssl x509 -out "$SCRATCH/server.pem"
names=$(openssl x509 -in "$SCRATCH/server.pem" -noout -ext subjectAltName | tail -n 1 | tr -d ' ')
check "the server's names" [ "$names" = DNS:localhost,IPAddress:127.0.0.1,IPAddress:0:0:0:0:0:0:0:1 ]
check "its chain" openssl verify -x509_strict -purpose sslserver -CAfile "$FSM/ca.pem" "$SCRATCH/server.pem"
check "a caller's chain" openssl verify -x509_strict -purpose sslclient -CAfile "$FSM/ca.pem" "$FSM/cert.pem"
check "no caller as a server" refuses 2 openssl verify -purpose sslserver -CAfile "$FSM/ca.pem" "$FSM/cert.pem"
lives() { openssl x509 -in "$1" -noout -checkend $(($2 - 3600)) && ! openssl x509 -in "$1" -noout -checkend $(($2 + 3600)); }
check "a service's certificate lives a day" lives "$FSM/cert.pem" 86400
check "the first operator's 90 days" lives "$ADMIN/cert.pem" $((90 * 86400))
check "the server's a year" lives "$SCRATCH/server.pem" $((365 * 86400))

# Sockets and files.
mode() { stat -c %a "$1"; }
check "the socket is for the group" [ "$(mode "$SOCKET")" = 660 ]
check "its directory too" [ "$(mode "$VAULT/run")" = 750 ]
check "the data directory is private" [ "$(mode "$VAULT")" = 700 ]
check "keys are private" [ "$(mode "$VAULT/tls/server.key") $(mode "$FSM/key.pem") $(mode "$ADMIN/key.pem")" = "600 600 600" ]
check "nothing in it is open to others" [ -z "$(find "$VAULT" -path "$VAULT/run" -prune -o -perm /077 -type f ! -name '*.pem' -print)" ]

serve() { timeout --kill-after=5 30 "$FSM_VAULT_BIN" serve --passphrase-file "$PASSPHRASE" "$@" </dev/null; }
check "a second daemon is told why" says "in use by another fsm-vault process" 6 serve --data-dir "$VAULT" \
    --listen "unix:$SCRATCH/second.sock"
cp -r "$VAULT" "$SCRATCH/copy" && rm -f "$SCRATCH/copy/run/vault.sock"
check "a port in use" says "127.0.0.1:$PORT is in use" 6 serve --data-dir "$SCRATCH/copy" --listen "tcp:127.0.0.1:$PORT"
check "a live socket is respected" says "in use by another process" 6 serve --data-dir "$SCRATCH/copy" --listen "unix:$SOCKET"
check "and still served" as "$ADMIN" status
for address in tcp:0.0.0.0:0 tcp:192.0.2.1:8271 'tcp:[::]:0' tcp:localhost:0 unix:@abstract tcp:8271; do
    check "no listening on $address" refuses 2 serve --data-dir "$SCRATCH/copy" --listen "$address"
done
stop_daemon KILL || true
check "a killed daemon leaves its socket" [ -S "$SOCKET" ]
start_daemon "$VAULT" "$PASSPHRASE"
check "which the next one replaces" as "$ADMIN" status
stop_daemon
check "an orderly end removes it" [ ! -e "$SOCKET" ]
check "nothing panicked" no_panic
