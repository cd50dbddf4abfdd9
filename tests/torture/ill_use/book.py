"""What is known of the vault from outside, and how it is asked."""

import http.client
import json
import os
import random
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "system"))
from connection import Connection  # noqa: E402

GONE = (OSError, http.client.HTTPException, ValueError)


class Died(Exception):
    """The daemon went away before it answered."""


class Link:
    """A connection that says Died where the daemon is gone."""

    def __init__(self, where, identity, run=None):
        self.run = run
        try:
            self.connection = Connection(where, identity)
            self.connection.connect()
        except GONE as error:
            raise Died from error

    def ask(self, method, path, body=None):
        """Status, JSON and request ID."""
        try:
            headers = {} if body is None else {"Content-Type": "application/json"}
            self.connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = self.connection.getresponse()
            said = answer.read()
            # Once the power goes nobody hears an answer. One that a dying kernel lets through binds nobody: an fdatasync
            # that waits for a commit of ext4's journal succeeds when that is given up in the meantime.
            if self.run and self.run.cutting:
                if answer.status < 300:
                    self.run.book.late.add(answer.headers["x-request-id"])
                raise Died
            # What has become of it is known to nobody yet.
            if self.run and self.run.failing and answer.status in (503, 507):
                raise Died
            return answer.status, json.loads(said) if said else None, answer.headers["x-request-id"]
        except GONE as error:
            raise Died from error


def value_of(tag):
    """A tag names its own length, so that a value tells whether it is whole."""
    return tag + "." * (int(tag.split("_")[1]) - len(tag))


def tag_of(value):
    tag = value.rstrip(".")
    if len(value) != int(tag.split("_")[1]):
        raise ValueError("a value is not whole")
    return tag


class Book:
    """What is known of the vault from outside."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lock = threading.Lock()
        self.count = 0
        self.wrong = []
        # By object: the states that it may be in. None: there is none.
        self.states = {}
        # Objects that were made by one request, and may only be there together.
        self.together = []
        # By object and version number: tags that it may have.
        self.numbered = {}
        # Request IDs of values that were given out, and of changes that were acknowledged.
        self.served, self.changed = set(), set()
        # Request IDs of answers that came when the power was going, and how many of those had no entry afterwards.
        self.late, self.late_lost = set(), 0
        self.acknowledged = self.unknown = self.happened = self.reads = 0

    def tag(self, large):
        with self.lock:
            self.count += 1
            length = self.random.choice((64, 64, 64, 5000, 40000, 999999) if large else (64, 64, 2000))
            return f"t{self.count}_{length}_"

    def violation(self, what):
        with self.lock:
            self.wrong.append(what)
            print(f"# violation: {what}", flush=True)

    def may_be(self, name, version, tag):
        with self.lock:
            self.numbered.setdefault((name, version), set()).add(tag)

    def now(self, name):
        return self.states[name][0]


def pages(link, path):
    cursor = ""
    while True:
        status, said, _ = link.ask("GET", path + cursor)
        if status != 200:
            raise Died(f"{path}: {status} {said}")
        yield from said["items"]
        if said["next_cursor"] is None:
            return
        cursor = f"&cursor={said['next_cursor']}"


def notices(link):
    return list(pages(link, "/v1/notices?limit=1000"))
