//! The audit log: append-only, tamper-evident JSON lines in capped segments, one line per decision and per
//! change.
//!
//! Owns `data_dir/audit/`: the entry, the chain, writing, checking from a checkpoint's segment on at start, verifying
//! all of it, reading pages of it. Knows nothing of why something was decided, never sees a value, and keeps
//! no checkpoint itself: what keeps it is beyond the reach of whoever can edit these files. The format is
//! drawn in `chain.rs`.
//!
//! What it can't tell: whoever may write to the directory can take away whole lines from the end that came
//! after the last checkpoint, while the daemon is down, and leave what looks like a crash. So checkpoints
//! are to be stored often. Once retention has removed a damaged segment and the header that remembers it,
//! the rest verifies.
//!
//! Nothing is released before [`Log::append`] of its entry, or [`Log::written`] of one begun, has returned `Ok`.

mod ahead;
mod chain;
mod disk;
mod entry;
mod error;
mod figures;
mod filter;
mod finding;
#[cfg(fuzzing)]
pub mod fuzzing;
mod journal;
mod keys;
mod log;
mod lot;
mod opening;
mod own;
mod pace;
mod page;
mod queue;
mod stray;
mod tally;
#[cfg(test)]
mod tests;
mod told;
mod verify;
mod walk;
mod writer;

pub use ahead::{Ahead, Change, Passed, Untold};
pub use chain::{Checkpoint, FORMAT};
pub use disk::name_of as file_of;
pub use entry::{Entry, LoggedEntry, Outcome, Peer};
pub use error::AuditError;
pub use figures::{Figures, Written};
pub use filter::Filter;
pub use finding::{Finding, Flaw};
pub use journal::{JOURNALD_SOCKET, reach_journal};
pub use keys::ChainKeys;
pub use log::{Begun, Durability, EndsLog, Log, Opened, Settings, Surveyed};
pub use page::{Cursor, Look, Page, Start};
pub use tally::Due;
pub use told::{Fingerprints, Told};
pub use verify::{Report, verify_at_rest};
