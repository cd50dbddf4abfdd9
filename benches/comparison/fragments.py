"""The parts of the document that other commands of benches/ measure: what each printed, kept in benches/figures until it is
measured anew."""

import subprocess
import sys

# What makes each small enough for a quick check.
SMALL = {"scale": ("--secrets", "1000", "--idle", "2"), "watch": ("--watchers", "100")}


def measure(name, here, daemon, beside, quick):
    """Runs benches/NAME/run, if it is there; tells whether it went well. Its raw figures go beside the others'."""
    script = here / name / "run"
    if not script.exists():
        print(f"{name}: there is no {script}", file=sys.stderr)
        return True
    print(f"{name}: {script}", file=sys.stderr)
    words = [script, "--bin", daemon, "--out", beside / f"{name}.json", *(SMALL[name] if quick else ())]
    said = subprocess.run(words, stdout=subprocess.PIPE, text=True)
    if said.returncode:
        print(f"{name}: it ended with {said.returncode}; the document keeps what it had", file=sys.stderr)
        return False
    path = place(here, beside, quick) / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"```text\n{said.stdout.strip()}\n```\n")
    return True


def place(here, beside, quick):
    return (beside if quick else here) / "figures"
