"""An HTTP/2 client that begins a watch or a backup and takes none of it, but answers all PINGs: is its connection ended?

lasting.py SOCKET IDENTITY watch|backup SECONDS COMMAND...
lasting.py --body JSON --to PATH ...: such a body is sent on the same connection when it lasts, and its answer taken.
Prints "ended" if the connection ends within so many seconds once COMMAND is done, else "open".
"""
import argparse
import subprocess
import time

import h2.events
from stalled import Stalled

PATHS = {"watch": ("GET", "/v1/watch"), "backup": ("POST", "/v1/sys/backup")}
HEAD, PING, ACK = 9, 6, 1


def begin(client, method, path, body=None):
    head = [(":method", method), (":path", path), (":scheme", "https"), (":authority", "localhost")]
    stream = client.client.get_next_available_stream_id()
    if body is not None:
        head += [("content-type", "application/json"), ("content-length", str(len(body)))]
    client.client.send_headers(stream, head, end_stream=body is None)
    if body is not None:
        client.client.send_data(stream, body, end_stream=True)
    client.send()
    return stream


def head_of(client, stream):
    while True:
        for event in client.client.receive_data(client.stream.recv(65536)):
            if isinstance(event, h2.events.ResponseReceived) and event.stream_id == stream:
                client.send()
                return dict(event.headers)[b":status"]
        client.send()


def is_ended(client, seconds):
    """By hand: after the frames of an orderly end the library takes no more, and the daemon asks by PING whether it was heard."""
    heard, until = b"", time.monotonic() + seconds
    client.stream.settimeout(0.1)
    while time.monotonic() < until:
        try:
            data = client.stream.recv(65536)
        except TimeoutError:
            continue
        except OSError:
            return True
        if not data:
            return True
        heard += data
        while len(heard) >= HEAD and len(heard) >= HEAD + (size := int.from_bytes(heard[:3], "big")):
            kind, flags, payload = heard[3], heard[4], heard[HEAD : HEAD + size]
            heard = heard[HEAD + size :]
            if kind == PING and not flags & ACK:
                try:
                    client.stream.sendall(b"\0\0\x08" + bytes([PING, ACK]) + bytes(4) + payload)
                except OSError:
                    return True
    return False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--body")
    parser.add_argument("--to")
    parser.add_argument("socket")
    parser.add_argument("identity")
    parser.add_argument("what", choices=PATHS)
    parser.add_argument("seconds", type=float)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    client = Stalled(options.socket, options.identity)
    client.window(0)
    status = head_of(client, begin(client, *PATHS[options.what]))
    assert status == b"200", status
    if options.body:
        stream = begin(client, "POST", options.to, options.body.encode())
        client.client.increment_flow_control_window(1 << 20, stream)
        client.send()
        status = head_of(client, stream)
        assert status in (b"200", b"201"), status
    subprocess.run(options.command, check=True, stdout=subprocess.DEVNULL)
    print("ended" if is_ended(client, options.seconds) else "open")


if __name__ == "__main__":
    main()
