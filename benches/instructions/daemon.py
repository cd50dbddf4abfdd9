"""A vault with a service that may read, and its daemon, under callgrind or alone."""

import glob
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/system"))
from connection import Connection  # noqa: E402

from http2 import Http2  # noqa: E402

DOMAIN = "api.example.com"
VALUE = f"/v1/secrets/custsecret_bench/value?domain={DOMAIN}"
PAIR = "/v1/integrations/fsm/credentials"
# Seconds; valgrind makes everything some fifty times slower.
PATIENCE = 120


def build(profile):
    """The daemon's path, built with this profile of Cargo.toml."""
    command = ["cargo", "build", "--locked", "--bin", "fsm-vault", "--profile", profile,
               "--message-format=json-render-diagnostics"]
    said = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return next(made["executable"] for made in map(json.loads, said.splitlines()) if made.get("executable"))


def end_in_order():
    """Ended by a time limit, a program still ends its daemon and takes the vault away. `timeout` signals twice."""

    def end(*_):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        sys.exit(143)

    signal.signal(signal.SIGTERM, end)


def clean_environment():
    """What the caller's shell has must not reach the daemon."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FSM_VAULT_", "CREDENTIALS_"))}
    for name in ("RUNTIME_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID", "RUST_LOG"):
        kept.pop(name, None)
    return kept


class Daemon:
    """`fsm-vault serve` on a Unix socket and a free TCP port; `under` is what it is started by."""

    def __init__(self, binary, scratch, durability, under=(), **environment):
        self.binary, self.scratch = binary, scratch
        self.vault, self.passphrase = scratch / "vault", scratch / "passphrase"
        self.socket, self.port = str(self.vault / "run/vault.sock"), None
        self.config = scratch / "config.toml"
        self.config.write_text(f'[audit]\ndurability = "{durability}"\n')
        self.log = scratch / f"daemon{len(list(scratch.glob('daemon*')))}.log"
        if not self.passphrase.exists():
            private(self.passphrase, "correct horse battery staple")
            self.command("init", "--data-dir", self.vault, "--passphrase-file", self.passphrase)
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [*under, binary, "--config", self.config, "serve", "--data-dir", self.vault,
                 "--passphrase-file", self.passphrase, "--listen", f"unix:{self.socket}", "--listen", "tcp:127.0.0.1:0"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=clean_environment() | environment)
        try:
            self.wait_for_listening()
        except BaseException:
            self.stop()
            raise

    def command(self, *words):
        subprocess.run([self.binary, *words], check=True, stdout=subprocess.DEVNULL, env=clean_environment())

    def wait_for_listening(self):
        end = time.monotonic() + PATIENCE
        while self.port is None:
            found = re.search(r'"tcp:127\.0\.0\.1:(\d+)"', self.log.read_text())
            self.port = found and found[1]
            if self.process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"the daemon did not come up:\n{self.log.read_text()}")
            time.sleep(0.05)

    def fill(self):
        """A secret of 64 bytes, the pair, a service that may read both, and one that may not."""
        admin = ("--identity", self.vault / "identities/admin", "--addr", f"unix:{self.socket}")
        for name in ("value", "client_id", "client_secret"):
            private(self.scratch / name, os.urandom(32).hex())
        script = "customscript_nx_suitelet2"
        self.command(*admin, "fsm", "setup", "--client-id-file", self.scratch / "client_id",
                     "--client-secret-file", self.scratch / "client_secret")
        self.command(*admin, "secret", "create", "_bench", "--value-file", self.scratch / "value",
                     "--script", script, "--domain", DOMAIN)
        self.command(*admin, "caller", "add", "fsm", "--script", script, "--out", self.scratch / "fsm")
        self.command(*admin, "caller", "add", "other", "--script", "customscript_other", "--out", self.scratch / "other")

    def connect(self, transport, caller, http=1):
        connection = (Connection, Http2)[http - 1](self.socket if transport == "unix" else self.port, self.scratch / caller, PATIENCE)
        connection.connect()
        return connection

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def private(path, text):
    with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)


class Counted(Daemon):
    """The same under callgrind, which counts from `start` on: neither Argon2id nor loading costs anything."""

    def __init__(self, binary, scratch, durability):
        self.out = scratch / "callgrind.out"
        super().__init__(binary, scratch, durability, under=(
            "valgrind", "--tool=callgrind", "--instr-atstart=no", "--read-inline-info=no", "--dump-line=no",
            f"--vgdb-prefix={scratch}/vgdb", f"--callgrind-out-file={self.out}"),
            # Counts must not hang on which worker steals whose work.
            TOKIO_WORKER_THREADS="1",
            # callgrind takes each byte of a `rep stosb` for an instruction: a wiped buffer of 8 KiB cost 8192.
            GLIBC_TUNABLES="glibc.cpu.hwcaps=-ERMS")

    def tell(self, *words, meanwhile):
        """A command to callgrind. It listens only while the program runs, which a request now and then sees to:
        a stopped one can be reached by ptrace alone, and the daemon forbids that to all but root."""
        done = threading.Event()

        def tick():
            while not done.wait(0.02):
                meanwhile()

        ticking = threading.Thread(target=tick)
        ticking.start()
        try:
            subprocess.run(["vgdb", f"--pid={self.process.pid}", f"--vgdb-prefix={self.scratch}/vgdb", "--max-invoke-ms=0",
                            *words], check=True, capture_output=True, timeout=PATIENCE)
        finally:
            done.set()
            ticking.join()

    def count(self, work, meanwhile, name):
        """User instructions that `work` costs the daemon; the profile is kept under `name`."""
        self.tell("zero", meanwhile=meanwhile)
        work()
        before = set(glob.glob(f"{self.out}.*"))
        self.tell("dump", name, meanwhile=meanwhile)
        (dump,) = set(glob.glob(f"{self.out}.*")) - before
        profile = self.scratch / f"{name}.callgrind"
        os.rename(dump, profile)
        return instructions(profile), profile


def instructions(profile):
    """The sum that callgrind wrote at the end of the file."""
    found = re.findall(r"^(?:totals|summary): (\d+)", profile.read_text(), re.MULTILINE)
    return int(found[-1])


def toolchain(binary):
    """What the counts hang on beside the code: the compiler, and what valgrind and glibc choose for this CPU."""
    compiler = re.search(rb"rustc version ([^ \0]+)", pathlib.Path(binary).read_bytes())
    said = lambda *words: subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()[0]
    return {
        "rustc": compiler[1].decode() if compiler else "unknown",
        "valgrind": said("valgrind", "--version").removeprefix("valgrind-"),
        "libc": said("getconf", "GNU_LIBC_VERSION").split()[-1],
        "machine": os.uname().machine,
    }
