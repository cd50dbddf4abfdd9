//! Backups: what is in those that open, and what is wrong with the others.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use fsm_vault::backup::{BackupError, Closed, Manifest};
use fsm_vault::vault::{BackupFile, Inspected, VaultError};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{Hex, hex, text, vectors};

#[derive(Deserialize)]
struct Backups {
    bases: HashMap<String, Base>,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Base {
    Hex(Hex),
    /// Beside the document.
    File(String),
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    parts: Vec<Part>,
    passphrase: String,
    verdict: String,
    /// Of one that doesn't open.
    why: Option<String>,
    #[serde(flatten)]
    holds: Option<Holds>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Part {
    Literal(Hex),
    /// A stretch of a base; negative numbers count from its end.
    Of(String, isize, Option<isize>),
}

#[derive(Deserialize)]
struct Holds {
    vault: String,
    made_at: i64,
    manifest: Manifest,
    counts: BTreeMap<String, u64>,
    entries: Vec<Entry>,
}

#[derive(Deserialize, PartialEq, Debug)]
struct Entry {
    store_key: String,
    revision: u64,
    length: usize,
    sha256: String,
    /// Of short ones.
    plaintext: Option<Hex>,
}

#[test]
fn backups() {
    let Backups { bases, vectors } = vectors("backup.json");
    let bases = bases.into_iter().map(|(name, base)| (name, base.read())).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vector.fsmb");
    for vector in vectors {
        let name = &vector.name;
        let file: Vec<u8> = vector.parts.iter().flat_map(|part| part.of(&bases)).copied().collect();
        std::fs::write(&path, &file).unwrap();
        let opened = BackupFile::open(&path).and_then(|backup| backup.inspect(&text(&vector.passphrase)));
        match opened {
            Ok(found) => {
                assert_eq!(vector.verdict, "opens", "{name}");
                vector.holds.expect("what it holds").is(&found, &file, &vector.passphrase, name);
            }
            Err(error) => {
                let why = why(&error);
                assert_eq!(vector.why.as_deref(), Some(why), "{name}: {error}");
                let verdict = if ["format", "wrong_passphrase"].contains(&why) { why } else { "refused" };
                assert_eq!(vector.verdict, verdict, "{name}");
            }
        }
    }
}

/// The one word for what is wrong with a file.
fn why(error: &VaultError) -> &'static str {
    match error {
        VaultError::Newer { .. } => "format",
        VaultError::WrongPassphrase => "wrong_passphrase",
        VaultError::Damaged(_) => "damaged",
        VaultError::Backup(error) => match error {
            BackupError::NotABackup => "not_a_backup",
            BackupError::Header(_) => "header",
            BackupError::CutShort(_) => "cut_short",
            BackupError::FrameLength(_) => "frame_length",
            BackupError::Frame(_) => "frame",
            BackupError::Trailing => "trailing",
            BackupError::Digest => "digest",
            BackupError::Content(_) => "content",
            BackupError::Format(_) | BackupError::Io(_) | BackupError::Crypto(_) => "none of them",
        },
        _ => "none of them",
    }
}

impl Base {
    fn read(self) -> Vec<u8> {
        match self {
            Self::Hex(Hex(bytes)) => bytes,
            Self::File(name) => {
                let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
                std::fs::read(folder.join(name)).expect("a base of the vectors")
            }
        }
    }
}

impl Part {
    fn of<'a>(&'a self, bases: &'a HashMap<String, Vec<u8>>) -> &'a [u8] {
        match self {
            Self::Literal(Hex(bytes)) => bytes,
            Self::Of(name, from, to) => {
                let base = &bases[name];
                let place =
                    |at: isize| if at < 0 { base.len() - at.unsigned_abs() } else { at.unsigned_abs() };
                &base[place(*from)..to.map_or(base.len(), place)]
            }
        }
    }
}

impl Holds {
    fn is(&self, found: &Inspected, file: &[u8], passphrase: &str, name: &str) {
        assert_eq!(found.vault.to_string(), self.vault, "{name}");
        assert_eq!(found.made_at.as_second(), self.made_at, "{name}");
        assert_eq!(found.manifest, self.manifest, "{name}");
        assert_eq!(found.counts.records, self.counts, "{name}");
        assert_eq!(entries(file, passphrase), self.entries, "{name}");
    }
}

/// Every record of a file that opens.
fn entries(file: &[u8], passphrase: &str) -> Vec<Entry> {
    let closed = Closed::open(file).unwrap();
    let keys = closed.head.header.unlock(&text(passphrase)).unwrap();
    let backup_keys = keys.backup_keys(closed.head.salt());
    let (mut reader, _) = closed.unlock(backup_keys).unwrap();
    let mut entries = Vec::new();
    while let Some((key, sealed)) = reader.record().unwrap() {
        let message = keys.open(&key, &sealed).unwrap();
        entries.push(Entry {
            store_key: hex(&key.to_bytes()),
            revision: sealed.revision().unwrap(),
            length: message.len(),
            sha256: hex(&Sha256::digest(&message)),
            plaintext: (message.len() <= 1000).then(|| Hex(message.to_vec())),
        });
    }
    entries
}
