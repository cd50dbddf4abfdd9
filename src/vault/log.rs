//! The audit log as operators see it, and its upkeep.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::{SignedDuration, Timestamp};

use super::error::VaultError;
use super::lifecycle::Vault;
use super::manage::Cleared;
use super::session::Asker;
use super::state::{Live, Unsealed};
use crate::audit::{Due, Entry, Filter, Log, LoggedEntry, Look, Page as LogPage, Report};
use crate::model::{CallerName, Denial, IntegrationName, Itself, Level, Secret};
use crate::policy::Action;

/// What can be said of the log without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogStanding {
    pub available: bool,
    pub damaged: bool,
}

impl Vault {
    /// A page of the entries that `filter` admits: of all for a full operator; for others, of those on secrets they
    /// own and their own doings.
    pub async fn read_log(
        &self,
        asker: Asker<'_>,
        look: Look,
        filter: Filter,
    ) -> Result<LogPage, VaultError> {
        let cleared = self.clear_general(asker, Action::Audit, asker.entry(None, "audit.read")).await?;
        let log = Arc::clone(&cleared.log);
        let sees = self.sees_entries(&cleared)?;
        let page = log.page(look, move |entry| filter.admits(entry) && sees(entry)).await?;
        cleared.looked().await?;
        Ok(page)
    }

    /// Checks the whole log against its chain and the recorded head.
    pub async fn verify_log(&self, asker: Asker<'_>) -> Result<Report, VaultError> {
        let cleared = self.clear_general(asker, Action::Audit, asker.entry(None, "audit.verify")).await?;
        let log = Arc::clone(&cleared.log);
        cleared.looked().await?;
        let checkpoint = {
            let live = self.live();
            live.unsealed()?.registry.checkpoint.as_ref().map(|kept| kept.checkpoint.clone())
        };
        let report = log.verify(checkpoint).await?;
        self.found_bad.store(report.first_bad.is_some(), Ordering::Relaxed);
        if let Err(error) = self.verified(report.first_bad).await {
            tracing::error!(error = %error, "what the verification found can't be recorded as a notice");
        }
        Ok(report)
    }

    /// None while sealed.
    pub fn log_standing(&self) -> Option<LogStanding> {
        match &*self.live() {
            Live::Sealed => None,
            Live::Unsealed(open) => Some(LogStanding {
                available: open.log.is_available(),
                damaged: open.log.damage().is_some() || self.found_bad.load(Ordering::Relaxed),
            }),
        }
    }

    /// Writes what is counted of repeated denials, and records the head. For a timer.
    pub async fn tend_log(&self) -> Result<(), VaultError> {
        let log: Arc<Log> = match &*self.live() {
            Live::Sealed => return Ok(()),
            Live::Unsealed(unsealed) => Arc::clone(&unsealed.log),
        };
        log.flush_tallies(Due::Ended).await?;
        drop(log);
        self.record_checkpoint().await
    }

    /// Writes what is counted of repeated denials before somebody else has the name: it is none of his doing. What is
    /// decided next is decided after it.
    pub(super) async fn told_until_now(&self, cleared: Cleared) -> Result<Cleared, VaultError> {
        cleared.log.flush_tallies(Due::All).await?;
        Ok(Cleared { now: self.clock.now(), ..cleared })
    }

    fn sees_entries(
        &self,
        cleared: &Cleared,
    ) -> Result<impl Fn(&LoggedEntry) -> bool + Send + use<>, VaultError> {
        let all = cleared.rights.level == Level::Full;
        let own = OwnDoings::of(self.live().unsealed()?, &cleared.by)?;
        // Of an ID that had a life before, what was somebody else's then stays theirs.
        let owned: HashMap<Arc<str>, Timestamp> = {
            let live = self.live();
            let Unsealed { registry, .. } = live.unsealed()?;
            let secrets = registry.secrets.values().filter(|kept| !all && cleared.sees(&kept.noun.owners));
            secrets
                .flat_map(|kept| {
                    let integration = kept.noun.integration.as_ref().map(IntegrationName::shared);
                    let since = since(&kept.noun);
                    [Some(kept.noun.id.shared()), integration].map(|name| name.map(|name| (name, since)))
                })
                .flatten()
                .collect()
        };
        Ok(move |entry: &LoggedEntry| {
            let LoggedEntry { entry, time, .. } = entry;
            let names = [&entry.secret, &entry.integration];
            all || own.has(entry, *time)
                || names.into_iter().flatten().any(|name| owned.get(name).is_some_and(|since| time >= since))
        })
    }
}

/// What an operator did, as far as the log can tell it from others' doings under his name.
struct OwnDoings {
    name: Arc<str>,
    /// Before, or at this very time, it was somebody else's doing: another registration of the name, another employee.
    since: Timestamp,
    /// The program writes what it does itself under this name too.
    is_shared: bool,
}

impl OwnDoings {
    fn of(unsealed: &Unsealed, name: &CallerName) -> Result<Self, VaultError> {
        let caller = &unsealed.registry.callers.get(name).ok_or(VaultError::NotFound("caller"))?.noun;
        let (name, is_shared) = (name.shared(), Itself::has(name.as_str()));
        Ok(Self { name, since: caller.since(), is_shared })
    }

    fn has(&self, entry: &Entry, time: Timestamp) -> bool {
        entry.caller.as_ref() == Some(&self.name)
            && time > self.since
            && (!self.is_shared || entry.was_asked_for())
            // A certificate of an earlier registration, which speaks for nobody any more.
            && entry.reason.as_deref() != Some(Denial::CallerUnknown.reason())
    }
}

/// When a secret's life in the log begins: entries are told to the microsecond.
fn since(secret: &Secret) -> Timestamp {
    let microsecond = SignedDuration::from_micros(1);
    secret.created_at.checked_sub(microsecond).unwrap_or(Timestamp::MIN)
}
