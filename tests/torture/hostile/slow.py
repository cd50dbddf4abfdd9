"""Attacks by taking time: half a handshake, half a head, half a body, or nothing at all. As `attacks` has them."""

import ssl
import time

from means import LIMITED, close, is_closed, keep_dribbling, many, quietly
from peer import (ACK, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, INITIAL_WINDOW_SIZE, RST_STREAM,
                  SETTINGS, WINDOW_UPDATE, drain, exactly, field, frame, frames, settings, status)


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
