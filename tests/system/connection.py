"""A kept-open connection to the daemon for the system tests: http.client over TLS, on TCP or the Unix socket."""

import http.client
import json
import socket
import ssl


class Connection(http.client.HTTPConnection):
    """`where` is a port, or the path of the socket; `identity` the directory with the certificate."""

    def __init__(self, where, identity, timeout=60):
        super().__init__("localhost", timeout=timeout)
        self.where = where
        self.tls = ssl.create_default_context(cafile=f"{identity}/ca.pem")
        self.tls.load_cert_chain(f"{identity}/cert.pem", f"{identity}/key.pem")

    def connect(self):
        if str(self.where).isdigit():
            plain = socket.create_connection(("127.0.0.1", int(self.where)), self.timeout)
        else:
            plain = socket.socket(socket.AF_UNIX)
            plain.settimeout(self.timeout)
            plain.connect(self.where)
        self.sock = self.tls.wrap_socket(plain, server_hostname="localhost")
        # Closed by the daemon, it must not be opened anew behind the test's back.
        self.auto_open = 0

    def ask(self, path, method="GET", body=None):
        """Status and JSON (None if there is none)."""
        headers = {} if body is None else {"Content-Type": "application/json"}
        self.request(method, path, body, headers)
        answer = self.getresponse()
        said = answer.read()
        return answer.status, json.loads(said) if said else None

    def is_closed(self):
        """Whether the daemon ends the connection; waits for it up to the timeout."""
        try:
            return self.sock is None or self.sock.recv(1) == b""
        except (ssl.SSLEOFError, ConnectionResetError):
            return True
