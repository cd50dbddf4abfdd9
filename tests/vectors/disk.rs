//! What lies on disk as a whole: the store's entries in sled, and the audit log.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use fsm_vault::audit::{AuditError, ChainKeys, Checkpoint, Durability, Log, Settings};
use fsm_vault::clock::SystemClock;
use fsm_vault::crypto::{DerivedKey, MacKey};
use fsm_vault::keys::Sealed;
use fsm_vault::store::{Batch, Expect, SledStore, Store};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Hex, Vault, hex, rings, store_key, vectors};

#[tokio::test]
async fn entries_of_the_store() {
    #[derive(Deserialize)]
    struct Laid {
        header: Whole,
        records: Vec<Vector>,
    }
    #[derive(Deserialize)]
    struct Whole {
        key: Hex,
        value: Hex,
    }
    #[derive(Deserialize)]
    struct Vector {
        name: String,
        store_key: Hex,
        length: usize,
        entries: Vec<Entry>,
    }
    #[derive(Deserialize)]
    struct Entry {
        key: String,
        length: usize,
        sha256: String,
    }
    let Laid { header, records } = vectors("store.json");
    for vector in records {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::create(folder.path()).unwrap();
        let record: Vec<u8> = (0..=250).cycle().take(vector.length).collect();
        let batch = Batch::new().header(header.value.0[1..].to_vec());
        let batch = batch.put(store_key(&vector.store_key), Expect::Absent, Sealed::from_store(record));
        store.commit(batch).await.unwrap();
        drop(store);

        let database = sled::open(folder.path()).unwrap();
        let mut found: BTreeMap<Vec<u8>, Vec<u8>> = database
            .iter()
            .map(|entry| entry.unwrap())
            .map(|(key, value)| (key.to_vec(), value.to_vec()))
            .collect();
        assert_eq!(found.remove(&header.key.0).as_ref(), Some(&header.value.0), "{}", vector.name);
        let found = found.iter().map(|(key, value)| (hex(key), value.len(), hex(&Sha256::digest(value))));
        let expected = vector.entries.into_iter().map(|entry| (entry.key, entry.length, entry.sha256));
        assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "{}", vector.name);
    }
}

#[derive(Deserialize)]
struct Logs {
    vaults: HashMap<String, Vault>,
    logs: Vec<LogVector>,
}

#[derive(Deserialize)]
struct LogVector {
    name: String,
    /// Lines by file; none: something that is no file.
    files: BTreeMap<String, Option<Vec<String>>>,
    checkpoint: Option<Checkpoint>,
    /// Keys of the chain before, and the last segment of each.
    #[serde(default)]
    former: Vec<(u32, Hex)>,
    first_bad: Option<Value>,
    unfinished_bytes: u64,
    entries: u64,
}

#[tokio::test]
async fn logs() {
    let Logs { vaults, logs } = vectors("audit.json");
    let ring = &rings(&vaults)["one"];
    for vector in logs {
        let name = &vector.name;
        let folder = tempfile::tempdir().unwrap();
        for (file, lines) in &vector.files {
            let path = folder.path().join(file);
            match lines {
                Some(lines) => std::fs::write(path, lines.concat()).unwrap(),
                None => std::fs::create_dir(path).unwrap(),
            }
        }
        let settings = Settings {
            dir: folder.path().to_owned(),
            durability: Durability::Write,
            segment_bytes: 1 << 20,
            retain: 0,
            journal: None,
            figures: Default::default(),
        };
        let vault = ring.vault().to_string();
        let keys =
            vector.former.into_iter().fold(ChainKeys::from(ring.chain_key().0), |keys, (until, key)| {
                let key = DerivedKey::from_bytes(&key.0.try_into().expect("32 bytes"));
                keys.with_former(until, MacKey::new(&key))
            });
        let opened = Log::open(settings, vault, keys, vector.checkpoint.clone(), Arc::new(SystemClock));
        if let Some("newer_format") = vector.first_bad.as_ref().and_then(|bad| bad["flaw"].as_str()) {
            let Err(AuditError::Newer { segment, format: 2 }) = opened else { panic!("{name}: opened") };
            assert_eq!(Some(segment.into()), vector.first_bad.map(|bad| bad["segment"].clone()), "{name}");
            continue;
        }
        let (log, opened) = opened.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(opened.recovered_bytes, vector.unfinished_bytes, "{name}");
        let report = log.verify(vector.checkpoint).await.unwrap();
        let first_bad = report.first_bad.map(|finding| {
            serde_json::json!({"segment": finding.segment, "line": finding.line, "flaw": finding.flaw})
        });
        assert_eq!(first_bad, vector.first_bad, "{name}");
        // Opening writes what it noticed into the log itself.
        let own = u64::from(opened.damage.is_some()) + u64::from(opened.recovered_bytes > 0);
        assert_eq!(report.entries, vector.entries + own, "{name}");
    }
}
