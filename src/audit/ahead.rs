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
use super::own::{LINES_BEFORE, RETIRE};
use super::walk::Line;

const UNSEAL: &str = "vault.unseal";
/// The daemon's coming and going: no change that anybody would miss.
const USUAL: [&str; 2] = [UNSEAL, "vault.close"];
/// Its log goes on under another chain key, in a new segment, once the stores have changed places.
const REKEY: &str = "vault.rekey";
/// The first entry of a restored vault's log. Once that is retired, those of the retirement say the same.
const RESTORE: &str = "vault.restore";
/// Says what became of a change.
const REOPEN: &str = "vault.reopen";
/// Takes an older store, whatever the log tells.
const ACCEPT: &str = "vault.accept_rollback";
/// What is written with that, and by the log itself: nobody's doing.
const NOBODYS: [&str; 8] = [
    ACCEPT,
    UNSEAL,
    "notice.raise",
    "audit.damage",
    "audit.recover",
    "audit.refusing",
    "audit.resume",
    RETIRE,
];

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
    /// Something was done under a former key since: an older store was accepted.
    is_resumed: bool,
    /// A segment's header isn't trusted.
    is_foreign: bool,
    /// A line is.
    is_ours: bool,
    /// Segments after the checkpoint's under a key that isn't known.
    elsewhere: u32,
    /// A change of which so many entries have no `failed` yet.
    begun: Option<(Untold, usize)>,
    /// One that is told as `failed`, and whose entry isn't after the checkpoint.
    refused: Option<Untold>,
    /// Changes that were to be made.
    pub changes: u64,
    /// The last of them.
    pub last: Option<Change>,
    /// As it was before an older store was accepted, should that come to nothing.
    before: Option<Box<Ahead>>,
    /// Nobody has done anything since.
    is_bare: bool,
    /// The epoch of an acceptance that did.
    in_vain: Option<u64>,
}

/// Why a store can't be the newest, whatever its epoch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// The log has retired what the store knows as its end.
    Outrun,
    /// The log goes on under another root key, and the store has the one before.
    Rekeyed,
    /// The log goes on under a root key from before this store's: an older store was accepted.
    Resumed,
    /// The log is that of a vault that was restored from a backup of this one.
    Restored,
    /// The log goes on under a key that the store doesn't know, or not a line of it is under the store's, or of its vault.
    Foreign,
}

/// A change of which the log doesn't say what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untold {
    epoch: u64,
    pub action: String,
    pub request_id: Option<String>,
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
            Self { is_resumed: true, .. } => Some(Passed::Resumed),
            Self { restored: Some(lines), .. } if *lines > lines_before => Some(Passed::Restored),
            Self { is_foreign: true, is_ours: false, .. } | Self { elsewhere: 1.., .. } => {
                Some(Passed::Foreign)
            }
            _ => None,
        }
    }

    /// How many lines of other logs lie behind this one, as far as it tells.
    pub fn lines_before(&self) -> u64 {
        self.restored.unwrap_or(0)
    }

    /// Changes of which the log doesn't say what became of them, in its order, and whether they were made; the store is the
    /// newest, and has this epoch.
    pub fn untold(&self, store: u64) -> impl Iterator<Item = (&Untold, bool)> {
        let made =
            self.refused.iter().filter(move |change| change.epoch <= store).map(|change| (change, true));
        made.chain(self.begun.iter().map(|(change, _)| (change, false)))
    }

    /// Takes a trusted line: whether it is after the checkpoint, and whether it is under a key that the store had before.
    pub(super) fn take(&mut self, told: &Line<'_>, (is_after, is_former): (bool, bool), line: &[u8]) {
        let (action, epoch) = (told.action.as_deref(), told.epoch);
        let is_failed = told.outcome.as_deref() == Some(Outcome::Failed.word());
        self.is_ours = true;
        self.is_bare &= action.is_some_and(is_nobodys);
        if is_failed {
            // The entry before it has told of the epoch.
            if action == Some(ACCEPT) && epoch.is_some() {
                self.refuse_accepted(epoch);
            }
            if epoch.is_some() && epoch == self.in_vain {
                return;
            }
        } else {
            if action == Some(ACCEPT) {
                self.before = None;
                self.before = Some(Box::new(self.clone()));
                self.is_bare = true;
            }
            self.epoch = self.epoch.max(epoch);
        }
        if epoch.is_some() {
            // Changes wait for a rekey's end: it came to nothing. And who wrote this has gone on with the store's own key.
            (self.rekeys, self.is_rekeyed, self.is_resumed, self.elsewhere) = (false, false, false, 0);
        }
        match action {
            Some(REOPEN) if is_after => (self.begun, self.refused) = (None, None),
            // The store itself comes from that rekey.
            Some(REKEY) if is_former => {}
            Some(REKEY) if is_after => self.take_entry(epoch, is_after, line),
            Some(REKEY) => {}
            Some(RESTORE | RETIRE) => self.take_entry(epoch, is_after, line),
            _ if epoch.is_some() && is_after => self.take_entry(epoch, is_after, line),
            _ => {}
        }
    }

    /// The acceptance before this came to nothing, and so did what else it would have written.
    fn refuse_accepted(&mut self, epoch: Option<u64>) {
        if let Some(before) = self.before.take() {
            *self = Self { in_vain: epoch, ..*before };
        }
    }

    /// Takes the header of another segment that isn't trusted: whether that comes after the checkpoint's, and whether it is
    /// whole, and under a key that isn't known. What lies before the checkpoint, the store has outlived.
    pub(super) fn take_foreign(&mut self, is_after: bool, is_unknown: bool) {
        self.is_foreign = true;
        self.is_bare = false;
        if is_after {
            self.is_rekeyed |= std::mem::take(&mut self.rekeys);
            self.elsewhere += u32::from(is_unknown);
        }
    }

    /// The segment taken last is under the store's key after all.
    pub(super) fn take_own(&mut self) {
        self.elsewhere = self.elsewhere.saturating_sub(1);
    }

    /// Takes a line after the checkpoint that is right under a key that the store had before.
    pub(super) fn take_former(&mut self, told: &Line<'_>) {
        self.is_resumed |= !told.action.as_deref().is_some_and(is_nobodys);
    }

    /// All was taken. An acceptance that a kill cut short has no `failed`; and one that nobody did anything after is none.
    pub(super) fn finish(&mut self, is_outrun: bool) {
        if self.is_bare
            && let Some(before) = self.before.take()
        {
            *self = *before;
        }
        self.is_outrun = is_outrun;
    }

    fn take_entry(&mut self, epoch: Option<u64>, is_after: bool, line: &[u8]) {
        let Ok(LoggedEntry { time, entry, .. }) = serde_json::from_slice(line) else { return };
        let is_allowed = entry.outcome == Outcome::Allowed;
        if is_allowed && entry.action == REKEY {
            self.rekeys = true;
        }
        if is_allowed && [RESTORE, RETIRE].contains(&&*entry.action) {
            self.restored = self.restored.max(entry.changes.as_ref().and_then(lines_before));
        }
        let Some(epoch) = epoch.filter(|_| is_after) else { return };
        if USUAL.contains(&&*entry.action) {
            // It has told of what was before it.
            if is_allowed && entry.action == UNSEAL {
                (self.begun, self.refused) = (None, None);
            }
            return;
        }
        let change = || Untold {
            epoch,
            action: entry.action.to_string(),
            request_id: entry.request_id.as_deref().map(str::to_owned),
        };
        if !is_allowed {
            match &mut self.begun {
                Some((begun, 1)) if begun.epoch == epoch => self.begun = None,
                Some((begun, entries)) if begun.epoch == epoch => *entries -= 1,
                _ => {
                    self.refused.get_or_insert_with(change);
                }
            }
            return;
        }
        match &mut self.begun {
            Some((begun, entries)) if begun.epoch == epoch => *entries += 1,
            begun => *begun = Some((change(), 1)),
        }
        self.changes += 1;
        let name = entry.secret.or(entry.integration).or(entry.subject).map(|name| name.to_string());
        self.last = Some(Change { time, action: entry.action.into_owned(), name });
    }
}

fn is_nobodys(action: &str) -> bool {
    NOBODYS.contains(&action)
}

/// Of a restore's or a retirement's entry. A restore's of an earlier release tells of the backup's own log alone.
fn lines_before(changes: &serde_json::Value) -> Option<u64> {
    changes.get(LINES_BEFORE).or_else(|| changes.pointer("/backup/audit/seq"))?.as_u64()
}

impl std::fmt::Display for Change {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Self { time, action, name } = self;
        write!(out, "{time:.0} {action}")?;
        name.iter().try_for_each(|name| write!(out, " {name}"))
    }
}

#[cfg(test)]
mod tests;
