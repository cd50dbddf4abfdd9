//! Backups: made while everything goes on, checked without the vault, restored into a directory of their own.
//!
//! ```text
//! change ──▶ what it is about to overwrite ──▶ snapshot ──┐
//! store, page by page ────────────────────────────────────┴─▶ frames ─▶ response body, or file
//! file ─▶ every record opened, put in its place ─▶ (verify) what is in it ─▶ (restore) store, log, tls/, header last
//! ```
//!
//! No value is opened for a backup: records go into it as they lie in the store.

mod create;
mod inspect;
mod place;
mod restore;
mod schedule;
mod snapshot;

pub use create::Backup;
pub use inspect::{BackupFile, Inspected};
pub use restore::{Restored, Restoring, restore_backup};
pub use schedule::BackupPlan;
pub(super) use schedule::Schedule;
pub(super) use snapshot::Snapshots;
