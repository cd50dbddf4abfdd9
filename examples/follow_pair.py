#!/usr/bin/env python3
"""Reads an integration's pair from fsm-vault over its Unix socket, and follows its rotation. Standard library only.

    FSM_VAULT_IDENTITY=/etc/fsm-mobile/vault ./follow_pair.py [INTEGRATION]

FSM_VAULT_IDENTITY is the directory with cert.pem, key.pem and ca.pem; FSM_VAULT_SOCKET the daemon's socket;
FSM_VAULT_EMPLOYEE on whose behalf to ask, which a service with several employees must say. Put what your
program does with a new pair into use().

It asks for the pair with `wait=60s` and the version that it has (`If-None-Match`): the daemon answers 304 after a minute
in which nothing changed, and at once when something does. Between two questions nothing can be missed.
"""

import http.client
import json
import os
import socket
import ssl
import sys
import time
import urllib.parse

SOCKET = os.environ.get("FSM_VAULT_SOCKET", "/run/fsm-vault/vault.sock")
IDENTITY = os.environ.get("FSM_VAULT_IDENTITY", "/etc/fsm-mobile/vault")
INTEGRATION = sys.argv[1] if len(sys.argv) > 1 else "fsm"
EMPLOYEE = os.environ.get("FSM_VAULT_EMPLOYEE")
REPLACE = "fsm-vault caller certify NAME --out DIR"
OF_WHOM = "name that vault's socket in FSM_VAULT_SOCKET, or the identity of this one in FSM_VAULT_IDENTITY"
# What the daemon says of a certificate that it takes for nobody's.
STRANGE = ("ALERT_UNKNOWN_CA", "ALERT_DECRYPT_ERROR", "ALERT_BAD_CERTIFICATE", "ALERT_CERTIFICATE_UNKNOWN", "ALERT_ACCESS_DENIED")
EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED
WAIT = 60  # seconds that the daemon may hold the answer, five minutes at most


def use(pair):
    """The new pair is here. Never print or log the values."""
    print(f"{INTEGRATION}: using version {pair['version']}", flush=True)


def readable(name):
    """The path of a file of the identity. Whoever renews it puts a whole one in its place, so a missing one isn't waited for."""
    path = os.path.join(IDENTITY, name)
    try:
        with open(path, "rb"):
            return path
    except OSError as error:
        sys.exit(f"{INTEGRATION}: can't read {path}: {error.strerror}; FSM_VAULT_IDENTITY names the identity's directory")


class Vault(http.client.HTTPSConnection):
    """A connection to the daemon: TLS inside the Unix socket, both sides with certificates."""

    def __init__(self):
        # The daemon's certificate is for `localhost`. Made anew for each connection, as ours is renewed every day.
        tls = ssl.create_default_context(cafile=readable("ca.pem"))
        try:
            tls.load_cert_chain(readable("cert.pem"), readable("key.pem"))
        except ssl.SSLError as error:
            # A renewal replaces one after the other, so that they match a moment later.
            raise ValueError(f"{IDENTITY}: cert.pem and key.pem are no certificate with its key: {error}") from error
        super().__init__("localhost", context=tls, timeout=WAIT + 30)
        self.tls = tls

    def connect(self):
        plain = socket.socket(socket.AF_UNIX)
        try:
            plain.settimeout(self.timeout)
            plain.connect(SOCKET)
            self.sock = self.tls.wrap_socket(plain, server_hostname="localhost")
        except BaseException:
            plain.close()
            raise

    def ask(self, path, headers):
        try:
            self.request("GET", path, headers=headers)
        except OSError:
            # The daemon has closed already. Why, says its alert, which is still to be read: that is raised then.
            self.sock and self.sock.recv(1)
            raise
        answer = self.getresponse()
        return answer, answer.read()


def main():
    vault, etag, pause = None, None, 1
    while True:
        try:
            vault = vault or Vault()
            # The first time there is nothing to wait for.
            asked = {"wait": f"{WAIT}s"} if etag else {}
            if EMPLOYEE:
                asked["employee"] = EMPLOYEE
            headers = {"If-None-Match": etag} if etag else {}
            answer, body = vault.ask(f"/v1/integrations/{INTEGRATION}/credentials?{urllib.parse.urlencode(asked)}", headers)
            if answer.status == 200:
                etag, pause = answer.headers["ETag"], 1
                use(json.loads(body))
                continue
            if answer.status == 304:
                pause = 1
                continue
            problem = json.loads(body)
            why = f"{problem['code']} (request ID {problem['request_id']})"
            if answer.status == 404:
                # Reset: there is no pair until an operator stores the new one. What we had is dead.
                etag = None
            elif answer.status not in (429, 503):
                # 403: what refuses us now will refuse us in a minute too. Somebody has to look.
                sys.exit(f"{INTEGRATION}: refused: {why}")
        except ssl.SSLCertVerificationError as error:
            # Whom we don't believe now, we won't in a minute. Somebody has to look.
            if error.verify_code == EXPIRED:
                sys.exit(f"{INTEGRATION}: the certificate of the daemon at {SOCKET} has expired; it renews it when it is restarted")
            sys.exit(f"{INTEGRATION}: whoever answers at {SOCKET} is not the vault of {IDENTITY}/ca.pem ({error.verify_message}); {OF_WHOM}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            # The daemon restarts, or the connection broke. The pair that we have stays good meanwhile.
            why = repr(error)
            if "ALERT_CERTIFICATE_EXPIRED" in why:
                # Too late to renew it. Somebody has to look.
                sys.exit(f"{INTEGRATION}: the certificate {IDENTITY}/cert.pem has expired; an operator replaces it: {REPLACE}")
            if any(alert in why for alert in STRANGE):
                sys.exit(f"{INTEGRATION}: the daemon at {SOCKET} doesn't know {IDENTITY}/cert.pem, which is another vault's; {OF_WHOM}")
            if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
                why = f"no daemon answers at {SOCKET}: {error.strerror}"
            if isinstance(error, PermissionError):
                why = f"this user may not reach {SOCKET}: sudo usermod -aG fsm-vault USER, and log in anew"
        print(f"{INTEGRATION}: {why}; trying again in {pause} s", file=sys.stderr, flush=True)
        if vault:
            vault.close()
        vault = None
        time.sleep(pause)
        pause = min(pause * 2, 30)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
