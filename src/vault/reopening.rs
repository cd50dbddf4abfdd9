//! After a failed write: opening the store again while the vault goes on, and finding out what became of the change.
//!
//! sled can't be used once a write has failed, and whether the batch lies on the disk is unknown until the store has been
//! opened anew. Until then nothing is changed; readers are served from memory. Then every record is read and opened: the
//! store must hold exactly what was acknowledged, without the change or with all of it. With it, the change is published
//! now. Anything else is damage: nothing is changed any more, and nothing published.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::aside::aside;
use super::error::VaultError;
use super::lifecycle::Vault;
use super::notices::Untold;
use super::noun::Written;
use super::state::{Live, Unsealed};
use super::turn::Turn;
use crate::audit::{Entry, Outcome};
use crate::keys::{Header, StoreKey};
use crate::model::Itself;
use crate::store::StoreError;

mod expected;

use expected::{Expected, standing};

/// Between two attempts, at first and at most: each reads the whole store.
const SOON: Duration = Duration::from_secs(1);
const SELDOM: Duration = Duration::from_secs(60);

/// What is to be found out, and when that was tried.
#[derive(Default)]
pub(super) struct Unsettled {
    change: Option<Change>,
    /// When the last attempt failed, and how long it is to be left alone since.
    failed: Option<(Instant, Duration)>,
}

/// A change whose batch was not written for certain, nor for certain not.
struct Change {
    written: Vec<Written>,
    header: Option<Header>,
    /// What is to be told of if it was made.
    untold: Option<Untold>,
}

/// What has become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It lies in the store, and readers see it.
    Made,
    NotMade,
}

impl Fate {
    /// For the audit log.
    pub(super) fn told(self) -> Entry {
        let reason = if self == Self::Made { "change_made" } else { "change_not_made" };
        Entry {
            caller: Some(Itself::Daemon.name().into()),
            action: "vault.reopen".into(),
            outcome: Outcome::Allowed,
            reason: Some(reason.into()),
            ..Entry::default()
        }
    }
}

impl Vault {
    /// A batch has failed. Says what became of it, if the store can be opened again at once.
    pub(super) async fn failed_change(
        &self,
        turn: &Turn<'_>,
        mut written: Vec<Written>,
        header: Option<Header>,
    ) -> Result<Fate, VaultError> {
        // The plaintext has been sealed; it may be long until this is settled.
        written.iter_mut().for_each(Written::forget_plaintext);
        self.unsettled().change = Some(Change { written, header, untold: None });
        self.unsettled().failed = None;
        self.reopen(turn).await
    }

    /// What is to be told once the change that has just failed turns out to be made; nothing, if it is known not to be.
    pub(super) fn tell_later(&self, untold: Untold) {
        if let Some(change) = &mut self.unsettled().change {
            change.untold = Some(untold);
        }
    }

    /// Whether a change may be made now: the store is open, and what it holds is known.
    pub(super) fn settled(&self) -> Result<(), VaultError> {
        if self.store().has_failed() || self.unsettled().change.is_some() {
            return Err(VaultError::StoreUnavailable(StoreError::Closed));
        }
        Ok(())
    }

    /// Opens the store again, if it has failed. For a timer; a change does the same.
    pub async fn tend_store(&self) {
        if self.settled().is_err() {
            let _ = self.turn().await;
        }
    }

    /// Before a change, and not too often: the way back from a failed write.
    pub(super) async fn settle_store(&self, turn: &Turn<'_>) {
        if self.settled().is_ok() {
            return;
        }
        let too_early = |(at, wait): &mut (Instant, Duration)| at.elapsed() < *wait;
        if self.unsettled().failed.as_mut().is_some_and(too_early) {
            return;
        }
        // What it finds is told in the log; whoever comes next finds it as it is then.
        let _ = self.reopen_late(turn).await;
    }

    /// The change was answered as failed. If it was made after all, the log says so before readers see it.
    async fn reopen_late(&self, turn: &Turn<'_>) -> Result<(), VaultError> {
        let fate = self.reopen(turn).await?;
        tracing::info!(change.made = (fate == Fate::Made), "the store can be written again");
        if fate == Fate::Made {
            // Whoever asked for it would have done this: it may have been a revocation. What notices there are of what it
            // concerns is found by their timer.
            self.departures.warn();
            self.note_operators();
        }
        Ok(())
    }

    async fn reopen(&self, turn: &Turn<'_>) -> Result<Fate, VaultError> {
        let settled = self.try_reopen(turn).await;
        if let Err(error) = &settled {
            let mut unsettled = self.unsettled();
            let wait = unsettled.failed.map_or(SOON, |(_, wait)| (2 * wait).min(SELDOM));
            unsettled.failed = Some((Instant::now(), wait));
            tracing::error!(error = %error, "the store failed, and can't be opened again yet");
        } else {
            *self.unsettled() = Unsettled::default();
        }
        settled
    }

    async fn try_reopen(&self, _turn: &Turn<'_>) -> Result<Fate, VaultError> {
        self.store().reopen().await?;
        failpoint!("vault.reopened");
        let Some((made, not_made)) = self.expected() else {
            // Sealed, or nothing is unknown: what there is is read at the next unsealing.
            self.reread_header().await?;
            return Ok(Fate::NotMade);
        };
        let (found, header) = (self.records().await?, self.store().header().await?);
        let fate = if not_made.is(&found, header.as_deref()) {
            Fate::NotMade
        } else if made.is(&found, header.as_deref()) {
            Fate::Made
        } else {
            let why = "after a failed write it holds something else than what was acknowledged";
            return Err(VaultError::Damaged(why.to_owned()));
        };
        self.tell_fate(fate).await?;
        let change = self.unsettled().change.take();
        if let (Fate::Made, Some(Change { written, header, untold })) = (fate, change) {
            self.publish(written, header);
            untold.into_iter().for_each(|untold| self.announce(untold));
        }
        Ok(fate)
    }

    /// An entry of what became of the change, where it was not answered yet that it came to nothing.
    async fn tell_fate(&self, fate: Fate) -> Result<(), VaultError> {
        let log = match &*self.live() {
            Live::Sealed => return Ok(()),
            Live::Unsealed(unsealed) => std::sync::Arc::clone(&unsealed.log),
        };
        match log.append_durably(fate.told()).await {
            // That nothing was changed may be told later or never: the change has its entry `failed`.
            Err(error) if fate == Fate::NotMade => {
                tracing::error!(error = %error, "the opening of the store can't be audited");
                Ok(())
            }
            other => Ok(other.map(drop)?),
        }
    }

    /// All revisions as they must be, with the change and without it. None: nothing is to be found out.
    fn expected(&self) -> Option<(Expected, Expected)> {
        let (live, unsettled) = (self.live(), self.unsettled());
        let (Live::Unsealed(open), Some(change)) = (&*live, &unsettled.change) else { return None };
        let before = standing(&open.keys, &open.registry);
        let mut after = before.clone();
        for each in &change.written {
            match each.lies_as() {
                (key, Some(revision)) => after.insert(key, revision),
                (key, None) => after.remove(&key),
            };
        }
        let touched: Vec<_> = change.written.iter().map(|each| each.lies_as().0).collect();
        let old = self.header().to_bytes();
        let new = change.header.as_ref().map_or_else(|| old.clone(), Header::to_bytes);
        let expected = |records, header| Expected { records, header, touched: touched.clone() };
        Some((expected(after, new), expected(before, old)))
    }

    /// Revisions of all records in the store, each opened.
    async fn records(&self) -> Result<HashMap<StoreKey, u64>, VaultError> {
        let (mut found, mut from) = (HashMap::new(), None);
        loop {
            let page = self.store().page(from).await?;
            aside(|| {
                let live = self.live();
                let Unsealed { keys, .. } = live.unsealed()?;
                for (key, sealed) in &page.records {
                    keys.open(key, sealed)?;
                    found.insert(*key, sealed.revision().unwrap_or_default());
                }
                Ok::<_, VaultError>(())
            })?;
            match page.next {
                Some(next) => from = Some(next),
                None => return Ok(found),
            }
        }
    }

    /// Before a passphrase is tried on a sealed vault: a change of the key slots may have been made that nobody came to know of
    /// before the seal.
    pub(super) async fn renew_header(&self) -> Result<(), VaultError> {
        self.tend_store().await;
        self.reread_header().await
    }

    async fn reread_header(&self) -> Result<(), VaultError> {
        if let Some(bytes) = self.store().header().await? {
            self.set_header(Header::parse(&bytes)?);
        }
        Ok(())
    }

    /// Sealed: what is unknown is read anew at the next unsealing, the header too.
    pub(super) fn forget_unsettled(&self) {
        self.unsettled().change = None;
    }

    fn unsettled(&self) -> std::sync::MutexGuard<'_, Unsettled> {
        self.unsettled.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
