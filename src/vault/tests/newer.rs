//! What a newer release has written: refused by name and number, with what to install, and left as it is. What only looks
//! like it is damage still.

use std::collections::BTreeMap;
use std::path::Path;

use super::site::*;
use crate::identity::Authority;
use crate::keys::{Header, KeyRing, RecordKind, Sealed, StoreKey};
use crate::store::{Batch, Expect, SledStore, Store};
use crate::vault::*;

/// A vault at rest, its keys and its records.
struct AtRest<'a> {
    directory: &'a Directory,
    keys: KeyRing,
    header: Vec<u8>,
    records: Vec<(StoreKey, Sealed)>,
}

impl<'a> AtRest<'a> {
    async fn of(directory: &'a Directory) -> Self {
        let store = SledStore::open(&directory.store()).unwrap();
        let header = store.header().await.unwrap().unwrap();
        let keys = Header::parse(&header).unwrap().unlock(&plain("right")).unwrap();
        let records = store.page(None).await.unwrap().records;
        Self { directory, keys, header, records }
    }

    async fn commit(&self, batch: Batch) {
        SledStore::open(&self.directory.store()).unwrap().commit(batch).await.unwrap();
    }

    async fn put(&self, key: StoreKey, sealed: Vec<u8>) {
        self.commit(Batch::new().put(key, Expect::Any, Sealed::from_store(sealed))).await;
    }

    fn first(&self, kind: RecordKind) -> &(StoreKey, Sealed) {
        self.records.iter().find(|(key, _)| key.kind() == kind).unwrap()
    }

    /// As a newer release might: relabelled, and sealed otherwise.
    async fn relabel(&self, kind: RecordKind, format: u8, sealed_otherwise: bool) {
        let (key, sealed) = self.first(kind);
        let mut bytes = sealed.as_bytes().to_vec();
        bytes[0] = format;
        *bytes.last_mut().unwrap() ^= u8::from(sealed_otherwise);
        self.put(*key, bytes).await;
    }

    /// A segment after the last one, in the chain.
    fn begin_segment(&self, format: u32) {
        let text = std::fs::read_to_string(self.directory.audit().join("audit-00000001.jsonl")).unwrap();
        let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        let (seq, previous) = (last["seq"].as_u64().unwrap() + 1, last["mac"].as_str().unwrap());
        let line = format!(
            r#"{{"seq":{seq},"time":"2026-11-22T12:00:00.000000Z","segment":2,"format":{format},"vault":"{}","previous":"{previous}","reason":"full""#,
            self.keys.vault()
        );
        let digits = |at: usize| u8::from_str_radix(&previous[at..at + 2], 16).unwrap();
        let before: Vec<u8> = (0..64).step_by(2).map(digits).collect();
        let mac = self.keys.chain_key().0.hash(&[&before, line.as_bytes()]).into_public();
        let mac: String = mac.iter().map(|byte| format!("{byte:02x}")).collect();
        let line = format!("{line},\"mac\":\"{mac}\"}}\nwhat this program can't read\n");
        std::fs::write(self.directory.audit().join("audit-00000002.jsonl"), line).unwrap();
    }
}

/// Who carries a number, and how it is raised.
#[derive(Debug, Clone, Copy)]
enum Carrier {
    Header,
    Record(RecordKind),
    Authority,
    Epoch,
    Segment,
}

impl Carrier {
    async fn raise(self, at_rest: &AtRest<'_>) {
        match self {
            Self::Header => {
                let mut bytes = at_rest.header.clone();
                bytes[4] = 2;
                at_rest.commit(Batch::new().header(bytes)).await;
            }
            Self::Record(kind) => at_rest.relabel(kind, 2, true).await,
            Self::Authority => {
                let (key, sealed) = at_rest.first(RecordKind::Authority);
                let mut message = at_rest.keys.open(key, sealed).unwrap();
                Authority::from_record(&message).unwrap();
                message[0] = 2;
                let sealed = at_rest.keys.seal(key, sealed.revision().unwrap(), &message).unwrap();
                at_rest.put(*key, sealed.as_bytes().to_vec()).await;
            }
            Self::Epoch => {
                std::fs::write(at_rest.directory.epoch(), at_rest.keys.newer_epoch(2, b"and more")).unwrap();
            }
            Self::Segment => at_rest.begin_segment(2),
        }
    }
}

/// What lies in a directory that nobody may touch; the log's reserve may be made anew.
fn contents(directory: &Directory) -> BTreeMap<String, Vec<u8>> {
    fn of(below: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(below).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                of(&path, found);
                found.insert(path.display().to_string(), Vec::new());
            } else if !path.ends_with("reserve") {
                found.insert(path.display().to_string(), std::fs::read(path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    for place in [directory.audit(), directory.epoch(), directory.next_store(), directory.tls()] {
        if place.is_dir() {
            of(&place, &mut found);
            found.insert(place.display().to_string(), Vec::new());
        } else if let Ok(bytes) = std::fs::read(&place) {
            found.insert(place.display().to_string(), bytes);
        }
    }
    found
}

async fn opening(directory: &Directory) -> Result<Vault, VaultError> {
    let opening = Opening {
        directory: directory.clone(),
        store: open_store(directory)?,
        audit: settings(directory),
        notices: NoticeRules::default(),
        clock: std::sync::Arc::new(crate::clock::ManualClock::at(noon())),
    };
    let vault = Vault::open(opening).await?;
    vault.unseal_locally(plain("right")).await.map(|()| vault)
}

#[tokio::test]
async fn each_carrier_of_a_number_is_named_with_what_to_install_and_nothing_is_touched() {
    let record = |kind| (Carrier::Record(kind), "a record of the vault", "records");
    for (carrier, what, place) in [
        (Carrier::Header, "the vault", "header"),
        record(RecordKind::Authority),
        record(RecordKind::Secret),
        record(RecordKind::Value),
        record(RecordKind::Integration),
        record(RecordKind::Caller),
        record(RecordKind::Checkpoint),
        (Carrier::Authority, "the record of the vault's own CA", "records"),
        (Carrier::Epoch, "the file epoch", "epoch"),
        (Carrier::Segment, "segment 2 of the audit log", "audit log"),
    ] {
        let site = Site::with_fsm().await;
        site.vault.close().await.unwrap();
        let Site { directory, vault, _keep, .. } = site;
        drop(vault);
        carrier.raise(&AtRest::of(&directory).await).await;
        // What a rekey of a newer release may have left.
        std::fs::create_dir(directory.next_store()).unwrap();
        let before = contents(&directory);

        let seen = inspect(&directory, Some(plain("right")), noon()).await;
        let bad: Vec<_> = seen.iter().filter(|each| each.health == Health::Bad).collect();
        let [only] = bad.as_slice() else { panic!("{carrier:?}: {bad:?}") };
        let text =
            format!("{what} has format 2, and this program reads format 1: install fsm-vault 2.0 or newer");
        assert_eq!((only.at, only.found.as_str()), (place, text.as_str()), "{carrier:?}");
        assert!(only.advice.as_ref().unwrap().starts_with("a newer fsm-vault wrote this"), "{only:?}");
        assert_eq!(contents(&directory), before, "{carrier:?}");

        let refused = opening(&directory).await.err().unwrap();
        assert!(matches!(refused, VaultError::Newer { found: 2, known: 1, .. }), "{carrier:?}: {refused:?}");
        assert_eq!(refused.to_string(), text);
        assert_eq!(refused.exit_code(), 2);
        let mut after = contents(&directory);
        if !matches!(carrier, Carrier::Header) {
            // The header is ours: what a rekey has left is in nobody's use, and gone.
            assert_eq!(after.insert(directory.next_store().display().to_string(), Vec::new()), None);
        }
        assert_eq!(after, before, "{carrier:?}");
    }
}

#[tokio::test]
async fn what_was_only_relabelled_is_damage() {
    let site = Site::with_fsm().await;
    site.vault.close().await.unwrap();
    let Site { directory, vault, _keep, .. } = site;
    drop(vault);
    let at_rest = AtRest::of(&directory).await;
    for format in [0, 2, 255] {
        at_rest.relabel(RecordKind::Secret, format, false).await;
        let refused = opening(&directory).await.err().unwrap();
        assert!(matches!(refused, VaultError::Damaged(_)), "{format}: {refused:?}");
    }
    let (key, sealed) = at_rest.first(RecordKind::Secret);
    at_rest.put(*key, sealed.as_bytes().to_vec()).await;

    // By somebody without the keys, who shall not be able to keep the daemon from starting.
    let epoch = std::fs::read(directory.epoch()).unwrap();
    let relabelled = [&epoch[..4], &[2][..], &epoch[5..]].concat();
    std::fs::write(directory.epoch(), relabelled).unwrap();
    let refused = opening(&directory).await.err().unwrap();
    assert!(matches!(refused, VaultError::RolledBack(_)), "{refused:?}");
    std::fs::write(directory.epoch(), epoch).unwrap();
    at_rest.begin_segment(1);
    let segment = directory.audit().join("audit-00000002.jsonl");
    let text = std::fs::read_to_string(&segment).unwrap().replace(r#""format":1"#, r#""format":2"#);
    std::fs::write(&segment, text).unwrap();
    let vault = opening(&directory).await.unwrap();
    assert!(vault.log_standing().unwrap().damaged);
}

#[tokio::test]
async fn a_newer_backup_is_told_from_one_that_is_not_whole() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/v1/backup.fsmb");
    let bytes = std::fs::read(fixture).unwrap();
    let keep = tempfile::tempdir().unwrap();
    let header = 47 + 4;
    for (at, format, what) in [
        (4, 2, Some("the backup")),
        (4, 7, Some("the backup")),
        (header, 3, Some("the vault in the backup")),
        (4, 0, None),
        (header, 0, None),
    ] {
        let mut bytes = bytes.clone();
        bytes[at] = format;
        let path = keep.path().join("newer.fsmb");
        std::fs::write(&path, bytes).unwrap();
        let refused = BackupFile::open(&path).err().unwrap();
        match what {
            Some(what) => {
                let text = format!(
                    "{what} has format {format}, and this program reads format 1: install fsm-vault {format}.0 or newer"
                );
                assert_eq!(refused.to_string(), text);
            }
            None => assert!(matches!(refused, VaultError::Backup(_)), "{refused:?}"),
        }
    }
}
