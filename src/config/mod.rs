//! The configuration: a TOML file becomes valid settings once, and all its problems are told together.
//!
//! Owns the file's grammar, its defaults (`settings.rs`, one page) and the spelling of listen addresses.
//! Never shows the file's text in an error: a value that landed under the wrong key may be a secret.
//! Reads no environment, opens no other file than its own, and decides nothing.

#[cfg(fuzzing)]
pub mod fuzzing;
mod listen;
mod load;
mod notice;
mod outbound;
mod problem;
mod read;
mod settings;
mod table;

pub use listen::Listen;
pub use load::DEFAULT_FILE;
pub use notice::{Notice, Smtp, SmtpTls};
pub use outbound::{AddressRange, OAuth, Outbound};
pub use problem::{ConfigError, Problem};
pub use settings::{Audit, Backup, Durability, Identity, Limits, Log, LogFormat, Settings, Trust};
