//! Decides: facts and time in, terms or a reason out. Pure; the default is refusal.
//!
//! Two tables: who may use a secret ([`decide_use`]; [`decide_hearing`]: who is told that it changed), and what an
//! operator may do ([`decide_manage`]); and what people must be told ([`notices`]). Reads no clock and no store,
//! writes nothing, and mints no permit: that is the vault's.

pub mod backups;
mod ladder;
mod manage;
pub mod notices;
mod recognise;
mod usage;

pub use ladder::Ladder;
pub use manage::{Action, decide_manage};
pub use recognise::{Recognised, recognise};
pub use usage::{Ask, Target, Terms, decide_hearing, decide_use};
