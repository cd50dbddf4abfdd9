"""The look at everything, after each start."""

import json
import os

from book import Link, notices, pages
from readers import read_pair, read_secret


class Look:
    """What a run finds, against what is known."""

    def check(self):
        """Each object is in a state that it may be in; from then on that one is known."""
        link, reader, pair = (Link(self.socket, each, self) for each in (self.admin, self.reader, self.fsm))
        book = self.book
        there = {}
        for name in self.plain + self.imported:
            there[name] = self.look(link, reader, name)
        for group in book.together:
            made = {there[name] is not None for name in group}
            if len(made) != 1 and all(len(book.states[name]) == 2 for name in group):
                book.violation(f"half an import: {there}")
        book.together = []
        callers = {each["name"]: each for each in pages(link, "/v1/callers?limit=1000")}
        for name in self.others:
            found = callers.get(name)
            there[name] = found and (found["state"], found["mail"])
        for name in self.operators:
            found = callers.get(name)
            there[name] = found and (found["state"], found["mail"], found["operator"]["level"])
            self.enters(found)
        self.known_while_sealed(callers.values())
        standing = notices(link)
        for name in self.expiring:
            status, said, _ = link.ask("GET", f"/v1/secrets/{name}")
            own = [each for each in standing if each["subject"] == name and each["kind"] == "expiry"]
            if status != 200 or len(own) != 1:
                book.violation(f"{name}: {status}, {len(own)} notices")
                continue
            there[name] = (said["expires_on"], own[0]["acknowledged_by"] is not None)
            read_secret(book, reader, name)
        there["fsm"] = read_pair(book, pair)
        for name, found in there.items():
            self.settle(name, found)
        self.audit(link)

    def enters(self, operator):
        """Whoever was told to have the key comes in while active, and not when revoked."""
        if operator and os.path.isdir(self.identity(operator["mail"])):
            status, said, _ = Link(self.port, self.identity(operator["mail"]), self).ask("GET", "/v1/notices?limit=1")
            if (status, said.get("code")) != ((200, None) if operator["state"] == "active" else (403, "caller_revoked")):
                self.book.violation(f"{operator} is answered {status} {said}")

    def known_while_sealed(self, callers):
        full = {each["spiffe_id"] for each in callers
                if each["state"] == "active" and each.get("operator", {}).get("level") == "full"}
        with open(os.path.join(self.plan["vault"], "tls", "operators.json")) as file:
            known = {each["spiffe_id"] for each in json.load(file)}
        if known != full:
            self.book.violation(f"tls/operators.json names {known}, and {full} are full operators")

    def look(self, link, reader, name):
        status, said, _ = link.ask("GET", f"/v1/secrets/{name}")
        read = read_secret(self.book, reader, name)
        if status == 404:
            if read:
                self.book.violation(f"{name} is read and not listed")
            return None
        if status != 200:
            self.book.violation(f"{name} is answered {status} {said}")
            return None
        current = [each["version"] for each in said["versions"] if each["state"] == "current"]
        if read is None or [read[0]] != current:
            self.book.violation(f"{name}: current {current}, read {read}")
            return None
        # The others must be whole too, and their own.
        for each in said["versions"]:
            if each["state"] == "previous":
                read_secret(self.book, reader, name, f"?version={each['version']}")
        numbers = [each["version"] for each in said["versions"]]
        if len(set(numbers)) != len(numbers):
            self.book.violation(f"{name}: versions {numbers}")
        last, known = max(numbers), self.book.last.get(name, 0)
        if not known <= last <= known + 1:
            self.book.violation(f"{name}: last version {last}, {known} was acknowledged")
        self.book.last[name] = max(last, known)
        return (said["description"], *read)

    def settle(self, name, found):
        states = self.book.states[name]
        if found not in states:
            self.book.violation(f"{name} is {found}, not one of {states}")
        elif len(states) > 1 and found == states[-1]:
            self.book.happened += 1
        if name in self.plain + self.imported and found:
            # A deletion that was not heard of, or a version: numbers go on from what is there.
            self.book.last[name] = max(self.book.last.get(name, 0), found[1])
        self.book.states[name] = [found]
        self.book.unknown = 0

    def audit(self, link):
        """The log is whole, its numbers go on, and it has what was given out and changed."""
        book = self.book
        status, said, _ = link.ask("GET", "/v1/audit/verify")
        if status != 200 or not said["intact"]:
            book.violation(f"audit verify: {said}")
        with book.lock:
            served, changed, late = set(book.served), set(book.changed), set(book.late)
        given, failed = set(), set()
        looked = newest_segment(self.plan["vault"])
        # All of it or nothing: it may die meanwhile.
        for each in list(pages(link, f"/v1/audit?order=oldest&after={self.seen}&limit=1000")):
            if each["seq"] <= self.seen:
                book.violation(f"the log's number {each['seq']} comes after {self.seen}")
            # A segment's header takes one.
            if each["seq"] > self.seen + 2:
                book.violation(f"the log has nothing between {self.seen} and {each['seq']}")
            self.seen = each["seq"]
            request = each.get("request_id")
            if each["outcome"] == "allowed":
                given.add(request)
                if each["action"] == "notice.deliver":
                    self.delivered[each["subject"]] += 1
            elif each["outcome"] == "failed":
                failed.add(request)
        # An entry comes before its answer: beside the work, by one look at most.
        missing = (served | changed) - given - self.given
        self.given = given
        if missing:
            book.violation(f"{len(missing)} answers without an entry: {sorted(missing)[:3]}")
        if changed & failed:
            book.violation(f"changes that were acknowledged have entries `failed`: {changed & failed}")
        book.late_lost += len(late - given)
        with book.lock:
            book.served -= served
            book.changed -= changed
            book.late -= late
        self.looked = looked
        self.hear()

    def hear(self):
        """What the log says was told had been told before."""
        with open(f"{self.hook}.told", "rb") as file:
            file.seek(self.told_bytes)
            for line in file:
                self.told[json.loads(line)["id"]] += 1
            self.told_bytes = file.tell()
        for notice, count in self.delivered.items():
            if count > self.told[notice]:
                self.book.violation(f"{notice} was told {self.told[notice]} times, {count} by the log")


def newest_segment(vault):
    """The number of the log's newest segment."""
    return max(int(name[6:14]) for name in os.listdir(os.path.join(vault, "audit")) if name.endswith(".jsonl"))
