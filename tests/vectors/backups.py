"""Backups, whole and otherwise, each with what reading it must find (docs/formats.md, A backup).

A vector's file is put together from `parts`: hex, or a stretch [base, from, to] of one of `bases`. Of those that open stand the
manifest and the `entries` in their order; `why` names what is wrong with the others, in the words of this program.
"""

import hashlib

from plaintexts import AUTHORITY, CALLERS, FSM_RULES, compact
from read_backup import FIXED, sealed as file_of
from read_formats import KINDS, record_name

MADE_AT = 1_795_341_600
MADE = {"created_at": "2026-11-22T10:00:00Z", "created_by": "admin"}
OWN, SECOND = "a passphrase of its own", "the one in the safe"


def backups(ring, right, helpers):
    """Bases and vectors. `helpers`: header, slot, sealed and fixed of generate.py."""
    header, slot, fixed = helpers.header, helpers.slot, helpers.fixed

    def head(slots, label):
        inside = header(ring, *slots)
        return b"FSMB\x01" + MADE_AT.to_bytes(8) + fixed(label + " salt", 32) + len(inside).to_bytes(2) + inside

    def record(kind, plaintext, name=None, revision=1, form=1):
        key = ring.store_key(KINDS[kind], record_name(kind, name))
        return key + helpers.sealed(ring, key, revision, plaintext, f"backup {kind} {name}", form)

    def value(secret, text):
        version = {"number": 1, "state": "current", "encoding": "utf-8", "fingerprint": ring.fingerprint(text), **MADE}
        noun = {"id": secret, "name": "", "description": "", "owners": ["admin"], "restrictions": FSM_RULES, "integration": None,
                "origin": "this_account", "release": "reveal", "expires_on": None, "max_age_days": None, **MADE,
                "changed_at": MADE["created_at"], "last_version": 1, "versions": [version]}
        return [record("secret", compact(noun), secret, 3), record("value", text, [secret, 1])]

    def tally(each):
        tag = bytes(16) if each[0] == KINDS["value"] else each[-16:]
        return int.from_bytes(ring.keyed(b"census", each[:33] + each[35:43] + tag))

    def with_checkpoint(records):
        """The same and the record that counts them, in their order."""
        census = {"records": len(records), "sum": f"{sum(map(tally, records)) % 2**256:064x}"}
        checkpoint = {**AUDIT, "segment": 1, "offset": 700, "oldest_segment": 1, "segments": 1, "census": census}
        return sorted([*records, record("checkpoint", compact(checkpoint), revision=9)])

    AUDIT = {"seq": 7, "mac": fixed("backup mac", 32).hex()}
    MANIFEST = {"program": "0.1.0", "made_by": "admin", "own_passphrase": False, "audit": AUDIT}

    def end(records):
        kinds = [kind for kind, number in KINDS.items() for each in records if each[0] == number]
        return {"records": {kind: kinds.count(kind) for kind in sorted(set(kinds))}}

    def items(records, manifest=MANIFEST):
        return [(1, compact(manifest)), *((2, each) for each in records), (3, compact(end(records)))]

    some = [record("authority", AUTHORITY), *value("custsecret_a", b"s3cr3t"), record("caller", compact(CALLERS[0]), CALLERS[0]["name"])]
    plain_head, records = head([slot(ring, right)], "plain"), with_checkpoint(some)
    two_slots = head([slot(ring, "another", label="first"), slot(ring, SECOND, label="second")], "two slots")
    large = with_checkpoint([*some, *value("custsecret_large", b"0123456789abcdef" * 4100)])
    bases = {
        "plain": file_of(ring, plain_head, items(records)),
        "own": file_of(ring, head([slot(ring, OWN)], "own"), items(records, {**MANIFEST, "own_passphrase": True})),
        "two_slots": file_of(ring, two_slots, items(records)),
        "two_frames": file_of(ring, head([slot(ring, right)], "two frames"), items(large)),
    }
    plain = bases["plain"]
    first = len(plain_head)

    def entry(each):
        revision, plaintext = ring.open(each[:33], each[33:])
        shown = {"plaintext": plaintext.hex()} if len(plaintext) <= 1000 else {}
        return {"store_key": each[:33].hex(), "revision": revision, "length": len(plaintext),
                "sha256": hashlib.sha256(plaintext).hexdigest(), **shown}

    def opens(name, base, all_of_them, passphrase=right, manifest=MANIFEST):
        return {"name": name, "parts": [[base, 0, None]], "passphrase": passphrase, "verdict": "opens", "vault": ring.vault.hex(),
                "made_at": MADE_AT, "manifest": manifest, "counts": end(all_of_them)["records"], "entries": [entry(each) for each in all_of_them]}

    def refused(name, parts, why, verdict="refused", passphrase=right):
        return {"name": name, "parts": parts, "passphrase": passphrase, "verdict": verdict, "why": why}

    def put(name, at, byte, why, verdict="refused", base="plain"):
        return refused(name, [[base, 0, at], bytes([byte]).hex(), [base, at + 1, None]], why, verdict)

    def bent(name, at, why, verdict="refused", base="plain"):
        return put("bent: " + name, at, bases[base][at] ^ 1, why, verdict, base)

    def forged(name, all_of_them, why, verdict="refused"):
        """Sealed by somebody who has the keys."""
        return refused(name, [file_of(ring, plain_head, all_of_them).hex()], why, verdict)

    def vectors():
        yield opens("whole", "plain", records)
        yield opens("under a passphrase of its own", "own", records, OWN, {**MANIFEST, "own_passphrase": True})
        yield opens("by the first of two slots", "two_slots", records, "another")
        yield opens("by the second", "two_slots", records, SECOND)
        yield opens("of two frames, an item across them", "two_frames", large)
        for base in ("plain", "own"):
            yield refused(f"wrong passphrase: {base}", [[base, 0, None]], "wrong_passphrase", "wrong_passphrase", "neither")

        yield put("format 2", 4, 2, "format", "format")
        yield put("format 255", 4, 255, "format", "format")
        yield put("format 0, which never was", 4, 0, "not_a_backup")
        yield refused("format 2, and nothing more", [["plain", 0, 4], "02"], "format", "format")
        yield put("header of format 2", FIXED + 4, 2, "format", "format")
        yield put("header of format 0", FIXED + 4, 0, "header")
        yield bent("magic", 3, "not_a_backup")
        yield bent("header's magic", FIXED, "header")
        yield put("header of more than 4,096 bytes", 45, 0x10, "not_a_backup")
        yield bent("length of the header", 46, "header")
        yield bent("vault id", FIXED + 5, "wrong_passphrase", "wrong_passphrase")
        yield bent("salt of the slot", FIXED + 40, "wrong_passphrase", "wrong_passphrase")
        yield bent("end of the slot", first - 1, "header")
        # Authenticated by the frames alone.
        yield bent("time", 12, "frame")
        yield bent("salt", 13, "frame")
        yield bent("last frame or not", first, "frame_length")
        yield bent("length of the frame", first + 4, "frame")
        yield bent("ciphertext", first + 5, "frame")
        yield bent("tag", len(plain) - 33, "frame")
        yield bent("digest", len(plain) - 32, "digest")
        yield bent("last byte", len(plain) - 1, "digest")
        yield put("frame of another kind", first, 2, "frame_length")
        yield refused("a frame of no bytes", [["plain", 0, first], "0100000000", ["plain", first + 5, None]], "frame_length")
        yield refused("a last frame of 65,537 bytes", [["plain", 0, first], "0100010001", ["plain", first + 5, None]], "frame_length")
        for length in (1, 4, 5, 46, FIXED, first - 1, first, first + 4, first + 5, len(plain) - 33, len(plain) - 32, len(plain) - 1):
            yield refused(f"cut to {length}", [["plain", 0, length]], "cut_short")
        yield refused("nothing", [], "not_a_backup")
        yield refused("a byte too many", [["plain", 0, None], "00"], "trailing")
        yield refused("twice", [["plain", 0, None], ["plain", 0, None]], "trailing")

        # Both heads have one slot, and so the same length.
        start, full = first, 5 + 65_536 + 16
        yield refused("frames exchanged", [["two_frames", 0, start], ["two_frames", start + full, -32], ["two_frames", start, start + full],
                                           ["two_frames", -32, None]], "frame")
        yield refused("without its first frame", [["two_frames", 0, start], ["two_frames", start + full, None]], "frame")
        yield refused("without its last frame", [["two_frames", 0, start + full], ["two_frames", -32, None]], "frame_length")
        yield refused("its first frame twice", [["two_frames", 0, start + full], ["two_frames", start, None]], "frame")
        yield put("its first frame as the last", start, 1, "frame", base="two_frames")
        yield refused("a frame of another backup", [["two_frames", 0, start], ["plain", first, None]], "frame")

        small = with_checkpoint([])
        ordered = items(small)
        whole, last = ordered[0], ordered[-1]
        backwards = sorted((record("value", b"x", ["custsecret_a", number]) for number in (1, 2)), reverse=True)
        yield forged("no manifest", ordered[1:], "content")
        yield forged("two manifests", [whole, *ordered], "content")
        yield forged("a record before the manifest", [ordered[1], whole, last], "content")
        yield forged("records out of order", [whole, *((2, each) for each in backwards), (3, compact(end(backwards)))], "content")
        yield forged("a record twice", [whole, *((2, each) for each in small * 2), (3, compact(end(small * 2)))], "content")
        yield forged("an end that tells of more", [whole, (2, small[0]), (3, compact(end(small * 2)))], "content")
        yield forged("an end that tells of less", [whole, (2, small[0]), (3, compact(end([])))], "content")
        yield forged("no end", ordered[:-1], "content")
        yield forged("a record after the end", [*ordered, ordered[1]], "content")
        yield forged("two ends", [*ordered, last], "content")
        yield forged("an item of another kind", [whole, (4, b"x"), *ordered[1:]], "content")
        yield forged("a record of another kind", [whole, (2, b"\x0d" + small[0][1:]), last], "content")
        yield forged("a record without a store key", [whole, (2, small[0][:32]), last], "content")
        yield forged("a member too many in the manifest", items(small, {**MANIFEST, "more": 1}), "content")
        yield forged("a member missing in the manifest", items(small, {"program": "0.1.0", "made_by": "admin", "audit": AUDIT}), "content")
        yield forged("a member too many in the end", [*ordered[:-1], (3, compact({**end(small), "more": 1}))], "content")
        yield forged("a manifest that is no JSON", [(1, b"{"), *ordered[1:]], "content")
        yield forged("of another moment than its checkpoint",
                     items(records, {**MANIFEST, "audit": {**AUDIT, "seq": 8}}), "content")
        # What a store would be refused for, too.
        yield forged("a record left out, and its end fitting", items([each for each in records if each[0] != KINDS["caller"]]), "damaged")
        moved = ring.store_key(KINDS["value"], record_name("value", ["custsecret_b", 1])) + some[2][33:]
        yield forged("a record in another's place", items(sorted([*small, moved])), "damaged")
        yield forged("a record bent before it was sealed", items([small[0][:-1] + bytes([small[0][-1] ^ 1])]), "damaged")
        yield forged("a record of format 2", items([record("checkpoint", b"{}", form=2)]), "format", "format")

    return bases, list(vectors())


def document(ring, right, helpers):
    """The JSON, and the base that is a file of its own: it is too long for hex."""
    bases, vectors = backups(ring, right, helpers)
    large = bases.pop("two_frames")
    shown = {name: {"hex": data.hex()} for name, data in bases.items()} | {"two_frames": {"file": "two_frames.fsmb"}}
    return {"bases": shown, "vectors": vectors}, large
