"""Looks that cost much, asked for by the hundred, and what others have to wait for and the daemon has to hold meanwhile.

Prints one JSON object. Arguments: the socket, the admin's identity, that of an operator who owns nothing, the daemon's PID."""

import json
import re
import socket
import ssl
import sys
import threading
import time

from connection import Connection
import h2.config
import h2.connection

SOCKET, ADMIN, NOBODY, DAEMON = sys.argv[1:]
RULES = {"scripts": ["customscript_a"], "allow_all_domains": True}
told = {}


class Asking:
    """An HTTP/2 connection that asks, and takes no more than its first window."""

    def __init__(self, identity):
        tls = ssl.create_default_context(cafile=f"{identity}/ca.pem")
        tls.load_cert_chain(f"{identity}/cert.pem", f"{identity}/key.pem")
        tls.set_alpn_protocols(["h2"])
        plain = socket.socket(socket.AF_UNIX)
        plain.connect(SOCKET)
        self.socket = tls.wrap_socket(plain, server_hostname="localhost")
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.h2.initiate_connection()

    def ask(self, path):
        stream = self.h2.get_next_available_stream_id()
        head = [(":method", "GET"), (":path", path), (":scheme", "https"), (":authority", "localhost")]
        self.h2.send_headers(stream, head, end_stream=True)
        self.socket.sendall(self.h2.data_to_send())

    def listen(self, seconds):
        """How many answers have begun to come after so long."""
        end, begun = time.monotonic() + seconds, 0
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                break
            if not data:
                break
            begun += sum(type(each).__name__ == "ResponseReceived" for each in self.h2.receive_data(data))
            self.socket.sendall(self.h2.data_to_send())
        return begun


def resident():
    """MiB."""
    with open(f"/proc/{DAEMON}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) // 1024


def grown(path, requests):
    """By how many MiB the daemon grows at most while so many are asked and little of them is taken."""
    before, most, over = resident(), resident(), threading.Event()

    def watch():
        nonlocal most
        while not over.wait(0.005):
            most = max(most, resident())

    watching = threading.Thread(target=watch)
    watching.start()
    asking = Asking(ADMIN)
    for _ in range(requests):
        asking.ask(path)
    begun = asking.listen(10)
    over.set()
    watching.join()
    asking.socket.close()
    return {"grown": most - before, "begun": begun}


def pages(path, key):
    """How many items each page has, and their keys."""
    lengths, keys, cursor = [], [], ""
    while True:
        status, page = admin.ask(path + cursor)
        assert status == 200, page
        lengths.append(len(page["items"]))
        keys += [item[key] for item in page["items"]]
        if page["next_cursor"] is None:
            return lengths, keys
        cursor = f"&cursor={page['next_cursor']}"


def ask(method, path, body=None):
    status, said = admin.ask(path, method, None if body is None else json.dumps(body))
    assert status < 300, (status, said)
    return said


admin = Connection(SOCKET, ADMIN, timeout=300)
domains = [f"d{nth:03}." + ("a" * 60 + ".") * 3 + "b" * 30 + ".example" for nth in range(1000)]
for nth in range(20):
    ask("POST", "/v1/secrets", {"id": f"_long_{nth:02}", "value": "v", "restrictions": {"scripts": ["customscript_a"], "domains": domains}})
lengths, ids = pages("/v1/secrets?limit=1000", "id")
told["list"] = {"pages": len(lengths), "ids": len(ids), "in_order": ids == sorted(set(ids))}
told["held_lists"] = grown("/v1/secrets?limit=1000", 60)

ask("POST", "/v1/secrets", {"id": "_edited", "value": "v", "restrictions": RULES})
# Some 8 MiB of log: long lists of short words, twice in each entry.
for edit in range(100):
    employees = [chr(97 + edit % 26) + f"{nth + edit:x}" * 9 for nth in range(1000)]
    ask("PATCH", "/v1/secrets/_edited", {"restrictions": {**RULES, "employees": employees}})

lengths, numbers = pages("/v1/audit?limit=1000", "seq")
told["log"] = {
    "pages": len(lengths),
    "repeated": len(numbers) - len(set(numbers)),
    "in_order": numbers == sorted(numbers, reverse=True),
}
told["held_pages"] = grown("/v1/audit?limit=1000&secret=_edited&action=secret.edit", 60)

# Whoever asks and goes away has asked for next to nothing.
leaving = [Asking(NOBODY) for _ in range(3)]
for each in leaving:
    for _ in range(90):
        each.ask("/v1/audit?secret=_nothing")
time.sleep(0.3)
for each in leaving:
    each.socket.close()
began = time.monotonic()
ask("PATCH", "/v1/secrets/_edited", {"name": "changed"})
told["change"] = time.monotonic() - began
told["looked"] = len(ask("GET", "/v1/audit?limit=1000&action=audit.read&caller=nobody")["items"])
print(json.dumps(told))
