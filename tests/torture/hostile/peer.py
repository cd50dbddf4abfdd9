"""Connections that break rules: TLS streams with or without manners, and HTTP/2 frames made by hand."""

import socket
import ssl
import struct

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS = 1, 4
ACK = 1
MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 3, 4


class Site:
    """Where the daemon is and who calls: identities are directories."""

    def __init__(self, port, where, **identities):
        self.port, self.where, self.identities = port, where, identities

    def plain(self, unix=False, timeout=10):
        if unix:
            stream = socket.socket(socket.AF_UNIX)
            stream.settimeout(timeout)
            stream.connect(self.where)
            return stream
        stream = socket.create_connection(("127.0.0.1", self.port), timeout)
        # Else a small request waits 40 ms for an acknowledgement.
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return stream

    def tls(self, who, *protocols):
        directory = self.identities[who]
        context = ssl.create_default_context(cafile=f"{self.identities['honest']}/ca.pem")
        context.load_cert_chain(f"{directory}/cert.pem", f"{directory}/key.pem")
        context.set_alpn_protocols(protocols or ["http/1.1"])
        return context

    def connect(self, context, unix=False, timeout=10):
        return context.wrap_socket(self.plain(unix, timeout), server_hostname="localhost")

    def http2(self, context, settings=b"", timeout=10):
        stream = self.connect(context, timeout=timeout)
        stream.sendall(PREFACE + frame(SETTINGS, 0, 0, settings))
        return stream


def offered(stream):
    """How many streams at a time the daemon offers."""
    return settings(stream)[MAX_CONCURRENT_STREAMS]


def settings(stream):
    """What the daemon offers, in the first frame that it sends."""
    head = exactly(stream, 9)
    pairs = exactly(stream, int.from_bytes(head[:3], "big"))
    return dict(struct.unpack(">HI", pairs[at:at + 6]) for at in range(0, len(pairs), 6))


def exactly(stream, length):
    said = b""
    while len(said) < length:
        more = stream.recv(length - len(said))
        if not more:
            raise ConnectionError("it ended")
        said += more
    return said


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def field(name, value):
    """One header field, as a literal that nobody keeps (RFC 7541, 6.2.2)."""
    return b"\x00" + text(name) + text(value)


def text(of):
    of = of.encode() if isinstance(of, str) else of
    return number(len(of), 7) + of


def number(value, bits, first=0):
    """An integer with a prefix of so many bits (RFC 7541, 5.1)."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    out, value = [first | most], value - most
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes(out + [value])


def get(path):
    return field(":method", "GET") + field(":scheme", "https") + field(":authority", "localhost") + field(":path", path)


def drain(stream, most=1 << 20):
    """What the daemon says until it closes, falls silent for the socket's time-out, or said `most`."""
    said = b""
    try:
        while len(said) < most:
            more = stream.recv(65536)
            if not more:
                return said, True
            said += more
    except (TimeoutError, ssl.SSLError, OSError) as error:
        return said, not isinstance(error, TimeoutError)
    return said, False


def frames(said):
    """Kind, flags, stream and payload of each whole frame."""
    while len(said) >= 9:
        length = int.from_bytes(said[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", said[3:9])
        yield kind, flags, stream, said[9:9 + length]
        said = said[9 + length:]


def statuses(said):
    """How often each status was answered on an HTTP/2 connection."""
    decoder, counts = hpack.Decoder(), {}
    for kind, _, _, payload in frames(said):
        if kind == HEADERS:
            answered = int(dict(decoder.decode(payload))[":status"])
            counts[answered] = counts.get(answered, 0) + 1
    return counts


def status(said):
    """The first answer's status in HTTP/1.1; 0: none."""
    return int(said[9:12]) if said.startswith(b"HTTP/1.1 ") else 0
