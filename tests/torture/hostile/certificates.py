"""Certificates nobody should make: from a trusted foreign root and from a stranger.

certificates.py DIRECTORY CA_PEM: makes bundle.pem (the foreign root) and identity directories below DIRECTORY.
"""

import datetime
import pathlib
import shutil
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DOMAIN = "hostile.example"
PEM = serialization.Encoding.PEM


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(subject, key, issuer, signer, names, ca=False, padding=0):
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer)).public_key(key.public_key())
               .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
               .not_valid_after(now + datetime.timedelta(days=1))
               .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
               .add_extension(x509.SubjectAlternativeName(names), critical=False))
    if not ca:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    if padding:
        oid = x509.ObjectIdentifier("1.3.6.1.4.1.99999.1")
        builder = builder.add_extension(x509.UnrecognizedExtension(oid, b"x" * padding), critical=False)
    return builder.sign(signer, hashes.SHA256()).public_bytes(PEM)


def main(directory, ca):
    root_key, stranger_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    uri = x509.UniformResourceIdentifier
    root = certificate("root", root_key, "root", root_key, [uri(f"spiffe://{DOMAIN}")], ca=True)
    directory.mkdir()
    (directory / "bundle.pem").write_bytes(root)
    one = uri(f"spiffe://{DOMAIN}/caller/x")
    for what, signer, names, padding, chain in [
            ("names", root_key, [one] + [x509.DNSName(f"host{each}.example") for each in range(1000)], 0, 0),
            ("uris", root_key, [one, uri(f"spiffe://{DOMAIN}/caller/y"), uri("spiffe://fsm-vault.internal/caller/admin")], 0, 0),
            ("chain", root_key, [one], 0, 40),
            ("large", root_key, [one], 17_000, 0),
            ("stranger", stranger_key, [uri("spiffe://fsm-vault.internal/caller/fsm")], 0, 0)]:
        key = ec.generate_private_key(ec.SECP256R1())
        place = directory / what
        place.mkdir()
        leaf = certificate(what, key, "root", signer, names, padding=padding)
        (place / "cert.pem").write_bytes(leaf + root * chain)
        (place / "key.pem").write_bytes(key.private_bytes(
            PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        shutil.copy(ca, place / "ca.pem")


main(pathlib.Path(sys.argv[1]), sys.argv[2])
