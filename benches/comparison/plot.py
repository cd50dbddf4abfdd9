"""docs/performance.svg: CPU of the server for each request, and requests a second. Run by itself, it draws what `bars` made."""

import json
import pathlib
import re
import subprocess
import sys

CASES = ("unix http1 16", "tcp http1 16")
LABELS = {"bare": "bare hyper + rustls", "write": "fsm-vault, write", "fsync": "fsm-vault, fsync",
          "aws_agent": "AWS agent (no TLS, no audit)", "rusty_vault": "RustyVault (no audit)"}
# Both read well on white and on near-black; the rest turns with the reader's colour scheme.
COLOURS = {"bare": "#8b949e", "write": "#1f883d", "fsync": "#2da44e", "aws_agent": "#bf8700", "rusty_vault": "#bf8700"}
INK, INK_DARK = "#1f2328", "#e6edf3"


def write(found, here, target, path):
    """Draws by an interpreter that has the library."""
    drawing = target / "performance" / "plot.json"
    drawing.write_text(json.dumps(bars(found)))
    subprocess.run([python(target), "-m", "comparison.plot", drawing.resolve(), path.resolve()], cwd=here, check=True)
    print(f"wrote {path}", file=sys.stderr)


def bars(found):
    """For each case and server: name, colour, and the two figures."""
    drawn = []
    for case in CASES:
        for each in found["results"]:
            # The peers are in both, on TCP.
            if each["case"] == case and each["over"] == case.split()[0]:
                server, over = each["server"], {"unix": "Unix", "tcp": "TCP"}[each["over"]]
                drawn.append([f"{LABELS[server]} · {over}", COLOURS[server], each["cpu_us"], each["per_second"]])
    return drawn


def python(target):
    """An interpreter that has the library, in the target directory; made once."""
    place = target / "tools" / "plot"
    interpreter = place / "bin" / "python"
    if not interpreter.exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
    wanted = pathlib.Path(__file__).with_name("requirements.txt")
    subprocess.run([interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", wanted], check=True)
    return interpreter


def draw(drawn, path):
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    # Text stays text, and nothing in it tells one run from the next but the figures.
    pyplot.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "fsm-vault", "font.family": "sans-serif", "font.size": 10,
                        "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK}
    figure, sides = pyplot.subplots(1, 2, sharey=True, figsize=(10, 0.9 + 0.38 * max(len(drawn), 1)), layout="constrained")
    names, colours = [each[0] for each in drawn], [each[1] for each in drawn]
    for axes, at, title, form in ((sides[0], 2, "CPU of the server, µs a request (less is better)", "{:.1f}"),
                                  (sides[1], 3, "requests a second, 16 connections (more is better)", "{:,.0f}")):
        # By place, since a name may come twice.
        held = axes.barh(range(len(drawn)), [each[at] for each in drawn], color=colours, height=0.7)
        axes.bar_label(held, [form.format(each[at]) for each in drawn], padding=3)
        axes.set_title(title, fontsize=10, loc="left")
        axes.set_yticks(range(len(drawn)), names)
        axes.xaxis.set_visible(False)
        axes.margins(x=0.18)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
    sides[0].invert_yaxis()
    figure.savefig(path, transparent=True, metadata={"Date": None, "Creator": None})
    text = pathlib.Path(path).read_text()
    text = re.sub(r"font-family: [^;\"]+", "font-family: system-ui, sans-serif", text)
    # The reader's colour scheme decides about the ink.
    dark = f"<style>@media (prefers-color-scheme: dark) {{ [style*='{INK}'] {{ fill: {INK_DARK} !important }} }}</style>"
    pathlib.Path(path).write_text(re.sub(r"(<svg\b[^>]*>)", lambda match: match[1] + dark, text, count=1))


if __name__ == "__main__":
    draw(json.loads(pathlib.Path(sys.argv[1]).read_text()), sys.argv[2])
