"""An HTTP/2 client that asks for the pair and takes none of it, until COMMAND is done.

stalled.py SOCKET IDENTITY COMMAND...         its window is zero: the pair waits in the daemon's HTTP
stalled.py --jam N SOCKET IDENTITY COMMAND... its window is large, and it doesn't read: once the kernel takes no more, it asks N
                                              times, and the pairs wait in the daemon's TLS
Prints how many bytes of pairs came.
"""
import argparse
import fcntl
import socket
import ssl
import struct
import subprocess
import termios
import time

import h2.config
import h2.connection
import h2.events
from h2.settings import SettingCodes

PATH = "/v1/integrations/fsm/credentials"
# Much of what the kernel keeps for a reader on a Unix socket.
JAMMED = 150_000
OVER = (h2.events.StreamEnded, h2.events.StreamReset, h2.events.ConnectionTerminated)


class Stalled:
    def __init__(self, where, identity):
        tls = ssl.create_default_context(cafile=f"{identity}/ca.pem")
        tls.load_cert_chain(f"{identity}/cert.pem", f"{identity}/key.pem")
        tls.set_alpn_protocols(["h2"])
        plain = socket.socket(socket.AF_UNIX)
        plain.settimeout(10)
        plain.connect(where)
        self.stream = tls.wrap_socket(plain, server_hostname="localhost")
        self.client = h2.connection.H2Connection(h2.config.H2Configuration())
        self.client.initiate_connection()
        self.asked, self.taken = set(), 0

    def window(self, size):
        self.client.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: size})

    def ask(self, path, count=1):
        head = [(":method", "GET"), (":path", path), (":scheme", "https"), (":authority", "localhost")]
        for _ in range(count):
            stream = self.client.get_next_available_stream_id()
            self.client.send_headers(stream, head, end_stream=True)
            if path == PATH:
                self.asked.add(stream)
        self.send()

    def send(self):
        self.stream.sendall(self.client.data_to_send())

    def hear(self, until, count=1):
        """Until so many events came of streams that asked for the pair; less, if the daemon cuts the connection."""
        while count > 0:
            data = self.stream.recv(65536)
            if not data:
                return
            for event in self.client.receive_data(data):
                if getattr(event, "stream_id", None) not in self.asked | {None}:
                    continue
                if isinstance(event, h2.events.DataReceived):
                    self.taken += len(event.data)
                count -= isinstance(event, until)
            self.send()

    def waits(self):
        """Bytes that wait in the kernel."""
        return struct.unpack("i", fcntl.ioctl(self.stream, termios.FIONREAD, bytes(4)))[0]


def main():
    options = arguments()
    stalled = Stalled(options.socket, options.identity)
    stalled.window(2**31 - 1 if options.jam else 0)
    if options.jam:
        stalled.client.increment_flow_control_window(2**30)
        # A little more than the kernel takes: with much more, the pairs would wait before TLS.
        stalled.ask("/v1/openapi.json")
        while stalled.waits() < JAMMED:
            time.sleep(0.01)
        stalled.ask(PATH, options.jam)
    else:
        stalled.ask(PATH)
        stalled.hear(h2.events.ResponseReceived)
        assert stalled.taken == 0, "the window was not respected"
    subprocess.run(options.command, check=True, stdout=subprocess.DEVNULL)
    try:
        if not options.jam:
            stalled.window(65535)
            stalled.send()
        stalled.hear(OVER, options.jam or 1)
    except (OSError, ssl.SSLError):
        pass
    print(stalled.taken)


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jam", type=int, default=0)
    parser.add_argument("socket")
    parser.add_argument("identity")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    return parser.parse_args()


if __name__ == "__main__":
    main()
