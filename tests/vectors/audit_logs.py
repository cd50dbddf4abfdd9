"""Short audit logs, intact and tampered with, each with what verifying it must find.

`first_bad` is the first finding, null for an intact log; `unfinished_bytes` what a crash left of a last line;
`entries` the intact entries (docs/formats.md, Verifying).
"""

import hmac
import json

FIRST, SECOND, THIRD = (f"audit-{number:08}.jsonl" for number in (1, 2, 3))
READ = '"action":"secret.read","secret":"custsecret_a","version":1,"domain":"system.netsuite.com","outcome":"allowed"'
DENIED = '"caller":"other","serial":"0a","action":"secret.read","outcome":"denied","reason":"script_not_allowed"'
CHANGED = '"peer":{"uid":990,"pid":4242},"action":"secret.edit","outcome":"allowed","changes":{"name":{"new":"é","old":"\\"\\n"}}'
RETIRED = f'"action":"audit.retire","subject":"{FIRST}","outcome":"allowed","reason":"retain","count":1'


class Writer:
    """Writes a log line by line; `files` is what it has written."""

    def __init__(self, ring, key=None):
        # None: the ring's own key.
        self.key = key
        self.ring, self.seq, self.mac, self.files, self.number = ring, 0, bytes(32), {}, 0

    def line(self, members, name):
        self.seq += 1
        text = f'{{"seq":{self.seq},"time":"2026-11-22T10:00:{self.seq:02}.000000Z",{members}'
        mac = lambda before, text: hmac.digest(self.key, before + text, "sha256") if self.key else self.ring.line_mac(
            self.number, before, text)
        self.mac = mac(self.mac, text.encode())
        self.files[name].append(f'{text},"mac":"{self.mac.hex()}"}}\n')
        return self

    def segment(self, reason, number=None, vault=None, form=1, previous=None):
        self.number = number or self.number + 1
        self.name = f"audit-{self.number:08}.jsonl"
        self.files[self.name] = []
        vault = vault or self.ring.vault.hex()
        previous = previous or self.mac.hex()
        members = f'"segment":{self.number},"format":{form},"vault":"{vault}","previous":"{previous}","reason":"{reason}"'
        return self.line(members, self.name)

    def rekeyed(self, key=None):
        """Goes on in a new segment under another key."""
        self.key = key
        return self.segment("rekeyed")

    def entries(self, *all_members):
        for members in all_members:
            self.line(members, self.name)
        return self

    def checkpoint(self, oldest=1):
        size = sum(len(line.encode()) for line in self.files[self.name])
        return {"seq": self.seq, "mac": self.mac.hex(), "segment": self.number, "offset": size, "oldest_segment": oldest,
                "segments": self.number - oldest + 1}


def begun(ring):
    return Writer(ring).segment("first").entries(READ, DENIED, CHANGED, READ)


def whole(ring):
    """Two segments: a header and four entries, a header and two."""
    return begun(ring).segment("full").entries(READ, DENIED)


def logs(ring):
    def log(name, files, first_bad=None, entries=6, unfinished=0, checkpoint=None, former=None):
        found = first_bad and dict(zip(("segment", "line", "flaw"), first_bad))
        return {"name": name, "files": files, "checkpoint": checkpoint, "first_bad": found, "unfinished_bytes": unfinished,
                "entries": entries, **({"former": [[until, key.hex()] for until, key in former]} if former else {})}

    def bent(change, at=FIRST):
        files = {name: list(lines) for name, lines in whole(ring).files.items()}
        change(files[at])
        return files

    def swap(lines):
        lines[2], lines[3] = lines[3], lines[2]

    def replace(at, old, new):
        def change(lines):
            assert old in lines[at]
            lines[at] = lines[at].replace(old, new)
        return change

    def other_mac(lines):
        lines[2] = lines[2][:-5] + ("0" if lines[2][-5] != "0" else "1") + lines[2][-4:]

    def upper_mac(lines):
        lines[2] = lines[2][:-67] + lines[2][-67:-3].upper() + lines[2][-3:]

    intact, end = whole(ring), whole(ring).checkpoint()
    early = begun(ring).checkpoint()
    one, two = intact.files[FIRST], intact.files[SECOND]
    yield log("intact", intact.files)
    yield log("intact up to its checkpoint", intact.files, checkpoint=end)
    yield log("intact beyond its checkpoint", intact.files, checkpoint=early)
    yield log("other files are no segments", {**intact.files, "audit-1.jsonl": ["x\n"], "audit-00000003.jsonl.gz": ["x\n"]})
    yield log("a header alone", Writer(ring).segment("first").files, entries=0)

    yield log("changed: a word", bent(replace(2, "denied", "failed")), (1, 3, "changed"), 5)
    yield log("changed: the time", bent(replace(1, "10:00:02", "10:00:03")), (1, 2, "changed"), 5)
    yield log("changed: white space", bent(replace(1, '"outcome":', '"outcome": ')), (1, 2, "changed"), 5)
    yield log("changed: the number", bent(replace(1, '"seq":2,', '"seq":7,')), (1, 2, "out_of_order"), 5)
    yield log("changed: the mac, which the next line doesn't follow either", bent(other_mac), (1, 3, "changed"), 4)
    yield log("changed: the mac in capitals", bent(upper_mac), (1, 3, "not_an_entry"), 4)
    yield log("changed before the checkpoint", bent(replace(2, "denied", "failed")), (1, 3, "changed"), 5, checkpoint=end)
    yield log("changed: the last line", bent(replace(2, "denied", "failed"), SECOND), (2, 3, "changed"), 5)
    yield log("dropped", bent(lambda lines: lines.pop(2)), (1, 3, "out_of_order"), 4)
    yield log("dropped: the first entry", bent(lambda lines: lines.pop(1)), (1, 2, "out_of_order"), 4)
    yield log("dropped: the header", bent(lambda lines: lines.pop(0)), (1, 1, "no_header"), 4)
    yield log("dropped: the end of a segment", bent(lambda lines: lines.pop()), (2, 1, "does_not_follow"), 5)
    yield log("swapped", bent(swap), (1, 3, "out_of_order"), 3)
    yield log("repeated", bent(lambda lines: lines.insert(2, lines[1])), (1, 3, "out_of_order"), 6)
    yield log("a foreign line", bent(lambda lines: lines.insert(2, "{}\n")), (1, 3, "not_an_entry"), 5)
    yield log("an empty line", bent(lambda lines: lines.insert(2, "\n")), (1, 3, "not_an_entry"), 5)
    yield log("a header inside", bent(lambda lines: lines.insert(3, two[0])), (1, 4, "header_inside"), 5)
    yield log("no line feed at the end of an older segment", bent(replace(4, "\n", "")), (1, 5, "not_an_entry"), 5)
    yield log("a second member of one name", bent(replace(1, '"outcome"', '"seq":2,"outcome"')), (1, 2, "not_an_entry"), 4)

    cut = len(two[2]) - 10
    yield log("cut within the last line, as by a crash", {FIRST: one, SECOND: two[:2] + [two[2][:cut]]}, None, 5, cut)
    yield log("the same, the checkpoint being older", {FIRST: one, SECOND: two[:2] + [two[2][:cut]]}, None, 5, cut, early)
    yield log("the same, under the checkpoint", {FIRST: one, SECOND: two[:2] + [two[2][:cut]]}, (2, 3, "not_an_entry"), 5, 0, end)
    yield log("cut after a line, seen by no checkpoint", {FIRST: one, SECOND: two[:2]}, None, 5)
    yield log("cut after a line, under the checkpoint", {FIRST: one, SECOND: two[:2]}, (2, 3, "checkpoint_not_met"), 5, checkpoint=end)
    yield log("cut within the last segment's header", {FIRST: one, SECOND: [two[0][:50]]}, None, 4, 50)
    yield log("last segment empty", {FIRST: one, SECOND: []}, None, 4)
    yield log("older segment empty", {FIRST: [], SECOND: two}, (1, 1, "no_header"), 2)
    yield log("last segment gone", {FIRST: one}, None, 4)
    yield log("last segment gone, under the checkpoint", {FIRST: one}, (2, 0, "missing"), 4, checkpoint=end)
    yield log("first segment gone", {SECOND: two}, (1, 0, "missing"), 2)
    yield log("first segment no file", {FIRST: None, SECOND: two}, (1, 0, "unreadable"), 2)
    yield log("segments exchanged", {FIRST: two, SECOND: one}, (1, 1, "does_not_follow"))
    yield log("nothing left, under the checkpoint", {}, (1, 0, "missing"), 0, checkpoint=end)
    yield log("begun anew by the key's owner, under the checkpoint", Writer(ring).segment("first").entries(*[DENIED] * 9).files,
              (2, 0, "missing"), 9, checkpoint=end)

    anew = Writer(ring).segment("first").entries(*[DENIED] * 4).segment("full").entries(DENIED, READ)
    yield log("written anew with the key, under the checkpoint", anew.files, (2, 3, "checkpoint_not_met"), checkpoint=end)

    three = whole(ring).segment("full").entries(RETIRED)
    kept = {name: three.files[name] for name in (SECOND, THIRD)}
    yield log("retired", kept, None, 3)
    yield log("retired, with its checkpoint", kept, None, 3, checkpoint=three.checkpoint(2))
    yield log("more missing than was retired", {THIRD: three.files[THIRD]}, (2, 0, "missing"), 1)
    yield log("middle segment gone", {name: three.files[name] for name in (FIRST, THIRD)}, (2, 0, "missing"), 5)

    far = "audit-4000000000.jsonl"
    yield log("a file of a number far away", whole(ring).files | {far: ["~\n"]}, (4_000_000_000, 0, "stray"), checkpoint=end)
    yield log("the same, no file, without a checkpoint", whole(ring).files | {far: None}, (4_000_000_000, 0, "stray"))
    torn = {SECOND: whole(ring).files[SECOND] + ['{"seq"']}
    yield log("the same, and a line that a crash cut off", whole(ring).files | torn | {far: []}, (4_000_000_000, 0, "stray"), unfinished=6)
    yield log("a copy under a number that doesn't follow on", whole(ring).files | {"audit-00000004.jsonl": whole(ring).files[SECOND]},
              (4, 0, "stray"))
    yield log("a file that follows on", whole(ring).files | {THIRD: ["~\n"]}, (3, 1, "not_an_entry"))
    yield log("a stray, and a segment missing", {SECOND: whole(ring).files[SECOND], far: []}, (1, 0, "missing"), 2)

    header = '"segment":1,"format":1'
    yield log("header changed", bent(replace(0, header, header + " ")), (1, 1, "changed"))
    yield log("header of a format that never was", Writer(ring).segment("first", form=0).entries(READ).files, (1, 1, "misplaced"), 1)
    yield log("header of a newer format", Writer(ring).segment("first", form=2).entries(READ).files, (1, 1, "newer_format"), 1)
    newer = begun(ring).segment("full", form=2).entries(READ)
    yield log("begun by a newer release", newer.files, (2, 1, "newer_format"), 5)
    yield log("the same, beyond the checkpoint", newer.files, (2, 1, "newer_format"), 5, checkpoint=early)
    yield log("the same, before the checkpoint", newer.files, (2, 1, "newer_format"), 5, checkpoint=newer.checkpoint())
    yield log("the same, with lines that can't be read", newer.files | {SECOND: newer.files[SECOND] + ["~\n"]}, (2, 1, "newer_format"), 5)
    yield log("relabelled as a newer format", bent(replace(0, '"format":1', '"format":2')), (1, 1, "changed"))
    yield log("header of another vault", Writer(ring).segment("first", vault="00" * 16).entries(READ).files,
              (1, 1, "misplaced"), 1)
    yield log("header of another segment", begun(ring).files | {SECOND: begun(ring).segment("full", number=3).files[THIRD]},
              (2, 1, "misplaced"), 4)
    yield log("header without a known reason", Writer(ring).segment("anew").files, (1, 1, "does_not_follow"), 0)
    yield log("header with a previous mac that isn't", Writer(ring).segment("first", previous="0f" * 32).files, (1, 1, "changed"), 0)
    yield log("begun after damage", begun(ring).segment("damage").entries(READ).files, (2, 1, "after_damage"), 5)

    old, older = bytes(range(32)), bytes(range(32, 64))

    def before(key=old, last=READ):
        return Writer(ring, key).segment("first").entries(READ, DENIED, last)

    once, former = before().rekeyed().entries(READ, DENIED), [(1, old)]
    yield log("rekeyed", once.files, None, 5, former=former)
    yield log("rekeyed, with its checkpoint", once.files, None, 5, checkpoint=once.checkpoint(), former=former)
    yield log("rekeyed, its checkpoint being the last line before", once.files, None, 5, checkpoint=before().checkpoint(), former=former)
    yield log("rekeyed, and a crash before the new segment", before().files, None, 3, checkpoint=before().checkpoint(), former=former)
    yield log("rekeyed, and a crash in its header", before().files | {SECOND: [once.files[SECOND][0][:60]]}, None, 3, 60,
              before().checkpoint(), former)
    twice = before(older).rekeyed(old).entries(READ).segment("full").entries(READ).rekeyed().entries(READ)
    yield log("rekeyed twice", twice.files, None, 6, former=[(3, old), (1, older)])
    yield log("rekeyed, without the former key", once.files, (1, 1, "changed"), 2)
    yield log("rekeyed, under another former key", once.files, (1, 1, "changed"), 2, former=[(1, older)])
    yield log("rekeyed, an entry with the former key after it", before().rekeyed(old).entries(READ).files, (2, 1, "changed"), 3,
              former=former)
    yield log("the past written anew with the former key", before(last=DENIED).files | {SECOND: once.files[SECOND]},
              (2, 1, "does_not_follow"), 5, former=former)

    chained = json.loads(one[1])["mac"]
    yield log("a mac of another line", bent(replace(2, json.loads(one[2])["mac"], chained)), (1, 3, "changed"), 4)
