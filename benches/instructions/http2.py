"""Just enough HTTP/2 (RFC 9113) for a request at a time on a kept-open connection: what http.client is for HTTP/1.1."""

import struct
import typing

from connection import Connection

DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY, WINDOW = 0, 1, 3, 4, 6, 7, 8
END_STREAM = ACK = 1
END_HEADERS = 4


class Answer(typing.NamedTuple):
    status: int
    body: bytes

    def read(self):
        return self.body


class Http2(Connection):
    """Requests without bodies, one under way at a time; answers whose status has an entry in HPACK's static table."""

    def connect(self):
        self.tls.set_alpn_protocols(["h2"])
        super().connect()
        if self.sock.selected_alpn_protocol() != "h2":
            raise SystemExit("the daemon speaks no HTTP/2")
        self.stream, self.taken = 1, 0
        self.sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS))

    def request(self, method, path):
        assert method == "GET"
        # HPACK (RFC 7541): indexed :method GET and :scheme https; :path and :authority literal, never indexed.
        block = b"\x82\x87" + literal(4, path) + literal(1, "localhost")
        self.sock.sendall(frame(HEADERS, END_STREAM | END_HEADERS, self.stream, block))

    def getresponse(self):
        status, body, over = None, b"", False
        while not over:
            kind, flags, stream, payload = self.receive()
            if kind == SETTINGS and not flags & ACK:
                self.sock.sendall(frame(SETTINGS, ACK))
            elif kind == PING and not flags & ACK:
                self.sock.sendall(frame(PING, ACK, 0, payload))
            elif kind in (RESET, GOAWAY):
                raise SystemExit(f"the daemon ended the stream: {payload!r}")
            elif kind == HEADERS and stream == self.stream:
                status, over = STATUS[block_start(payload)], bool(flags & END_STREAM)
            elif kind == DATA and stream == self.stream:
                body, over = body + payload, bool(flags & END_STREAM)
        self.taken += len(body)
        # The connection's window is given back before it is used up.
        if self.taken > 16 * 1024:
            self.sock.sendall(frame(WINDOW, 0, 0, struct.pack("!I", self.taken)))
            self.taken = 0
        self.stream += 2
        return Answer(status, body)

    def receive(self):
        head = self.exactly(9)
        length = int.from_bytes(head[:3], "big")
        return head[3], head[4], int.from_bytes(head[5:], "big") & 0x7FFFFFFF, self.exactly(length)

    def exactly(self, count):
        found = b""
        while len(found) < count:
            more = self.sock.recv(count - len(found))
            if not more:
                raise SystemExit("the daemon closed the connection")
            found += more
        return found


# The static table's entries of :status, indexed (RFC 7541, appendix A).
STATUS = {0x80 | index: status for index, status in zip(range(8, 15), (200, 204, 206, 304, 400, 404, 500))}


def block_start(block):
    """The first byte that is no change of the dynamic table's size."""
    return next(byte for byte in block if byte & 0xE0 != 0x20)


def frame(kind, flags=0, stream=0, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def literal(index, text):
    """A literal field with an indexed name; not Huffman-coded."""
    assert len(text) < 127
    return bytes((0x10 | index, len(text))) + text.encode()
