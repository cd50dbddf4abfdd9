//! All nouns of an unsealed vault, in memory: metadata in the clear, values as sealed bytes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::usage::Mark;
use super::uses::Uses;
use crate::audit::Checkpoint;
use crate::keys::{Sealed, StoreKey};
use crate::model::{
    Caller, CallerName, Integration, IntegrationName, Notice, NoticeId, Secret, SecretId, SpiffeId,
    Tombstone, Version,
};

/// Sealed values up to this many bytes stay in memory, so that a usual fetch touches no disk; larger ones are
/// read from the store when they are asked for.
const HELD: usize = 16 * 1024;

/// A noun and the revision of its record.
#[derive(Debug)]
pub struct Kept<T> {
    pub revision: u64,
    pub noun: Arc<T>,
}

/// Where a version's sealed bytes are.
#[derive(Clone)]
pub struct SealedValue {
    pub key: StoreKey,
    /// None: too large to hold.
    pub held: Option<Sealed>,
}

pub struct KeptSecret {
    pub revision: u64,
    pub noun: Arc<Secret>,
    /// By version number.
    pub values: BTreeMap<u64, SealedValue>,
    /// Who fetched it.
    pub uses: Uses,
}

/// The head of the audit log, as last recorded in the store.
pub struct KeptCheckpoint {
    pub revision: u64,
    pub checkpoint: Checkpoint,
}

#[derive(Default)]
pub struct Registry {
    pub secrets: BTreeMap<SecretId, KeptSecret>,
    pub integrations: BTreeMap<IntegrationName, Kept<Integration>>,
    pub callers: BTreeMap<CallerName, Kept<Caller>>,
    /// Of deleted secrets; one stays when its ID is used again.
    pub tombstones: BTreeMap<SecretId, Kept<Tombstone>>,
    /// What was told of notices whose cause is still there.
    pub notices: BTreeMap<NoticeId, Kept<Notice>>,
    by_spiffe_id: HashMap<SpiffeId, CallerName>,
    pub checkpoint: Option<KeptCheckpoint>,
    pub mark: Mark,
}

impl KeptSecret {
    pub fn version(&self, number: u64) -> Option<&Version> {
        self.noun.versions.iter().find(|each| each.number == number)
    }
}

impl SealedValue {
    pub fn new(key: StoreKey, sealed: Sealed) -> Self {
        let held = (sealed.as_bytes().len() <= HELD).then_some(sealed);
        Self { key, held }
    }
}

impl Registry {
    pub fn put_secret(&mut self, secret: Secret, revision: u64) {
        let before = self.secrets.remove(&secret.id);
        let (values, uses) = before.map(|kept| (kept.values, kept.uses)).unwrap_or_default();
        self.secrets.insert(secret.id.clone(), KeptSecret { revision, noun: Arc::new(secret), values, uses });
    }

    pub fn put_integration(&mut self, record: Integration, revision: u64) {
        self.integrations.insert(record.name.clone(), Kept { revision, noun: Arc::new(record) });
    }

    pub fn put_tombstone(&mut self, tombstone: Tombstone, revision: u64) {
        self.tombstones.insert(tombstone.id.clone(), Kept { revision, noun: Arc::new(tombstone) });
    }

    pub fn put_notice(&mut self, notice: Notice, revision: u64) {
        self.notices.insert(notice.id.clone(), Kept { revision, noun: Arc::new(notice) });
    }

    /// A SPIFFE ID leads to the active caller that has it; to a revoked one only if there is none.
    pub fn put_caller(&mut self, caller: Caller, revision: u64) {
        if let Some(before) = self.callers.get(&caller.name)
            && self.by_spiffe_id.get(&before.noun.spiffe_id) == Some(&caller.name)
        {
            self.by_spiffe_id.remove(&before.noun.spiffe_id);
        }
        let holder = self.caller_by_spiffe_id(&caller.spiffe_id);
        if caller.is_active() || !holder.is_some_and(Caller::is_active) {
            self.by_spiffe_id.insert(caller.spiffe_id.clone(), caller.name.clone());
        }
        self.callers.insert(caller.name.clone(), Kept { revision, noun: Arc::new(caller) });
    }

    pub fn caller_by_spiffe_id(&self, id: &SpiffeId) -> Option<&Caller> {
        let name = self.by_spiffe_id.get(id)?;
        self.callers.get(name).map(|kept| &*kept.noun)
    }

    /// The integration that owns a secret.
    pub fn owner(&self, secret: &Secret) -> Option<&Integration> {
        let name = secret.integration.as_ref()?;
        self.integrations.get(name).map(|kept| &*kept.noun)
    }

    pub fn active_full_operators(&self) -> impl Iterator<Item = &Caller> {
        self.callers.values().map(|kept| &*kept.noun).filter(|caller| caller.is_active_full_operator())
    }
}
