"""What is measured, and what measures: built in one go, with the profile of the release."""

import json
import pathlib
import subprocess
import tomllib
import typing

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Built(typing.NamedTuple):
    daemon: pathlib.Path
    ceiling: pathlib.Path
    load: pathlib.Path


def target_directory():
    return pathlib.Path(json.loads(cargo("metadata", "--format-version", "1", "--no-deps", "--offline", "--locked"))["target_directory"])


def build(daemon=None, tools=None):
    """One command for all three, so that the daemon and the bare server share every crate as it was compiled."""
    if daemon and tools:
        return Built(*(path.resolve(strict=True) for path in (daemon, *tools)))
    said = cargo("bench", "--locked", "--no-run", "--bench", "ceiling", "--bench", "load", "--message-format", "json-render-diagnostics")
    found = {}
    for line in said.splitlines():
        told = json.loads(line)
        if told.get("reason") == "compiler-artifact" and told.get("executable"):
            found[told["target"]["name"]] = pathlib.Path(told["executable"])
    return Built(daemon.resolve(strict=True) if daemon else found["fsm-vault"], found["ceiling"], found["load"])


def versions(is_built_here):
    """The compiler's and those of the crates that carry a request; the commit, where the daemon was built from it."""
    locked = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    named = ("fsm-vault", "hyper", "rustls", "aws-lc-rs", "tokio", "aes-gcm")
    crates = {each["name"]: each["version"] for each in locked if each["name"] in named}
    rustc = subprocess.run(["rustc", "--version"], check=True, capture_output=True, text=True, cwd=ROOT).stdout.split()[1]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT).stdout.strip()
    return {"rustc": rustc, "commit": commit if is_built_here else None} | {name: crates[name] for name in named if name in crates}


def cargo(*words):
    return subprocess.run(["cargo", *words], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
