"""More strangers than can be met: an attack by itself, as `attacks` has them."""

import collections
import contextlib
import http.client
import json
import select
import ssl
import time

# Hellos that the daemon may take in before it answers a request, as a rule.
MOST_BEFORE_ONE = 24


def hello_flood(site, count, until):
    """Hellos without end on the Unix socket, none of which waits for an answer; and requests on a connection that is kept.
    Each of them is answered after a few hellos, or whoever greets faster than we sign has all turns."""
    flood, passed = collections.deque(), []
    hello = client_hello(site)
    kept = http.client.HTTPConnection("localhost", timeout=60)
    kept.sock = site.connect(site.tls("hostile"), unix=True, timeout=60)
    while time.monotonic() < until or not passed:
        kept.request("GET", "/v1/sys/status")
        passed.append(0)
        while not select.select([kept.sock], [], [], 0)[0]:
            # Without a time-out: it waits while there are as many as the kernel keeps in the queue.
            flood.append(site.plain(unix=True, timeout=None))
            with contextlib.suppress(OSError):
                flood[-1].sendall(hello)
            passed[-1] += 1
            if len(flood) > max(count, 500):
                flood.popleft().close()
        answer = kept.getresponse()
        if json.loads(answer.read()).get("sealed") is not False:
            return [f"the kept connection was answered {answer.status}"]
    for stream in (kept, *flood):
        stream.close()
    usual = sorted(passed)[len(passed) // 2]
    print(f"# hello flood: {sum(passed)} hellos, {len(passed)} answers beside them, {usual} hellos before the usual one", flush=True)
    return [] if usual <= MOST_BEFORE_ONE else [f"{usual} hellos were taken in before an answer"]


def client_hello(site):
    """The first bytes that a client sends."""
    said, to_say = ssl.MemoryBIO(), ssl.MemoryBIO()
    stream = site.tls("hostile").wrap_bio(said, to_say, server_hostname="localhost")
    try:
        stream.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return to_say.read()
