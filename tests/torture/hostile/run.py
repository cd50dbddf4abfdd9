"""Drives the attacks against a running daemon, one after the other, with an honest client beside each.

run.py --port N --socket PATH --pid N --pair ID_FILE SECRET_FILE --identities DIR [--seconds S] [--connections N]
       [--memory MIB] [--handshakes N] [--only NAME]...

Prints a check for each attack: the daemon lives, the honest client got right answers alone, the attack got what it should,
descriptors came back, those of strangers were no more than --handshakes (the daemon's limit) and those that are just
ending, and memory stayed below --memory. A table of figures follows: percentiles of the honest client
calm and under attack (reported, never a check), and what the daemon held at most.
"""

import argparse
import multiprocessing
import os
import pathlib
import resource
import threading
import time

import attacks
from honest import Brief, Honest, percentile
from peer import Site

# Connections of strangers that the daemon lets be there beyond its limit: they are to go, and haven't yet.
LEAVING = 64
# The honest client's connection, the attack's own, and one that is just ending.
FEW = 4
# When so many connections have gone, the daemon gives their memory back.
A_CROWD = 2000


def main():
    options = arguments()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    identities = {each.name: str(each) for each in pathlib.Path(options.identities).iterdir() if each.is_dir()}
    site = Site(options.port, options.socket, **identities)
    pair = tuple(pathlib.Path(each).read_text() for each in options.pair)
    brief, honest = Brief(site), Honest(site, pair)
    honest.begin()
    time.sleep(options.seconds)
    calm, wrong = honest.end()
    check("calm: the honest client is served", not wrong and calm, wrong[:3])
    rest = descriptors(options.pid)
    rows = [("calm", calm, memory(options.pid), rest)]
    for attack in attacks.ATTACKS:
        name = attack.__name__.replace("_", " ")
        if not options.only or attack.__name__ in options.only:
            rows.append((name, *one(attack, name, site, honest, options, rest)))
    honest.leave()
    wrong = brief.outcome()
    check("a certificate that ends mid-connection is refused from that second on", not wrong, wrong)
    peak = max(row[2] for row in rows)
    check(f"the daemon held less than {options.memory} MiB at any time", peak < options.memory, [f"{peak:.0f} MiB"])
    table(rows)


def one(attack, name, site, honest, options, rest):
    """The attack in a process of its own; what the honest client measured, and the most that the daemon held."""
    sampler, before = Sampler(options.pid), memory(options.pid)
    pipe, theirs = multiprocessing.Pipe()
    until = time.monotonic() + options.seconds
    process = multiprocessing.Process(target=lead, args=(attack, site, options.connections, until, theirs), daemon=True)
    honest.begin(kept=attack in attacks.CROWDS)
    process.start()
    try:
        faults = pipe.recv() if pipe.poll(options.seconds + 600) else ["the attack doesn't end"]
    except EOFError:
        faults = ["the attack died"]
    taken, wrong = honest.end()
    process.join(10)
    if process.is_alive():
        process.kill()
    held, files = sampler.end()
    alive = os.path.exists(f"/proc/{options.pid}/status") and memory(options.pid) > 0
    check(f"{name}: the daemon lives", alive, [])
    check(f"{name}: the honest client got right answers alone", taken and not wrong, [f"{len(taken)} right", *wrong[:3]])
    check(f"{name}: the attack got what it should", not faults, faults[:3])
    if attack in attacks.STRANGERS:
        most = rest + options.handshakes + LEAVING + FEW
        check(f"{name}: strangers had no more than {most} descriptors", files <= most, [files])
    check(f"{name}: descriptors came back", came_back(options.pid, rest), [f"{descriptors(options.pid)} of {rest}"])
    if attack is attacks.idle and options.connections >= A_CROWD:
        most = (before + held) / 2
        check(f"{name}: memory came back", came_down(options.pid, most), [f"{memory(options.pid):.0f} of {held:.0f} MiB"])
    return taken, held, files


def lead(attack, site, connections, until, pipe):
    # It must be told apart from a fault of the daemon's.
    try:
        pipe.send(attack(site, connections, until))
    except Exception as error:  # pylint: disable=broad-except
        pipe.send([f"the attack failed: {type(error).__name__}: {error}"])


class Sampler(threading.Thread):
    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.held, self.files, self.over = pid, 0, 0, threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.05):
            self.held = max(self.held, memory(self.pid))
            self.files = max(self.files, descriptors(self.pid))

    def end(self):
        self.over.set()
        self.join()
        return self.held, self.files


def memory(pid):
    """MiB resident; 0: it is gone."""
    try:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
        return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS:")), 0)
    except OSError:
        return 0


def descriptors(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


def came_back(pid, rest):
    for _ in range(1500):
        if descriptors(pid) <= rest + FEW:
            return True
        time.sleep(0.02)
    return False


def came_down(pid, most):
    for _ in range(1500):
        if memory(pid) <= most:
            return True
        time.sleep(0.02)
    return False


def check(name, good, why):
    print(f"ok - {name}" if good else f"not ok - {name}: {'; '.join(map(str, why))}", flush=True)


def table(rows):
    calm = percentile(rows[0][1], 0.99)
    print("| | honest requests | p50 ms | p99 ms | p99 against calm | RSS MiB | descriptors |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, taken, held, files in rows:
        p50, p99 = percentile(taken, 0.5), percentile(taken, 0.99)
        print(f"| {name} | {len(taken):,} | {p50:.2f} | {p99:.2f} | {p99 / calm:.1f} | {held:.0f} | {files:,} |")
    worst = max((percentile(taken, 0.99) / calm, name) for name, taken, _, _ in rows)
    verdict = "within" if worst[0] <= 5 else "NOT within"
    print(f"p99 under attack is {verdict} 5 times of calm; the most is {worst[0]:.1f} times ({worst[1]})")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--socket", required=True)
    parser.add_argument("--pid", type=int, required=True)
    parser.add_argument("--pair", nargs=2, required=True)
    parser.add_argument("--identities", required=True)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--memory", type=float, default=256)
    parser.add_argument("--handshakes", type=int, default=1000)
    parser.add_argument("--only", action="append")
    return parser.parse_args()


if __name__ == "__main__":
    main()
