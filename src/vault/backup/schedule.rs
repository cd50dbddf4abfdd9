//! Backups by the clock: one file each in a directory, the oldest removed.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::json;

use super::place::{SharedRoom, made, name, remove, sweep};
use crate::audit::{Entry, Log, Outcome};
use crate::crypto::Failed;
use crate::identity::NewFile;
use crate::model::{Concern, Itself, NoticeKind};
use crate::policy::backups::{BackupRules, BackupsSoFar, Surplus, is_due, of_backups, of_surplus, surplus};
use crate::policy::notices::Occasion;
use crate::vault::VaultError;
use crate::vault::aside::aside;
use crate::vault::lifecycle::Vault;
use crate::vault::notices::Scope;

/// Who the log says it is.
const DAEMON: &str = Itself::Daemon.name();

/// Where backups are kept, how often one is made and how many there are.
#[derive(Debug, Clone)]
pub struct BackupPlan {
    pub directory: PathBuf,
    pub rules: BackupRules,
}

/// The schedule, if there is one.
#[derive(Default)]
pub(in super::super) struct Schedule(Mutex<Option<Scheduled>>);

struct Scheduled {
    plan: BackupPlan,
    so_far: BackupsSoFar,
}

impl Schedule {
    fn lock(&self) -> MutexGuard<'_, Option<Scheduled>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What there is to be told of it.
    pub fn occasions(&self, now: Timestamp) -> Vec<Occasion> {
        let scheduled = self.lock();
        let Some(Scheduled { plan, so_far }) = &*scheduled else { return Vec::new() };
        let directory = plan.directory.display().to_string();
        let made = of_backups(plan.rules, so_far, &directory, now);
        [made].into_iter().chain(of_surplus(&so_far.surplus, &directory)).collect()
    }
}

impl Vault {
    /// Has backups made from now on, by [`Self::tend_backups`]. Those that are there count.
    pub fn schedule_backups(&self, plan: BackupPlan) {
        let now = self.clock.now();
        let made = made(&plan.directory, self.id()).unwrap_or_else(|error| {
            tracing::error!(error = %error, "the directory of the backups can't be read");
            Vec::new()
        });
        let last = made.into_iter().filter(|at| *at <= now).max();
        *self.schedule.lock() = Some(Scheduled { plan, so_far: BackupsSoFar::new(last, now) });
    }

    /// Makes a backup if one is due. For a timer; does nothing while sealed.
    pub async fn tend_backups(&self) {
        let now = self.clock.now();
        let plan = match &*self.schedule.lock() {
            Some(Scheduled { plan, so_far }) if is_due(plan.rules, so_far, now) => plan.clone(),
            _ => return,
        };
        if self.is_sealed() {
            return;
        }
        let name = name(self.id(), now);
        let made = self.make_scheduled(&plan, &name, now).await;
        if let Err(error) = &made {
            tracing::error!(error = %error, "a scheduled backup failed");
            self.note_failure(&name, error).await;
        }
        if let Some(Scheduled { so_far, .. }) = &mut *self.schedule.lock() {
            match made {
                Ok(surplus) => so_far.succeeded(now, surplus),
                Err(error) => so_far.failed(now, error.to_string()),
            }
        }
        if self.is_sealed() {
            return;
        }
        if let Err(error) = self.tell_of_backups().await {
            tracing::error!(error = %error, "notices can't be recorded");
        }
    }

    async fn note_failure(&self, name: &str, error: &VaultError) {
        // A seal is an entry of its own.
        let Ok(log) = self.open_log() else { return };
        let reason = Some(error.reason().into());
        if let Err(error) = log.append(Entry { outcome: Outcome::Failed, reason, ..entry(name) }).await {
            tracing::error!(error = %error, "the failure of a backup can't be audited");
        }
    }

    /// Held for an entry, and never while a backup's disk is waited for: a seal waits until nobody has it.
    fn open_log(&self) -> Result<Arc<Log>, VaultError> {
        let live = self.live();
        Ok(Arc::clone(&live.unsealed()?.log))
    }

    async fn tell_of_backups(&self) -> Result<(), VaultError> {
        let turn = self.turn().await;
        let scope = Scope::Of(vec![(NoticeKind::Backup, Concern::Vault("schedule".to_owned()))]);
        let found = self.schedule.occasions(self.clock.now());
        self.settle(&turn, &scope, found).await
    }

    async fn make_scheduled(
        &self,
        plan: &BackupPlan,
        name: &str,
        now: Timestamp,
    ) -> Result<Surplus, VaultError> {
        let (directory, vault) = (plan.directory.clone(), self.id());
        blocking(move || {
            sweep(&directory, vault);
            Ok(())
        })
        .await?;
        let path = plan.directory.join(name);
        let mut file = blocking(move || Ok(NewFile::begin(&path)?)).await?;
        let backup = {
            let turn = self.turn().await;
            let log = self.open_log()?;
            let entry = Entry { outcome: Outcome::Allowed, ..entry(name) };
            self.begin(&turn, &log, entry, DAEMON.to_owned(), None).await?
        };
        let room =
            Arc::new(SharedRoom::of(&plan.directory, [self.directory.store(), self.audit.dir.clone()]));
        while let Some(bytes) = self.go_on(&backup).await? {
            let room = Arc::clone(&room);
            file = blocking(move || {
                failpoint!("backup.write");
                room.has(bytes.len())?;
                file.write(&bytes).map(|()| file).map_err(VaultError::from)
            })
            .await?;
        }
        blocking(move || Ok(file.publish()?)).await?;
        tracing::info!(backup.file = name, "a scheduled backup was made");
        // The new one is there: that is what counts.
        let why = match self.remove_surplus(plan, now).await {
            Ok(stayed) => match &*stayed {
                [] => return Ok(Surplus::Went),
                [(_, error)] => error.to_string(),
                [(_, first), others @ ..] => format!("{first}, and {} more", others.len()),
            },
            Err(error) => error.to_string(),
        };
        tracing::error!(error = %why, "older backups can't be removed");
        Ok(Surplus::Stays(why))
    }

    /// Removes what is too much, once the log says so: what can't be removed, and why. The log says of that too.
    async fn remove_surplus(
        &self,
        plan: &BackupPlan,
        now: Timestamp,
    ) -> Result<Vec<(String, VaultError)>, VaultError> {
        let (directory, vault, keep) = (plan.directory.clone(), self.id(), plan.rules.keep);
        let made = blocking(move || made(&directory, vault)).await?;
        let names: Vec<_> = surplus(made, keep, now).into_iter().map(|at| name(vault, at)).collect();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        self.open_log()?.append_durably(removal(names.iter())).await?;
        let directory = plan.directory.clone();
        let stayed = blocking(move || {
            let removed = names.into_iter().map(|name| (remove(&directory.join(&name)), name));
            Ok(removed.filter_map(|(removed, name)| Some((name, removed.err()?))).collect::<Vec<_>>())
        })
        .await?;
        // A seal is an entry of its own.
        if let Some((_, first)) = stayed.first()
            && let Ok(log) = self.open_log()
        {
            let reason = Some(first.reason().into());
            let entry = Entry { reason, ..removal(stayed.iter().map(|(name, _)| name)) };
            aside(|| log.owe_failures(&[entry]));
        }
        Ok(stayed)
    }
}

fn removal<'a>(names: impl ExactSizeIterator<Item = &'a String>) -> Entry {
    Entry {
        caller: Some(DAEMON.into()),
        action: "backup.remove".into(),
        outcome: Outcome::Allowed,
        count: Some(names.len() as u64),
        changes: Some(json!({ "files": names.take(100).collect::<Vec<_>>() })),
        ..Entry::default()
    }
}

fn entry(name: &str) -> Entry {
    let (caller, subject) = (Some(DAEMON.into()), Some(name.into()));
    Entry { caller, action: "backup.create".into(), subject, ..Entry::default() }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, VaultError> + Send + 'static,
) -> Result<T, VaultError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Failed)?
}
