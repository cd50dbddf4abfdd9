//! All nouns of an unsealed vault, in memory: metadata in the clear, values as sealed bytes.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::past::Past;
use super::usage::Mark;
use crate::audit::{ChainKeys, Checkpoint};
use crate::keys::{Census, FormerChain, KeyRing};
use crate::model::{
    Caller, CallerName, CallerUse, Integration, IntegrationName, Notice, NoticeId, Secret, SecretId,
    SlotNotes, SpiffeId, Tombstone,
};

mod secrets;
mod values;
mod words;

pub use secrets::{KeptSecret, Secrets};
pub use values::SealedValue;
use words::Words;

/// A noun and the revision of its record.
#[derive(Debug)]
pub struct Kept<T> {
    pub revision: u64,
    pub noun: Arc<T>,
}

/// The head of the audit log, as last recorded in the store.
pub struct KeptCheckpoint {
    /// The epoch of the store.
    pub revision: u64,
    pub checkpoint: Checkpoint,
}

#[derive(Default)]
pub struct Registry {
    pub secrets: Secrets,
    pub integrations: BTreeMap<IntegrationName, Kept<Integration>>,
    pub callers: BTreeMap<CallerName, Kept<Caller>>,
    /// Of deleted secrets; one stays when its ID is used again.
    pub tombstones: BTreeMap<SecretId, Kept<Tombstone>>,
    /// What was told of notices whose cause is still there.
    pub notices: BTreeMap<NoticeId, Kept<Notice>>,
    by_spiffe_id: HashMap<SpiffeId, CallerName>,
    pub checkpoint: Option<KeptCheckpoint>,
    /// Of all records but the checkpoint, as they are now.
    pub census: Census,
    /// None: nothing was written down of any key slot.
    pub slots: Option<Kept<SlotNotes>>,
    /// Of an older store that was accepted: an epoch above all that was ever told of the vault, until the first write.
    pub passed: u64,
    pub past: Past,
    /// What parts of the audit log were written with.
    pub former_chains: Vec<FormerChain>,
    pub mark: Mark,
    words: Words,
}

impl Registry {
    /// How often the store has been written.
    pub fn epoch(&self) -> u64 {
        self.checkpoint.as_ref().map_or(0, |kept| kept.revision)
    }

    /// The epoch that the next write makes.
    pub fn next_epoch(&self) -> u64 {
        self.epoch().max(self.passed).saturating_add(1)
    }
}

impl Registry {
    /// The floor from now on, if what there is may not be the newest. The milliseconds since 1970 are more than any secret was
    /// rotated times, and grow faster than anybody rotates: above all that was given since an earlier one, of a release that
    /// took the seconds too.
    pub fn raised_floor(&self, now: Timestamp) -> u64 {
        let given = self.secrets.values().map(|kept| kept.noun.last_version);
        let buried = self.tombstones.values().map(|kept| kept.noun.last_version);
        let now = u64::try_from(now.as_millisecond()).unwrap_or_default();
        given.chain(buried).max().unwrap_or_default().max(self.past.floor).max(now)
    }

    pub fn put_secret(&mut self, mut secret: Secret, revision: u64) {
        self.words.share(&mut secret);
        // Whoever made the list left room for more.
        secret.versions.shrink_to_fit();
        secret.owners.shrink_to_fit();
        let before = self.secrets.remove(&secret.id);
        let (values, uses) = before.map(|kept| (kept.values, kept.uses)).unwrap_or_default();
        self.secrets.insert(KeptSecret { revision, noun: Arc::new(secret), values, uses });
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

    /// Whether a fetch was made by the registration that the name has now; one that is gone is told apart by nothing.
    pub fn is_of_now(&self, last: &CallerUse) -> bool {
        let caller = self.callers.get(&last.caller).map(|kept| &kept.noun);
        caller.is_none_or(|caller| match last.enrolled_at {
            Some(enrolled_at) => enrolled_at == caller.enrolled_at,
            None => caller.was_there(last.at),
        })
    }

    /// A SPIFFE ID leads to the active caller that has it; to a revoked one only if there is none.
    pub fn put_caller(&mut self, caller: Caller, revision: u64) {
        if let Some(before) = self.callers.get(&caller.name)
            && self.by_spiffe_id.get(&before.noun.spiffe_id) == Some(&caller.name)
        {
            self.by_spiffe_id.remove(&before.noun.spiffe_id);
        }
        if caller.is_active() && self.callers.get(&caller.name).is_some_and(|kept| !kept.noun.is_active()) {
            // Enrolled again: what the name's earlier registration fetched, this one hasn't.
            self.secrets.values().for_each(|kept| kept.uses.forget(&caller.name));
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

    /// What the audit log is written and checked with.
    pub fn chain_keys(&self, keys: &KeyRing) -> ChainKeys {
        let current = ChainKeys::from(keys.chain_key().0);
        self.former_chains
            .iter()
            .fold(current, |all, former| all.with_former(former.until, former.chain_key().0))
    }

    /// Takes over what is known of fetches: it goes on being counted while a registry is made anew.
    pub fn take_uses(&mut self, before: &mut Self) {
        for kept in before.secrets.values_mut() {
            if let Some(now) = self.secrets.get_mut(&kept.noun.id) {
                now.uses = std::mem::take(&mut kept.uses);
            }
        }
        self.mark = std::mem::take(&mut before.mark);
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

#[cfg(test)]
mod tests;
