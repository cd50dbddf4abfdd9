//! The binary on a fixture's data directory.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::fixture::Fixture;

const PROGRAM: &str = env!("CARGO_BIN_EXE_fsm-vault");

pub struct Binary<'a> {
    fixture: &'a Fixture,
    data: &'a Path,
    passphrase: PathBuf,
    /// The recovered operator's.
    identity: PathBuf,
}

/// A daemon; killed when a test fails.
pub struct Served<'a> {
    daemon: Child,
    socket: PathBuf,
    by: &'a Binary<'a>,
}

impl<'a> Binary<'a> {
    /// With the second key slot's passphrase, in a file of its own.
    pub fn on(fixture: &'a Fixture, data: &'a Path, scratch: &Path) -> Self {
        let passphrase = scratch.join("passphrase");
        let mut file = std::fs::OpenOptions::new().mode(0o600).create_new(true).write(true).open(&passphrase);
        let text = fixture.passphrases().pop().unwrap();
        std::io::Write::write_all(file.as_mut().unwrap(), text.as_bytes()).unwrap();
        Self { fixture, data, passphrase, identity: scratch.join("admin") }
    }

    /// Without what a shell may have set.
    fn command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        for name in ["CONFIG", "IDENTITY", "ADDR"] {
            command.env_remove(format!("FSM_VAULT_{name}"));
        }
        for name in ["RUNTIME_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC", "LISTEN_FDS", "LISTEN_PID"] {
            command.env_remove(name);
        }
        command
    }

    fn offline(&self, words: &[&str]) -> Output {
        let mut command = self.command();
        command.args(["--output", "json"]).args(words).arg("--passphrase-file").arg(&self.passphrase);
        command.output().unwrap()
    }

    /// `doctor` opens every record and reads the whole log. What it says of certificates depends on the day.
    pub fn finds_it_whole(&self) {
        let said = self.offline(&["doctor", "--data-dir", self.data.to_str().unwrap()]);
        let document: Value = serde_json::from_slice(&said.stdout).expect("a JSON document");
        let findings = document["findings"].as_array().unwrap();
        let found = |at: &str| {
            let found = findings.iter().find(|each| each["at"] == at);
            let found = found.unwrap_or_else(|| panic!("{}: nothing on {at}: {document}", self.fixture.name));
            assert_eq!(found["health"], "ok", "{}: {found}", self.fixture.name);
            found["found"].as_str().unwrap()
        };
        for at in ["data directory", "local CA", "header", "epoch"] {
            found(at);
        }
        let (secrets, records) =
            (self.fixture.nouns("secret").len(), self.fixture.nouns("integration").len());
        let counted = format!("all open: {secrets} secrets, {records} integrations, ");
        assert!(found("records").starts_with(&counted), "{}: {}", self.fixture.name, found("records"));
        let audit = &self.fixture.expected["audit"];
        let intact = format!("intact: {} entries in {} segments", audit["entries"], audit["segments"]);
        assert_eq!(found("audit log"), intact, "{}", self.fixture.name);
    }

    pub fn recovers_an_operator(&self) {
        let (data, out) = (self.data.to_str().unwrap(), self.identity.to_str().unwrap());
        succeeded(&self.offline(&["operator", "recover", "--data-dir", data, "--out", out]));
    }

    pub fn serves(&self) -> Served<'_> {
        let socket = self.data.join("run/vault.sock");
        let mut command = self.command();
        command.args(["serve", "--data-dir"]).arg(self.data).arg("--passphrase-file").arg(&self.passphrase);
        command.arg("--listen").arg(format!("unix:{}", socket.display()));
        let mut daemon = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(daemon.stderr.take().unwrap());
        let served = Served { daemon, socket, by: self };
        let mut said = Vec::new();
        let mut lines = log.lines().map_while(Result::ok);
        let listens =
            lines.by_ref().inspect(|line| said.push(line.clone())).any(|line| line.contains("listening"));
        assert!(listens, "{}: {said:#?}", self.fixture.name);
        // So that it never waits for somebody to read on.
        std::thread::spawn(move || lines.for_each(drop));
        served
    }

    pub fn verifies_the_backup(&self) {
        succeeded(&self.offline(&["backup", "verify", self.fixture.backup().to_str().unwrap()]));
    }
}

impl Served<'_> {
    fn asked(&self, words: &[&str]) -> Value {
        let mut command = self.by.command();
        command.arg("--identity").arg(&self.by.identity);
        command.arg("--addr").arg(format!("unix:{}", self.socket.display()));
        let said = command.args(["--output", "json"]).args(words).output().unwrap();
        succeeded(&said);
        serde_json::from_slice(&said.stdout).expect("a JSON document")
    }

    pub fn lists_what_there_is(&self) {
        for (noun, kind, name) in
            [("secret", "secret", "id"), ("integration", "integration", "name"), ("caller", "caller", "name")]
        {
            let document = self.asked(&[noun, "list"]);
            let found: Vec<_> =
                document["items"].as_array().unwrap().iter().map(|item| &item[name]).collect();
            let mut expected: Vec<_> = self.by.fixture.nouns(kind).iter().map(|item| &item[name]).collect();
            expected.sort_by_key(|name| name.as_str());
            assert_eq!(found, expected, "{}: {noun}", self.by.fixture.name);
        }
        self.asked(&["audit", "verify"]);
    }

    pub fn ends(mut self) {
        kill_process(Pid::from_child(&self.daemon), Signal::TERM).unwrap();
        assert!(self.daemon.wait().unwrap().success(), "{}", self.by.fixture.name);
    }
}

impl Drop for Served<'_> {
    fn drop(&mut self) {
        // It has ended already, unless a test failed.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

fn succeeded(said: &Output) {
    let words = [&said.stdout, &said.stderr].map(|each| String::from_utf8_lossy(each));
    assert!(said.status.success(), "{}: {words:?}", said.status);
}
