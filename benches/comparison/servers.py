"""The servers: two daemons, the bare server and the peers; each known by the line of JSON that `load` takes."""

import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import typing

HERE = pathlib.Path(__file__).resolve().parent
PEERS = ("aws_agent", "rusty_vault")
SCRIPT, DOMAIN = "customscript_nx_suitelet2", "api.example.com"
VALUE = f"/v1/secrets/custsecret_bench/value?domain={DOMAIN}"
PAIR = "/v1/integrations/fsm/credentials"
PATIENCE = 60


class Server(typing.NamedTuple):
    target: dict
    about: dict

    def asked(self, path=None, caller=None):
        """The target with another path, or with another caller's certificate."""
        changes = {"path": path} if path else {}
        if caller:
            changes["tls"] = self.about["callers"][caller]
        return self.target | changes


def environment():
    """What the caller's shell has must not reach a server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FSM_VAULT_", "TOKIO_", "CREDENTIALS_"))}
    for name in ("RUNTIME_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID", "RUST_LOG"):
        kept.pop(name, None)
    return kept


class Running:
    """Servers, until the end of the `with`."""

    def __init__(self, built, beside):
        self.built, self.processes, self.peers, self.missing = built, [], [], {}
        # In the target directory unless told otherwise: /tmp may be memory, where an fsync costs nothing.
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="run.", dir=beside))
        # A socket's path is short.
        self.sockets = pathlib.Path(tempfile.mkdtemp(prefix="fsm-vault."))

    def __enter__(self):
        return self

    def keep_logs(self, beside):
        """What the daemons said, for whoever wonders about a request that failed."""
        for durability in ("write", "fsync"):
            shutil.copy(self.place / durability / "log", beside / f"{durability}.log")

    def __exit__(self, *_):
        # A second Ctrl-C doesn't leave servers behind.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for name in self.peers:
            subprocess.run([HERE.parent / "peers" / name, "stop", self.place / name], check=False, env=environment())
        shutil.rmtree(self.sockets, ignore_errors=True)
        shutil.rmtree(self.place, ignore_errors=True)

    def start(self, peers):
        """All that can be had, by name."""
        started = {"write": self.daemon("write"), "fsync": self.daemon("fsync")}
        started["bare"] = self.bare(self.place / "write", started["write"].target["tls"])
        for name in PEERS if peers else ():
            peer = self.peer(name)
            if peer:
                started[name] = peer
        return started

    def daemon(self, durability):
        """A new vault with the FSM pair, a secret, a service that may read both and one that may not."""
        place = self.place / durability
        place.mkdir()
        vault, passphrase, socket = place / "vault", place / "passphrase", self.sockets / f"{durability}.sock"
        private(passphrase, secrets.token_hex(16))
        config = place / "config.toml"
        config.write_text(f'[audit]\ndurability = "{durability}"\n')
        self.command("init", "--data-dir", vault, "--passphrase-file", passphrase)
        log = place / "log"
        process = self.spawn(log, self.built.daemon, "--config", config, "serve", "--data-dir", vault, "--passphrase-file", passphrase,
                             "--listen", f"unix:{socket}", "--listen", "tcp:127.0.0.1:0")
        port = until(process, log, lambda: re.search(r'"tcp:127\.0\.0\.1:(\d+)"', log.read_text()))[1]
        admin = ("--identity", vault / "identities/admin", "--addr", f"unix:{socket}")
        for name in ("id", "secret", "value"):
            private(place / name, secrets.token_hex(32))
        self.command(*admin, "fsm", "setup", "--client-id-file", place / "id", "--client-secret-file", place / "secret")
        self.command(*admin, "secret", "create", "_bench", "--value-file", place / "value", "--script", SCRIPT, "--domain", DOMAIN)
        callers = {}
        for name, script in (("reader", SCRIPT), ("other", "customscript_other")):
            self.command(*admin, "caller", "add", name, "--script", script, "--out", place / name)
            callers[name] = {part: str(place / name / f"{part}.pem") for part in ("ca", "cert", "key")}
        target = {"name": durability, "unix": str(socket), "url": f"https://127.0.0.1:{port}", "path": VALUE,
                  "pid": process.pid, "tls": callers["reader"]}
        said = subprocess.run([self.built.daemon, "--version"], check=True, capture_output=True, text=True).stdout
        return Server(target, {
            "name": f'fsm-vault, `audit.durability = "{durability}"`', "version": said.split()[-1], "callers": callers,
            "what": "decide, open, audit entry written" + (" and synced to disk" if durability == "fsync" else "") + " before release"})

    def bare(self, place, tls):
        log = place / "bare.json"
        process = self.spawn(log, self.built.ceiling, "--data-dir", place / "vault", "--unix", self.sockets / "bare.sock", "--tcp", "0")
        until(process, log, lambda: log.read_text().endswith("\n"))
        told = json.loads(log.read_text())
        return Server(told | {"name": "bare", "tls": tls}, {name: told[name] for name in ("name", "what")})

    def peer(self, name):
        """A peer that can't be had here is left out, and the table says so."""
        script, place = HERE.parent / "peers" / name, self.place / name
        if not script.exists():
            self.missing[name] = "there is no script for it"
            return None
        self.peers.append(name)
        said = subprocess.run([script, "start", place], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
        sys.stderr.write(said.stderr)
        if said.returncode:
            self.missing[name] = (said.stderr.strip().splitlines() or ["it didn't start"])[-1]
            return None
        told = json.loads(said.stdout)
        return Server(told | {"name": name}, {part: told.get(part) for part in ("name", "version", "what")})

    def spawn(self, log, *words):
        with open(log, "w") as out:
            # Not in the terminal's group: on Ctrl-C it is stopped by `__exit__`, once.
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment(), start_new_session=True)
        self.processes.append(process)
        return process

    def command(self, *words):
        subprocess.run([self.built.daemon, *words], check=True, stdout=subprocess.DEVNULL, env=environment())


def until(process, log, found):
    end = time.monotonic() + PATIENCE
    while not (what := found()):
        if process.poll() is not None or time.monotonic() > end:
            raise SystemExit(f"a server did not come up:\n{log.read_text()}")
        time.sleep(0.05)
    return what


def private(path, text):
    path.touch(mode=0o600)
    path.write_text(text)
