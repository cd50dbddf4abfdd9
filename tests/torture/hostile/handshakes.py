"""Handshakes that must come to nothing, by tlslite-ng and by hand: what the daemon says to each, to the alert.

handshakes.py PORT IDENTITY OTHER: prints a check for each. IDENTITY is a caller's directory, OTHER another's.
"""

import os
import socket
import struct
import sys

from tlslite.api import (HandshakeSettings, TLSAbruptCloseError, TLSConnection, TLSRemoteAlert, X509CertChain,
                         parsePEMKey)
from tlslite.constants import AlertDescription, ContentType, HandshakeType
from tlslite.messages import Finished, Message

PORT, IDENTITY, OTHER = int(sys.argv[1]), sys.argv[2], sys.argv[3]
REQUEST = b"GET /v1/sys/status HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"


def plain():
    stream = socket.create_connection(("127.0.0.1", PORT), 10)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream


def identity(certificate, key):
    chain = X509CertChain()
    with open(f"{certificate}/cert.pem", encoding="ascii") as pem:
        chain.parsePemList(pem.read())
    with open(f"{key}/key.pem", encoding="ascii") as pem:
        return chain, parsePEMKey(pem.read(), private=True)


def settings(**changes):
    made = HandshakeSettings()
    # Unasked, tlslite-ng would compress its certificate.
    made.certificate_compression_send = made.certificate_compression_receive = ()
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def meet(change=None, certificate=IDENTITY, key=IDENTITY, ask=False, **changes):
    """A whole handshake, and a request if it asks; what came of it: an alert's name, `closed`, or the answer."""
    connection = TLSConnection(plain())
    try:
        if change:
            change(connection)
        chain, private = identity(certificate, key) if certificate else (None, None)
        connection.handshakeClientCert(chain, private, settings=settings(**changes), serverName="localhost")
        if ask:
            connection.write(REQUEST)
        return bytes(connection.read(min=12, max=12))
    except TLSRemoteAlert as alert:
        return AlertDescription.toStr(alert.description)
    except (TLSAbruptCloseError, ConnectionError):
        return "closed"
    finally:
        connection.sock.close()


def after(send):
    """What comes when `send` goes wrong within an open connection."""
    connection = TLSConnection(plain())
    try:
        connection.handshakeClientCert(*identity(IDENTITY, IDENTITY), settings=settings(), serverName="localhost")
        send(connection)
        return bytes(connection.read(min=12, max=12))
    except TLSRemoteAlert as alert:
        return AlertDescription.toStr(alert.description)
    except (TLSAbruptCloseError, ConnectionError):
        return "closed"
    finally:
        connection.sock.close()


def raw(sent):
    """What bytes instead of a handshake get: an alert's name, `closed`, or something else."""
    with plain() as stream:
        stream.sendall(sent)
        said = b""
        try:
            while more := stream.recv(4096):
                said += more
        except ConnectionError:
            pass
    if said[:1] == b"\x15" and len(said) >= 7:
        return AlertDescription.toStr(said[6])
    return "closed" if not said else repr(said[:20])


def tickets():
    """How many session tickets came with an answer: with one, 0-RTT and resumption could be tried."""
    connection = TLSConnection(plain())
    connection.handshakeClientCert(*identity(IDENTITY, IDENTITY), settings=settings(), serverName="localhost")
    connection.write(REQUEST)
    while connection.read(min=1, max=4096):
        pass
    return len(connection.tickets or [])


def bent_finished(connection):
    """The client's Finished with one bit that is another."""
    send = connection._sendMsg  # pylint: disable=protected-access

    def bent(message, *arguments, **more):
        if isinstance(message, Finished):
            message.verify_data = bytearray(message.verify_data)
            message.verify_data[0] ^= 1
        return send(message, *arguments, **more)

    connection._sendMsg = bent  # pylint: disable=protected-access


def message(connection, kind, payload):
    # Through the record layer, so that it is encrypted as the handshake's keys say.
    for _ in connection._recordLayer.sendRecord(Message(kind, bytearray(payload))):  # pylint: disable=protected-access
        pass


def renegotiate(connection):
    hello = bytes([HandshakeType.client_hello]) + struct.pack(">I", 4)[1:] + b"\x03\x03\x00\x00"
    message(connection, ContentType.handshake, hello)


def early_data():
    """A ClientHello with a pre-shared key that nobody issued, and data at once: as if there had been a ticket.

    What is issued to nobody can't be taken by a right server either; that none is issued is `tickets` and, for the server's
    own memory of sessions, `nothing_is_resumed` in src/identity/server.rs.
    """
    def extension(kind, body):
        return struct.pack(">HH", kind, len(body)) + body
    share = struct.pack(">HH", 0x1d, 32) + os.urandom(32)
    offered = struct.pack(">H", 16 + 6) + struct.pack(">H", 16) + b"t" * 16 + bytes(4) + struct.pack(">HB", 33, 32) + bytes(32)
    extensions = (extension(43, b"\x02\x03\x04") + extension(10, b"\x00\x02\x00\x1d") + extension(13, b"\x00\x02\x04\x03")
                  + extension(51, struct.pack(">H", len(share)) + share) + extension(45, b"\x01\x01") + extension(42, b"")
                  + extension(41, offered))
    body = b"\x03\x03" + os.urandom(32) + b"\x00" + b"\x00\x02\x13\x01" + b"\x01\x00" + struct.pack(">H", len(extensions)) + extensions
    hello = b"\x01" + struct.pack(">I", len(body))[1:] + body
    with plain() as stream:
        stream.settimeout(5)
        # Then a record that would be early data: without a key of ours there is none to read it by.
        stream.sendall(b"\x16\x03\x01" + struct.pack(">H", len(hello)) + hello + b"\x17\x03\x03\x00\x20" + os.urandom(32))
        said = b""
        try:
            while more := stream.recv(65536):
                said += more
        except (ConnectionError, TimeoutError):
            pass
    try:
        return "taken" if PRE_SHARED_KEY in extensions_of(said) else "not taken"
    except (AssertionError, IndexError) as error:
        return str(error)


PRE_SHARED_KEY = 41


def extensions_of(said):
    """The numbers of those of the ServerHello that these bytes begin with; anything else is an error."""
    assert said[:1] == b"\x16" and said[5:6] == b"\x02", f"no ServerHello: {said[:20]!r}"
    # The record's head, the message's, the version and the random number; the session's ID; the suite and the compression.
    at = 5 + 4 + 2 + 32
    at += 1 + said[at] + 2 + 1
    end = at + 2 + int.from_bytes(said[at:at + 2], "big")
    at, found = at + 2, set()
    while at < end:
        found.add(int.from_bytes(said[at:at + 2], "big"))
        at += 4 + int.from_bytes(said[at + 2:at + 4], "big")
    # Both are in each of TLS 1.3: what wasn't read to its end lacks them.
    assert at == end and {43, 51} <= found, f"no extensions of TLS 1.3: {found}"
    return found


def check(name, got, *expected):
    print(f"ok - {name}" if got in expected else f"not ok - {name}: got {got!r}, not {' or '.join(map(repr, expected))}", flush=True)


TLS12 = {"minVersion": (3, 1), "maxVersion": (3, 3)}
check("the control: a caller's certificate and key are served", meet(ask=True), b"HTTP/1.1 200")
check("TLS 1.2 and below is refused", meet(**TLS12), "protocol_version")
check("no certificate is refused", meet(certificate=None), "certificate_required")
check("another's key under one's certificate is refused", meet(key=OTHER), "decrypt_error", "bad_certificate")
check("a bent Finished is refused", meet(bent_finished), "decrypt_error")
check("no common group is refused", meet(eccCurves=[], dhGroups=["ffdhe2048"], keyShares=["ffdhe2048"]), "handshake_failure")
check("a renegotiation is refused", after(renegotiate), "unexpected_message", "decode_error", "illegal_parameter")
check("a ChangeCipherSpec within the connection is refused",
      after(lambda connection: message(connection, ContentType.change_cipher_spec, b"\x01")), "unexpected_message")
check("no session ticket is issued", tickets(), 0)
check("a handshake that offers a pre-shared key and early data goes on without", early_data(), "not taken")
check("a forged record is refused", after(lambda connection: connection.sock.sendall(b"\x17\x03\x03\x00\x20" + bytes(32))), "bad_record_mac")
check("a record above its bound is refused", after(lambda connection: connection.sock.sendall(b"\x17\x03\x03\xff\xff" + bytes(0xffff))),
      "record_overflow", "decode_error", "closed")
check("a hello above its bound is refused", raw(b"\x16\x03\x01\x40\x00" + b"\x01\xff\xff\xff" + bytes(0x3ffc)), "decode_error",
      "illegal_parameter", "record_overflow", "closed")
check("an empty hello is refused", raw(b"\x16\x03\x01\x00\x04\x01\x00\x00\x00"), "decode_error")
check("an SSLv2 hello is refused", raw(b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(37)), "decode_error", "protocol_version",
      "unexpected_message", "closed")
check("plain HTTP is refused", raw(REQUEST), "decode_error", "unexpected_message", "closed")
check("garbage is refused", raw(bytes(range(1, 256)) * 8), "decode_error", "unexpected_message", "closed")
check("data before a handshake is refused", raw(b"\x17\x03\x03\x00\x05hello"), "unexpected_message", "decode_error", "closed")
check("an alert instead of a handshake ends it", raw(b"\x15\x03\x01\x00\x02\x02\x28"), "closed", "unexpected_message")
