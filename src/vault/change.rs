//! A change: audited, sealed, durable, then visible; all of it or nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::aside::aside;
use super::census::{Head, Replaced};
use super::comparison::Comparison;
use super::error::VaultError;
use super::gate::recognised;
use super::lifecycle::Vault;
use super::manage::Cleared;
use super::notices::touched;
use super::registry::{Kept, KeptCheckpoint, Registry, SealedValue};
use super::reopening::Fate;
use super::session::Asker;
use super::state::{Live, Unsealed};
use crate::audit::{Entry, Log};
use crate::keys::{Header, KeyRing, RecordKind, RecordName, Sealed, StoreKey};
use crate::model::{
    Caller, Integration, IntegrationName, Notice, NoticeId, Secret, SecretId, SecretUses, SlotNotes,
    Tombstone, UsesMark,
};
use crate::policy::{Action, decide_manage};
use crate::secret::Plaintext;
use crate::store::{Batch, Expect};

/// The right to change the vault: one change at a time, from the look at what there is to the publication.
/// Readers go on meanwhile.
pub(super) struct Turn<'a>(#[expect(dead_code, reason = "held, never read")] tokio::sync::MutexGuard<'a, ()>);

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
    noun: Noun,
    key: StoreKey,
    revision: u64,
    /// None: the record goes.
    sealed: Option<Sealed>,
}

/// Somebody waits for the turn with what can't wait. Dropped, they don't any more.
pub(super) struct Urgent<'a>(&'a AtomicUsize);

impl Drop for Urgent<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Vault {
    /// [`Self::urgent_turn`] for who may do it; for others the usual one, which gives nothing up.
    pub(super) async fn urgent_turn_of(&self, asker: Asker<'_>, action: Action) -> Turn<'_> {
        let may = match &*self.live() {
            Live::Sealed => false,
            Live::Unsealed(unsealed) => {
                decide_manage(recognised(&unsealed.registry, asker), action, &[], self.clock.now()).is_ok()
            }
        };
        if may { self.urgent_turn().await } else { self.turn().await }
    }

    /// The turn for a seal, a revocation or the end: a rekey that has it gives up for them.
    pub(super) async fn urgent_turn(&self) -> Turn<'_> {
        let _waiting = self.hurry();
        self.turn().await
    }

    pub(super) fn hurry(&self) -> Urgent<'_> {
        self.urgent.fetch_add(1, Ordering::SeqCst);
        Urgent(&self.urgent)
    }

    /// Asked by what takes long between its steps, and may be left and done again.
    pub(super) fn unhurried(&self) -> Result<(), VaultError> {
        match self.urgent.load(Ordering::SeqCst) {
            0 => Ok(()),
            _ => Err(VaultError::Conflict(
                "a seal or a revocation came meanwhile and went first; nothing was changed: do it again"
                    .to_owned(),
            )),
        }
    }

    /// After a failed write the store is opened again here, if it can be: a change is prepared on what there is then.
    pub(super) async fn turn(&self) -> Turn<'_> {
        let turn = Turn(self.turn.lock().await);
        if self.settled().is_err() {
            Box::pin(self.settle_store(&turn)).await;
        }
        turn
    }

    /// Writes the entry, then the nouns in one atomic batch. If the batch fails after the entry was written,
    /// a second entry says so; readers never see a change that isn't durable.
    pub(super) async fn commit<R>(
        &self,
        turn: &Turn<'_>,
        cleared: Cleared<R>,
        nouns: Vec<Noun>,
    ) -> Result<(), VaultError> {
        let Cleared { entry, log, .. } = cleared;
        self.commit_as(turn, &log, entry, nouns).await
    }

    pub(super) async fn commit_as(
        &self,
        turn: &Turn<'_>,
        log: &Log,
        entry: Entry,
        nouns: Vec<Noun>,
    ) -> Result<(), VaultError> {
        self.commit_all(turn, log, vec![entry], nouns).await
    }

    /// [`Self::commit`] of a change with several entries.
    pub(super) async fn commit_all(
        &self,
        turn: &Turn<'_>,
        log: &Log,
        entries: Vec<Entry>,
        nouns: Vec<Noun>,
    ) -> Result<(), VaultError> {
        self.commit_with(turn, log, entries, nouns, None).await
    }

    /// [`Self::commit`] of a change of the header too.
    pub(super) async fn commit_with(
        &self,
        turn: &Turn<'_>,
        log: &Log,
        mut entries: Vec<Entry>,
        nouns: Vec<Noun>,
        header: Option<Header>,
    ) -> Result<(), VaultError> {
        let epoch = self.next_epoch()?;
        entries.iter_mut().for_each(|entry| entry.epoch = Some(epoch));
        failpoint!("vault.audit");
        log.append_all_durably(&entries).await?;
        failpoint!("vault.audited");
        let touched = touched(&nouns);
        let written = self.write_with(turn, log, nouns, header).await;
        if written.is_err() {
            // The write's own failure is what the operator is told; the log has this before its next entry.
            aside(|| log.owe_failures(&entries));
        } else {
            self.look_again(turn, touched).await;
        }
        written
    }

    /// Records the audit log's head, if it has moved.
    pub async fn record_checkpoint(&self) -> Result<(), VaultError> {
        let turn = self.turn().await;
        let log = match &*self.live() {
            Live::Sealed => return Ok(()),
            Live::Unsealed(unsealed) => Arc::clone(&unsealed.log),
        };
        self.write(&turn, &log, Vec::new()).await
    }

    /// Commits the nouns and the log's new head; then readers see them.
    pub(super) async fn write(&self, turn: &Turn<'_>, log: &Log, nouns: Vec<Noun>) -> Result<(), VaultError> {
        self.write_with(turn, log, nouns, None).await
    }

    async fn write_with(
        &self,
        turn: &Turn<'_>,
        log: &Log,
        nouns: Vec<Noun>,
        header: Option<Header>,
    ) -> Result<(), VaultError> {
        // Before the log's head is taken: one that can't be stored must not let segments be retired.
        self.settled()?;
        let head = log.checkpoint().await?;
        if nouns.is_empty() && head.is_none() && header.is_none() {
            return Ok(());
        }
        let replaced = self.replaced_by(&nouns).await?;
        let (mut batch, written) = {
            let live = self.live();
            let Unsealed { keys, registry, .. } = live.unsealed()?;
            let (batch, mut written) = seal(keys, registry, nouns)?;
            let lies = written.iter().filter_map(|each| Some((&each.key, each.sealed.as_ref()?)));
            let census = Some(Self::census_after(keys, registry.census, &replaced, lies));
            // Where the log's head hasn't moved, the one that was recorded is still true.
            let known = || registry.checkpoint.as_ref().map(|kept| kept.checkpoint.clone());
            match head.or_else(known) {
                None => (batch, written),
                Some(checkpoint) => {
                    let head = vec![Noun::Checkpoint(Head { checkpoint, census })];
                    let (batch, with_head) = seal_onto(batch, keys, registry, head)?;
                    written.extend(with_head);
                    (batch, written)
                }
            }
        };
        if let Some(header) = &header {
            batch = batch.header(header.to_bytes());
        }
        self.snapshots.keep_before(&*self.store(), &batch).await;
        failpoint!("vault.commit");
        if let Err(error) = self.store().commit(batch).await {
            if !self.store().has_failed() {
                return Err(error.into());
            }
            let fate = Box::pin(self.failed_change(turn, written, header)).await;
            return if let Ok(Fate::Made) = fate { Ok(()) } else { Err(error.into()) };
        }
        let recorded = written.iter().find_map(|each| match &each.noun {
            Noun::Checkpoint(checkpoint) => Some(checkpoint),
            _ => None,
        });
        recorded.into_iter().for_each(|checkpoint| log.is_recorded(&checkpoint.checkpoint));
        self.publish(written, header);
        Ok(())
    }

    /// The epoch that the next commit makes.
    pub(super) fn next_epoch(&self) -> Result<u64, VaultError> {
        let live = self.live();
        Ok(live.unsealed()?.registry.next_epoch())
    }

    /// The records that these nouns replace or take away, read from the store; of values, only where they lie.
    async fn replaced_by(&self, nouns: &[Noun]) -> Result<Vec<Replaced>, VaultError> {
        let mut replaced: Vec<Replaced> = {
            let live = self.live();
            let Unsealed { keys, registry, .. } = live.unsealed()?;
            let standing = |noun: &Noun| {
                let key = noun.lies_at(keys);
                Some(Replaced { key, revision: noun.standing(registry)?, sealed: None })
            };
            nouns.iter().filter_map(standing).collect()
        };
        replaced.sort_by_key(|each| each.key);
        replaced.dedup_by_key(|each| each.key);
        for each in replaced.iter_mut().filter(|each| each.key.kind() != RecordKind::Value) {
            each.sealed = self.store().read(each.key).await?;
        }
        Ok(replaced)
    }

    /// Writes the epoch beside the store. Without it an older store put back may go unnoticed, and nothing else.
    fn note_epoch(&self, written: &[Written]) {
        let heads = written.iter().filter(|each| matches!(each.noun, Noun::Checkpoint(_)));
        let Some(epoch) = heads.map(|each| each.revision).next_back() else { return };
        let live = self.live();
        if let Ok(Unsealed { keys, .. }) = live.unsealed()
            && let Err(error) = self.epoch_file.write(keys, epoch)
        {
            tracing::error!(error = %error, "the file epoch can't be written");
        }
    }

    /// The file `epoch` belongs to the keys that there are.
    pub(super) fn clear_next_epoch(&self) {
        if let Err(error) = self.epoch_file.clear_next() {
            tracing::error!(error = %error, "the file epoch.next can't be removed");
        }
    }

    /// Readers see what is durable now, and are told.
    pub(super) fn publish(&self, written: Vec<Written>, header: Option<Header>) {
        failpoint!("vault.publish");
        self.note_epoch(&written);
        header.into_iter().for_each(|header| self.set_header(header));
        let (now, mut comparison) = (self.clock.now(), Comparison::default());
        if let Live::Unsealed(unsealed) = &mut *self.live_mut() {
            unsealed.generation += 1;
            written.iter().for_each(|each| comparison.before(&unsealed.registry, &each.noun));
            written.into_iter().for_each(|each| each.publish(&mut unsealed.registry));
            comparison.settle(&unsealed.registry, now);
        }
        failpoint!("vault.tell");
        comparison.tell(&self.feed, now);
        failpoint!("vault.told");
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

fn seal_onto(
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
    fn lies_at(&self, keys: &KeyRing) -> StoreKey {
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
    fn standing(&self, registry: &Registry) -> Option<u64> {
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
        let json =
            |shape: Result<Vec<u8>, serde_json::Error>| shape.expect("nouns have string keys and serialise");
        let (key, sealed) = match &self {
            Self::Secret(secret) => {
                let key = keys.store_key(&RecordName::Secret(&secret.id));
                (key, Some(keys.seal(&key, revision, &json(serde_json::to_vec(secret)))?))
            }
            Self::Value { id, number, value } => {
                let key = keys.store_key(&RecordName::Value(id, *number));
                (key, Some(value.lend(|bytes| keys.seal(&key, revision, bytes))?))
            }
            Self::Gone { .. } | Self::Stray { .. } => (self.lies_at(keys), None),
            Self::Uses { uses, .. } => {
                let key = keys.store_key(&RecordName::Uses(&uses.id));
                (key, Some(keys.seal(&key, revision, &json(serde_json::to_vec(uses)))?))
            }
            Self::UsesMark(mark) => {
                let key = keys.store_key(&RecordName::UsesMark);
                (key, Some(keys.seal(&key, revision, &json(serde_json::to_vec(mark)))?))
            }
            Self::UsesGone(id) => (keys.store_key(&RecordName::Uses(id)), None),
            Self::SecretGone(id) => (keys.store_key(&RecordName::Secret(id)), None),
            Self::IntegrationGone(name) => (keys.store_key(&RecordName::Integration(name)), None),
            Self::NoticeGone(id) => (keys.store_key(&RecordName::Notice(id)), None),
            Self::Notice(notice) => {
                let key = keys.store_key(&RecordName::Notice(&notice.id));
                (key, Some(keys.seal(&key, revision, &json(serde_json::to_vec(notice)))?))
            }
            Self::Integration(record) => {
                let key = keys.store_key(&RecordName::Integration(&record.name));
                (key, Some(keys.seal(&key, revision, &json(serde_json::to_vec(record)))?))
            }
            Self::Caller(caller) => {
                let key = keys.store_key(&RecordName::Caller(&caller.name));
                (key, Some(keys.seal(&key, revision, &json(serde_json::to_vec(caller)))?))
            }
            Self::Slots(notes) => {
                let key = keys.store_key(&RecordName::Slots);
                (key, Some(keys.seal(&key, revision, &json(serde_json::to_vec(notes)))?))
            }
            Self::Checkpoint(checkpoint) => {
                let key = keys.store_key(&RecordName::Checkpoint);
                (key, Some(keys.seal(&key, revision, &json(serde_json::to_vec(checkpoint)))?))
            }
            Self::Tombstone(tombstone) => {
                let key = keys.store_key(&RecordName::Tombstone(&tombstone.id));
                (key, Some(keys.seal(&key, revision, &json(serde_json::to_vec(tombstone)))?))
            }
        };
        Ok(Written { noun: self, key, revision, sealed })
    }
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

    fn publish(self, registry: &mut Registry) {
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
            Noun::Checkpoint(Head { checkpoint, census }) => {
                registry.checkpoint = Some(KeptCheckpoint { revision: self.revision, checkpoint });
                registry.census = census.unwrap_or_default();
            }
        }
    }
}
