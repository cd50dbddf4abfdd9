"""The attacks. Each runs for a while against the daemon and returns what it got, and what it should have got.

An attack takes the site, how many connections it may use, and a time (`time.monotonic`) to end at. It returns a list of
faults: none, if the daemon answered as it must.
"""

import http.client
import json
import socket
import ssl
import time

from crowd import hello_flood
from peer import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, INITIAL_WINDOW_SIZE, PING, RST_STREAM,
                  SETTINGS, WINDOW_UPDATE, drain, exactly, field, frame, frames, get, number, offered, settings, status, statuses, text)

LIMITED = "rate_limited"


def quietly(action, *arguments):
    try:
        return action(*arguments)
    except (OSError, ssl.SSLError, ValueError):
        return None


def many(count, open_one, until):
    """As many connections as the daemon takes; those that it refuses are left out."""
    opened = []
    while len(opened) < count and time.monotonic() < until:
        stream = quietly(open_one)
        if stream is None:
            break
        opened.append(stream)
    return opened


def keep_dribbling(streams, piece, until, pause=0.2):
    """Sends a little on each until the time is over and one has ended; returns how many the daemon has ended."""
    ended = set()
    while time.monotonic() < until or (not ended and time.monotonic() < until + 60):
        for index, stream in enumerate(streams):
            if index not in ended and quietly(stream.sendall, piece) is None and is_closed(stream):
                ended.add(index)
        time.sleep(pause)
    return len(ended)


def is_closed(stream):
    stream.settimeout(0.0)
    try:
        return stream.recv(1) == b""
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except (OSError, ssl.SSLError):
        return True
    finally:
        stream.settimeout(10)


def close(streams):
    for stream in streams:
        quietly(stream.close)


def slow_handshake(site, count, until):
    """Half a ClientHello, then a byte now and then; new ones as they are ended."""
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    streams, ended = [], 0
    while time.monotonic() < until:
        while len(streams) < count:
            stream = quietly(site.plain, len(streams) % 2 == 0)
            if stream is None:
                break
            quietly(stream.sendall, hello)
            streams.append(stream)
        alive = []
        for stream in streams:
            if is_closed(stream):
                stream.close()
                ended += 1
            else:
                quietly(stream.sendall, b"\x00")
                alive.append(stream)
        streams = alive
        time.sleep(0.05)
    close(streams)
    return [] if ended else ["none was ended"]


def handshake_flood(site, count, until):
    """Whole handshakes, one after the other, of somebody without a certificate and of a caller."""
    anonymous = ssl.create_default_context(cafile=f"{site.identities['honest']}/ca.pem")
    caller, made = site.tls("hostile"), 0
    while time.monotonic() < until:
        for context in (anonymous, caller):
            stream = quietly(site.connect, context)
            made += 1
            quietly(stream.close) if stream else None
    return [] if made else ["none was made"]


def slow_head(site, count, until):
    context = site.tls("hostile")
    streams = many(count, lambda: site.connect(context), until)
    for stream in streams:
        quietly(stream.sendall, b"GET /v1/sys/status HTTP/1.1\r\nhost: localhost\r\nx-slow: ")
    ended = keep_dribbling(streams, b"a", until)
    close(streams)
    return [] if ended else [f"none of {len(streams)} was ended"]


def slow_body(site, count, until):
    """An operator's large body that never ends: some are read until their time is over, the others are refused."""
    context, faults, told = site.tls("operator"), [], {}
    head = (b"POST /v1/secrets HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b"content-length: 4000000\r\n\r\n{\"id\":\"_slow\",\"value\":\"")
    streams = many(count, lambda: site.connect(context), until)
    for stream in streams:
        quietly(stream.sendall, head)
    while time.monotonic() < until:
        for stream in streams:
            quietly(stream.sendall, b"a")
        time.sleep(0.2)
    for stream in streams:
        stream.settimeout(0.5)
        said, _ = drain(stream)
        told[status(said)] = told.get(status(said), 0) + 1
        if status(said) == 429 and LIMITED.encode() not in said:
            faults.append("a 429 without its code")
    close(streams)
    print(f"# slow body: {len(streams)} connections, answers {told}", flush=True)
    return faults + ([] if told.get(429) else ["all bodies were read"])


def cut_body(site, count, until):
    """A body in frames of one byte, and between them 16 KiB each of calls that are refused: who keeps the bytes as they came
    keeps what was read with them. Some 256 MiB, however long that takes."""
    post = field(":method", "POST") + field(":scheme", "https") + field(":authority", "localhost")
    kept = post + field(":path", "/v1/secrets") + field("content-type", "application/json") + field("content-length", "60000")
    piece, answers, windows, said = b"a" * 16384, {}, {0: 65535}, b""
    stream = site.http2(site.tls("hostile", "h2"), timeout=30)
    window = settings(stream)[INITIAL_WINDOW_SIZE]
    # The daemon's windows hold once they are acknowledged; ours has room for all refusals.
    stream.sendall(frame(SETTINGS, ACK, 0) + frame(WINDOW_UPDATE, 0, 0, (1 << 30).to_bytes(4, "big")))
    stream.sendall(frame(HEADERS, END_HEADERS, 1, kept))
    at, sent = 1, 0
    while sent < 256 << 20 and 1 not in answers:
        if at == 1 or at in answers:
            # One call's first window after the other.
            at += 2
            windows[at] = window
            stream.sendall(frame(HEADERS, END_HEADERS, at, post + field(":path", "/v1/nowhere")))
        if min(windows[0] - 1, windows[at]) >= len(piece):
            windows[0], windows[at], sent = windows[0] - len(piece) - 1, windows[at] - len(piece), sent + len(piece)
            last = END_STREAM if windows[at] < len(piece) else 0
            stream.sendall(frame(DATA, 0, 1, b"a") + frame(DATA, last, at, piece))
            continue
        said += exactly(stream, 1) + stream.recv(65536)
        whole = list(frames(said))
        said = said[sum(9 + len(payload) for *_, payload in whole):]
        for kind, _, of, payload in whole:
            if kind == WINDOW_UPDATE and of == 0:
                windows[0] += int.from_bytes(payload, "big")
            elif kind in (HEADERS, RST_STREAM, GOAWAY):
                answers[of] = kind
    stream.close()
    print(f"# cut body: {sent >> 20} MiB in {len(windows)} streams", flush=True)
    # Answered before: its time was over.
    return [] if sent >= 256 << 20 or 1 in answers else [f"{sent} bytes were taken"]


def idle(site, count, until):
    """As many connections as one gets, and more: what is too much is told so, and the first ones are still served."""
    context, faults, kept, refused = site.tls("hostile"), [], [], 0
    start = time.monotonic()
    while len(kept) + refused < count and time.monotonic() - start < 500:
        stream = quietly(lambda: site.connect(context, unix=len(kept) % 2 == 0))
        if stream is None:
            faults.append("a handshake failed")
            break
        stream.sendall(b"GET /v1/sys/status HTTP/1.1\r\nhost: localhost\r\n\r\n")
        said = b""
        while b"\r\n\r\n" not in said:
            more = stream.recv(65536)
            if not more:
                break
            said += more
        if status(said) == 429:
            refused += 1
            if b"retry-after" not in said.lower() or LIMITED.encode() not in said + drain(stream)[0]:
                faults.append(f"refused without a sentence: {said[:80]!r}")
            stream.close()
        elif status(said) == 200:
            kept.append(stream)
        else:
            faults.append(f"answered {said[:40]!r}")
    while time.monotonic() < until:
        time.sleep(0.1)
    for stream in kept[:1] + kept[-1:]:
        if status(quietly(ask_again, stream) or b"") != 200:
            faults.append("an open connection is not served")
    print(f"# idle: {len(kept)} open, {refused} refused, of {count}", flush=True)
    close(kept)
    return faults[:5] + ([] if len(kept) + refused == count else [f"only {len(kept) + refused} were tried"])


def ask_again(stream):
    stream.settimeout(10)
    # The rest of the first answer may still be there.
    stream.sendall(b"GET /v1/nowhere HTTP/1.1\r\nhost: localhost\r\n\r\nGET /v1/sys/status HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
    said, _ = drain(stream)
    return said[said.rfind(b"HTTP/1.1 "):]


def rapid_reset(site, count, until):
    """Streams that are opened and taken back at once (CVE-2023-44487)."""
    context, goaway, sent = site.tls("hostile", "h2"), 0, 0
    while time.monotonic() < until:
        stream = quietly(site.http2, context)
        if stream is None:
            continue
        block = get("/v1/integrations/fsm/credentials")
        try:
            for batch in range(200):
                stream.sendall(b"".join(
                    frame(HEADERS, END_HEADERS | END_STREAM, at, block) + frame(RST_STREAM, 0, at, b"\x00\x00\x00\x08")
                    for at in range(batch * 200 + 1, batch * 200 + 200, 2)))
                sent += 100
        except (OSError, ssl.SSLError):
            pass
        stream.settimeout(2)
        said, closed = drain(stream)
        goaway += closed or any(kind == GOAWAY for kind, *_ in frames(said))
        stream.close()
    print(f"# rapid reset: {sent} streams, {goaway} connections ended", flush=True)
    return [] if goaway else ["no connection was ended"]


def continuation_flood(site, count, until):
    """A head that never ends (CVE-2024-27316)."""
    context, ended, faults = site.tls("hostile", "h2"), 0, []
    piece = field("x-more", "a" * 1000)
    while time.monotonic() < until:
        stream, sent = quietly(site.http2, context), 0
        if stream is None:
            continue
        try:
            stream.sendall(frame(HEADERS, END_STREAM, 1, get("/v1/sys/status")))
            while sent < 64 << 20 and time.monotonic() < until + 10:
                stream.sendall(frame(CONTINUATION, 0, 1, piece) * 16)
                sent += len(piece) * 16
        except (OSError, ssl.SSLError):
            ended += 1
        else:
            faults.append(f"{sent} bytes of a head were taken")
        stream.close()
    return faults or ([] if ended else ["none was ended"])


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


def stalled_readers(site, count, until):
    """Values that nobody takes, small ones on many streams and large ones: refused when there are too many."""
    return stalled(site, count, until, ["/v1/secrets/_large/value", "/v1/secrets/_small/value"], 200)


def answers_left(site, count, until):
    """The same with answers that are no values, and made for everybody."""
    return stalled(site, count, until, ["/v1/nowhere"], 404)


def stalled(site, count, until, paths, usual):
    """Asks on many streams of many connections and takes no answer. Who leaves the refusals lie, too, is cut off."""
    context, faults, streams, limited, cut = site.tls("greedy", "h2"), [], [], 0, 0
    nothing = b"\x00\x04\x00\x00\x00\x00"
    while len(streams) < count and time.monotonic() < until:
        stream = quietly(site.http2, context, nothing)
        most = quietly(offered, stream) if stream else None
        if most is None:
            break
        for at in range(most):
            ask = get(paths[at % len(paths)])
            quietly(stream.sendall, frame(HEADERS, END_HEADERS | END_STREAM, 2 * at + 1, ask))
        streams.append(stream)
    for stream in streams:
        stream.settimeout(1)
        said, closed = drain(stream)
        counts = statuses(said)
        limited += counts.get(429, 0)
        cut += closed
        if set(counts) - {usual, 429}:
            faults.append(f"answered {counts}")
    while time.monotonic() < until:
        time.sleep(0.1)
    print(f"# {paths[0]}: {len(streams)} connections, {limited} refused, {cut} cut", flush=True)
    close(streams)
    return faults if limited and cut or not streams else faults + ["all were kept"]


def frame_flood(site, count, until):
    """PING and SETTINGS without end (CVE-2019-9512, -9515), by one that reads no answer."""
    context, ended, sent = site.tls("hostile", "h2"), 0, 0
    noise = (frame(PING, 0, 0, b"12345678") + frame(SETTINGS, 0, 0)) * 200
    while time.monotonic() < until:
        stream = quietly(site.http2, context)
        if stream is None:
            continue
        try:
            for _ in range(1000):
                stream.sendall(noise)
                sent += 400
        except (OSError, ssl.SSLError):
            ended += 1
        stream.close()
    print(f"# frame flood: {sent} frames, {ended} connections ended", flush=True)
    return [] if ended else ["none was ended"]


def waiters(site, count, until):
    """Reads that wait, more than one caller may have: refused at once, while another's waits as it should."""
    context, faults = site.tls("greedy", "h2"), []
    ask = get("/v1/secrets/_small/value?wait=60s")
    streams = many(count, lambda: site.http2(context), until)
    for stream in streams:
        most = quietly(offered, stream) or 0
        asked = (frame(HEADERS, END_HEADERS | END_STREAM, 2 * at + 1, ask) for at in range(most))
        quietly(stream.sendall, b"".join(asked))
    connection = http.client.HTTPConnection("localhost", timeout=30)
    connection.sock = site.connect(site.tls("honest"))
    connection.request("GET", "/v1/integrations/fsm/credentials?wait=1s")
    if connection.getresponse().status != 200:
        faults.append("another's wait is refused")
    connection.close()
    refused = 0
    for stream in streams:
        stream.settimeout(0.05)
        said, _ = drain(stream)
        counts = statuses(said)
        refused += counts.get(429, 0)
        if set(counts) - {429} or counts and LIMITED.encode() not in said:
            faults.append(f"answered {counts}")
    print(f"# waiters: {len(streams)} connections, {refused} refused", flush=True)
    close(streams)
    return faults + ([] if refused else ["none was refused"])


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
