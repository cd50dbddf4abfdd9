"""Drives a vault over its socket until it dies, and says afterwards whether it kept its word.

    ill_use.py PLAN.json        (tests/torture/crash.sh and power_cut.sh write one)

Several writers, each with objects of its own, and readers of everything. What was answered is known; of each object at most
one request was under way when the daemon died, so that there are two states it may be in. After each restart every object is
looked at: it must be in one of them, whole. Prints `ok - ` and `not ok - ` lines, and `# ` lines with the figures.
"""

import collections
import ctypes
import fcntl
import http.client
import json
import os
import random
import signal
import struct
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "system"))
from connection import Connection  # noqa: E402

GONE = (OSError, http.client.HTTPException, ValueError)
EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2
# Failpoints that are come by at the start, and not again.
ONCE = ("store.open", "vault.load", "vault.unsealed")
# Those that a life comes by a few times.
SELDOM = ("audit.create", "audit.created", "audit.remove", "notice.told", "vault.operators", "vault.reopened")
RULES = {"scripts": ["customscript_reader"], "allow_all_domains": True}


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


class Writer(threading.Thread):
    """Changes objects that nobody else does, until the daemon is gone or it is told to stop."""

    def __init__(self, run, names):
        super().__init__()
        self.run_, self.names, self.book = run, names, run.book

    def run(self):
        try:
            link = Link(self.run_.socket, self.run_.admin, self.run_)
            while self.run_.goes_on():
                self.step(link, self.run_.random.choice(self.names))
        except Died:
            pass
        except Exception as error:  # A driver's own fault is no pass.
            self.book.violation(f"the driver: {error!r}")

    def change(self, link, after, method, path, body=None, expect=(200, 201, 204)):
        """One change. `after`: by object, the state that it leads to."""
        for name, state in after.items():
            self.book.states[name].append(state)
        with self.book.lock:
            self.book.unknown += 1
        status, said, request = link.ask(method, path, body)
        with self.book.lock:
            self.book.unknown -= 1
        if status not in expect:
            for name in after:
                self.book.states[name].pop()
            if self.run_.seals and said["code"] == "sealed":
                return None
            self.book.violation(f"{method} {path}: {status} {said}")
            return None
        for name, state in after.items():
            self.book.states[name] = [state]
        with self.book.lock:
            self.book.acknowledged += 1
            self.book.changed.add(request)
        self.run_.acknowledged()
        return said


class Secrets(Writer):
    def step(self, link, name):
        book, dice = self.book, self.run_.random
        state = book.now(name)
        path, last = f"/v1/secrets/{name}", book.last.get(name, 0)
        tag, what = book.tag(large=True), dice.random()
        if state is None:
            book.may_be(name, last + 1, tag)
            body = {"id": name, "value": value_of(tag), "description": "made", "restrictions": RULES}
            if self.change(link, {name: ("made", last + 1, tag)}, "POST", "/v1/secrets", body) is not None:
                book.last[name] = last + 1
        elif what < 0.6:
            book.may_be(name, last + 1, tag)
            body = {"value": value_of(tag), "grace": dice.choice(("1h", "0s"))}
            after = {name: (state[0], last + 1, tag)}
            said = self.change(link, after, "POST", f"{path}/versions?force=true", body)
            if said is not None:
                if said["version"] != last + 1:
                    book.violation(f"{name}: version {said['version']} after {last}")
                book.last[name] = last + 1
        elif what < 0.7:
            book.may_be(name, last + 1, tag)
            body = {"value": value_of(tag), "activate": False}
            # Pending: the current one stays.
            if self.change(link, {name: state}, "POST", f"{path}/versions?force=true", body) is not None:
                book.last[name] = last + 1
                after = {name: (state[0], last + 1, tag)}
                self.change(link, after, "POST", f"{path}/versions/{last + 1}/activate?force=true")
        elif what < 0.9:
            text = f"edit {tag}"
            self.change(link, {name: (text, *state[1:])}, "PATCH", path, {"description": text})
        else:
            self.change(link, {name: None}, "DELETE", path)


class Imports(Writer):
    """Five secrets at once; then each goes by itself."""

    def step(self, link, _):
        book = self.book
        there = [name for name in self.names if book.now(name)]
        if there:
            self.change(link, {there[0]: None}, "DELETE", f"/v1/secrets/{there[0]}")
            return
        after, items = {}, []
        for name in self.names:
            tag, number = book.tag(large=False), book.last.get(name, 0) + 1
            book.may_be(name, number, tag)
            after[name] = ("", number, tag)
            items.append({"id": name, "value": value_of(tag), "restrictions": RULES})
        with book.lock:
            book.together = [self.names]
        if self.change(link, after, "POST", "/v1/imports", {"secrets": items}) is not None:
            for name in self.names:
                book.last[name] = after[name][1]
            with book.lock:
                book.together = []


class Pair(Writer):
    def step(self, link, name):
        book = self.book
        state = book.now(name)
        tag, number = book.tag(large=True), state[0] + 1
        book.may_be(name, number, tag)
        half = value_of(tag)
        body = {"client_id": f"i{half}", "client_secret": f"s{half}", "grace": self.run_.random.choice(("1h", "0s"))}
        path = "/v1/integrations/fsm/credentials?force=true"
        said = self.change(link, {name: (number, tag)}, "POST", path, body)
        if said is not None and said["version"] != number:
            book.violation(f"the pair: version {said['version']}, {number} expected")


class Callers(Writer):
    def step(self, link, name):
        state, path = self.book.now(name), f"/v1/callers/{name}"
        tag = self.book.tag(large=False)
        if state is None or state[0] == "revoked":
            body = {"name": name, "service": {"script": "customscript_other"}, "mail": f"{tag}@example.com"}
            self.change(link, {name: ("active", body["mail"])}, "POST", "/v1/callers", body)
        elif self.run_.random.random() < 0.6:
            mail = f"{tag}@example.com"
            self.change(link, {name: ("active", mail)}, "PATCH", path, {"mail": mail})
        else:
            self.change(link, {name: ("revoked", state[1])}, "DELETE", path)


class Operators(Writer):
    """As callers; and each has a key, so that a full one stands in `tls/` too."""

    def step(self, link, name):
        state, path = self.book.now(name), f"/v1/callers/{name}"
        level = self.run_.random.choice(("full", "full", "edit", "view"))
        if state is None or state[0] == "revoked":
            mail = f"{self.book.tag(large=False)}@example.com"
            body = {"name": name, "operator": {"level": level, "employee": "bob"}, "mail": mail}
            said = self.change(link, {name: ("active", mail, level)}, "POST", "/v1/callers", body)
            if said is not None:
                self.run_.keep_identity(mail, said)
        elif self.run_.random.random() < 0.6:
            self.change(link, {name: (*state[:2], level)}, "PATCH", path, {"operator": {"level": level}})
        else:
            self.change(link, {name: ("revoked", *state[1:])}, "DELETE", path)


class Notices(Writer):
    """Acknowledges the notice of a secret that expires, or moves the date to have another."""

    def step(self, link, name):
        state = self.book.now(name)
        if state[1] or self.run_.random.random() < 0.5:
            day = f"2020-0{self.run_.random.randint(1, 9)}-1{self.run_.random.randint(0, 9)}"
            if day != state[0]:
                self.change(link, {name: (day, False)}, "PATCH", f"/v1/secrets/{name}", {"expires_on": day})
            return
        if self.run_.seals and self.run_.sealed:
            return
        found = [each for each in notices(link) if each["subject"] == name and each["kind"] == "expiry"]
        if len(found) != 1:
            self.book.violation(f"{name}: {len(found)} notices")
            return
        self.change(link, {name: (state[0], True)}, "POST", f"/v1/notices/{found[0]['id']}/acknowledge")


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


class Reader(threading.Thread):
    """A service that reads everything, and looks whether it gets what was stored, whole and unmixed."""

    def __init__(self, run, where):
        super().__init__()
        self.run_, self.where = run, where

    def run(self):
        book = self.run_.book
        dice = random.Random(self.run_.random.random())
        try:
            link = Link(self.where, self.run_.reader, self.run_)
            pair = Link(self.where, self.run_.fsm, self.run_)
            while self.run_.goes_on():
                if dice.random() < 0.5:
                    read_pair(book, pair)
                else:
                    read_secret(book, link, dice.choice(self.run_.secrets))
        except Died:
            pass
        except Exception as error:
            book.violation(f"a reader: {error!r}")


def read_secret(book, link, name, version=""):
    status, said, request = link.ask("GET", f"/v1/secrets/{name}/value{version}")
    if status != 200:
        if status not in (403, 404) and said["code"] != "sealed":
            book.violation(f"reading {name}: {status} {said}")
        return None
    tag = tag_of(said["value"])
    with book.lock:
        book.served.add(request)
        book.reads += 1
        allowed = book.numbered.get((name, said["version"]), ())
    if tag not in allowed:
        book.violation(f"{name} {said['version']} reads {tag}")
    return said["version"], tag


def read_pair(book, link):
    status, said, request = link.ask("GET", "/v1/integrations/fsm/credentials")
    if status != 200:
        if said["code"] != "sealed":
            book.violation(f"reading the pair: {status} {said}")
        return None
    first, second = tag_of(said["client_id"][1:]), tag_of(said["client_secret"][1:])
    with book.lock:
        book.served.add(request)
        book.reads += 1
        allowed = book.numbered.get(("fsm", said["version"]), ())
    if first != second or said["client_id"][0] + said["client_secret"][0] != "is":
        book.violation(f"a mixed pair: {first} and {second}")
    elif first not in allowed:
        book.violation(f"the pair {said['version']} reads {first}")
    return said["version"], first


class Run:
    """A vault, the daemon on it, and what is known of both."""

    def __init__(self, plan):
        self.plan = plan
        self.book = Book(plan["seed"])
        self.random = random.Random(plan["seed"] + 1)
        self.admin, self.reader, self.fsm = plan["admin"], plan["reader"], plan["fsm"]
        self.socket = os.path.join(plan["scratch"], "s")
        self.stop = threading.Event()
        self.seals = False
        self.daemon = self.port = None
        self.logs = 0
        self.seen = 0
        self.cut_after, self.cutting = None, False
        # Armed with an error of the store.
        self.failing = False
        # How often it was killed at each failpoint.
        self.at_points = collections.Counter()
        # The log's newest segment at the last look, and how many it keeps.
        self.looked, self.keep = 1, 0
        # Request IDs that the last look found in it.
        self.given = set()
        self.hook = os.path.join(plan["scratch"], "hook")
        # By notice: how often the hook was told, and how often the log says so.
        self.told, self.delivered, self.told_bytes = collections.Counter(), collections.Counter(), 0
        self.plain = [f"custsecret_s{number}" for number in range(8)]
        self.imported = [f"custsecret_i{number}" for number in range(5)]
        self.expiring = ["custsecret_e0", "custsecret_e1"]
        self.others = ["c0", "c1", "c2"]
        self.operators = ["o0", "o1"]
        self.secrets = self.plain + self.imported + self.expiring
        for name in self.plain + self.imported + self.others + self.operators:
            self.book.states[name] = [None]
        self.book.last = {}

    # The daemon.

    def make_hook(self):
        """One that writes down what it is told, a whole line or nothing: it may outlive the daemon that tells it."""
        with open(self.hook, "w") as file:
            file.write('#!/bin/sh\nIFS= read -r told && printf \'%s\\n\' "$told" >>"$0.told"\n')
        os.chmod(self.hook, 0o755)
        open(f"{self.hook}.told", "w").close()

    def configuration(self, point):
        """Drawn for each start. `point`: the failpoint that it is armed with."""
        durability = "fsync" if self.plan["cut"] == "power" else self.random.choice(("fsync", "write"))
        # The smallest segments that there may be, so that each life begins one; few of them, so that it retires one.
        if point and point.startswith("audit.") or self.plan["cut"] != "none" and self.random.random() < 0.5:
            size, keep = 65536, 3 if point == "audit.remove" else self.random.choice((3, 8, 64))
        else:
            size, keep = 1048576, 12
        # An entry mustn't go before it was looked at: what has none of it goes, and three more for the look itself.
        self.keep = max(keep, newest_segment(self.plan["vault"]) - self.looked + 4)
        return (f'[audit]\ndurability = "{durability}"\nsegment_bytes = {size}\nretain = {self.keep}\n'
                f'checkpoint_seconds = 1\n[notice]\ncommand = ["{self.hook}"]\n')

    def goes_on(self):
        """Whether there is to be more work. The log ends it, too: what comes then could take away what nobody has looked at."""
        return not self.stop.is_set() and newest_segment(self.plan["vault"]) - self.looked < self.keep - 2

    def start(self, binary, environment=(), killer=None, point=None):
        """Starts it; False if it died before it listened. `killer` sees to that, maybe."""
        self.logs += 1
        self.log = os.path.join(self.plan["scratch"], f"log.{self.logs % 8}")
        arguments = ["serve", "--data-dir", self.plan["vault"], "--passphrase-file", self.plan["passphrase"]]
        config = os.path.join(self.plan["scratch"], "config.toml")
        with open(config, "w") as file:
            file.write(self.configuration(point))
        arguments += ["--listen", f"unix:{self.socket}", "--listen", "tcp:127.0.0.1:0", "--config", config]
        with open(self.log, "wb") as log:
            self.daemon = subprocess.Popen([binary, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                           env={**os.environ, **dict(environment)})
        self.stop.clear()
        if killer:
            killer.start()
        while True:
            with open(self.log, errors="replace") as log:
                lines = log.readlines()
            for line in lines:
                if '"listening"' in line and "tcp:" in line and line.endswith("\n"):
                    self.port = json.loads(line)["listen.address"].rsplit(":", 1)[1]
                    return True
            if self.daemon.poll() is not None:
                return False
            time.sleep(0.01)

    def die_at(self, point):
        """A life that ends at this failpoint, or soon."""
        self.failing = point == "vault.reopened"
        threads = []
        try:
            if self.start(self.plan["failpoints_binary"], {"FAILPOINTS": self.arms(point)}.items(), point=point):
                self.check()
                threads = self.work()
        except (Died, AssertionError):
            pass
        self.at_points[point] += self.dies(threads)
        self.kill()
        self.reap(threads)

    def arms(self, point):
        """What FAILPOINTS says, so that it is killed at this one, the first time or later."""
        dice = self.random
        if point in ONCE or not self.at_points[point]:
            passes = 0
        elif point in SELDOM:
            passes = dice.choice((0, 0, 1))
        else:
            passes = dice.choice((0, 0, 1, 2, dice.randint(3, 40)))
        if point != "vault.reopened":
            return f"{point}={passes}*off->return(kill)"
        # It comes by after a failed write alone. At times the store can't be opened again at once.
        error = dice.choice(("eio", "enospc", "erofs"))
        fails = "->".join(f"{dice.randint(1, 8)}*off->1*return({error})" for _ in range(passes + 1))
        step = dice.choice(("store.apply", "store.flush", "store.sync", "store.synced"))
        late = f";store.open=1*off->1*return({error})" if dice.random() < 0.5 else ""
        return f"{step}={fails};{point}={passes}*off->return(kill){late}"

    def acknowledged(self):
        """Something was acknowledged just now: the moment to cut the power, if it was to be this one."""
        with self.book.lock:
            if self.cut_after is None:
                return
            self.cut_after -= 1
            if self.cut_after != 0:
                return
        self.cut()

    def cut(self):
        """Without flushing the journal: what isn't on the disk by now is lost."""
        self.cutting = True
        mount = os.open(self.plan["mount"], os.O_RDONLY)
        fcntl.ioctl(mount, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        os.close(mount)
        self.kill()

    def kill(self):
        try:
            os.kill(self.daemon.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.stop.set()

    def dies(self, threads):
        """Whether it does within some seconds; when the work has ended, timers alone are waited for."""
        # A store that can't be opened at once is left alone for a second.
        end = time.monotonic() + (5 if self.failing else 3)
        while self.daemon.poll() is None and time.monotonic() < end:
            if not self.failing and not any(each.is_alive() for each in threads):
                end = min(end, time.monotonic() + 1.5)
            time.sleep(0.02)
        return self.daemon.poll() is not None

    def reap(self, threads=()):
        code = self.daemon.wait()
        self.stop.set()
        for each in threads:
            each.join()
        self.cutting = self.failing = False
        with open(self.log, errors="replace") as log:
            said = log.read()
        if "panicked" in said:
            self.book.violation(f"a panic: {said[-600:]}")
        if code not in (-signal.SIGKILL, 0):
            self.book.violation(f"it ended with {code}: {said[-600:]}")
        if self.plan["cut"] == "power":
            subprocess.run(["umount", self.plan["mount"]], check=True)
            subprocess.run(["mount", "-o", "loop", self.plan["image"], self.plan["mount"]], check=True)

    # The work.

    def work(self):
        writers = [Secrets(self, self.plain[:4]), Secrets(self, self.plain[4:]), Imports(self, self.imported),
                   Pair(self, ["fsm"]), Callers(self, self.others), Operators(self, self.operators),
                   Notices(self, self.expiring)]
        readers = [Reader(self, self.socket), Reader(self, self.port)]
        for each in writers + readers:
            each.start()
        return writers + readers

    def keep_identity(self, mail, enrolled):
        folder = self.identity(mail)
        os.makedirs(folder)
        for name, what in (("cert.pem", "certificate"), ("key.pem", "private_key"), ("ca.pem", "ca")):
            with open(os.path.join(folder, name), "w") as file:
                file.write(enrolled[what])

    def identity(self, mail):
        return os.path.join(self.plan["scratch"], "operators", mail)

    def prepare(self):
        """The pair's first version and the secrets that expire."""
        link = Link(self.socket, self.admin)
        tag = self.book.tag(large=False)
        half = value_of(tag)
        for name in self.expiring:
            body = {"id": name, "value": value_of(tag), "expires_on": "2020-01-01", "restrictions": RULES}
            status, said, _ = link.ask("POST", "/v1/secrets", body)
            assert status == 201, said
            self.book.may_be(name, 1, tag)
            self.book.last[name] = 1
            self.book.states[name] = [("2020-01-01", False)]
        status, said, _ = link.ask("POST", "/v1/integrations/fsm/credentials?force=true",
                                   {"client_id": f"i{half}", "client_secret": f"s{half}", "grace": "0s"})
        assert status == 201, said
        self.book.may_be("fsm", said["version"], tag)
        self.book.states["fsm"] = [(said["version"], tag)]

    # The look at everything.

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


# Soak: nothing dies, everything happens, and what it takes is looked at.

class Other(threading.Thread):
    """Does one thing again and again, each time over a connection of its own."""

    def __init__(self, run, what):
        super().__init__()
        self.run_, self.what = run, what

    def run(self):
        while not self.run_.stop.is_set():
            try:
                self.what(self.run_)
            except Died:
                pass
            except Exception as error:
                self.run_.book.violation(f"{self.what.__name__}: {error!r}")


def waits(run):
    """Holds a read for a second, which a rotation may end."""
    status, said, _ = Link(run.socket, run.fsm).ask("GET", "/v1/integrations/fsm/credentials?wait=1s")
    if status != 200 and said["code"] != "sealed":
        run.book.violation(f"a wait: {status} {said}")
    if status == 200 and tag_of(said["client_id"][1:]) != tag_of(said["client_secret"][1:]):
        run.book.violation("a mixed pair after a wait")


def watches(run):
    """Hears some events, and goes away."""
    link = Link(run.port, run.random.choice((run.fsm, run.admin)))
    link.connection.request("GET", "/v1/watch")
    answer = link.connection.getresponse()
    for _ in range(run.random.randint(1, 40)):
        if not answer.readline() or run.stop.is_set():
            break
    link.connection.sock.close()


def strangers(run):
    """Connects and says nothing, or asks what it may not have."""
    link = Link(run.port, run.fsm)
    status, said, _ = link.ask("GET", f"/v1/secrets/{run.random.choice(run.secrets)}/value")
    if status not in (403, 503):
        run.book.violation(f"a stranger was answered {status} {said}")
    link.connection.close()
    run.stop.wait(0.05)


def seals(run):
    """Seals and unseals, once a minute."""
    if run.stop.wait(run.plan["seal_seconds"]):
        return
    with open(run.plan["passphrase"]) as file:
        passphrase = file.read()
    link = Link(run.socket, run.admin)
    with run.looking:
        run.sealed = True
        for path, body in (("/v1/sys/seal", None), ("/v1/sys/unseal", {"passphrase": passphrase})):
            status, said, _ = link.ask("POST", path, body)
            if status != 200:
                run.book.violation(f"{path}: {status} {said}")
        run.sealed = False
    run.seal_count += 1


def looks(run):
    """Looks into the log, before the oldest of it goes."""
    if not run.stop.wait(2):
        with run.looking:
            run.audit(Link(run.socket, run.admin))


def sample(pid):
    """Resident KiB, descriptors, threads."""
    with open(f"/proc/{pid}/status") as file:
        fields = dict(line.split(":", 1) for line in file)
    return int(fields["VmRSS"].split()[0]), len(os.listdir(f"/proc/{pid}/fd")), int(fields["Threads"])


def soak(run):
    run.seals, run.sealed, run.seal_count, run.looking = True, False, 0, threading.Lock()
    threads = run.work() + [Other(run, what) for what in (waits, watches, strangers, seals, looks)]
    for each in threads[-5:]:
        each.start()
    end, samples = time.monotonic() + run.plan["seconds"], []
    while time.monotonic() < end and run.daemon.poll() is None:
        time.sleep(2)
        samples.append(sample(run.daemon.pid))
        if len(samples) % 150 == 0:
            print(f"# {len(samples) * 2} s: {samples[-1]}", flush=True)
    run.stop.set()
    for each in threads:
        each.join()
    run.sealed = False
    run.check()
    run.daemon.terminate()
    run.reap()
    quarter = len(samples) // 4
    middle = lambda part, which: sorted(each[which] for each in part)[len(part) // 2]
    early, late = samples[quarter:2 * quarter], samples[3 * quarter:]
    book = run.book
    print(f"# {run.plan['seconds']} s: {book.acknowledged} changes, {book.reads} values read, {run.seal_count} times sealed and unsealed")
    verdicts = []
    # Over half of the time: a tenth, and what a page of the store's cache or a stack more makes.
    for which, what, most in ((0, "resident KiB", lambda before: before * 1.1 + 8192), (1, "descriptors", lambda before: before + 8),
                              (2, "threads", lambda before: before + 8)):
        before, after = middle(early, which), middle(late, which)
        print(f"# {what}: {before} in the second quarter, {after} in the last, {max(each[which] for each in samples)} at most")
        verdicts.append((after <= most(before), f"{what} don't grow"))
    verdicts.append((not book.wrong, "no error" + (f": {book.wrong[0]}" if book.wrong else "")))
    verdicts.append((run.seal_count > 0 and book.acknowledged > 100 and book.reads > 100, "and it worked meanwhile"))
    for well, what in verdicts:
        print(("ok" if well else "not ok") + f" - {what}")


def main():
    # Children die with this process, however it ends.
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    with open(sys.argv[1]) as file:
        plan = json.load(file)
    run, points = Run(plan), list(plan.get("points", []))
    print(f"# seed {plan['seed']}", flush=True)
    begun = time.monotonic()
    run.make_hook()
    run.random.shuffle(points)
    assert run.start(plan["binary"]), open(run.log).read()
    starting = time.monotonic() - begun
    run.prepare()
    if plan["cut"] == "none":
        return soak(run)
    deaths = rounds = 0
    try:
        while deaths < plan["deaths"] and len(run.book.wrong) < 20:
            run.check()
            threads = run.work()
            if plan["cut"] == "power":
                run.cut_after = run.random.randint(1, 60)
            else:
                # Any moment: while it makes the first change, or later.
                time.sleep(run.random.choice((0.02, 0.2, 0.8)) * run.random.random())
                run.kill()
            run.reap(threads)
            run.cut_after = None
            deaths += 1
            if deaths % 100 < 2:
                print(f"# {deaths} deaths, {len(run.book.wrong)} violations", flush=True)
            if plan["cut"] == "kill" and deaths < plan["deaths"] and run.random.random() < 0.3:
                # At any moment of the start, too.
                killer = threading.Timer(run.random.random() * starting, lambda: run.kill())
                run.start(plan["binary"], killer=killer)
                run.kill()
                killer.join()
                run.reap()
                deaths += 1
            if points and deaths < plan["deaths"]:
                run.die_at(points[rounds % len(points)])
                rounds += 1
                deaths += 1
            if not run.start(plan["binary"]):
                run.book.violation(f"it doesn't start: {open(run.log).read()[-800:]}")
                break
        run.check()
    except Died as error:
        run.book.violation(f"it went away by itself: {error.__cause__ or error}: {open(run.log).read()[-800:]}")
    finally:
        if run.daemon.poll() is None:
            run.daemon.kill()
            run.daemon.wait()
    book = run.book
    print(f"# {deaths} deaths; {book.acknowledged} changes acknowledged, {book.reads} values read, "
          f"{book.happened} changes found made that nobody had heard of")
    if book.late_lost:
        print(f"# {book.late_lost} answers that came while the power was going have no entry")
    for point in sorted(points[:rounds]):
        print(f"# {point}: killed there {run.at_points[point]} times")
    if points and plan.get("all_points"):
        unreached = sorted(point for point in points if not run.at_points[point])
        print(("not ok" if unreached else "ok") + f" - every failpoint killed it {unreached or ''}")
    word = "power cuts" if plan["cut"] == "power" else "kills"
    print(("ok" if not book.wrong and deaths >= plan["deaths"] else "not ok") +
          f" - {deaths} {word}: nothing lost, half done, mixed or numbered twice, and every answer has its entry"
          + ("" if not book.wrong else f": {len(book.wrong)} violations, {book.wrong[0]}"))
    print(("ok" if book.acknowledged > deaths and book.reads > deaths else "not ok") + " - and it worked meanwhile")


main()
