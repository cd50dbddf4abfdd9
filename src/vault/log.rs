//! The audit log as operators see it, and its upkeep.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::{SignedDuration, Timestamp};

use super::error::VaultError;
use super::lifecycle::Vault;
use super::manage::Cleared;
use super::registry::Registry;
use super::session::Asker;
use super::state::{Live, Unsealed};
use crate::audit::{Due, Filter, Log, LoggedEntry, Look, Page as LogPage, Report};
use crate::model::{CallerName, Denial, Integration, Itself, Level, Secret};
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
    /// decided next is decided after it. Returns the log's last line too, the last one of whoever had the name.
    pub(super) async fn told_until_now(&self, cleared: Cleared) -> Result<(Cleared, u64), VaultError> {
        cleared.log.flush_tallies(Due::All).await?;
        let line = cleared.log.last_line().await?;
        Ok((Cleared { now: self.clock.now(), ..cleared }, line))
    }

    fn sees_entries(
        &self,
        cleared: &Cleared,
    ) -> Result<impl Fn(&LoggedEntry) -> bool + Send + use<>, VaultError> {
        let all = cleared.rights.level == Level::Full;
        let own = OwnDoings::of(self.live().unsealed()?, &cleared.by)?;
        // Of an ID or a name that had a life before, what was somebody else's then stays theirs.
        let owned: HashMap<Arc<str>, Life> = {
            let live = self.live();
            let Unsealed { registry, .. } = live.unsealed()?;
            let secrets = registry.secrets.values().filter(|kept| !all && cleared.sees(&kept.noun.owners));
            secrets
                .flat_map(|kept| {
                    let integration = registry.owner(&kept.noun);
                    let record = integration.map(|record| (record.name.shared(), Life::of_record(record)));
                    [Some((kept.noun.id.shared(), Life::of_secret(registry, &kept.noun))), record]
                })
                .flatten()
                .collect()
        };
        Ok(move |logged: &LoggedEntry| {
            let names = [&logged.entry.secret, &logged.entry.integration];
            let is_owned = |name: &Arc<str>| owned.get(name).is_some_and(|life| life.has(logged));
            all || own.has(logged) || names.into_iter().flatten().any(is_owned)
        })
    }
}

/// What an operator did, as far as the log can tell it from others' doings under his name.
struct OwnDoings {
    name: Arc<str>,
    /// Before it was somebody else's doing: another registration of the name, another employee.
    since: Since,
    /// The program writes what it does itself under this name too.
    is_shared: bool,
}

/// Where something begins in the log: behind a line, or, of what was recorded before lines were, at a time.
enum Since {
    Line(u64),
    Time(Timestamp),
}

impl OwnDoings {
    fn of(unsealed: &Unsealed, name: &CallerName) -> Result<Self, VaultError> {
        let caller = &unsealed.registry.callers.get(name).ok_or(VaultError::NotFound("caller"))?.noun;
        let (name, is_shared) = (name.shared(), Itself::has(name.as_str()));
        let since = caller.since_line.map_or_else(|| Since::Time(caller.since()), Since::Line);
        Ok(Self { name, since, is_shared })
    }

    fn has(&self, logged: &LoggedEntry) -> bool {
        let LoggedEntry { seq, time, entry } = logged;
        // Of certificates of an earlier registration, which speak for nobody any more.
        let strangers = [Denial::CallerUnknown, Denial::CallerRevoked].map(Denial::reason);
        let is_since = match self.since {
            Since::Line(line) => *seq > line,
            // At this very time it may have been either.
            Since::Time(since) => *time > since,
        };
        is_since
            && entry.caller.as_ref() == Some(&self.name)
            && (!self.is_shared || entry.was_asked_for())
            && entry.reason.as_deref().is_none_or(|reason| !strangers.contains(&reason))
    }
}

/// The life of an ID or a name, as the log tells it: from the time at which it was made, and behind the last line of what it
/// was before. A clock that was set back would tell of that, one that was ahead hides the beginning.
struct Life {
    since: Timestamp,
    line: u64,
}

impl Life {
    fn of_secret(registry: &Registry, secret: &Secret) -> Self {
        let before = registry.tombstones.get(&secret.id).and_then(|kept| kept.noun.until_line);
        Self { since: just_before(secret.created_at), line: before.unwrap_or_default() }
    }

    fn of_record(record: &Integration) -> Self {
        Self { since: just_before(record.created_at), line: record.since_line.unwrap_or_default() }
    }

    fn has(&self, logged: &LoggedEntry) -> bool {
        logged.time >= self.since && logged.seq > self.line
    }
}

/// Entries are told to the microsecond.
fn just_before(time: Timestamp) -> Timestamp {
    time.checked_sub(SignedDuration::from_micros(1)).unwrap_or(Timestamp::MIN)
}
