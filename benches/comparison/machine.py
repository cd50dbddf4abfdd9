"""The machine, as far as it matters for the figures. No host name."""

import datetime
import os
import pathlib
import platform
import statistics
import time


# More than this share of the machine at work for others, and the figures are theirs as much as ours.
QUIET = 0.1


def describe(place):
    cpu = next((line.split(":", 1)[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines()
                if line.startswith("model name")), platform.machine())
    memory = next(int(line.split()[1]) for line in pathlib.Path("/proc/meminfo").read_text().splitlines()
                  if line.startswith("MemTotal:"))
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "cpu": cpu, "cores": len(os.sched_getaffinity(0)), "memory_gib": round(memory / 2**20),
        "kernel": platform.release().split("-")[0], "file_system": file_system(place),
        # On the disk that the daemons' logs are on; one more follows after the run, and the better one counts.
        "fsync_us": [fsync_us(place)],
        # By others: before the run, and the most that was seen between the cases and after them.
        "busy": [busy()],
    }


def busy(seconds=3):
    """The share of the machine that is at work while nothing is asked: others' work, which disturbs."""
    def ticks():
        times = [int(each) for each in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
        return sum(times[:8]), times[3] + times[4]
    (all_before, idle_before), _, (all_after, idle_after) = ticks(), time.sleep(seconds), ticks()
    return round(1 - (idle_after - idle_before) / max(all_after - all_before, 1), 3)


def file_system(place):
    mounts = [line.split() for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()]
    holding = [each for each in mounts if pathlib.Path(each[1]) in (place, *place.parents)]
    return max(holding, key=lambda each: len(each[1]))[2]


def fsync_us(place, times=300):
    """Median and 99th percentile of an fdatasync after a line was appended, as the audit log does it."""
    path, taken = place / "synced", []
    with open(path, "ab", buffering=0) as log:
        for _ in range(times):
            log.write(b"x" * 300)
            begun = time.perf_counter()
            os.fdatasync(log.fileno())
            taken.append((time.perf_counter() - begun) * 1e6)
    path.unlink()
    return {"p50": round(statistics.median(taken)), "p99": round(statistics.quantiles(taken, n=100)[98])}
