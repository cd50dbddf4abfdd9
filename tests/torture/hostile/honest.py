"""The honest client: fetches the pair over and over, on kept connections and new ones, and knows what is right."""

import http.client
import json
import multiprocessing
import time

RENEW = 20  # requests on a connection; then it takes a new one


class Honest:
    """A process of its own, so that the attack's work isn't in its figures."""

    def __init__(self, site, pair):
        self.pipe, theirs = multiprocessing.Pipe()
        self.process = multiprocessing.Process(target=serve, args=(site, pair, theirs), daemon=True)
        self.process.start()

    def begin(self):
        self.pipe.send("begin")

    def end(self):
        """Milliseconds of each right answer in order of size, and what was wrong."""
        self.pipe.send("end")
        return self.pipe.recv()

    def leave(self):
        self.pipe.send("leave")
        self.process.join(10)


def serve(site, pair, pipe):
    tls = {unix: site.tls("honest") for unix in (False, True)}
    while pipe.recv() == "begin":
        taken, wrong, number, connection = [], [], 0, None
        while not pipe.poll():
            unix = number // RENEW % 2 == 1
            start = time.perf_counter()
            try:
                if number % RENEW == 0 or connection is None:
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
