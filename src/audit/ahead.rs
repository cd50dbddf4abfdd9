//! What the log tells of beyond a checkpoint: changes that a store which knows no later one doesn't have.
//!
//! A commit brings the checkpoint that stands after its own entries. So a change whose entry comes after the store's
//! checkpoint isn't in the store: it was never made, or the store is an older one. And one whose entry stands before it is,
//! even where an entry `failed` follows: the write's outcome was unknown, and that could be written no more.
//!
//! ```text
//! entry, checkpoint                  made
//! entry, checkpoint, `failed`        made, though it was answered as failed
//! checkpoint, entry                  not made: a crash came between
//! checkpoint, entry, `failed`        not made, and told
//! ```
//!
//! No checkpoint is taken while an entry `failed` is owed (`writer.rs`).

use jiff::Timestamp;

use super::entry::{LoggedEntry, Outcome};

const UNSEAL: &str = "vault.unseal";
/// The daemon's coming and going: no change that anybody would miss.
const USUAL: [&str; 2] = [UNSEAL, "vault.close"];
/// Its log goes on under another chain key, in a new segment, once the stores have changed places.
const REKEY: &str = "vault.rekey";
/// The first entry of a restored vault's log.
const RESTORE: &str = "vault.restore";
/// Says what became of a change.
const REOPEN: &str = "vault.reopen";

/// What trusted lines after the checkpoint come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ahead {
    /// The newest epoch told of, before the checkpoint too.
    pub epoch: Option<u64>,
    /// The checkpoint's segment was retired, which takes a later checkpoint that was stored.
    pub is_outrun: bool,
    /// The last change is a rekey, and a segment under another key follows.
    is_rekeyed: bool,
    /// The last change is a rekey, begun.
    rekeys: bool,
    /// The log is a restored vault's, which has so many lines of other logs behind it.
    restored: Option<u64>,
    /// The epoch of a change that no entry has ended yet.
    begun: Option<u64>,
    /// That of one that came to nothing, and whose first entry isn't after the checkpoint.
    refused: Option<u64>,
    /// Changes that were to be made.
    pub changes: u64,
    /// The last of them.
    pub last: Option<Change>,
}

/// Why a store can't be the newest, whatever its epoch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// The log has retired what the store knows as its end.
    Outrun,
    /// The log goes on under another root key, and the store has the one before.
    Rekeyed,
    /// The log is that of a vault that was restored from a backup of this one.
    Restored,
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
    /// Why a store is older that has so many lines of other logs behind it.
    pub fn passed(&self, lines_before: u64) -> Option<Passed> {
        match self {
            Self { is_outrun: true, .. } => Some(Passed::Outrun),
            Self { is_rekeyed: true, .. } => Some(Passed::Rekeyed),
            Self { restored: Some(lines), .. } if *lines > lines_before => Some(Passed::Restored),
            _ => None,
        }
    }

    /// Whether changes were made of which the log doesn't say it, in the order of the log; the store is the newest, and has
    /// this epoch.
    pub fn untold(&self, store: u64) -> impl Iterator<Item = bool> {
        let made = self.refused.filter(|epoch| *epoch <= store).map(|_| true);
        made.into_iter().chain(self.begun.map(|_| false))
    }

    /// Takes a trusted line, its action and the epoch that it names.
    pub(super) fn take(&mut self, action: Option<&str>, epoch: Option<u64>, is_after: bool, line: &[u8]) {
        self.epoch = self.epoch.max(epoch);
        if epoch.is_some() {
            // Changes wait for a rekey's end: it came to nothing.
            (self.rekeys, self.is_rekeyed) = (false, false);
        }
        match action {
            Some(REOPEN) if is_after => (self.begun, self.refused) = (None, None),
            Some(REKEY | RESTORE) => self.take_entry(epoch, is_after, line),
            _ if epoch.is_some() && is_after => self.take_entry(epoch, is_after, line),
            _ => {}
        }
    }

    /// Takes the header of another segment that isn't trusted: under another key, or changed.
    pub(super) fn take_foreign(&mut self) {
        self.is_rekeyed |= std::mem::take(&mut self.rekeys);
    }

    fn take_entry(&mut self, epoch: Option<u64>, is_after: bool, line: &[u8]) {
        let Ok(LoggedEntry { time, entry, .. }) = serde_json::from_slice(line) else { return };
        let is_allowed = entry.outcome == Outcome::Allowed;
        if is_allowed && entry.action == REKEY {
            self.rekeys = true;
        }
        if is_allowed && entry.action == RESTORE {
            self.restored = entry.changes.as_ref().and_then(lines_before);
        }
        let Some(epoch) = epoch.filter(|_| is_after) else { return };
        if USUAL.contains(&&*entry.action) {
            // It has told of what was before it.
            if is_allowed && entry.action == UNSEAL {
                (self.begun, self.refused) = (None, None);
            }
            return;
        }
        if !is_allowed {
            if self.begun.take().is_none() {
                self.refused = Some(epoch);
            }
            return;
        }
        self.begun = Some(epoch);
        self.changes += 1;
        let name = entry.secret.or(entry.integration).or(entry.subject).map(|name| name.to_string());
        self.last = Some(Change { time, action: entry.action.into_owned(), name });
    }
}

/// Of a restore's entry. One of an earlier release tells of the backup's own log alone.
fn lines_before(changes: &serde_json::Value) -> Option<u64> {
    changes.get("lines_before").or_else(|| changes.pointer("/backup/audit/seq"))?.as_u64()
}

impl std::fmt::Display for Change {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Self { time, action, name } = self;
        write!(out, "{time:.0} {action}")?;
        name.iter().try_for_each(|name| write!(out, " {name}"))
    }
}
