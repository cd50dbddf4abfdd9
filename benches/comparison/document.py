"""docs/performance.md: the prose of performance.md.in with the figures of a run put in."""

import json
import re
import sys

from . import aims
from .machine import QUIET

NAMES = {"bare": "bare hyper + rustls", "write": "**fsm-vault**, `write`", "fsync": "**fsm-vault**, `fsync`",
         "aws_agent": "AWS Secrets Manager Agent", "rusty_vault": "RustyVault"}
HEAD = ("server", "CPU µs", "requests/s", "p50 µs", "p99 µs", "p99.9 µs")


def write(found, here, figures, path):
    """Fills the template beside the scripts; `figures` is where the fragments are."""
    parts = {
        "cases:unix": kept(found, "unix", 1, (16, 64, 1)), "cases:tcp": kept(found, "tcp", 1, (16, 64, 1)),
        "cases:http2": kept(found, "unix", 2, (16, 64)) + "\n\n" + kept(found, "tcp", 2, (16, 64)),
        "cases:cold": cold(found), "cases:other": other(found), "aims": aims_table(found), "servers": servers(found),
        "machine": machine(found), "versions": versions(found), "instructions": instructions(here),
        "rounds": f"{found['rounds']} rounds of {found['seconds']:g} s", "summary": summary(found),
        "failures": failures(found),
    }
    warning = ""
    if found["brief"]:
        warning = "> **A brief run, made to see that it works: these figures mean nothing.**\n\n"
    elif max(found["machine"]["busy"]) > QUIET:
        warning = "> **The machine was busy with other work: these figures are uneven, and worse than on a quiet one.**\n\n"

    def part(match):
        name = match[1]
        if name.startswith("file:"):
            # What another command measures and writes; it stays when this one writes anew.
            fragment = figures / name.removeprefix("file:")
            return fragment.read_text().strip() if fragment.exists() else "Not measured yet."
        return parts[name]

    text = re.sub(r"\{\{([a-z0-9:._]+)\}\}", part, (here / "performance.md.in").read_text())
    path.write_text(warning + text)
    print(f"wrote {path}", file=sys.stderr)


def into_readme(found, path):
    """Puts the three lines that matter between their marks."""
    head, tail = "<!-- benches/run writes these lines. -->\n\n", "\n<!-- Thus far. -->\n"
    text = path.read_text()
    before, _, rest = text.partition(head)
    _, found_tail, after = rest.partition(tail)
    if not found_tail:
        raise SystemExit(f"{path}: the marks around the figures are gone")
    path.write_text(f"{before}{head}{summary(found)}\n{tail}{after}")
    print(f"wrote the figures in {path}", file=sys.stderr)


def table(head, rows):
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(str(each) for each in line) + " |" for line in lines)


def measured(each):
    times = (f"{each[figure]:,.0f}" for figure in ("p50_us", "p99_us", "p999_us"))
    return [f"{each['cpu_us']:.1f}", f"{each['per_second']:,.0f}", *times]


def lines(found, case):
    return [each for each in found["results"] if each["case"] == case]


def name(each):
    where = ", TCP" if each["over"] == "tcp" and each["case"].startswith("unix") else ""
    return NAMES[each["server"]] + where + ("" if each["tls"] else ", no TLS")


def kept(found, over, http, numbers):
    parts = []
    for connections in numbers:
        rows = [[name(each), *measured(each)] for each in lines(found, f"{over} http{http} {connections}")]
        if rows:
            title = f"{ {'unix': 'Unix socket', 'tcp': 'TCP'}[over] }, {connections} connection{'s' if connections > 1 else ''}"
            parts.append(table((title, *HEAD[1:]), rows))
    return "\n\n".join(parts) or "Not measured in this run."


def cold(found):
    parts = []
    titles = {"cold unix http1 16": "Unix socket, HTTP/1.1", "cold tcp http1 16": "TCP, HTTP/1.1", "cold tcp http2 16": "TCP, HTTP/2"}
    for case, title in titles.items():
        rows = [[name(each), *measured(each)] for each in lines(found, case)]
        if rows:
            parts.append(table((title, *HEAD[1:]), rows))
    return "\n\n".join(parts) or "Not measured in this run."


def other(found):
    rows = [[what + ", " + NAMES[each["server"]], *measured(each)]
            for case, what in (("pair unix http1 16", "the pair"), ("refusal unix http1 16", "a refusal")) for each in lines(found, case)]
    return table(("Unix socket, 16 connections", *HEAD[1:]), rows) if rows else "Not measured in this run."


def aims_table(found):
    rows = [[what, bound, wish, value, verdict] for what, bound, wish, value, verdict in aims.judged(found)]
    return table(("aim", "bound", "better still", "measured", "verdict"), rows)


def servers(found):
    rows = [[NAMES[server], about.get("version") or "", about["what"]] for server, about in found["servers"].items()]
    rows += [[NAMES[server], "", f"not measured: {why}"] for server, why in found["missing"].items()]
    return table(("server", "version", "what a request does there"), rows).replace("---:", "---")


def machine(found):
    of = found["machine"]
    before, after = (f"{each['p50']:,} µs (p99 {each['p99']:,} µs)" for each in of["fsync_us"])
    synced = f"{before} before the run, {after} after it"
    return (f"{of['date']}; {of['cpu']}, {of['cores']} cores, {of['memory_gib']} GiB; Linux {of['kernel']}, {of['file_system']}; "
            f"fdatasync of an appended line {synced}; "
            f"at work with something else: {of['busy'][0]:.0%} of the machine before the run, {of['busy'][1]:.0%} at most since")


def versions(found):
    return ", ".join(f"{each} {version}" for each, version in found["versions"].items() if version)


def instructions(here):
    path = here / "instructions" / "baseline.json"
    if not path.exists():
        return "Not counted yet."
    counted = json.loads(path.read_text())["instructions"]
    return table(("case", "user instructions a request"), [[f"`{case}`", f"{count:,}"] for case, count in counted.items()])


def failures(found):
    wrong = [f"{each['errors']} of {each['case']}, {NAMES[each['server']]} ({each['first_error']})"
             for each in found["results"] if each["errors"]]
    return f"Requests that failed, which no figure counts: {'; '.join(wrong)}." if wrong else "No request failed."


def summary(found):
    """The three lines that matter: what a bare server costs, and the daemon beside it, over the Unix socket."""
    results = aims.Results(found)
    rows = []
    for server in ("bare", "write", "fsync"):
        if not all(results.has(case, server) for case in (aims.U16, aims.U64, "cold unix http1 16")):
            continue
        of = lambda case, figure: results.of(case, server, figure)  # noqa: E731
        rows.append([NAMES[server], f"{of(aims.U16, 'cpu_us'):.1f}", f"{of(aims.U16, 'per_second'):,.0f}", f"{of(aims.U16, 'p50_us'):,.0f}",
                     f"{of(aims.U64, 'per_second'):,.0f}", f"{of('cold unix http1 16', 'per_second'):,.0f}"])
    head = ("Unix socket, mutual TLS", "CPU µs a request", "requests/s, 16 connections", "p50 µs", "requests/s, 64",
            "handshake + fetch/s")
    return table(head, rows) if rows else "No summary: its cases were not measured."
