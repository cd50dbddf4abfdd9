//! fsm-vault, in rooms: each folder or file owns one thing, and imports go one way. `docs/` has the map.

// They panic where nothing can be written; cli::output has what doesn't.
#![cfg_attr(not(test), deny(clippy::print_stdout, clippy::print_stderr))]

#[macro_use]
pub mod failpoint;

pub mod api;
pub mod audit;
pub mod backup;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod crypto;
pub mod daemon;
pub mod heap;
pub mod identity;
pub mod jobs;
pub mod keys;
#[cfg(test)]
mod lots;
pub mod model;
pub mod notify;
pub mod policy;
pub mod secret;
pub mod store;
pub mod systemd;
pub mod telemetry;
pub mod vault;
pub mod wire;
