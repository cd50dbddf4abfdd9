//! Every record of the vault, sealed anew under other keys, in another store.
//!
//! A record keeps its revision. A secret's goes up by one, since the fingerprints in it change with the key. What goes
//! with the switch is left out: the header, the log's head, and the notes on the key slots that are no more.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::VaultError;
use super::loading::{noun, read};
use super::registry::Registry;
use crate::keys::{FormerChain, KeyRing, RecordKind, RecordName, Sealed, StoreKey};
use crate::model::{Fingerprint, Secret, SecretId};
use crate::store::{Batch, Expect, Store};

/// Secrets' metadata in one batch.
const AT_ONCE: usize = 512;

pub(super) struct Resealing {
    old: KeyRing,
    new: KeyRing,
    /// With the revisions of their records.
    secrets: Vec<(Arc<Secret>, u64)>,
    /// Where values lie, whose they are (a place in `secrets`), and their numbers. Those that were sealed are taken out.
    values: HashMap<StoreKey, (usize, u64)>,
    fingerprints: HashMap<(usize, u64), Fingerprint>,
    /// What was written before isn't kept, and so what it is checked with isn't either.
    oldest_segment: u32,
    records: u64,
}

impl Resealing {
    pub fn new(registry: &Registry, old: KeyRing, new: KeyRing) -> Self {
        let (mut secrets, mut values) = (Vec::with_capacity(registry.secrets.len()), HashMap::new());
        for kept in registry.secrets.values() {
            let of = |number| Some((kept.values.get(number)?.key, (secrets.len(), number)));
            values.extend(kept.values.numbers().filter_map(of));
            secrets.push((Arc::clone(&kept.noun), kept.revision));
        }
        let oldest_segment = registry.checkpoint.as_ref().map_or(0, |kept| kept.checkpoint.oldest_segment);
        Self { old, new, secrets, values, fingerprints: HashMap::new(), oldest_segment, records: 0 }
    }

    /// Fills `to`, which is empty, as long as `go_on` says so before each batch: the old and the new keys, and how many
    /// records there are.
    pub async fn run(
        mut self,
        from: &dyn Store,
        to: &dyn Store,
        go_on: impl Fn() -> Result<(), VaultError>,
    ) -> Result<(KeyRing, KeyRing, u64), VaultError> {
        let mut next = None;
        loop {
            go_on()?;
            let page = read(from, next).await?;
            next = page.next;
            let batch;
            (self, batch) = self.on_thread(move |all| all.seal_page(page.records)).await?;
            to.commit(batch).await?;
            if next.is_none() {
                break;
            }
        }
        if !self.values.is_empty() {
            return Err(VaultError::Damaged("a value is missing".to_owned()));
        }
        for first in (0..self.secrets.len()).step_by(AT_ONCE) {
            go_on()?;
            let batch;
            (self, batch) = self.on_thread(move |all| all.seal_secrets(first)).await?;
            to.commit(batch).await?;
        }
        Ok((self.old, self.new, self.records))
    }

    async fn on_thread(
        mut self,
        work: impl FnOnce(&mut Self) -> Result<Batch, VaultError> + Send + 'static,
    ) -> Result<(Self, Batch), VaultError> {
        let working = tokio::task::spawn_blocking(move || work(&mut self).map(|batch| (self, batch)));
        working.await.map_err(|_| crate::crypto::Failed)?
    }

    fn seal_page(&mut self, records: Vec<(StoreKey, Sealed)>) -> Result<Batch, VaultError> {
        records
            .into_iter()
            .try_fold(Batch::new(), |batch, (key, sealed)| self.seal_again(batch, &key, &sealed))
    }

    fn seal_again(&mut self, batch: Batch, key: &StoreKey, sealed: &Sealed) -> Result<Batch, VaultError> {
        let message = self.old.open(key, sealed)?;
        let revision = sealed.revision().unwrap_or_default();
        match key.kind() {
            RecordKind::Secret | RecordKind::Checkpoint | RecordKind::Slots => Ok(batch),
            RecordKind::Authority => self.put(batch, &RecordName::Authority, revision, &message),
            RecordKind::Value => {
                let Some((at, number)) = self.values.remove(key) else {
                    tracing::warn!("a value that no secret owns isn't taken over");
                    return Ok(batch);
                };
                let value = message.into();
                self.fingerprints.insert((at, number), self.new.fingerprint(&value));
                let secret = Arc::clone(&self.secrets[at].0);
                let name = RecordName::Value(&secret.id, number);
                value.lend(|bytes| self.put(batch, &name, revision, bytes))
            }
            RecordKind::Integration => {
                let name = named(&message)?;
                self.put(batch, &RecordName::Integration(&name), revision, &message)
            }
            RecordKind::Caller => {
                let name = named(&message)?;
                self.put(batch, &RecordName::Caller(&name), revision, &message)
            }
            RecordKind::Tombstone => {
                let id = identified::<SecretId>(&message)?;
                self.put(batch, &RecordName::Tombstone(&id), revision, &message)
            }
            RecordKind::Uses => {
                let id = identified::<SecretId>(&message)?;
                self.put(batch, &RecordName::Uses(&id), revision, &message)
            }
            RecordKind::UsesMark => self.put(batch, &RecordName::UsesMark, revision, &message),
            RecordKind::Notice => {
                let id = identified(&message)?;
                self.put(batch, &RecordName::Notice(&id), revision, &message)
            }
            RecordKind::FormerChain => match FormerChain::from_record(&message) {
                Some(former) if former.until >= self.oldest_segment => {
                    self.put(batch, &RecordName::FormerChain(former.until), revision, &message)
                }
                _ => Ok(batch),
            },
        }
    }

    /// Metadata of the secrets from this place on, with the fingerprints under the new key. Versions that have no value
    /// any more keep theirs.
    fn seal_secrets(&mut self, first: usize) -> Result<Batch, VaultError> {
        let mut batch = Batch::new();
        for at in first..(first + AT_ONCE).min(self.secrets.len()) {
            let (secret, revision) = &self.secrets[at];
            let (mut secret, revision) = (Secret::clone(secret), revision + 1);
            for version in &mut secret.versions {
                if let Some(fingerprint) = self.fingerprints.remove(&(at, version.number)) {
                    version.fingerprint = fingerprint;
                }
            }
            let message = serde_json::to_vec(&secret).expect("nouns have string keys and serialise");
            batch = self.put(batch, &RecordName::Secret(&secret.id), revision, &message)?;
        }
        Ok(batch)
    }

    fn put(
        &mut self,
        batch: Batch,
        name: &RecordName,
        revision: u64,
        message: &[u8],
    ) -> Result<Batch, VaultError> {
        let key = self.new.store_key(name);
        let sealed = self.new.seal(&key, revision, message)?;
        self.records += 1;
        Ok(batch.put(key, Expect::Absent, sealed))
    }
}

/// Of a record's members the one that names it.
fn named<T: DeserializeOwned>(message: &[u8]) -> Result<T, VaultError> {
    #[derive(Deserialize)]
    struct Named<T> {
        name: T,
    }
    noun(message).map(|Named { name }| name)
}

fn identified<T: DeserializeOwned>(message: &[u8]) -> Result<T, VaultError> {
    #[derive(Deserialize)]
    struct Identified<T> {
        id: T,
    }
    noun(message).map(|Identified { id }| id)
}
