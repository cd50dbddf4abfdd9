"""What the figures are to be, and whether they are. A ratio is the median of the rounds' own ratios: two servers that
took turns within seconds had the same machine."""

import statistics
import typing


class Results:
    """The lines of `load`, by case and server."""

    def __init__(self, found):
        self.lines = {(each["case"], each["server"]): each for each in found["results"]}
        self.fsync_us = min(each["p50"] for each in found["machine"]["fsync_us"])

    def has(self, case, *servers):
        return all((case, server) in self.lines for server in servers)

    def of(self, case, server, figure):
        return self.lines[case, server][figure]

    def ratio(self, case, server, other, figure):
        pairs = zip(self.lines[case, server]["rounds"], self.lines[case, other]["rounds"])
        ratios = [mine[figure] / theirs[figure] for mine, theirs in pairs if theirs[figure]]
        return statistics.median(ratios) if ratios else float("nan")


class Aim(typing.NamedTuple):
    what: str
    # What is measured, from Results; the cases and servers that it takes.
    measured: typing.Callable
    takes: tuple
    bound: typing.Callable
    # "<=" or ">=", and how the figures are written.
    sign: str = "<="
    form: str = "{:.2f} ×"
    # A stricter wish, shown beside the bound.
    wish: float = None


def beside(case, server, figure, other="bare"):
    return {"measured": lambda found: found.ratio(case, server, other, figure), "takes": ((case, server), (case, other))}


def fixed(value):
    return lambda _: value


U1, U16, U64 = ("unix http1 1", "unix http1 16", "unix http1 64")

AIMS = (
    Aim("`write`, CPU a request, 16 connections: beside bare", **beside(U16, "write", "cpu_us"), bound=fixed(1.6), wish=1.45),
    Aim("`write`, CPU a request: beside the AWS agent, which has no TLS", **beside(U16, "write", "cpu_us", "aws_agent"), bound=fixed(1)),
    Aim("`write`, CPU a request: beside RustyVault", **beside(U16, "write", "cpu_us", "rusty_vault"), bound=fixed(0.1)),
    Aim("`write`, requests/s, 16 connections: beside bare", **beside(U16, "write", "per_second"), bound=fixed(0.65), sign=">=", wish=0.75),
    Aim("`write`, requests/s, 64 connections: beside bare", **beside(U64, "write", "per_second"), bound=fixed(0.65), sign=">=", wish=0.75),
    Aim("`write`, p99, 16 connections: beside bare", **beside(U16, "write", "p99_us"), bound=fixed(2)),
    Aim("`write`, p99, 64 connections: beside bare", **beside(U64, "write", "p99_us"), bound=fixed(2)),
    Aim("`fsync`, requests/s, 16 connections: beside bare", **beside(U16, "fsync", "per_second"), bound=fixed(0.25), sign=">=", wish=0.35),
    Aim("`fsync`, requests/s, 64 connections: beside bare", **beside(U64, "fsync", "per_second"), bound=fixed(0.45), sign=">=", wish=0.6),
    Aim("`fsync`, requests/s, 64 connections: more than with 16", lambda found: found.of(U64, "fsync", "per_second"),
        ((U64, "fsync"), (U16, "fsync")), lambda found: found.of(U16, "fsync", "per_second"), sign=">=", form="{:,.0f}/s"),
    Aim("`fsync`, p50, one connection: bare + 1.5 fsync", lambda found: found.of(U1, "fsync", "p50_us"), ((U1, "fsync"), (U1, "bare")),
        lambda found: found.of(U1, "bare", "p50_us") + 1.5 * found.fsync_us, form="{:,.0f} µs"),
    *(Aim(f"`{server}`, handshake and fetch a second, {title}: beside bare", **beside(f"cold {over} http1 16", server, "per_second"),
          bound=fixed(0.93), sign=">=")
      for over, title in (("unix", "Unix socket"), ("tcp", "TCP")) for server in ("write", "fsync")),
)


def judged(found):
    """For each aim: what, the bound, the wish, what was measured, and met, not met or why it wasn't measured."""
    results = Results(found)
    for aim in AIMS:
        if not all(results.has(case, server) for case, server in aim.takes):
            yield aim.what, "", "", "", "not measured"
            continue
        bound, value = aim.bound(results), aim.measured(results)
        meets = value <= bound if aim.sign == "<=" else value >= bound
        sign = {"<=": "≤", ">=": "≥"}[aim.sign]
        wish = aim.form.format(aim.wish) if aim.wish else ""
        yield aim.what, f"{sign} {aim.form.format(bound)}", wish, aim.form.format(value), "met" if meets else "**not met**"
