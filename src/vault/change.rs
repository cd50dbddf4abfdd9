//! A change: audited, sealed, durable, then visible; all of it or nothing.

use std::sync::Arc;

use super::aside::aside;
use super::census::{Head, Replaced};
use super::comparison::Comparison;
use super::error::VaultError;
use super::lifecycle::Vault;
use super::manage::Cleared;
use super::notices::touched;
use super::noun::{Noun, Written, seal, seal_onto};
use super::reopening::Fate;
use super::state::{Live, Unsealed};
use super::turn::Turn;
use crate::audit::{Entry, Log};
use crate::keys::{Header, RecordKind};

impl Vault {
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
        let touched = touched(self.live().unsealed()?, &nouns);
        entries.iter_mut().for_each(|entry| entry.epoch = Some(epoch));
        failpoint!("vault.audit");
        log.append_all_durably(&entries).await?;
        failpoint!("vault.audited");
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
        self.write_late_refusals(&turn, &log).await?;
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
        let written = self.write_with_head(turn, log, nouns, header).await;
        if written.is_err() {
            log.is_unrecorded();
        }
        written
    }

    async fn write_with_head(
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
                    let head =
                        vec![Noun::Checkpoint(Head { checkpoint, census, past: registry.past.clone() })];
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
        let Some((_, epoch)) = written.iter().filter_map(Written::head).next_back() else { return };
        // No lock is held while it is written.
        let told = self.live().unsealed().map(|unsealed| unsealed.keys.tell_epoch(epoch));
        if let Ok(told) = told
            && let Err(error) = self.epoch_file.write(&told)
        {
            tracing::error!(error = %error, "the file epoch can't be written");
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
            written.iter().filter_map(Written::head).for_each(|(head, _)| unsealed.log.is_recorded(head));
            written.iter().for_each(|each| comparison.before(&unsealed.registry, &each.noun));
            written.into_iter().for_each(|each| each.publish(&mut unsealed.registry));
            comparison.settle(&unsealed.registry, now);
        }
        failpoint!("vault.tell");
        comparison.tell(&self.feed, now);
        failpoint!("vault.told");
    }
}
