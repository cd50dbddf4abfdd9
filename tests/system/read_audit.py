"""Reads and verifies the audit log, from docs/formats.md alone. The keys come from read_formats.py."""

import json
import re

FORMAT = 1
LONGEST_LINE = 1024 * 1024
LARGEST_SEGMENT = 1_140_850_688


def segment_number(name):
    found = re.fullmatch(r"audit-(\d{8}|[1-9]\d{8,})\.jsonl", name)
    return int(found[1]) if found and 0 < int(found[1]) < 2**32 else None


def is_number(value, bits=64):
    return type(value) is int and 0 <= value < 2**bits


def parse(line):
    """Text, mac and members of a line; None if it is no line of the log."""

    def once(pairs):
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a member twice")
        return dict(pairs)

    end = re.fullmatch(rb'(.*),"mac":"([0-9a-f]{64})"}\n', line, re.DOTALL)
    if not end or len(line) > LONGEST_LINE:
        return None
    try:
        told = json.loads(line.decode(), object_pairs_hook=once)
    except (ValueError, RecursionError):
        return None
    bits = {"segment": 32, "format": 32, "count": 64, "epoch": 64}
    numbers = all(is_number(told[each], bits[each]) for each in bits if told.get(each) is not None)
    texts = ("vault", "previous", "reason", "action", "subject")
    texts = all(type(told[each]) is str for each in texts if told.get(each) is not None)
    return (end[1], bytes.fromhex(end[2].decode()), told) if numbers and texts and is_number(told.get("seq")) else None


class Log:
    """A walk through a log; `files` has each file's bytes by name, None for what is no regular file."""

    def __init__(self, ring, files, checkpoint, crashed=True):
        self.ring, self.checkpoint = ring, checkpoint
        self.before = self.expected = None
        self.trusted = self.entries = self.retired = self.unfinished = 0
        self.findings, self.met, self.checkpoint_line = [], False, 0
        segments = sorted(((number, files[name]) for name in files if (number := segment_number(name))), key=lambda each: each[0])
        last = self.last_number(segments)
        for number, _ in segments:
            if number > last:
                self.note(number, 0, "stray")
        segments = [each for each in segments if each[0] <= last]
        due, gaps = 1, []
        for number, content in segments:
            newest = crashed and number == segments[-1][0]
            lines = re.findall(rb"[^\n]*\n|[^\n]+$", (content or b"")[:LARGEST_SEGMENT])
            too_large = len(content or b"") > LARGEST_SEGMENT
            if too_large:
                long = (at for at, line in enumerate(lines, 1) if len(line) > LONGEST_LINE)
                lines, newest = lines[: next(long, None)], False
            if content is not None and newest and (not lines or not lines[-1].endswith(b"\n")):
                self.unfinished = len(lines.pop()) if lines else 0
                if not lines:
                    continue
            if number > due:
                gaps.append((due, number - 1))
                self.before = self.expected = None
            due = number + 1
            if content is None:
                self.lose(number, 0, "unreadable")
                continue
            self.segment(number, lines)
            if too_large:
                self.lose(number, 0, "too_large")
        if checkpoint and checkpoint["segment"] >= due:
            gaps.append((due, checkpoint["segment"]))
        for first, last in gaps:
            if last > self.retired:
                self.note(max(first, self.retired + 1), 0, "missing")
        if checkpoint and not self.met:
            self.note(checkpoint["segment"], self.checkpoint_line, "checkpoint_not_met")

    def last_number(self, segments):
        """Of the log; whatever has a higher number is a stray."""
        last = self.checkpoint["segment"] if self.checkpoint else 0
        last = max([number for number, content in segments if self.is_own(number, content)] + [last])
        for number, _ in segments:
            last = number if number == last + 1 else last
        return last

    def is_own(self, number, content):
        parsed = parse((content or b"").partition(b"\n")[0] + b"\n")
        if not parsed or parsed[2].get("segment") != number:
            return False
        stated = parsed[2].get("previous") or ""
        return bool(re.fullmatch("[0-9a-f]{64}", stated)) and self.ring.line_mac(
            number, bytes.fromhex(stated), parsed[0]) == parsed[1]

    def note(self, segment, line, flaw):
        self.findings.append((segment, line, flaw))

    def lose(self, segment, line, flaw):
        self.note(segment, line, flaw)
        self.before = self.expected = None

    def trust(self, told, mac):
        self.trusted = max(self.trusted, told["seq"])
        self.before, self.expected = mac, told["seq"] + 1

    def segment(self, number, lines):
        offset = 0
        here = self.checkpoint and self.checkpoint["segment"] == number
        if not lines:
            self.lose(number, 1, "no_header")
        for at, line in enumerate(lines, 1):
            offset += len(line)
            parsed = parse(line)
            if here and not self.checkpoint_line and offset >= self.checkpoint["offset"]:
                self.checkpoint_line = at
                same = parsed and parsed[1].hex() == self.checkpoint["mac"]
                self.met = bool(same) and offset == self.checkpoint["offset"]
            if not parsed:
                self.lose(number, at, "not_an_entry")
            elif (parsed[2].get("segment") is None) == (at == 1):
                self.lose(number, at, "no_header" if at == 1 else "header_inside")
            elif at == 1:
                self.header(number, *parsed)
            else:
                self.entry(number, at, *parsed)
        if here and not self.checkpoint_line:
            self.checkpoint_line = len(lines) + 1

    def header(self, number, text, mac, told):
        stated = told.get("previous") or ""
        previous = bytes.fromhex(stated) if re.fullmatch("[0-9a-f]{64}", stated) else None
        if previous is None or self.ring.line_mac(number, previous, text) != mac:
            self.note(number, 1, "changed")
            self.before, self.expected = mac, None
            return
        if told.get("reason") == "damage":
            self.note(number, 1, "after_damage")
            if told["seq"] <= self.trusted:
                self.note(number, 1, "out_of_order")
        elif self.before not in (None, previous) or len(
            {number == 1, told.get("reason") == "first", previous == bytes(32)}
        ) == 2:
            self.note(number, 1, "does_not_follow")
        elif self.expected not in (None, told["seq"]):
            self.note(number, 1, "out_of_order")
        if (told.get("format") or 0) > FORMAT:
            self.note(number, 1, "newer_format")
        elif [told.get(each) for each in ("segment", "format", "vault")] != [number, FORMAT, self.ring.vault.hex()]:
            self.note(number, 1, "misplaced")
        self.trust(told, mac)

    def entry(self, number, at, text, mac, told):
        in_order = self.expected in (None, told["seq"])
        if self.before is None:
            self.before, self.expected = mac, None
        elif self.ring.line_mac(number, self.before, text) == mac:
            if not in_order:
                self.note(number, at, "out_of_order")
            self.entries += 1
            if told.get("action") == "audit.retire":
                self.retired = max(self.retired, segment_number(told.get("subject") or "") or 0)
            self.trust(told, mac)
        else:
            self.note(number, at, "changed" if in_order else "out_of_order")
            self.before, self.expected = mac, None


def verify(ring, files, checkpoint=None):
    log = Log(ring, files, checkpoint)
    if any(flaw != "stray" for _, _, flaw in log.findings):
        log = Log(ring, files, checkpoint, crashed=False)
    first = min(log.findings, key=lambda finding: finding[:2], default=None)
    return {"first_bad": first and dict(zip(("segment", "line", "flaw"), first)), "unfinished_bytes": log.unfinished,
            "entries": log.entries}
