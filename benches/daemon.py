"""A daemon under measurement: made, started, asked and stopped; its costs as the kernel counts them.

CPU is the process's own clock (CLOCK_PROCESS_CPUTIME_ID of another process, nanoseconds, threads that ended too), so
that the client beside it on the same machine doesn't count. Memory is /proc/PID/status.
"""
import http.client
import json
import os
import pathlib
import socket
import ssl
import subprocess
import time

HERE = pathlib.Path(__file__).resolve().parent
PASSPHRASE = "correct horse battery staple"
STARTED = []


def stop_all():
    """Stops whatever is still running, however the measurement ended."""
    for each in STARTED:
        each.stop()


def binary(given):
    """The binary to measure: the one given, or the release build."""
    if given:
        return pathlib.Path(given).resolve()
    subprocess.run(["cargo", "build", "--release", "--locked", "--bin", "fsm-vault"], cwd=HERE.parent, check=True)
    return target() / "release" / "fsm-vault"


def target():
    said = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--no-deps", "--offline", "--locked"],
        cwd=HERE.parent, check=True, stdout=subprocess.PIPE)
    return pathlib.Path(json.loads(said.stdout)["target_directory"])


class Client(http.client.HTTPConnection):
    """One kept-open mTLS connection over the Unix socket, HTTP/1.1."""

    def __init__(self, daemon, identity):
        super().__init__("localhost", timeout=600)
        self.path = str(daemon.socket)
        self.tls = ssl.create_default_context(cafile=identity / "ca.pem")
        self.tls.load_cert_chain(identity / "cert.pem", identity / "key.pem")

    def connect(self):
        plain = socket.socket(socket.AF_UNIX)
        plain.settimeout(self.timeout)
        plain.connect(self.path)
        self.sock = self.tls.wrap_socket(plain, server_hostname="localhost")

    def ask(self, method, path, body=None, wanted=(200, 201)):
        data = None if body is None else json.dumps(body)
        headers = {} if body is None else {"content-type": "application/json"}
        self.request(method, path, body=data, headers=headers)
        answer = self.getresponse()
        text = answer.read()
        if answer.status not in wanted:
            raise RuntimeError(f"{method} {path}: {answer.status} {text[:400]!r}")
        return text


class Daemon:
    """A vault in `place`, and the process that serves it."""

    def __init__(self, program, place, config=""):
        self.program, self.data = program, place / "vault"
        self.passphrase, self.config = place / "passphrase", place / "config.toml"
        self.log, self.socket, self.process = place / "log", place / "socket", None
        self.admin = self.data / "identities" / "admin"
        place.mkdir()
        self.passphrase.touch(mode=0o600)
        self.passphrase.write_text(PASSPHRASE)
        self.config.write_text(config)
        self.run("init", "--data-dir", self.data, "--passphrase-file", self.passphrase)

    def run(self, *words):
        command = [self.program, "--config", self.config, *words]
        subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)

    def start(self):
        """Starts it, and returns the seconds until the first answer."""
        command = [self.program, "--config", self.config, "serve", "--data-dir", self.data, "--passphrase-file",
                   self.passphrase, "--listen", f"unix:{self.socket}", "--listen", "tcp:127.0.0.1:0"]
        command += ["--output", "json"]
        client = Client(self, self.admin)
        begin = time.monotonic()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        STARTED.append(self)
        # It says where it listens at the moment from which it answers.
        said = self.process.stdout.readline()
        if not said:
            raise RuntimeError(f"the daemon didn't start: {self.log.read_text()[-800:]}")
        client.ask("GET", "/v1/sys/status")
        taken = time.monotonic() - begin
        self.tcp = next(each for each in json.loads(said)["addresses"] if each.startswith("tcp:"))[4:]
        return taken

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(60)
            self.process.stdout.close()
            self.process = None

    def service(self, name, script):
        """A new service caller, and its identity directory."""
        where = self.data.parent / name
        self.run("--addr", f"unix:{self.socket}", "--identity", self.admin,
                 "caller", "add", name, "--script", script, "--out", where)
        return where

    def argon2(self):
        """Seconds that one Argon2id takes here: an unsealing with a wrong passphrase does that and no more."""
        client = Client(self, self.admin)
        client.ask("POST", "/v1/sys/seal")
        taken = []
        for _ in range(3):
            begin = time.monotonic()
            client.ask("POST", "/v1/sys/unseal", {"passphrase": "not this one at all"}, wanted=(403,))
            taken.append(time.monotonic() - begin)
        return sorted(taken)[1]

    def cpu(self):
        """Seconds of CPU so far."""
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def memory(self):
        """KiB resident: in all, anonymous, of files; and how many threads."""
        lines = pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        number = {"rss": "VmRSS", "anon": "RssAnon", "file": "RssFile", "peak": "VmHWM", "threads": "Threads"}
        return {name: int(fields[field].split()[0]) for name, field in number.items()}
