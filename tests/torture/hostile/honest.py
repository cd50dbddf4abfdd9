"""The honest client: fetches the pair over and over, on kept connections and new ones, and knows what is right. And one
whose certificate ends meanwhile."""

import http.client
import json
import multiprocessing
import threading
import time

from cryptography import x509

RENEW = 20  # requests on a connection; then it takes a new one


class Honest:
    """A process of its own, so that the attack's work isn't in its figures."""

    def __init__(self, site, pair):
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=serve, args=(site, pair, theirs), daemon=True)
        self.process.start()

    def begin(self, kept=False):
        """`kept`: on one connection, opened now, over the Unix socket."""
        self.pipe.send("keep" if kept else "begin")
        # It has its connection.
        self.pipe.recv()

    def end(self):
        """Milliseconds of each right answer in order of size, and what was wrong."""
        self.pipe.send("end")
        return self.pipe.recv()

    def leave(self):
        self.pipe.send("leave")
        self.process.join(10)


class Brief(threading.Thread):
    """Asks on one connection, opened at once, until it is refused: its certificate is valid for a minute."""

    def __init__(self, site):
        super().__init__(daemon=True)
        tls = site.tls("brief")
        with open(f"{site.identities['brief']}/cert.pem", "rb") as file:
            self.ends = x509.load_pem_x509_certificate(file.read()).not_valid_after_utc.timestamp()
        self.connection, self.faults = dial(site, tls, unix=False), []
        self.start()

    def run(self):
        asked, answered = 0, 0
        while True:
            before = time.time()
            try:
                self.connection.request("GET", "/v1/sys/status")
                answer = self.connection.getresponse()
                said = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.faults.append(f"no answer: {type(error).__name__}: {error}")
                return
            asked += 1
            if answer.status != 200:
                if b"This certificate has expired" not in said or time.time() < self.ends or not answered:
                    self.faults.append(f"refused {self.ends - time.time():.1f} s before its end: {said[:200]!r}")
                return
            answered += 1
            if before >= self.ends:
                self.faults.append(f"served {before - self.ends:.3f} s after its end")
                return
            time.sleep(0.1)

    def outcome(self):
        """What was wrong; waits for the end of the certificate, at most a minute and a half."""
        self.join(90)
        return self.faults if not self.is_alive() else ["it is still served"]


def serve(site, pair, pipe):
    tls = {unix: site.tls("honest") for unix in (False, True)}
    while (told := pipe.recv()) in ("begin", "keep"):
        kept = told == "keep"
        taken, wrong, number = [], [], 0
        connection = dial(site, tls[True], True) if kept else None
        pipe.send("begun")
        while not pipe.poll():
            unix = kept or number // RENEW % 2 == 1
            start = time.perf_counter()
            try:
                if connection is None or number % RENEW == 0 and not kept:
                    connection = dial(site, tls[unix], unix)
                connection.request("GET", "/v1/integrations/fsm/credentials?domain=system.netsuite.com")
                answer = connection.getresponse()
                said = answer.read()
                if answer.status != 200 or tuple(json.loads(said)[key] for key in ("client_id", "client_secret")) != pair:
                    wrong.append(f"{answer.status}: {said[:80]!r}" if answer.status != 200 else "another pair")
                taken.append((time.perf_counter() - start) * 1000)
            except (OSError, http.client.HTTPException) as error:
                wrong.append(f"{type(error).__name__}: {error}")
                connection = None
            number += 1
        pipe.recv()
        pipe.send((sorted(taken), wrong))


def dial(site, tls, unix):
    connection = http.client.HTTPConnection("localhost", timeout=30)
    connection.sock = site.connect(tls, unix, timeout=30)
    connection.auto_open = 0
    return connection


def percentile(taken, share):
    return taken[min(len(taken) - 1, int(len(taken) * share))] if taken else float("nan")
