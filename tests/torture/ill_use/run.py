"""A vault, the daemon on it, and its lives."""

import collections
import fcntl
import json
import os
import random
import signal
import struct
import subprocess
import threading
import time

from book import Book, Died, Link, value_of
from look import Look, newest_segment
from readers import Reader
from writers import RULES, Callers, Imports, Notices, Operators, Pair, Secrets

EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2
# Failpoints that are come by at the start, and not again.
ONCE = ("store.open", "vault.load", "vault.unsealed")
# Those that a life comes by a few times.
SELDOM = ("audit.create", "audit.created", "audit.remove", "notice.told", "vault.operators", "vault.reopened")


class Run(Look):
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
        if point and point.startswith("audit.") or self.plan["cut"] == "kill" and self.random.random() < 0.5:
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
        panics = [line for line in said.splitlines() if "panicked" in line]
        # The database does, at times, when its disk goes; that is caught, and told as a failed write.
        if self.plan["cut"] == "power":
            panics = [line for line in panics if "/sled-" not in line]
        if panics:
            self.book.violation(f"a panic: {said[-600:]}")
        if code not in (-signal.SIGKILL, 0):
            self.book.violation(f"it ended with {code}: {said[-600:]}")
        if self.plan["cut"] == "power":
            self.power_comes_back()

    def power_comes_back(self):
        image, mount = self.plan["image"], self.plan["mount"]
        subprocess.run(["umount", mount], check=True)
        # Whoever has taken the mount along into a namespace of his own keeps the disk as it is, without power.
        end = time.monotonic() + 30
        while subprocess.run(["losetup", "-j", image], check=True, capture_output=True).stdout:
            if time.monotonic() > end:
                raise RuntimeError("the disk is still mounted in another mount namespace, made during the test: see lsns")
            time.sleep(0.05)
        subprocess.run(["mount", "-o", "loop", image, mount], check=True)

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
