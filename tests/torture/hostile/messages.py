"""Attacks by what is said in one request: heads, bodies and lengths that can't be. As `attacks` has them."""

import http.client
import socket
import time

from means import close, quietly
from peer import END_HEADERS, END_STREAM, HEADERS, drain, frame, frames, get, number, status, text


def huge_heads(site, count, until):
    """Long and many header fields, in both protocols; a small block that unfolds (RFC 7541, 7.3)."""
    one, two, faults = site.tls("hostile"), site.tls("hostile", "h2"), []
    line = b"GET /v1/sys/status HTTP/1.1\r\nhost: localhost\r\n"
    while time.monotonic() < until and not faults:
        for head in (line + b"x: " + b"a" * (1 << 20) + b"\r\n\r\n",
                     line + b"".join(b"x-%d: a\r\n" % each for each in range(1000)) + b"\r\n",
                     b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\nhost: localhost\r\n\r\n"):
            stream = quietly(site.connect, one)
            if stream is None:
                continue
            quietly(stream.sendall, head)
            stream.settimeout(5)
            said, closed = drain(stream)
            if status(said) not in (0, 414, 431) or not closed:
                faults.append(f"{head[:20]!r}: {said[:40]!r}, closed {closed}")
            stream.close()
        stream = quietly(site.http2, two)
        if stream is None:
            continue
        # Kept once, named four thousand times: 16 MiB of fields in 8 KiB.
        bomb = get("/v1/sys/status") + b"\x40" + text("x-bomb") + text("a" * 3900) + number(62, 7, 0x80) * 8000
        quietly(stream.sendall, frame(HEADERS, END_HEADERS | END_STREAM, 1, bomb))
        stream.settimeout(5)
        said, _ = drain(stream, 2000)
        if any(kind == HEADERS and payload[:1] == b"\x88" for kind, _, _, payload in frames(said)):
            faults.append("a head of 16 MiB was served")
        stream.close()
    return faults


def hostile_json(site, count, until):
    """Deep, wide and broken JSON from an operator."""
    context, faults = site.tls("operator"), []
    bodies = [b"[" * 30_000, b'{"id":' * 5000, b'{"id":"_x","value":"' + b"\\u0000" * 9000, b"\xff" * 1000, b"1e999999999",
              b'{"restrictions":{"domains":[' + b'"a",' * 10_000 + b'"a"]}}', b'{"id":"_a","id":"_a"}']
    while time.monotonic() < until and not faults:
        connection = http.client.HTTPConnection("localhost", timeout=30)
        connection.sock = site.connect(context)
        for body in bodies:
            connection.request("POST", "/v1/secrets", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            said = answer.read()
            if answer.status not in (400, 413, 422):
                faults.append(f"{body[:20]!r}: {answer.status} {said[:80]!r}")
        connection.close()
    return faults


def lying_length(site, count, until):
    """Bodies that are longer, shorter and other than their head says; each request gets one answer, or the end."""
    context, faults = site.tls("operator"), []
    post = b"POST /v1/secrets HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    hidden = b"GET /v1/secrets HTTP/1.1\r\nhost: localhost\r\n\r\n"
    requests = [
        (b"content-length: 1000000000000\r\n\r\n{", (0, 413)),
        (b"content-length: 99999999999999999999999\r\n\r\n{", (0, 400)),
        (b"content-length: -1\r\n\r\n{", (0, 400)),
        (b"content-length: 1\r\ncontent-length: 2\r\n\r\n{}", (0, 400)),
        (b"content-length: 1, 2\r\n\r\n{}", (0, 400)),
        (b"content-length: 100\r\n\r\n{}", (0, 400)),
        (b"transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}", (0, 400)),
        (b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n" + b"x: y\r\n" * 10_000, (0, 400, 422)),
        (b"transfer-encoding: chunked, identity\r\n\r\n", (0, 400)),
    ]
    while time.monotonic() < until and not faults:
        for head, expected in requests:
            stream = quietly(site.connect, context)
            if stream is None:
                continue
            quietly(stream.sendall, post + head)
            quietly(stream.unwrap) if head.startswith(b"content-length: 100\r") else None
            stream.settimeout(5)
            said, _ = drain(stream)
            if status(said) not in expected:
                faults.append(f"{head[:40]!r}: {said[:60]!r}")
            stream.close()
        # Both lengths: whatever is taken for the body, what is hidden behind it is no request (RFC 9112, 6.3).
        stream = quietly(site.connect, context)
        if stream is not None:
            quietly(stream.sendall, post + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + hidden)
            stream.settimeout(2)
            said, _ = drain(stream)
            if b"HTTP/1.1 200" in said:
                faults.append("a request was smuggled")
            stream.close()
    return faults


def half_closed(site, count, until):
    """Ends of half a connection: before, within and after a request; at the TLS layer and below it."""
    context = site.tls("hostile")
    requests = [b"", b"GET /v1/sys/status HT", b"GET /v1/sys/status HTTP/1.1\r\nhost: localhost\r\n\r\n"]
    left = []
    while time.monotonic() < until:
        for request in requests:
            stream = quietly(site.connect, context)
            if stream is None:
                continue
            quietly(stream.sendall, request)
            quietly(stream.shutdown, socket.SHUT_WR)
            left.append(stream)
        for unix in (True, False):
            stream = quietly(site.plain, unix)
            if stream:
                quietly(stream.shutdown, socket.SHUT_WR)
                left.append(stream)
        if len(left) > count:
            close(left)
            left = []
    faults = []
    for stream in left[-5:]:
        stream.settimeout(5)
        if not drain(stream)[1]:
            faults.append("a half-closed connection stays open")
    close(left)
    return faults
