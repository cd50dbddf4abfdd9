"""Reads a backup of fsm-vault, from docs/formats.md alone; shares no code with it.

    read_backup.py FILE PASSPHRASE_FILE            what is in it, as one JSON document: values too, for the tests
    read_backup.py nouns FILE PASSPHRASE_FILE      the records' JSON by kind, and the values in base64
    read_backup.py forge FILE PASSPHRASE_FILE OUT  the same records, sealed anew as whoever has the keys could,
                                                   without the last but one: its end then tells of more than it holds
    read_backup.py vectors VECTORS.json            agree with every verdict, or say where not

Exit 0: whole and all of it opened; 3: no slot opens; 4: not whole, or something in it doesn't open.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from read_formats import KINDS, Refused, record_name, unlock

FIXED, FRAME, DIGEST, STORE_KEY, TAG = 47, 65_536, 32, 33, 16
WORDS = {number: word for word, number in KINDS.items()}


def number(data):
    return int.from_bytes(data)


class Bent(Exception):
    """Not a whole backup; says why."""


def head_of(data):
    """The head's bytes, and the vault's header in it."""
    if data[:4] != b"FSMB" or data[4:5] == b"\0":
        raise Bent("no backup")
    if data[4:5] > b"\1":
        raise Refused("format")
    if len(data) < FIXED:
        raise Bent("cut short")
    end = FIXED + number(data[45:47])
    if len(data) < end:
        raise Bent("cut short")
    return data[:end], data[FIXED:end]


def frames_of(data, head, key):
    """The plaintext of all frames, and where the digest begins."""
    at, count, plaintext = len(head), 0, []
    while True:
        is_last, length = data[at : at + 1], number(data[at + 1 : at + 5])
        if is_last not in (b"\0", b"\1") or not (length == FRAME or (is_last == b"\1" and 1 <= length < FRAME)):
            raise Bent(f"frame {count} has no possible start")
        sealed = data[at + 5 : at + 5 + length + TAG]
        if len(sealed) < length + TAG:
            raise Bent("cut short")
        try:
            plaintext.append(AESGCM(key).decrypt(count.to_bytes(11) + is_last, sealed, head))
        except InvalidTag:
            raise Bent(f"frame {count} doesn't open") from None
        at, count = at + 5 + length + TAG, count + 1
        if is_last == b"\1":
            return b"".join(plaintext), at


def items_of(plaintext):
    at = 0
    while at < len(plaintext):
        kind, length = plaintext[at], number(plaintext[at + 1 : at + 5])
        body = plaintext[at + 5 : at + 5 + length]
        if len(plaintext) < at + 5 + length:
            raise Bent("an item is longer than what is left")
        yield kind, body
        at += 5 + length


def opened(data, passphrase):
    """The vault's keys, the manifest, the records in their order as they lie in the store, and the end."""
    head, header = head_of(data)
    ring = unlock(header, passphrase)
    salt = head[13:45]
    plaintext, end = frames_of(data, head, ring.derive(salt, b"backup"))
    digest = hmac.digest(ring.derive(salt, b"backup digest"), data[:end], "sha256")
    if len(data) != end + DIGEST or not hmac.compare_digest(digest, data[end:]):
        raise Bent("the digest is another one's")
    items = list(items_of(plaintext))
    kinds = [kind for kind, _ in items]
    if len(items) < 2 or kinds != [1] + [2] * (len(items) - 2) + [3]:
        raise Bent("the items are out of order")
    records = [(body[:STORE_KEY], body[STORE_KEY:]) for kind, body in items[1:-1]]
    keys = [key for key, _ in records]
    if any(len(key) < STORE_KEY for key in keys) or keys != sorted(set(keys)):
        raise Bent("the records are out of order")
    manifest, end = json.loads(items[0][1]), json.loads(items[-1][1])
    if set(manifest) != {"program", "made_by", "own_passphrase", "audit"} or set(end) != {"records"}:
        raise Bent("the manifest or the end has other members")
    return ring, head, manifest, records, end


def names(kind, noun):
    """The name, as bytes, that a record's content gives it."""
    if kind == "former_chain":
        return noun[:4]
    if kind in ("secret", "tombstone", "uses", "notice"):
        return noun["id"].encode()
    return noun["name"].encode() if kind in ("integration", "caller") else b""


def contents(data, passphrase):
    """Keys, head, manifest, how many records of each kind, their content by kind, and the values by ID and number."""
    ring, head, manifest, records, end = opened(data, passphrase)
    counts, nouns, values, tallies = {}, {}, {}, []
    for store_key, record in records:
        kind = WORDS[store_key[0]]
        counts[kind] = counts.get(kind, 0) + 1
        revision, plaintext = ring.open(store_key, record)
        if kind != "checkpoint":
            tag = bytes(16) if kind == "value" else record[-16:]
            tallies.append(number(ring.keyed(b"census", store_key + revision.to_bytes(8) + tag)))
        if kind == "value":
            values[store_key] = plaintext
            continue
        noun = plaintext if kind in ("authority", "former_chain") else json.loads(plaintext)
        if ring.store_key(KINDS[kind], names(kind, noun)) != store_key:
            raise Bent(f"a {kind} isn't in its place")
        nouns.setdefault(kind, []).append(noun)
    if end != {"records": counts}:
        raise Bent(f"it holds {counts} and says {end}")
    [checkpoint] = nouns["checkpoint"]
    if manifest["audit"] != {"seq": checkpoint["seq"], "mac": checkpoint["mac"]}:
        raise Bent("the manifest is of another moment")
    census = {"records": len(records) - 1, "sum": f"{sum(tallies) % 2**256:064x}"}
    if checkpoint["census"] != census:
        raise Bent("its records aren't those that its checkpoint counts")
    found = {}
    for secret in nouns.get("secret", []):
        for version in secret["versions"]:
            if version["state"] != "retired":
                value = values.pop(ring.store_key(KINDS["value"], record_name("value", [secret["id"], version["number"]])))
                if version["fingerprint"] != ring.fingerprint(value):
                    raise Bent("a value has another fingerprint")
                found[secret["id"], version["number"]] = value
    if values:
        raise Bent("a value belongs to nothing")
    return ring, head, manifest, counts, nouns, found


def read(data, passphrase):
    ring, head, manifest, counts, nouns, values = contents(data, passphrase)
    secrets = {secret["id"]: {version["number"]: {"state": version["state"], "value": values[secret["id"], version["number"]].decode()}
                              for version in secret["versions"] if version["state"] != "retired"}
               for secret in nouns.get("secret", [])}
    callers = {caller["name"]: caller["state"]["state"] for caller in nouns.get("caller", [])}
    return {"made_at": number(head[5:13]), "vault": ring.vault.hex(), "manifest": manifest, "records": counts,
            "secrets": secrets, "callers": callers}


def told(data, passphrase):
    """All nouns as they are stored, but for keys."""
    ring, head, manifest, _, nouns, values = contents(data, passphrase)
    kinds = {kind: all_of for kind, all_of in nouns.items() if kind not in ("authority", "former_chain")}
    values = [{"id": id, "version": version, "value": base64.b64encode(value).decode()} for (id, version), value in values.items()]
    return {"made_at": number(head[5:13]), "vault": ring.vault.hex(), "program": manifest["program"], "nouns": kinds, "values": values}


def found(data, passphrase):
    """What a vector of a file that opens tells."""
    ring, head, manifest, counts, _, _ = contents(data, passphrase)
    entries = []
    for store_key, record in opened(data, passphrase)[3]:
        revision, plaintext = ring.open(store_key, record)
        entries.append({"store_key": store_key.hex(), "revision": revision, "length": len(plaintext),
                        "sha256": hashlib.sha256(plaintext).hexdigest(), **({"plaintext": plaintext.hex()} if len(plaintext) <= 1000 else {})})
    return {"vault": ring.vault.hex(), "made_at": number(head[5:13]), "manifest": manifest, "counts": counts, "entries": entries}


def disagreements(path):
    told = json.loads(path.read_text())
    bases = {name: bytes.fromhex(base["hex"]) if "hex" in base else (path.parent / base["file"]).read_bytes()
             for name, base in told["bases"].items()}
    for vector in told["vectors"]:
        data = b"".join(bytes.fromhex(part) if isinstance(part, str) else bases[part[0]][part[1] : part[2]] for part in vector["parts"])
        try:
            verdict = {"verdict": "opens", **found(data, vector["passphrase"].encode())}
        except Refused as refused:
            verdict = {"verdict": str(refused) if str(refused) in ("format", "wrong_passphrase") else "refused"}
        except (Bent, KeyError, ValueError):
            verdict = {"verdict": "refused"}
        wrong = {key: value for key, value in verdict.items() if vector.get(key) != value}
        if wrong:
            yield f"{vector['name']}: {wrong}"


def sealed(ring, head, items):
    """A file of these items, as the page says."""
    plaintext = b"".join(bytes([kind]) + len(body).to_bytes(4) + body for kind, body in items)
    parts = [plaintext[at : at + FRAME] for at in range(0, len(plaintext), FRAME)]
    salt, data = head[13:45], head
    for count, part in enumerate(parts):
        is_last = bytes([count + 1 == len(parts)])
        ciphertext = AESGCM(ring.derive(salt, b"backup")).encrypt(count.to_bytes(11) + is_last, part, head)
        data += is_last + len(part).to_bytes(4) + ciphertext
    return data + hmac.digest(ring.derive(salt, b"backup digest"), data, "sha256")


def forge(data, passphrase):
    ring, head, manifest, records, end = opened(data, passphrase)
    head = head[:13] + os.urandom(32) + head[45:]
    del records[-2]
    records = [(2, key + record) for key, record in records]
    return sealed(ring, head, [(1, json.dumps(manifest).encode()), *records, (3, json.dumps(end).encode())])


if __name__ == "__main__":
    try:
        match sys.argv[1:]:
            case ["forge", file, passphrase_file, out]:
                passphrase = Path(passphrase_file).read_bytes().removesuffix(b"\n")
                Path(out).write_bytes(forge(Path(file).read_bytes(), passphrase))
            case ["vectors", file]:
                wrong = list(disagreements(Path(file)))
                print("\n".join(wrong))
                sys.exit(1 if wrong else 0)
            case ["nouns", file, passphrase_file]:
                passphrase = Path(passphrase_file).read_bytes().removesuffix(b"\n")
                print(json.dumps(told(Path(file).read_bytes(), passphrase)))
            case [file, passphrase_file]:
                passphrase = Path(passphrase_file).read_bytes().removesuffix(b"\n")
                print(json.dumps(read(Path(file).read_bytes(), passphrase)))
            case _:
                sys.exit(__doc__)
    except Refused as verdict:
        print(verdict, file=sys.stderr)
        sys.exit(3 if str(verdict) == "wrong_passphrase" else 4)
    except (Bent, KeyError) as why:
        print(why, file=sys.stderr)
        sys.exit(4)
