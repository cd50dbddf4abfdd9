//! Lives of names: a name or an ID may be given again, and whoever has it then is told nothing of its earlier life.
//!
//! The log tells lives apart by lines: a record keeps the last line of what its name was before. So every look at an earlier
//! life has its line by then, or none: one that was decided on a life that has ended meanwhile is refused, and one on a life that
//! may be about to end waits until it is known.

use std::collections::BTreeSet;
use std::num::NonZeroU64;
use std::sync::{Arc, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::error::VaultError;
use super::feed::Subject;
use super::lifecycle::Vault;
use super::manage::Cleared;
use super::registry::Registry;
use crate::audit::{Begun, Due, Entry, Log};
use crate::model::{Caller, CallerName, IntegrationName, Level, Role, SecretId};

/// When something was made, and the log's last line before; of a caller also since when it speaks for its employee.
pub(super) type Life = (Timestamp, Option<u64>, Option<Timestamp>);

/// Whether a caller's registration stands, and an operator's level: less of either, and a look is no longer his.
type Standing = (bool, Option<Level>);

/// Of whoever asks, and of what an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lives {
    caller: Option<(Life, Standing)>,
    secret: Option<Life>,
    integration: Option<Life>,
}

impl Lives {
    pub fn of(registry: &Registry, entry: &Entry) -> Self {
        Self {
            caller: entry.caller.as_deref().and_then(|name| {
                let caller = &registry.callers.get(name)?.noun;
                let level = match caller.role {
                    Role::Operator { level, .. } => Some(level),
                    Role::Service { .. } => None,
                };
                Some((of_caller(caller), (caller.is_active(), level)))
            }),
            secret: entry.secret.as_deref().and_then(|id| of_secret(registry, id)),
            integration: entry.integration.as_deref().and_then(|name| of_integration(registry, name)),
        }
    }
}

/// The life of something that there is.
pub(super) fn life_of(registry: &Registry, about: &Subject) -> Option<Life> {
    match about {
        Subject::Secret(id) => of_secret(registry, id.as_str()),
        Subject::Integration(name) => of_integration(registry, name.as_str()),
        Subject::Caller(name) => registry.callers.get(name).map(|kept| of_caller(&kept.noun)),
        Subject::Vault => None,
    }
}

fn of_caller(caller: &Caller) -> Life {
    (caller.enrolled_at, caller.since_line, caller.employee_since)
}

fn of_secret(registry: &Registry, id: &str) -> Option<Life> {
    let secret = &registry.secrets.named(id)?.noun;
    Some((secret.created_at, secret.since_line.map(NonZeroU64::get), None))
}

fn of_integration(registry: &Registry, name: &str) -> Option<Life> {
    let record = &registry.integrations.get(name)?.noun;
    Some((record.created_at, record.since_line, None))
}

/// Names whose next life is being made.
#[derive(Debug, Default)]
pub(super) struct Reborn {
    caller: Option<Arc<str>>,
    integration: Option<Arc<str>>,
    secrets: BTreeSet<Arc<str>>,
}

impl Reborn {
    pub fn caller(name: &CallerName) -> Self {
        Self { caller: Some(name.shared()), ..Self::default() }
    }

    pub fn secrets<'a>(ids: impl IntoIterator<Item = &'a SecretId>) -> Self {
        Self { secrets: ids.into_iter().map(SecretId::shared).collect(), ..Self::default() }
    }

    /// With its secrets.
    pub fn integration<'a>(name: &IntegrationName, ids: impl IntoIterator<Item = &'a SecretId>) -> Self {
        Self { integration: Some(name.shared()), ..Self::secrets(ids) }
    }

    fn concerns(&self, entry: &Entry) -> bool {
        let same = |mine: &Option<Arc<str>>, its: &Option<Arc<str>>| mine.is_some() && mine == its;
        same(&self.caller, &entry.caller)
            || same(&self.integration, &entry.integration)
            || entry.secret.as_ref().is_some_and(|id| self.secrets.contains(id))
    }
}

/// Until this is dropped, the names are nobody's to look at, or to look by. There is one at a time: whoever has the turn.
pub(super) struct Rebirth<'a>(&'a Vault);

impl Drop for Rebirth<'_> {
    fn drop(&mut self) {
        *self.0.reborn() = Reborn::default();
    }
}

impl Vault {
    /// Writes the entry of a look; then it may be answered. Refused if it was decided on what has ended since. Where that isn't
    /// known yet, as a name is just being given again, it waits for the turn: whoever looks while having it gives none again.
    pub(super) async fn looked<R>(&self, cleared: Cleared<R>) -> Result<(), VaultError> {
        let Cleared { entry, log, lives, .. } = cleared;
        // Who waits for the turn keeps nothing of what a seal waits for.
        drop(log);
        let begun = match self.begin_look(&entry, lives)? {
            Some(begun) => begun,
            None => {
                let _turn = self.turn.lock().await;
                self.begin_look(&entry, lives)?.ok_or(VaultError::Unsettled)?
            }
        };
        let (log, line) = begun;
        log.written(line).await?;
        Ok(())
    }

    /// Queues the entry of a look. None: what it is at, or by, may be about to end.
    fn begin_look(&self, entry: &Entry, lives: Lives) -> Result<Option<(Arc<Log>, Begun)>, VaultError> {
        let live = self.live();
        let unsealed = live.unsealed()?;
        // Until the line has its place, the next life doesn't begin.
        let reborn = self.reborn();
        if Lives::of(&unsealed.registry, entry) != lives {
            return Err(VaultError::Unsettled);
        }
        if reborn.concerns(entry) {
            return Ok(None);
        }
        let begun = unsealed.log.begin_entry(entry)?;
        Ok(Some((Arc::clone(&unsealed.log), begun)))
    }

    /// Ends the earlier life of names, before they are somebody else's: what is counted of repeated denials is written, and
    /// no look at it goes on. What is decided next is decided after it. Returns the log's last line too, counted over all
    /// logs.
    pub(super) async fn told_until_now(
        &self,
        cleared: Cleared,
        names: Reborn,
    ) -> Result<(Cleared, u64, Rebirth<'_>), VaultError> {
        let rebirth = Rebirth(self);
        *self.reborn() = names;
        cleared.log.flush_tallies(Due::Counted).await?;
        let last = cleared.log.last_line().await?;
        let line = self.live().unsealed()?.registry.past.counted(last);
        Ok((Cleared { now: self.clock.now(), ..cleared }, line, rebirth))
    }

    fn reborn(&self) -> MutexGuard<'_, Reborn> {
        self.reborn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
