//! What a change writes: a record of each kind, sealed as its next revision, and how readers come to see it.

use std::sync::Arc;

use serde::Serialize;

use super::census::Head;
use super::error::VaultError;
use super::registry::{Kept, KeptCheckpoint, Registry, SealedValue};
use crate::audit::Checkpoint;
use crate::keys::{KeyRing, RecordName, Sealed, StoreKey};
use crate::model::{
    Caller, Integration, IntegrationName, Notice, NoticeId, Secret, SecretId, SecretUses, SlotNotes,
    Tombstone, UsesMark,
};
use crate::secret::Plaintext;
use crate::store::{Batch, Expect};

/// A record to be written.
pub(super) enum Noun {
    Secret(Secret),
    Value {
        id: SecretId,
        number: u64,
        value: Plaintext,
    },
    /// A value that is destroyed.
    Gone {
        id: SecretId,
        number: u64,
    },
    /// A secret's metadata that goes; its values go with `Gone`, and a `Tombstone` stays.
    SecretGone(SecretId),
    Integration(Box<Integration>),
    IntegrationGone(IntegrationName),
    Caller(Caller),
    Checkpoint(Head),
    Tombstone(Tombstone),
    /// Who fetched a secret, with so many changes of it.
    Uses {
        uses: SecretUses,
        changes: u64,
    },
    UsesGone(SecretId),
    UsesMark(UsesMark),
    Notice(Notice),
    /// What was told of a notice whose cause is gone.
    NoticeGone(NoticeId),
    Slots(SlotNotes),
    /// A record that belongs to nothing, and goes.
    Stray {
        key: StoreKey,
        revision: u64,
    },
}

/// A noun with its sealed record, waiting for the store.
pub(super) struct Written {
    pub noun: Noun,
    pub key: StoreKey,
    pub revision: u64,
    /// None: the record goes.
    pub sealed: Option<Sealed>,
}

impl Written {
    /// Of the head: what it says of the log, and the epoch that it makes.
    pub fn head(&self) -> Option<(&Checkpoint, u64)> {
        match &self.noun {
            Noun::Checkpoint(head) => Some((&head.checkpoint, self.revision)),
            _ => None,
        }
    }
}

/// Seals every noun as the next revision of its record.
pub(super) fn seal(
    keys: &KeyRing,
    registry: &Registry,
    nouns: Vec<Noun>,
) -> Result<(Batch, Vec<Written>), VaultError> {
    seal_onto(Batch::new(), keys, registry, nouns)
}

/// The same, besides what the batch has already.
pub(super) fn seal_onto(
    mut batch: Batch,
    keys: &KeyRing,
    registry: &Registry,
    nouns: Vec<Noun>,
) -> Result<(Batch, Vec<Written>), VaultError> {
    let mut all = Vec::with_capacity(nouns.len());
    for noun in nouns {
        let (before, expected) = noun.before(registry);
        let revision = match &noun {
            Noun::Checkpoint(_) => registry.next_epoch(),
            _ => before + 1,
        };
        let written = noun.seal(keys, revision)?;
        batch = match &written.sealed {
            Some(sealed) => batch.put(written.key, expected, sealed.clone()),
            None => batch.delete(written.key, expected),
        };
        all.push(written);
    }
    Ok((batch, all))
}

/// A batch for a store that is still empty; nothing is published.
pub(super) fn first_batch(keys: &KeyRing, nouns: Vec<Noun>) -> Result<Batch, VaultError> {
    seal(keys, &Registry::default(), nouns).map(|(batch, _)| batch)
}

impl Noun {
    /// Where its record is in the store.
    pub(super) fn lies_at(&self, keys: &KeyRing) -> StoreKey {
        keys.store_key(&match self {
            Self::Secret(Secret { id, .. }) | Self::SecretGone(id) => RecordName::Secret(id),
            Self::Value { id, number, .. } | Self::Gone { id, number } => RecordName::Value(id, *number),
            Self::Uses { uses, .. } => RecordName::Uses(&uses.id),
            Self::UsesGone(id) => RecordName::Uses(id),
            Self::UsesMark(_) => RecordName::UsesMark,
            Self::Integration(record) => RecordName::Integration(&record.name),
            Self::IntegrationGone(name) => RecordName::Integration(name),
            Self::Caller(caller) => RecordName::Caller(&caller.name),
            Self::Slots(_) => RecordName::Slots,
            Self::Checkpoint(_) => RecordName::Checkpoint,
            Self::Tombstone(tombstone) => RecordName::Tombstone(&tombstone.id),
            Self::Notice(Notice { id, .. }) | Self::NoticeGone(id) => RecordName::Notice(id),
            Self::Stray { key, .. } => return *key,
        })
    }

    /// The revision of the record that is there now.
    pub(super) fn standing(&self, registry: &Registry) -> Option<u64> {
        match self {
            Self::Gone { id, number } | Self::Value { id, number, .. } => {
                registry.secrets.get(id).and_then(|kept| kept.values.get(*number)).map(|_| 1)
            }
            Self::UsesGone(id) => registry.secrets.get(id).and_then(|kept| kept.uses.revision()),
            Self::Stray { revision, .. } => Some(*revision),
            _ => match self.before(registry) {
                (revision, Expect::Revision(_)) => Some(revision),
                _ => None,
            },
        }
    }

    /// The last revision of the record (0: there was none), and what the store must hold before the change.
    fn before(&self, registry: &Registry) -> (u64, Expect) {
        let standing = match self {
            Self::Secret(Secret { id, .. }) | Self::SecretGone(id) => {
                registry.secrets.get(id).map(|kept| kept.revision)
            }
            // A version's bytes are written once.
            Self::Value { .. } => None,
            Self::Gone { .. } | Self::UsesGone(_) | Self::Stray { .. } => return (0, Expect::Any),
            Self::Uses { uses, .. } => registry.secrets.get(&uses.id).and_then(|kept| kept.uses.revision()),
            Self::UsesMark(_) => registry.mark.revision,
            Self::Integration(record) => registry.integrations.get(&record.name).map(|kept| kept.revision),
            Self::IntegrationGone(name) => registry.integrations.get(name).map(|kept| kept.revision),
            Self::Caller(caller) => registry.callers.get(&caller.name).map(|kept| kept.revision),
            Self::Slots(_) => registry.slots.as_ref().map(|kept| kept.revision),
            Self::Checkpoint(_) => registry.checkpoint.as_ref().map(|kept| kept.revision),
            Self::Tombstone(tombstone) => registry.tombstones.get(&tombstone.id).map(|kept| kept.revision),
            Self::Notice(Notice { id, .. }) | Self::NoticeGone(id) => {
                registry.notices.get(id).map(|kept| kept.revision)
            }
        };
        match (standing, self) {
            (Some(revision), _) => (revision, Expect::Revision(revision)),
            // A secret made again goes on counting where the deleted one ended.
            (None, Self::Secret(secret)) => {
                let tombstone = registry.tombstones.get(&secret.id);
                (tombstone.map_or(0, |kept| kept.noun.revision), Expect::Absent)
            }
            (None, _) => (0, Expect::Absent),
        }
    }

    fn seal(self, keys: &KeyRing, revision: u64) -> Result<Written, VaultError> {
        let key = self.lies_at(keys);
        let sealed = match &self {
            Self::Gone { .. }
            | Self::Stray { .. }
            | Self::SecretGone(_)
            | Self::UsesGone(_)
            | Self::IntegrationGone(_)
            | Self::NoticeGone(_) => None,
            Self::Value { value, .. } => Some(value.lend(|bytes| keys.seal(&key, revision, bytes))?),
            Self::Secret(noun) => Some(keys.seal(&key, revision, &json(noun))?),
            Self::Integration(noun) => Some(keys.seal(&key, revision, &json(noun))?),
            Self::Caller(noun) => Some(keys.seal(&key, revision, &json(noun))?),
            Self::Checkpoint(noun) => Some(keys.seal(&key, revision, &json(noun))?),
            Self::Tombstone(noun) => Some(keys.seal(&key, revision, &json(noun))?),
            Self::Uses { uses, .. } => Some(keys.seal(&key, revision, &json(uses))?),
            Self::UsesMark(noun) => Some(keys.seal(&key, revision, &json(noun))?),
            Self::Notice(noun) => Some(keys.seal(&key, revision, &json(noun))?),
            Self::Slots(noun) => Some(keys.seal(&key, revision, &json(noun))?),
        };
        Ok(Written { noun: self, key, revision, sealed })
    }
}

fn json(noun: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(noun).expect("nouns have string keys and serialise")
}

impl Written {
    /// Its place in the store, and its revision there; None: it goes.
    pub(super) fn lies_as(&self) -> (StoreKey, Option<u64>) {
        (self.key, self.sealed.is_some().then_some(self.revision))
    }

    /// Publishing takes the sealed bytes alone.
    pub(super) fn forget_plaintext(&mut self) {
        if let Noun::Value { value, .. } = &mut self.noun {
            *value = Plaintext::new(Vec::new());
        }
    }

    /// Readers see it from here on.
    pub(super) fn publish(self, registry: &mut Registry) {
        match self.noun {
            Noun::Secret(secret) => registry.put_secret(secret, self.revision),
            Noun::Value { id, number, .. } => {
                if let (Some(kept), Some(sealed)) = (registry.secrets.get_mut(&id), self.sealed) {
                    kept.values.insert(number, SealedValue::new(self.key, sealed));
                }
            }
            Noun::Gone { id, number } => {
                if let Some(kept) = registry.secrets.get_mut(&id) {
                    kept.values.remove(number);
                }
            }
            Noun::Uses { uses, changes } => {
                if let Some(kept) = registry.secrets.get(&uses.id) {
                    kept.uses.is_recorded(changes, self.revision);
                }
            }
            Noun::UsesMark(UsesMark { seq }) => {
                registry.mark.seq = seq;
                registry.mark.revision = Some(self.revision);
            }
            // Goes with its secret, or after it.
            Noun::UsesGone(_) | Noun::Stray { .. } => {}
            Noun::SecretGone(id) => {
                registry.secrets.remove(&id);
            }
            Noun::Integration(record) => registry.put_integration(*record, self.revision),
            Noun::IntegrationGone(name) => {
                registry.integrations.remove(&name);
            }
            Noun::Tombstone(tombstone) => registry.put_tombstone(tombstone, self.revision),
            Noun::Notice(notice) => registry.put_notice(notice, self.revision),
            Noun::NoticeGone(id) => {
                registry.notices.remove(&id);
            }
            Noun::Caller(caller) => registry.put_caller(caller, self.revision),
            Noun::Slots(notes) => {
                registry.slots = Some(Kept { revision: self.revision, noun: Arc::new(notes) });
            }
            Noun::Checkpoint(Head { checkpoint, census, past }) => {
                registry.past = past;
                registry.checkpoint = Some(KeptCheckpoint { revision: self.revision, checkpoint });
                registry.census = census.unwrap_or_default();
            }
        }
    }
}
