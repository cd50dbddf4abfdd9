//! From a store of sealed records to the nouns in memory: page by page, one being read while the one before is opened.

use std::collections::HashMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::census::{self, Counting, Flaws, Head, Miscount};
use super::error::VaultError;
use super::registry::{Kept, KeptCheckpoint, Registry, SealedValue};
use super::usage::Mark;
use super::uses::Uses;
use crate::identity::Authority;
use crate::keys::{Census, FormerChain, KeyRing, RecordKind, RecordName, Sealed, StoreKey};
use crate::model::{Secret, SecretUses, UsesMark, VersionState};
use crate::store::{Page, Store, StoreError};

/// Everything that is in the store, and the keys that opened it.
pub(super) struct Loaded {
    pub keys: KeyRing,
    pub authority: Authority,
    pub registry: Registry,
    /// Whether the store kept a census: those that came with it came with the file `epoch` too.
    pub counted: bool,
    /// What is wrong with the store as a whole.
    pub flaws: Flaws,
}

/// What has been loaded so far.
pub(super) struct Loading {
    keys: KeyRing,
    registry: Registry,
    authority: Option<Authority>,
    counting: Counting,
    /// As the store keeps it.
    census: Option<Census>,
    /// Not yet known to belong to a secret.
    values: HashMap<StoreKey, SealedValue>,
    uses: Vec<(SecretUses, u64)>,
}

/// Opens every record and puts the nouns where they belong. A record that doesn't open or fit is damage; what is missing or
/// too much as a whole is told in [`Loaded::flaws`].
pub(super) async fn load(store: &dyn Store, keys: KeyRing) -> Result<Loaded, VaultError> {
    load_while(store, keys, || Ok(())).await
}

/// The same as long as `go_on` says so before each page.
pub(super) async fn load_while(
    store: &dyn Store,
    keys: KeyRing,
    go_on: impl Fn() -> Result<(), VaultError>,
) -> Result<Loaded, VaultError> {
    let mut loading = Loading::begin(keys);
    let mut page = read(store, None).await?;
    loop {
        go_on()?;
        let next = page.next;
        let opening = tokio::task::spawn_blocking(move || {
            let done = page.records.into_iter().try_for_each(|(key, sealed)| loading.take(key, sealed));
            done.map(|()| loading)
        });
        // Both, whatever the other's outcome: an opening that nobody waits for would keep the keys.
        let following = match next {
            Some(next) => Some(read(store, Some(next)).await),
            None => None,
        };
        loading = opening.await.map_err(|_| crate::crypto::Failed)??;
        match following {
            Some(following) => page = following?,
            None => break,
        }
    }
    let finishing = tokio::task::spawn_blocking(move || loading.finish());
    finishing.await.map_err(|_| crate::crypto::Failed)?
}

pub(super) async fn read(store: &dyn Store, from: Option<StoreKey>) -> Result<Page, VaultError> {
    match store.page(from).await {
        Err(StoreError::Damaged(damage)) => Err(VaultError::Damaged(damage.to_string())),
        other => Ok(other?),
    }
}

impl Loading {
    pub fn begin(keys: KeyRing) -> Self {
        let (registry, values) = (Registry::default(), HashMap::new());
        let (counting, uses) = (Counting::default(), Vec::new());
        Self { keys, registry, authority: None, counting, census: None, values, uses }
    }

    /// Opens one record.
    pub fn take(&mut self, key: StoreKey, sealed: Sealed) -> Result<(), VaultError> {
        let message = self.keys.open(&key, &sealed)?;
        let revision = sealed.revision().ok_or_else(|| misplaced("a record"))?;
        self.counting.take(&self.keys, &key, &sealed);
        match key.kind() {
            RecordKind::Authority => self.authority = Some(Authority::from_record(&message)?),
            RecordKind::Value => {
                self.values.insert(key, SealedValue::new(key, sealed));
            }
            RecordKind::Secret => {
                let secret: Secret = noun(&message)?;
                in_place(&self.keys, &key, &RecordName::Secret(&secret.id))?;
                self.registry.put_secret(secret, revision);
            }
            RecordKind::Integration => {
                let record: crate::model::Integration = noun(&message)?;
                in_place(&self.keys, &key, &RecordName::Integration(&record.name))?;
                self.registry.put_integration(record, revision);
            }
            RecordKind::Caller => {
                let caller: crate::model::Caller = noun(&message)?;
                in_place(&self.keys, &key, &RecordName::Caller(&caller.name))?;
                self.registry.put_caller(caller, revision);
            }
            RecordKind::Tombstone => {
                let tombstone: crate::model::Tombstone = noun(&message)?;
                in_place(&self.keys, &key, &RecordName::Tombstone(&tombstone.id))?;
                self.registry.put_tombstone(tombstone, revision);
            }
            RecordKind::Uses => {
                let recorded: SecretUses = noun(&message)?;
                in_place(&self.keys, &key, &RecordName::Uses(&recorded.id))?;
                self.uses.push((recorded, revision));
            }
            RecordKind::UsesMark => {
                in_place(&self.keys, &key, &RecordName::UsesMark)?;
                let UsesMark { seq } = noun(&message)?;
                self.registry.mark = Mark::at(seq, revision);
            }
            RecordKind::Notice => {
                let notice: crate::model::Notice = noun(&message)?;
                in_place(&self.keys, &key, &RecordName::Notice(&notice.id))?;
                self.registry.put_notice(notice, revision);
            }
            RecordKind::FormerChain => {
                let former = FormerChain::from_record(&message).ok_or_else(|| misplaced("a record"))?;
                in_place(&self.keys, &key, &RecordName::FormerChain(former.until))?;
                self.registry.former_chains.push(former);
            }
            RecordKind::Slots => {
                in_place(&self.keys, &key, &RecordName::Slots)?;
                self.registry.slots = Some(Kept { revision, noun: Arc::new(noun(&message)?) });
            }
            RecordKind::Checkpoint => {
                in_place(&self.keys, &key, &RecordName::Checkpoint)?;
                let Head { checkpoint, census, past } = noun(&message)?;
                self.registry.past = past;
                self.registry.checkpoint = Some(KeptCheckpoint { revision, checkpoint });
                self.census = census;
            }
        }
        Ok(())
    }

    pub fn finish(self) -> Result<Loaded, VaultError> {
        let Self { keys, mut registry, authority, mut values, uses, counting, census } = self;
        registry.census = counting.done();
        let mut flaws = Flaws { miscount: census::compare(census, registry.census), ..Flaws::default() };
        if registry.checkpoint.is_none() {
            flaws.miscount = Some(Miscount::NoHead);
        }
        for (mut recorded, revision) in uses {
            // Written before the name was given again.
            recorded.callers.retain(|each| registry.is_of_now(each));
            match registry.secrets.get_mut(&recorded.id) {
                Some(kept) => kept.uses = Uses::recorded(recorded, revision),
                None => flaws.strays.push((keys.store_key(&RecordName::Uses(&recorded.id)), revision)),
            }
        }
        for kept in registry.secrets.values_mut() {
            let noun = Arc::clone(&kept.noun);
            for version in noun.versions.iter().filter(|each| each.state != VersionState::Retired) {
                let key = keys.store_key(&RecordName::Value(&noun.id, version.number));
                match values.remove(&key) {
                    Some(value) => kept.values.insert(version.number, value),
                    None => flaws.values.push((noun.id.clone(), version.number)),
                }
            }
        }
        // A value is written once.
        flaws.strays.extend(values.into_keys().map(|key| (key, 1)));
        if !flaws.strays.is_empty() {
            tracing::warn!(records = flaws.strays.len(), "the store holds values or fetches of no secret");
        }
        let authority =
            authority.ok_or_else(|| VaultError::Damaged("the local CA's record is missing".to_owned()))?;
        Ok(Loaded { keys, authority, registry, counted: census.is_some(), flaws })
    }
}

pub(super) fn noun<T: DeserializeOwned>(message: &[u8]) -> Result<T, VaultError> {
    serde_json::from_slice(message).map_err(|_| misplaced("a record of this format can't be read; it"))
}

fn in_place(keys: &KeyRing, key: &StoreKey, name: &RecordName) -> Result<(), VaultError> {
    if keys.names(key, name) { Ok(()) } else { Err(misplaced("a record")) }
}

fn misplaced(what: &str) -> VaultError {
    VaultError::Damaged(format!("{what} isn't what its place says"))
}
