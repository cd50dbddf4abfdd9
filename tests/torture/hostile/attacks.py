"""The attacks. Each runs for a while against the daemon and returns what it got, and what it should have got.

An attack takes the site, how many connections it may use, and a time (`time.monotonic`) to end at. It returns a list of
faults: none, if the daemon answered as it must.
"""

import time

from crowd import hello_flood
from means import quietly
from messages import half_closed, hostile_json, huge_heads, lying_length
from peer import drain
from slow import cut_body, handshake_flood, idle, slow_body, slow_handshake, slow_head
from streams import answers_left, continuation_flood, frame_flood, rapid_reset, stalled_readers, waiters


def odd_certificates(site, count, until):
    """A trusted root's leaves with a thousand names, several URIs, long chains; a stranger's; none gets an answer."""
    faults, heard = [], {}
    while time.monotonic() < until:
        for what in ("names", "uris", "chain", "stranger", "large"):
            stream = quietly(site.connect, site.tls(what))
            if stream is None:
                heard[what] = "no handshake"
                continue
            # TLS 1.3: the client is through before the server has judged it.
            quietly(stream.sendall, b"GET /v1/sys/status HTTP/1.1\r\nhost: localhost\r\n\r\n")
            said, closed = drain(stream)
            if said or not closed:
                faults.append(f"{what}: {said[:40]!r}")
            stream.close()
    return faults[:5]


# Whose connections nobody knows: they have so many descriptors and no more.
STRANGERS = [slow_handshake, handshake_flood, hello_flood]
# Those that leave others no place in the queue of the Unix socket.
CROWDS = [hello_flood]
ATTACKS = [slow_handshake, handshake_flood, hello_flood, slow_head, slow_body, cut_body, idle, rapid_reset, continuation_flood, huge_heads,
           hostile_json, lying_length, half_closed, stalled_readers, answers_left, frame_flood, waiters, odd_certificates]
