//! Backups by the clock: one file each in a directory, the oldest removed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use jiff::fmt::strtime;
use serde_json::json;

use crate::audit::{Entry, Log, Outcome};
use crate::crypto::Failed;
use crate::identity::NewFile;
use crate::keys::VaultId;
use crate::model::{Concern, NoticeKind};
use crate::policy::backups::{BackupRules, BackupsSoFar, is_due, of_backups, surplus};
use crate::policy::notices::Occasion;
use crate::vault::VaultError;
use crate::vault::lifecycle::Vault;
use crate::vault::notices::Scope;
use crate::vault::state::Live;

/// Who the log says it is.
const DAEMON: &str = "daemon";
/// Of a file's time.
const TIME: &str = "%Y%m%dT%H%M%SZ";

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
    pub fn occasion(&self, now: Timestamp) -> Option<Occasion> {
        self.lock().as_ref().map(|Scheduled { plan, so_far }| {
            of_backups(plan.rules, so_far, &plan.directory.display().to_string(), now)
        })
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
        let log = match &*self.live() {
            Live::Sealed => return,
            Live::Unsealed(open) => Arc::clone(&open.log),
        };
        let name = name(self.id(), now);
        let made = self.make_scheduled(&plan, &log, &name, now).await;
        if let Err(error) = &made {
            tracing::error!(error = %error, "a scheduled backup failed");
            let reason = Some(error.reason().into());
            if let Err(error) = log.append(Entry { outcome: Outcome::Failed, reason, ..entry(&name) }).await {
                tracing::error!(error = %error, "the failure of a backup can't be audited");
            }
        }
        // A seal waits for it.
        drop(log);
        if let Some(Scheduled { so_far, .. }) = &mut *self.schedule.lock() {
            match &made {
                Ok(()) => so_far.succeeded(now),
                Err(error) => so_far.failed(now, error.to_string()),
            }
        }
        if let Err(error) = self.tell_of_backups().await {
            tracing::error!(error = %error, "notices can't be recorded");
        }
    }

    async fn tell_of_backups(&self) -> Result<(), VaultError> {
        let turn = self.turn().await;
        let scope = Scope::Of(vec![(NoticeKind::Backup, Concern::Vault("schedule".to_owned()))]);
        let found = self.schedule.occasion(self.clock.now());
        self.settle(&turn, &scope, found.into_iter().collect()).await
    }

    async fn make_scheduled(
        &self,
        plan: &BackupPlan,
        log: &Log,
        name: &str,
        now: Timestamp,
    ) -> Result<(), VaultError> {
        let path = plan.directory.join(name);
        let mut file = blocking(move || Ok(NewFile::begin(&path)?)).await?;
        let backup = {
            let turn = self.turn().await;
            let entry = Entry { outcome: Outcome::Allowed, ..entry(name) };
            self.begin(&turn, log, entry, DAEMON.to_owned(), None).await?
        };
        while let Some(bytes) = self.go_on(&backup).await? {
            file = blocking(move || file.write(&bytes).map(|()| file).map_err(VaultError::from)).await?;
        }
        blocking(move || Ok(file.publish()?)).await?;
        tracing::info!(backup.file = name, "a scheduled backup was made");
        if let Err(error) = self.remove_surplus(plan, log, now).await {
            // The new one is there: that is what counts.
            tracing::error!(error = %error, "older backups can't be removed");
        }
        Ok(())
    }

    /// Removes what is too much, once the log says so.
    async fn remove_surplus(&self, plan: &BackupPlan, log: &Log, now: Timestamp) -> Result<(), VaultError> {
        let (directory, vault, keep) = (plan.directory.clone(), self.id(), plan.rules.keep);
        let made = blocking(move || made(&directory, vault)).await?;
        let names: Vec<_> = surplus(made, keep, now).into_iter().map(|at| self::name(vault, at)).collect();
        if names.is_empty() {
            return Ok(());
        }
        let entry = Entry {
            caller: Some(DAEMON.into()),
            action: "backup.remove".into(),
            outcome: Outcome::Allowed,
            count: Some(names.len() as u64),
            changes: Some(json!({ "files": names.iter().take(100).collect::<Vec<_>>() })),
            ..Entry::default()
        };
        log.append_durably(entry).await?;
        let directory = plan.directory.clone();
        blocking(move || names.iter().try_for_each(|name| remove(&directory.join(name)))).await
    }
}

fn entry(name: &str) -> Entry {
    let (caller, subject) = (Some(DAEMON.into()), Some(name.into()));
    Entry { caller, action: "backup.create".into(), subject, ..Entry::default() }
}

fn name(vault: VaultId, at: Timestamp) -> String {
    format!("{}{}.fsmb", prefix(vault), at.strftime(TIME))
}

fn prefix(vault: VaultId) -> String {
    format!("fsm-vault-{}-", &vault.to_string()[..8])
}

/// When a backup of this name was made; None: it is none of this vault's.
fn time(name: &str, vault: VaultId) -> Option<Timestamp> {
    let text = name.strip_prefix(&prefix(vault))?.strip_suffix(".fsmb")?;
    let at = strtime::parse("%Y%m%dT%H%M%SZ", text).ok()?.to_datetime().ok()?;
    let at = at.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    (self::name(vault, at) == name).then_some(at)
}

/// The times of this vault's backups in a directory. Other files, links and directories are none.
fn made(directory: &Path, vault: VaultId) -> Result<Vec<Timestamp>, VaultError> {
    let at = |source| VaultError::File { path: directory.display().to_string(), source };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(at)? {
        let entry = entry.map_err(at)?;
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        found.extend(entry.file_name().to_str().and_then(|name| time(name, vault)).filter(|_| is_file));
    }
    Ok(found)
}

fn remove(path: &Path) -> Result<(), VaultError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(|source| VaultError::File { path: path.display().to_string(), source }),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, VaultError> + Send + 'static,
) -> Result<T, VaultError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Failed)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Header;

    #[test]
    fn a_backups_name_and_its_near_misses() {
        let passphrase = crate::secret::Plaintext::new(b"right".to_vec());
        let cost = crate::crypto::Argon2Cost { memory_kib: 19_456, passes: 2, lanes: 1 };
        let vault = Header::create(&passphrase, cost).unwrap().0.vault();
        let at: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let right = name(vault, at);
        assert!(right.ends_with("-20261122T100000Z.fsmb"), "{right}");
        assert_eq!(time(&right, vault), Some(at));
        for wrong in [
            right.replace("100000", "250000"),
            right.replace("20261122T", "2026112T"),
            right.replace("Z.fsmb", "Z.fsmb.bak"),
            format!(".{right}.0123456789abcdef.draft"),
            right.replace(&vault.to_string()[..8], "xxxxxxxx"),
            right.replace(".fsmb", ""),
            "fsm-vault.fsmb".to_owned(),
        ] {
            assert_eq!(time(&wrong, vault), None, "{wrong}");
        }
    }
}
