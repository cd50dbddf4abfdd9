"""The cases, and one run of each: all its servers in turn, round by round."""

import json
import subprocess
import typing

from . import servers

VAULTS = ("bare", "write", "fsync")
ALL = ("bare", "write", "fsync", "aws_agent", "rusty_vault")


class Case(typing.NamedTuple):
    name: str
    over: str
    http: int
    connections: int
    servers: tuple = VAULTS
    cold: bool = False
    path: str = None
    caller: str = None
    status: int = 200


def kept(over, http, connections, asked=VAULTS):
    return Case(f"{over} http{http} {connections}", over, http, connections, asked)


CASES = (
    kept("unix", 1, 1),
    # Neither peer has a Unix socket: they take their turns on TCP.
    Case("unix http1 16", "either", 1, 16, ALL),
    kept("unix", 1, 64),
    *(kept("tcp", 1, connections, ALL) for connections in (1, 16, 64)),
    *(kept("unix", 2, connections) for connections in (16, 64)),
    *(kept("tcp", 2, connections) for connections in (16, 64)),
    Case("cold unix http1 16", "unix", 1, 16, cold=True),
    # The agent has no handshake: beside the others its figure would say nothing.
    Case("cold tcp http1 16", "tcp", 1, 16, (*VAULTS, "rusty_vault"), cold=True),
    Case("cold tcp http2 16", "tcp", 2, 16, cold=True),
    Case("pair unix http1 16", "unix", 1, 16, ("write", "fsync"), path=servers.PAIR),
    Case("refusal unix http1 16", "unix", 1, 16, ("write", "fsync"), caller="other", status=403),
)


def run(case, load, started, rounds, seconds):
    """A line of results for each server that is there."""
    words = [load, "--over", case.over, "--http", str(case.http), "--connections", str(case.connections), "--expect", str(case.status),
             "--rounds", str(rounds), "--seconds", str(seconds), "--warm-up", str(min(0.5, seconds / 3))]
    words += ["--cold"] if case.cold else []
    for name in case.servers:
        if name not in started:
            continue
        # A path of the daemon's is none of the others'.
        target = started[name].asked(case.path, case.caller)
        words += ["--target", json.dumps(target)]
    said = subprocess.run(words, stdout=subprocess.PIPE, text=True)
    # 1: some requests failed; the lines say which.
    if said.returncode not in (0, 1):
        raise SystemExit(f"{case.name}: load ended with {said.returncode}")
    return [json.loads(line) | {"case": case.name} for line in said.stdout.splitlines()]
