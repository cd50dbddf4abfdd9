"""A mail server for tests: mail_server.py DIRECTORY KIND CERTIFICATE KEY.

KIND is `starttls` (STARTTLS and a user are required), `implicit`, `plain`, `refusing` (550 for each recipient), `silent`
(accepts connections and says nothing) or `endless` (its greeting has no last line). Writes its port to DIRECTORY/port, and each mail to DIRECTORY/N.eml.
"""

import itertools
import json
import socket
import ssl
import sys
import threading
from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

directory, kind, certificate, key = Path(sys.argv[1]), *sys.argv[2:]
numbers = itertools.count(1)


def ready(port):
    (directory / "port.new").write_text(str(port))
    (directory / "port.new").rename(directory / "port")


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if kind == "refusing":
            return "550 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        told = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": session.ssl is not None or kind == "implicit",
                "user": session.authenticated, "text": envelope.content.decode()}
        path = directory / f"{next(numbers)}.eml"
        path.with_suffix(".new").write_text(json.dumps(told))
        path.with_suffix(".new").rename(path)
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"vault", b"s3cret mail")
    return AuthResult(success=right)


if kind == "silent":
    listener = socket.create_server(("127.0.0.1", 0))
    ready(listener.getsockname()[1])
    held = []
    while True:
        held.append(listener.accept())

if kind == "endless":
    listener = socket.create_server(("127.0.0.1", 0))
    ready(listener.getsockname()[1])
    while True:
        connection, _ = listener.accept()
        with connection:
            try:
                while True:
                    connection.sendall(b"220-x\r\n" * 1000)
            except OSError:
                pass  # The other side has had enough.

context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(certificate, key)
options = {"hostname": "127.0.0.1", "port": 0}
if kind == "starttls":
    options |= {"tls_context": context, "require_starttls": True, "authenticator": authenticate, "auth_required": True}
if kind == "implicit":
    options |= {"ssl_context": context}


class AnyPort(Controller):
    """aiosmtpd looks itself up at the port that it was given, which is none."""

    def _trigger_server(self):
        ready(self.server.sockets[0].getsockname()[1])
        with socket.create_connection(self.server.sockets[0].getsockname()) as connection:
            if self.ssl_context is None:
                connection.recv(1)
            else:
                trusting = ssl.create_default_context()
                trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
                trusting.wrap_socket(connection).recv(1)


AnyPort(Handler(), **options).start()
threading.Event().wait()
