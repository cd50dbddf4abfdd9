//! Tells people: runs the hook program and sends mail for every notice that was raised.
//!
//! Owns what leaves the host because of a notice: IDs, names, dates and sentences, never a value. The program and the
//! mail server stand in the configuration file alone. Each way goes on its own, so that a mail server that is silent
//! holds up no program. Decides nothing about what is raised or who may know it: the vault says that.
//!
//! *At least once*: what was told is recorded after it was told, so that a crash in between tells it once more. What
//! fails is tried again for some nine hours, then given up and written down as failed.

mod attempts;
mod bounded;
mod carrier;
mod conversation;
mod error;
mod hook;
mod mail;
mod post;
#[cfg(test)]
mod testing;

pub use carrier::run;
pub use conversation::Tls;
pub use error::NotifyError;
pub use hook::Hook;
pub use mail::{Mail, Server};

/// The ways that are configured.
#[derive(Default)]
pub struct Ways {
    pub hook: Option<Hook>,
    pub mail: Option<Mail>,
}
