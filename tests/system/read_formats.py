"""Reads what fsm-vault keeps, from docs/formats.md alone; shares no code with it.

    read_formats.py header|records|audit VECTORS.json     agree with every verdict, or say where not
    read_formats.py log DATA_DIR PASSPHRASE_FILE          verify a stopped vault's audit log: exit 0 intact,
                                                          3 no header opens, 4 not intact
"""

import hmac
import json
import re
import sys
from pathlib import Path

from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from read_audit import segment_number, verify

FORMAT = 1
KINDS = {"authority": 1, "secret": 2, "value": 3, "integration": 4, "caller": 5, "checkpoint": 6,
         "tombstone": 7, "uses": 8, "uses_mark": 9, "notice": 10, "slots": 11, "former_chain": 12}
FIXED, SLOT, OPEN_PART = 22, 109, 45


class Refused(Exception):
    """A verdict other than `opens`."""


class Ring:
    """The keys of a vault."""

    def __init__(self, vault, root):
        self.vault, self.root = vault, root
        # Chain keys of root keys that the vault had before, by the last segment that each was used for.
        self.former_chains = {}

    def derive(self, salt, what):
        return HKDF(SHA256(), 32, salt, b"fsm-vault/1 " + what).derive(self.root)

    def keyed(self, what, message):
        return hmac.digest(self.derive(self.vault, what), message, "sha256")

    def fingerprint(self, value):
        return self.keyed(b"fingerprint", value)[:8].hex()

    def line_mac(self, segment, before, text):
        until = min((until for until in self.former_chains if until >= segment), default=None)
        if until is not None:
            return hmac.digest(self.former_chains[until], before + text, "sha256")
        return self.keyed(b"audit chain", before + text)

    def store_key(self, kind, name):
        return bytes([kind]) + self.keyed(b"index", bytes([kind]) + name)

    def aad(self, store_key, revision, form=FORMAT):
        return b"fsm-vault record" + self.vault + bytes([form]) + store_key + revision.to_bytes(8)

    def open(self, store_key, record):
        """Revision and plaintext."""
        if not record or record[0] <= FORMAT:
            opened = self.open_as_ours(store_key, record)
            if record[0] == FORMAT:
                return opened
        else:
            try:
                self.open_as_ours(store_key, record)
            except Refused:
                raise Refused("format") from None
        raise Refused("damaged")

    def open_as_ours(self, store_key, record):
        """The same, whatever format it claims."""
        if len(record) < 70 or record[1] != store_key[0]:
            raise Refused("damaged")
        revision = int.from_bytes(record[2:10])
        key = AESGCM(self.derive(record[10:42], b"record"))
        try:
            return revision, key.decrypt(record[42:54], record[54:], self.aad(store_key, revision))
        except InvalidTag:
            raise Refused("damaged") from None


def record_name(kind, name):
    """The bytes of a name as the vectors write it: None, a text, or [ID, version]."""
    if kind == "value":
        return name[0].encode() + b"\0" + name[1].to_bytes(8)
    if kind == "former_chain":
        return name.to_bytes(4)
    return (name or "").encode()


def wrapping_key(passphrase, open_part):
    memory, passes, lanes = (int.from_bytes(open_part[at : at + 4]) for at in (1, 5, 9))
    return AESGCM(hash_secret_raw(passphrase, open_part[13:45], passes, memory, lanes, 32, Type.ID, 0x13))


def slot_aad(vault, open_part):
    return b"fsm-vault slot" + vault + bytes([FORMAT]) + open_part


def unlock(header, passphrase):
    if len(header) < FIXED or header[:4] != b"FSMV":
        raise Refused("damaged")
    if header[4] != FORMAT:
        raise Refused("format" if header[4] > FORMAT else "damaged")
    vault, count = header[5:21], header[21]
    if not 1 <= count <= 8 or len(header) != FIXED + count * SLOT:
        raise Refused("damaged")
    slots = [header[at : at + SLOT] for at in range(FIXED, len(header), SLOT)]
    for slot in slots:
        if slot[0] != 1 or slot[105:] != bytes(4):
            raise Refused("damaged")
        for at, least, most in ((1, 19_456, 4_194_304), (5, 2, 64), (9, 1, 16)):
            if not least <= int.from_bytes(slot[at : at + 4]) <= most:
                raise Refused("cost")
    for slot in slots:
        open_part = slot[:OPEN_PART]
        try:
            key = wrapping_key(passphrase, open_part)
            return Ring(vault, key.decrypt(slot[45:57], slot[57:105], slot_aad(vault, open_part)))
        except InvalidTag:
            continue
    raise Refused("wrong_passphrase")


def outcome(act):
    try:
        return act()
    except Refused as verdict:
        return {"verdict": str(verdict)}


def read_header(_, vector):
    ring = unlock(bytes.fromhex(vector["header"]), vector["passphrase"].encode())
    return {"verdict": "opens", "vault": ring.vault.hex(), "fingerprint": ring.fingerprint(b"fsm-vault")}


def read_record(rings, vector):
    ring = rings[vector["vault"]]
    revision, plaintext = ring.open(bytes.fromhex(vector["store_key"]), bytes.fromhex(vector["record"]))
    return {"verdict": "opens", "revision": revision, "plaintext": plaintext.hex()}


def read_name(rings, vector):
    return {"store_key": rings[vector["vault"]].store_key(KINDS[vector["kind"]], record_name(vector["kind"], vector["name"])).hex()}


def read_log(rings, vector):
    files = {name: None if lines is None else "".join(lines).encode() for name, lines in vector["files"].items()}
    ring = Ring(rings["one"].vault, rings["one"].root)
    ring.former_chains = {until: bytes.fromhex(key) for until, key in vector.get("former", [])}
    return verify(ring, files, vector["checkpoint"])


def read_epoch(ring, content):
    """The epoch that the file tells of; None if this vault didn't write it."""
    told, mac = content[:29], content[29:]
    if not hmac.compare_digest(ring.keyed(b"epoch", told), mac) or told[:21] != b"FSME" + bytes([FORMAT]) + ring.vault:
        return None
    return int.from_bytes(told[21:])


def disagreements(path, groups):
    document = json.loads(Path(path).read_text())
    rings = {name: unlock(bytes.fromhex(vault["header"]), vault["passphrase"].encode())
             for name, vault in document.get("vaults", {}).items()}
    for group, read in groups.items():
        for vector in document[group]:
            found = outcome(lambda: read(rings, vector))
            wrong = {key: value for key, value in found.items() if vector.get(key) != value}
            if wrong:
                yield f"{vector['name']}: {wrong}"


GROUPS = {"header": {"headers": read_header}, "records": {"names": read_name, "records": read_record},
          "audit": {"logs": read_log}}


def former_chains(ring, database, newest):
    """Finds the records of kind 12 without sled, as the page says: each lies there in one run of bytes."""
    length = 54 + 36 + 16
    for found in re.finditer(rb"(?=\x01\x01\x0c)", database):
        record = database[found.start() + 1 :][:length]
        for until in range(1, newest + 1):
            try:
                _, plaintext = ring.open(ring.store_key(KINDS["former_chain"], record_name("former_chain", until)), record)
            except Refused:
                continue
            if plaintext[:4] == until.to_bytes(4):
                yield until, plaintext[4:]


def ring_of(data_dir, passphrase_file):
    """Finds the header without sled, as the page says: the vault's keys, and the database that it lies in."""
    passphrase = Path(passphrase_file).read_bytes().removesuffix(b"\n")
    database = (Path(data_dir) / "store" / "db").read_bytes()
    verdicts = []
    for found in re.finditer(rb"\x01FSMV\x01", database):
        at = found.start() + 1
        header = database[at : at + FIXED + SLOT * database[at + 21]]
        try:
            return unlock(header, passphrase), database
        except Refused as verdict:
            verdicts.append(str(verdict))
    print(f"no header opens: {verdicts or 'none found'}")
    sys.exit(3)


def log_of(data_dir, passphrase_file):
    """Verifies the log."""
    ring, database = ring_of(data_dir, passphrase_file)
    epoch = read_epoch(ring, (Path(data_dir) / "epoch").read_bytes())
    files = {path.name: path.read_bytes() for path in (Path(data_dir) / "audit").iterdir()}
    newest = max(filter(None, map(segment_number, files)), default=0)
    ring.former_chains = dict(former_chains(ring, database, newest))
    return verify(ring, files) | {"epoch": epoch}


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["log", data_dir, passphrase_file]:
            report = log_of(data_dir, passphrase_file)
            print(json.dumps(report))
            sys.exit(4 if report["first_bad"] or not report["entries"] else 0)
        case [what, path] if what in GROUPS:
            wrong = list(disagreements(path, GROUPS[what]))
            print("\n".join(wrong))
            sys.exit(1 if wrong else 0)
        case _:
            sys.exit(__doc__)
