"""Makes the vectors in this folder from docs/formats.md: `generate.py` writes them, `generate.py --check` compares.

Every key, salt and nonce is fixed, so that the same bytes come out each time. What is right or wrong about a vector
stands here, by hand; no program is asked for a verdict. The derivations are those of the independent reader.
"""

import hashlib
import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]
from audit_logs import logs  # noqa: E402
from backups import document as backup_document  # noqa: E402
from plaintexts import (  # noqa: E402
    AUTHORITY, CALLERS, CHECKPOINT, INTEGRATIONS, NOTICES, SECRETS, SLOTS, TOMBSTONES, USES, USES_MARK, compact, readings,
)
from read_formats import KINDS, Ring, record_name, slot_aad, wrapping_key  # noqa: E402
from words import DOMAINS, REDIRECT_URIS, SECRET_IDS  # noqa: E402

RIGHT = "correct horse battery staple"
CHEAPEST = (19_456, 2, 1)


def fixed(label, length):
    return hashlib.shake_256(b"fsm-vault vectors: " + label.encode()).digest(length)


def slot(ring, passphrase, cost=CHEAPEST, label="slot"):
    open_part = b"\x01" + b"".join(each.to_bytes(4) for each in cost) + fixed(label + " salt", 32)
    nonce = fixed(label + " nonce", 12)
    wrapped = wrapping_key(passphrase.encode(), open_part).encrypt(nonce, ring.root, slot_aad(ring.vault, open_part))
    return open_part + nonce + wrapped + bytes(4)


def header(ring, *slots):
    return b"FSMV\x01" + ring.vault + bytes([len(slots)]) + b"".join(slots)


def bent(data, at, by=0x01):
    return data[:at] + bytes([data[at] ^ by]) + data[at + 1 :]


def put(data, at, what):
    return data[:at] + what + data[at + len(what) :]


ONE = Ring(fixed("vault one", 16), fixed("root one", 32))
# Another vault that has the same root key: only the vault id tells them apart.
TWIN = Ring(fixed("vault twin", 16), ONE.root)
VAULTS = {"one": ONE, "twin": TWIN}


def headers():
    plain = header(ONE, slot(ONE, RIGHT))
    two = header(ONE, slot(ONE, "another", label="first"), slot(ONE, RIGHT, label="second"))
    unicode = "Pässwörd 🔑"
    proof = {"vault": ONE.vault.hex(), "fingerprint": ONE.fingerprint(b"fsm-vault")}

    def vector(name, data, verdict, passphrase=RIGHT):
        return {"name": name, "header": data.hex(), "passphrase": passphrase, "verdict": verdict,
                **(proof if verdict == "opens" else {})}

    yield vector("right passphrase", plain, "opens")
    yield vector("wrong passphrase", plain, "wrong_passphrase", "correct horse battery stapl")
    yield vector("no passphrase", plain, "wrong_passphrase", "")
    yield vector("white space counts", plain, "wrong_passphrase", RIGHT + "\n")
    yield vector("UTF-8 as it is", header(ONE, slot(ONE, unicode)), "opens", unicode)
    yield vector("nothing is normalised", header(ONE, slot(ONE, unicode)), "wrong_passphrase", "Pa\u0308sswo\u0308rd 🔑")
    yield vector("a cost of its own", header(ONE, slot(ONE, RIGHT, (20_000, 3, 2))), "opens")
    yield vector("the second slot", two, "opens")
    yield vector("the first of two slots", two, "opens", "another")
    yield vector("eight slots, the last opens",
                 header(ONE, *[slot(ONE, str(each), label=f"eight {each}") for each in range(8)]), "opens", "7")
    yield vector("slots exchanged", plain[:21] + b"\2" + two[131:] + two[22:131], "opens")
    for at, what, verdict in (
        (0, "magic", "damaged"), (5, "vault id", "wrong_passphrase"), (20, "end of vault id", "wrong_passphrase"),
        (21, "number of slots", "damaged"), (22, "kind of slot", "damaged"), (26, "memory", "wrong_passphrase"),
        (30, "passes", "wrong_passphrase"), (35, "salt", "wrong_passphrase"), (66, "end of salt", "wrong_passphrase"),
        (67, "nonce", "wrong_passphrase"), (79, "root key", "wrong_passphrase"), (111, "tag", "wrong_passphrase"),
        (126, "end of tag", "wrong_passphrase"), (127, "reserved", "damaged"), (130, "last byte", "damaged"),
    ):
        yield vector(f"bent: {what}", bent(plain, at), verdict)
    yield vector("bent: lanes", bent(plain, 34, 0x03), "wrong_passphrase")
    for what, at, value in (
        ("memory too low", 23, 19_455), ("no memory", 23, 0), ("memory too high", 23, 4_194_305),
        ("memory beyond reason", 23, 2**32 - 1), ("passes too low", 27, 1), ("passes too high", 27, 65),
        ("no lane", 31, 0), ("lanes too high", 31, 17),
    ):
        yield vector(what, put(plain, at, value.to_bytes(4)), "cost")
    yield vector("memory too low in the second slot", put(two, 132, (19_455).to_bytes(4)), "cost", "another")
    yield vector("format 0, which never was", put(plain, 4, b"\0"), "damaged")
    yield vector("format 255", put(plain, 4, b"\xff"), "format")
    yield vector("format 2", put(plain, 4, b"\2"), "format")
    yield vector("format 2 with more in it", put(plain, 4, b"\2") + bytes(9), "format")
    yield vector("another magic comes before the format", b"FSMW\2" + plain[5:], "damaged")
    yield vector("no slot", plain[:21] + b"\0", "damaged")
    yield vector("nine slots", plain[:21] + b"\x09" + plain[22:] * 9, "damaged")
    for length in (0, 4, 21, 22, 130):
        yield vector(f"truncated to {length}", plain[:length], "damaged")
    yield vector("a byte too many", plain + b"\0", "damaged")


def sealed(ring, store_key, revision, plaintext, label="record", form=1):
    salt, nonce = fixed(label + " salt", 32), fixed(label + " nonce", 12)
    text = AESGCM(ring.derive(salt, b"record")).encrypt(nonce, plaintext, ring.aad(store_key, revision, form))
    return bytes([form, store_key[0]]) + revision.to_bytes(8) + salt + nonce + text


NAMES = [
    ("authority", None), ("secret", "custsecret_fsm_oauth2_client_id"), ("secret", "custsecret_a"),
    ("value", ["custsecret_a", 1]), ("value", ["custsecret_a", 2]), ("value", ["custsecret_a", 2**64 - 1]),
    ("integration", "fsm"), ("caller", "fsm"), ("caller", "admin"), ("checkpoint", None),
    ("tombstone", "custsecret_a"), ("uses", "custsecret_a"), ("uses_mark", None),
    ("notice", "expiry.custsecret_a.2027-02-28"), ("slots", None), ("former_chain", 1),
    ("former_chain", 2**32 - 1),
]


def at(ring, kind, name=None):
    return ring.store_key(KINDS[kind], record_name(kind, name))


def names():
    for vault, ring in VAULTS.items():
        for kind, name in NAMES:
            yield {"name": name, "vault": vault, "kind": kind, "store_key": at(ring, kind, name).hex()}


def records():
    def vector(name, key, record, verdict, vault="one", **more):
        return {"name": name, "vault": vault, "store_key": key.hex(), "record": record.hex(), "verdict": verdict, **more}

    def opens(name, kind, plaintext, revision=1, named=None):
        key = at(ONE, kind, named)
        return vector(name, key, sealed(ONE, key, revision, plaintext, name), "opens", kind=kind, revision=revision,
                      plaintext=plaintext.hex())

    yield opens("the local CA", "authority", AUTHORITY)
    for secret in SECRETS:
        yield opens(f"secret: {secret['description']}", "secret", compact(secret), 3, secret["id"])
    for record in INTEGRATIONS:
        yield opens(f"integration: {record['name']}", "integration", compact(record), 2, record["name"])
    for caller in CALLERS:
        yield opens(f"caller: {caller['name']}", "caller", compact(caller), 1, caller["name"])
    for notice in NOTICES:
        yield opens(f"notice: {notice['id']}", "notice", compact(notice), 2, notice["id"])
    yield opens("checkpoint", "checkpoint", compact(CHECKPOINT), 2**64 - 1)
    for tombstone in TOMBSTONES:
        yield opens(f"tombstone: {tombstone['id']}", "tombstone", compact(tombstone), 2, tombstone["id"])
    yield opens("uses", "uses", compact(USES), 5, USES["id"])
    yield opens("mark of the uses", "uses_mark", compact(USES_MARK), 7)
    yield opens("notes on the key slots", "slots", compact(SLOTS), 2)
    yield opens("former chain key", "former_chain", (7).to_bytes(4) + bytes(range(32)), 1, 7)
    yield opens("value", "value", b"s3cr3t", named=["custsecret_a", 1])
    yield opens("value that is no UTF-8", "value", b"\xff\x00\xfe", named=["custsecret_a", 2])
    yield opens("long value", "value", fixed("long", 5000), named=["custsecret_a", 3])
    yield opens("the shortest record", "value", b"", named=["custsecret_a", 4])

    key = at(ONE, "value", ["custsecret_a", 1])
    record = sealed(ONE, key, 7, b"s3cr3t")
    for what, where in (
        ("wrong name", at(ONE, "value", ["custsecret_b", 1])), ("wrong version", at(ONE, "value", ["custsecret_a", 2])),
        ("wrong kind", bytes([2]) + key[1:]), ("bent store key", bent(key, 32)),
    ):
        yield vector(what, where, record, "damaged")
    yield vector("wrong kind, relabelled", bytes([2]) + key[1:], put(record, 1, b"\2"), "damaged")
    yield vector("other vault with the same root key", key, record, "damaged", "twin")
    yield vector("that vault's own record", key, sealed(TWIN, key, 7, b"s3cr3t"), "opens", "twin", kind="value", revision=7,
                 plaintext=b"s3cr3t".hex())
    yield vector("other revision", key, put(record, 2, (8).to_bytes(8)), "damaged")
    for where, what in ((9, "revision"), (10, "salt"), (41, "end of salt"), (42, "nonce"), (53, "end of nonce"),
                        (54, "ciphertext"), (59, "end of ciphertext"), (60, "tag"), (75, "end of tag")):
        yield vector(f"bent: {what}", key, bent(record, where), "damaged")
    for number in (0, 2, 255):
        yield vector(f"relabelled as format {number}", key, put(record, 0, bytes([number])), "damaged")
        newer = sealed(ONE, key, 7, b"s3cr3t", form=number)
        yield vector(f"sealed as format {number}", key, newer, "format" if number else "damaged")
    yield vector("format 2 with another layout", key, b"\2" + bytes(range(90)), "format")
    yield vector("format 2 of one byte", key, b"\2", "format")
    yield vector("format 2, bent", key, bent(put(record, 0, b"\2"), 60), "format")
    for length in (0, 1, 41, 42, 53, 69, 75):
        yield vector(f"truncated to {length}", key, record[:length], "damaged")
    yield vector("a byte too many", key, record + b"\0", "damaged")


def entries():
    """Entries of the store, for records of these lengths whose byte i is i % 251."""
    key = at(ONE, "secret", "custsecret_a")

    def entry(name, value):
        return {"key": name.hex(), "length": len(value), "sha256": hashlib.sha256(value).hexdigest()}

    for length in (70, 4096, 4097, 8192, 8193):
        record = bytes(i % 251 for i in range(length))
        head = b"\1" + record if length <= 4096 else b"\2" + (-(-length // 4096)).to_bytes(4) + length.to_bytes(8)
        pieces = [] if length <= 4096 else [record[each : each + 4096] for each in range(0, length, 4096)]
        yield {"name": f"{length} bytes", "store_key": key.hex(), "length": length,
               "entries": [entry(key, head)] + [entry(key + n.to_bytes(4), piece) for n, piece in enumerate(pieces)]}


def documents():
    vaults = {name: {"header": header(ring, slot(ring, RIGHT)).hex(), "passphrase": RIGHT} for name, ring in VAULTS.items()}
    one = {"one": vaults["one"]}
    yield "header", {"headers": list(headers())}
    yield "records", {"vaults": vaults, "names": list(names()), "records": list(records())}
    yield "plaintexts", [{"kind": kind, "name": name, "plaintext": noun, "verdict": "reads" if reads else "refused"}
                         for kind, name, noun, reads in readings()]
    yield "store", {"header": {"key": "00", "value": "01" + vaults["one"]["header"]}, "vaults": one, "records": list(entries())}
    told, large = backup_document(ONE, RIGHT, sys.modules[__name__])
    yield "backup", told
    yield "two_frames", large
    yield "audit", {"vaults": one, "logs": list(logs(ONE))}
    yield "secret_ids", [{"typed": typed, "stored": stored} for typed, stored in SECRET_IDS]
    yield "domains", [{"pattern": pattern, "host": host, "verdict": verdict} for verdict, pattern, host in DOMAINS]
    yield "redirect_uris", [{"uri": uri, "verdict": verdict} for verdict, uri in REDIRECT_URIS]


if __name__ == "__main__":
    stale = []
    for stem, document in documents():
        if isinstance(document, bytes):
            path, content = HERE / f"{stem}.fsmb", document
        else:
            path, content = HERE / f"{stem}.json", (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()
        if sys.argv[1:] != ["--check"]:
            path.write_bytes(content)
        elif not path.exists() or path.read_bytes() != content:
            stale.append(path.name)
    sys.exit(f"not what generate.py makes: {', '.join(stale)}" if stale else 0)
