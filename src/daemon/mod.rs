//! The daemon's life: open the store, unseal if it can, bind, say ready, serve, drain.
//!
//! Wires the rooms together and owns the connections. Decides nothing about access; what it refuses, it refuses
//! before there is a caller: too many connections, a handshake that fails or takes too long.

mod activity;
mod bind;
mod connection;
mod crowd;
mod error;
mod frames;
mod listenable;
mod named;
mod open;
mod refusals;
mod runtime;
mod serve;
mod signals;
mod strangers;
mod telling;

pub use error::DaemonError;
pub use named::{By, Unusable, unusable};
pub use open::{Plan, audit_settings, journald_is_away, open_unless_stopped};
pub use runtime::runtime;
pub use serve::Daemon;
pub use signals::Signals;
pub use telling::rules as notice_rules;
