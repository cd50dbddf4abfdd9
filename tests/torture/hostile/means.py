"""What the attacks have in common: many connections, and little by little."""

import ssl
import time

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
