"""Soak: nothing dies, everything happens, and what it takes is looked at."""

import os
import threading
import time

from book import Died, Link, tag_of


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
