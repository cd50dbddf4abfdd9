"""Attacks by HTTP/2's streams and frames, and by answers that nobody takes. As `attacks` has them."""

import http.client
import itertools
import ssl
import string
import time

from means import LIMITED, close, many, quietly
from peer import (CONTINUATION, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS,
                  drain, field, frame, frames, get, offered, statuses)


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
    # A head of as many fields as may be costs no more than another while its read waits.
    names = (first + second for first in string.ascii_lowercase for second in string.ascii_lowercase[7:])
    large = ask + b"".join(field(name, "") for name in itertools.islice(names, 450))
    streams = many(count, lambda: site.http2(context), until)
    for nth, stream in enumerate(streams):
        most, head = quietly(offered, stream) or 0, large if nth < 200 else ask
        asked = (frame(HEADERS, END_HEADERS | END_STREAM, 2 * at + 1, head) for at in range(most))
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
