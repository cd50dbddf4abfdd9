//! A look at a data directory at rest, for whoever wonders why it doesn't start: what is there, whether it opens and is
//! whole. Reads; makes nothing, and changes nothing but what opening the store does by itself.

use std::convert::Infallible;

use jiff::Timestamp;

use super::directory::Directory;
use super::error::VaultError;
use super::lifecycle::open_to_look;
use crate::policy::notices::NoticeRules;
use crate::secret::Plaintext;

mod advice;
mod files;
mod records;

/// How one thing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    Fine,
    /// It works, and something should be done.
    Doubtful,
    /// It doesn't work, or isn't safe.
    Bad,
    /// It couldn't be looked at.
    Unseen,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    pub at: &'static str,
    pub health: Health,
    pub found: String,
    /// What to do about it; none where nothing has to be done.
    pub advice: Option<String>,
}

impl Looked {
    pub fn fine(at: &'static str, found: impl Into<String>) -> Self {
        Self { at, health: Health::Fine, found: found.into(), advice: None }
    }

    pub fn other(
        at: &'static str,
        health: Health,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { at, health, found: found.into(), advice: Some(advice.into()) }
    }
}

/// Looks at the directory; with the passphrase into it as well: every record, and all of the audit log.
pub async fn inspect(directory: &Directory, passphrase: Option<Plaintext>, now: Timestamp) -> Vec<Looked> {
    let rules = NoticeRules::default();
    let Ok(seen) = inspect_asking(directory, || Ok::<_, Infallible>(passphrase), &rules, now).await;
    seen
}

/// The same, and the passphrase is asked for only where it opens something. `rules` say what little room is. The error is
/// that of the asking.
pub async fn inspect_asking<E>(
    directory: &Directory,
    passphrase: impl FnOnce() -> Result<Option<Plaintext>, E>,
    rules: &NoticeRules,
    now: Timestamp,
) -> Result<Vec<Looked>, E> {
    let mut seen = vec![files::owner(directory)];
    if !directory.path().is_dir() {
        return Ok(seen);
    }
    if let Err(error) = directory.refuse_no_directories() {
        seen.push(advice::bad("data directory", &error, directory));
        return Ok(seen);
    }
    // Of another user's directory that isn't one of a vault, all that were said of it would be wrong advice.
    let opened = if directory.holds_nothing() { Err(directory.no_vault()) } else { open_to_look(directory) };
    // Where there was no vault, nothing of it is missing, and who may enter is nobody's mistake.
    let is_vault = !matches!(opened, Err(VaultError::NoVault(_)));
    if is_vault {
        seen.extend(files::modes(directory));
    }
    seen.extend(files::space(directory, rules));
    if is_vault {
        seen.extend(files::certificates(directory, now));
    }
    match opened {
        Err(VaultError::InUse(_)) => seen.push(Looked::other(
            "store",
            Health::Unseen,
            "in use by another fsm-vault process",
            "stop the daemon to look into its files, or ask it: fsm-vault doctor, without --data-dir",
        )),
        Err(error) => seen.push(advice::bad("store", &error, directory)),
        Ok(store) => seen.extend(records::inside(directory, store, passphrase).await?),
    }
    Ok(seen)
}
