//! What the log tells of beyond a checkpoint: changes that a store which knows no later one doesn't have.
//!
//! A commit brings the checkpoint that stands after its own entries. So a change whose entry comes after the store's
//! checkpoint isn't in the store: it was never made, or the store is an older one.

use jiff::Timestamp;

use super::entry::{LoggedEntry, Outcome};

/// The daemon's coming and going: no change that anybody would miss.
const USUAL: [&str; 2] = ["vault.unseal", "vault.close"];

/// What trusted lines after the checkpoint come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ahead {
    /// The newest epoch told of.
    pub epoch: Option<u64>,
    /// The checkpoint's segment was retired, which takes a later checkpoint that was stored.
    pub is_outrun: bool,
    /// Changes that were to be made.
    pub changes: u64,
    /// The last of them.
    pub last: Option<Change>,
}

/// A change as its entry names it: never a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub time: Timestamp,
    pub action: String,
    /// Of the secret, the integration or the caller.
    pub name: Option<String>,
}

impl Ahead {
    /// Takes a trusted line after the checkpoint that is for a change.
    pub(super) fn take(&mut self, epoch: u64, line: &[u8]) {
        self.epoch = self.epoch.max(Some(epoch));
        let Ok(LoggedEntry { time, entry, .. }) = serde_json::from_slice(line) else { return };
        if entry.outcome != Outcome::Allowed || USUAL.contains(&&*entry.action) {
            return;
        }
        self.changes += 1;
        let name = entry.secret.or(entry.integration).or(entry.subject).map(|name| name.to_string());
        self.last = Some(Change { time, action: entry.action.into_owned(), name });
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Self { time, action, name } = self;
        write!(out, "{time:.0} {action}")?;
        name.iter().try_for_each(|name| write!(out, " {name}"))
    }
}
