//! The audit log as operators see it, and its upkeep.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::{SignedDuration, Timestamp};

use super::error::VaultError;
use super::lifecycle::Vault;
use super::manage::Cleared;
use super::past::{Past, Since};
use super::registry::Registry;
use super::session::Asker;
use super::state::{Live, Unsealed};
use crate::audit::{Due, Filter, Finding, Log, LoggedEntry, Look, Page as LogPage, Report};
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
        let filter = Arc::new(filter);
        loop {
            let alone = self.paging.lock().await;
            let cleared = self.clear_general(asker, Action::Audit, asker.entry(None, "audit.read")).await?;
            let log = Arc::clone(&cleared.log);
            let sees = self.sees_entries(&cleared)?;
            let wanted = Arc::clone(&filter);
            let mut page = log.page(look.clone(), move |entry| wanted.admits(entry) && sees(entry)).await?;
            // Who waits for the turn keeps nothing of what a seal waits for, nor others from the log.
            drop((log, alone));
            if cleared.rights.level != Level::Full {
                // They are the vault's, of every value: whoever may store one could try whether it is another's.
                page.entries.iter_mut().for_each(|each| each.entry.fingerprint = None);
            }
            match self.looked(cleared).await {
                // While it was read, the name may have become another's.
                Err(VaultError::Unsettled) => drop(self.turn.lock().await),
                looked => return looked.map(|()| page),
            }
        }
    }

    /// Checks the whole log against its chain and the recorded head. Each check costs the whole log: one at a time, however
    /// many ask, and all who waited for one share the next.
    pub async fn verify_log(&self, asker: Asker<'_>) -> Result<Report, VaultError> {
        let clear = async || {
            let entry = asker.entry(None, "audit.verify");
            self.clear_general(asker, Action::Audit, entry).await
        };
        self.looked(clear().await?).await?;
        // Who is revoked while he waits costs nobody a check, and isn't told of another's.
        let may = async || clear().await.map(drop);
        let report = self.verifying.share(may(), self.verify_now()).await?;
        may().await?;
        Ok(report)
    }

    async fn verify_now(&self) -> Result<Report, VaultError> {
        let (report, noticed) = self.check_log().await?;
        self.found_bad.store(report.first_bad.is_some(), Ordering::Relaxed);
        if let Err(error) = self.verified(report.first_bad, noticed).await {
            tracing::error!(error = %error, "what the verification found can't be recorded as a notice");
        }
        Ok(report)
    }

    /// The log isn't kept beyond it: a seal, which has its turn, waits until nobody has hold of it.
    async fn check_log(&self) -> Result<(Report, Option<Finding>), VaultError> {
        let (log, checkpoint) = {
            let live = self.live();
            let Unsealed { log, registry, .. } = live.unsealed()?;
            (Arc::clone(log), registry.checkpoint.as_ref().map(|kept| kept.checkpoint.clone()))
        };
        // What the log notices while it is read may be so since.
        let noticed = log.damage();
        Ok((log.verify(checkpoint).await?, noticed))
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

    fn sees_entries(
        &self,
        cleared: &Cleared,
    ) -> Result<impl Fn(&LoggedEntry) -> bool + Send + use<>, VaultError> {
        let all = cleared.rights.level == Level::Full;
        let live = self.live();
        let Unsealed { registry, .. } = live.unsealed()?;
        let own = OwnDoings::of(registry, &cleared.by)?;
        // Of an ID or a name that had a life before, what was somebody else's then stays theirs. An integration may be named
        // as a secret is.
        let (mut secrets, mut integrations) = (HashMap::new(), HashMap::new());
        for kept in registry.secrets.values().filter(|kept| !all && cleared.sees(&kept.noun.owners)) {
            secrets.insert(kept.noun.id.shared(), life_of_secret(&kept.noun));
            if let Some(record) = registry.owner(&kept.noun) {
                integrations.insert(record.name.shared(), life_of_integration(record));
            }
        }
        let past = registry.past.clone();
        Ok(move |logged: &LoggedEntry| {
            let is_of = |lives: &HashMap<Arc<str>, Since>, name: &Option<Arc<str>>| {
                name.as_ref().and_then(|name| lives.get(name)).is_some_and(|since| since.has(&past, logged))
            };
            all || own.has(&past, logged)
                || is_of(&secrets, &logged.entry.secret)
                || is_of(&integrations, &logged.entry.integration)
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

impl OwnDoings {
    fn of(registry: &Registry, name: &CallerName) -> Result<Self, VaultError> {
        let caller = &registry.callers.get(name).ok_or(VaultError::NotFound("caller"))?.noun;
        let since = Since::new(caller.since_line, caller.since());
        Ok(Self { name: name.shared(), since, is_shared: Itself::has(name.as_str()) })
    }

    fn has(&self, past: &Past, logged: &LoggedEntry) -> bool {
        let entry = &logged.entry;
        // Of certificates of an earlier registration, which speak for nobody any more.
        let strangers = [Denial::CallerUnknown, Denial::CallerRevoked].map(Denial::reason);
        self.since.has(past, logged)
            && entry.caller.as_ref() == Some(&self.name)
            && (!self.is_shared || entry.was_asked_for())
            && entry.reason.as_deref().is_none_or(|reason| !strangers.contains(&reason))
    }
}

/// Since when the log tells of a secret and not of an earlier one of its ID.
pub(super) fn life_of_secret(secret: &Secret) -> Since {
    Since::new(secret.since_line.map(NonZeroU64::get), just_before(secret.created_at))
}

fn life_of_integration(record: &Integration) -> Since {
    Since::new(record.since_line, just_before(record.created_at))
}

/// Entries are told to the microsecond.
fn just_before(time: Timestamp) -> Timestamp {
    time.checked_sub(SignedDuration::from_micros(1)).unwrap_or(Timestamp::MIN)
}
