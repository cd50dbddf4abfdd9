//! **The only gate.** Decides, audits, then acts; keeps the vault sealed or unsealed; changes what is in it.
//!
//! Owns the keys while unsealed, the registry of all nouns in memory, and the order of things: no value is
//! opened before its audit entry is written, no change is acknowledged before it is durable, and nothing is
//! released once a seal or a revocation has been acknowledged. Knows no HTTP.

mod access;
mod aside;
mod attempts;
mod backup;
mod burial;
mod caller_edit;
mod callers;
mod census;
mod certify;
mod change;
mod comparison;
mod consumers;
mod create;
mod difference;
mod directory;
mod editing;
mod enrol;
mod epoch;
mod error;
mod feed;
mod fetching;
mod filter;
#[cfg(fuzzing)]
pub mod fuzzing;
mod gate;
mod gauges;
mod import;
mod inspection;
mod integrations;
mod joint;
mod keyslots;
mod lifecycle;
mod lives;
mod loading;
mod log;
mod manage;
mod named;
mod notes;
mod notices;
mod noun;
mod outgoing;
mod pair;
mod past;
mod recover;
mod refused;
mod registry;
mod rekey;
mod reopening;
mod resealing;
mod residue;
mod revision;
mod rollback;
mod rotation;
mod secrets;
mod sender;
mod session;
mod share;
mod state;
#[cfg(test)]
mod tests;
mod turn;
mod unseal;
mod usage;
mod uses;
mod watch;

pub use access::Access;
pub use aside::aside;
pub use backup::{Backup, BackupFile, BackupPlan, Inspected, Restored, Restoring, restore_backup};
pub use caller_edit::{CallerEdit, RoleEdit};
pub use callers::SeenCaller;
pub use consumers::Consumer;
pub use create::{NewVault, create, refuse_existing};
pub use directory::{Directory, is_of_file_system};
pub use editing::SecretEdit;
pub use enrol::{CertificateSource, EnrolledCaller, NewCaller};
pub use error::VaultError;
pub use feed::{Cursor, Subject};
pub use filter::{Exposure, OriginWanted, SecretFilter};
pub use gate::{Known, OpenedPair, OpenedValue};
pub use gauges::Gauges;
pub use import::{Import, Imported};
pub use inspection::{Health, Looked, inspect, inspect_asking};
pub use integrations::{MadeIntegration, NewIntegration, SeenIntegration};
pub use keyslots::{LONGEST_PASSPHRASE, SHORTEST_PASSPHRASE, SeenSlot, unfit_as_new};
pub use lifecycle::{Opening, Vault, open_store};
pub use log::LogStanding;
pub use notes::Notes;
pub use notices::{Delivery, NoticeCount, Raising, SeenNotice, Way};
pub use outgoing::{Departing, Flushes, Lasting, Outgoing};
pub use pair::{IssuedPair, PairSource};
pub use recover::recover_operator;
pub use rekey::Rekeyed;
pub use revision::{IfMatch, Revision};
pub use rollback::RolledBack;
pub use rotation::{Cut, NewPair, NewVersion, Replaced, Rotated, Spread};
pub use secrets::{NewSecret, Page, SeenSecret};
pub use session::{Asker, Session};
pub use share::{Bound, Bounds, Holder, Place, Rate, SetAside, Share, Shares, UnderWay};
pub use uses::Use;
pub use watch::{Hearing, News, Told, Watcher};

/// When scheduled backups are made.
pub use crate::policy::backups::BackupRules;
/// What notices are judged by.
pub use crate::policy::{Ladder, notices::NoticeRules};
