"""Drives a vault over its socket until it dies, and says afterwards whether it kept its word.

    ill_use/main.py PLAN.json        (tests/torture/crash.sh and power_cut.sh write one)

Several writers, each with objects of its own, and readers of everything. What was answered is known; of each object at most
one request was under way when the daemon died, so that there are two states it may be in. After each restart every object is
looked at: it must be in one of them, whole. Prints `ok - ` and `not ok - ` lines, and `# ` lines with the figures.
"""

import ctypes
import json
import signal
import sys
import threading
import time

from book import Died
from run import Run
from soak import soak


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
                for each in threads:
                    each.join()
                # The log ended the work before so much was acknowledged.
                if not run.cutting:
                    run.cut()
            else:
                # Any moment: while it makes the first change, or later.
                time.sleep(run.random.choice((0.02, 0.4, 2)) * run.random.random())
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
