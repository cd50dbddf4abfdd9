//! One folder of `tests/fixtures/`: unpacked into a temporary directory, opened at the time at which it was written.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use fsm_vault::audit::{Durability, Settings};
use fsm_vault::clock::ManualClock;
use fsm_vault::identity::{Peer, Presented};
use fsm_vault::model::{Caller, Release, RestrictionsForm};
use fsm_vault::secret::Plaintext;
use fsm_vault::vault::{
    Asker, Bound, Bounds, Directory, Holder, NewSecret, NoticeRules, Opening, Session, Shares, Vault,
    open_store,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tempfile::TempDir;

pub struct Fixture {
    /// The folder's, which is the format's.
    pub name: String,
    folder: PathBuf,
    /// What an independent reader found.
    pub expected: Value,
}

impl Fixture {
    /// All there are, and at least the first.
    pub fn all() -> Vec<Self> {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let folders = std::fs::read_dir(fixtures).unwrap().map(|entry| entry.unwrap().path());
        let mut all: Vec<_> = folders.filter(|path| path.is_dir()).map(Self::at).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        assert!(all.iter().any(|fixture| fixture.name == "v1"), "the first format's fixture is missing");
        all
    }

    fn at(folder: PathBuf) -> Self {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let expected = std::fs::read(folder.join("expected.json")).unwrap();
        Self { name, expected: serde_json::from_slice(&expected).unwrap(), folder }
    }

    pub fn backup(&self) -> PathBuf {
        self.folder.join("backup.fsmb")
    }

    /// The data directory, unpacked with its modes, for whoever runs this.
    pub fn data(&self) -> (TempDir, Directory) {
        let keep = tempfile::tempdir().unwrap();
        let to = keep.path().join("data");
        std::fs::create_dir(&to).unwrap();
        let archive = self.folder.join("data.tar.gz");
        let mut tar = Command::new("tar");
        tar.args(["--extract", "--gzip", "--preserve-permissions", "--no-same-owner", "--file"]);
        let unpacked = tar.arg(&archive).arg("--directory").arg(&to).status().expect("there is a tar");
        assert!(unpacked.success(), "{}", archive.display());
        (keep, Directory::at(to))
    }

    /// The vault, unsealed a minute after its backup was made, when nothing had expired yet.
    pub async fn opened(&self, directory: &Directory, passphrase: &str) -> Vault {
        let opening = Opening {
            directory: directory.clone(),
            store: open_store(directory).unwrap(),
            audit: audit_settings(directory),
            notices: NoticeRules::default(),
            clock: self.clock(),
        };
        let vault = Vault::open(opening).await.unwrap();
        vault
            .unseal_locally(plain(passphrase))
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", self.name));
        vault
    }

    fn now(&self) -> Timestamp {
        let made_at = Timestamp::from_second(self.expected["made_at"].as_i64().unwrap()).unwrap();
        made_at + SignedDuration::from_mins(1)
    }

    pub fn clock(&self) -> Arc<ManualClock> {
        Arc::new(ManualClock::at(self.now()))
    }

    pub fn text(&self, member: &str) -> &str {
        self.expected[member].as_str().unwrap()
    }

    pub fn passphrases(&self) -> Vec<String> {
        let all = self.expected["passphrases"].as_array().unwrap();
        all.iter().map(|each| each.as_str().unwrap().to_owned()).collect()
    }

    /// The records of a kind; none where there is none.
    pub fn nouns(&self, kind: &str) -> &[Value] {
        self.expected["nouns"][kind].as_array().map_or(&[], Vec::as_slice)
    }

    pub fn noun(&self, kind: &str, member: &str, is: &str) -> &Value {
        let found = self.nouns(kind).iter().find(|noun| noun[member] == is);
        found.unwrap_or_else(|| panic!("{}: no {kind} {is}", self.name))
    }

    /// A connection of this caller, by the key that it is registered with.
    pub fn session(&self, name: &str) -> Session {
        let caller: Caller = serde_json::from_value(self.noun("caller", "name", name).clone()).unwrap();
        let key = &caller.keys[0];
        let presented = Presented {
            spiffe_id: caller.spiffe_id.clone(),
            key: key.spki_sha256,
            serial: key.serial.clone(),
            not_after: key.not_after,
        };
        let plenty = Bound { all: 1000, caller: 1000 };
        let bounds =
            Bounds { connections: plenty, waiting: plenty, large: plenty, caller_requests: 1000, rate: None };
        let share = Shares::new(bounds).of(Holder::Untold(presented.spiffe_id.clone()), self.now());
        Session::new(presented, Peer::Unix { uid: 7, pid: Some(1), unit: None }, share)
    }
}

pub fn asker(session: &Session) -> Asker<'_> {
    Asker { session, request_id: "upgrade" }
}

pub fn plain(text: &str) -> Plaintext {
    Plaintext::new(text.as_bytes().to_vec())
}

pub fn audit_settings(directory: &Directory) -> Settings {
    Settings {
        dir: directory.audit(),
        durability: Durability::Write,
        segment_bytes: 1 << 20,
        retain: 0,
        journal: None,
        figures: Arc::default(),
    }
}

/// A secret for everybody.
pub fn new_secret(id: &str, value: &str) -> NewSecret {
    let rules = r#"{"allow_all_scripts":true,"allow_all_domains":true}"#;
    let form: RestrictionsForm = serde_json::from_str(rules).unwrap();
    NewSecret {
        id: id.parse().unwrap(),
        name: String::new(),
        description: String::new(),
        owners: Vec::new(),
        release: Release::Reveal,
        restrictions: form.check("").unwrap(),
        expires_on: None,
        max_age_days: None,
        value: plain(value),
    }
}
