//! HTTP to vault and back: routes, one file per resource, and `failure` (error → problem+json).
//!
//! Decides nothing about access: it reads a request into typed words, hands them to the vault, and writes the
//! answer. Unknown paths, methods, query parameters and fields are refused here.

mod accept;
mod answer;
mod audit;
mod backups;
mod body;
mod caller_edit;
mod callers;
mod dispatch;
mod editing;
mod failure;
mod fetch;
#[cfg(fuzzing)]
pub mod fuzzing;
mod imports;
mod insight;
mod integrations;
mod keyslots;
mod listing;
mod log_cursors;
mod notices;
mod openapi;
mod precondition;
mod query;
mod reply;
mod request_id;
mod route;
mod secrets;
mod server;
mod system;
mod versions;
mod watch;

pub use fetch::{Asking, LastWords};
pub use reply::{Releases, Reply, Warrant};
pub use server::{Api, Verdict};
