//! The daemon's client: HTTP/1.1 over mutual TLS, on a Unix socket or on loopback.
//!
//! Owns where the daemon is, one connection to it, and the keys that a caller makes for itself. Believes only
//! the CA in the identity directory, reads only bounded answers, waits only so long. Decides nothing and
//! prints nothing; what the daemon says is made [`printable`] before it becomes part of an error.

mod address;
mod body;
mod call;
mod connection;
mod download;
mod error;
mod events;
mod fresh_key;
#[cfg(fuzzing)]
pub mod fuzzing;
mod printable;
mod renewal;
mod tls_failure;

pub use address::Address;
pub use body::{Body, NotText};
pub use call::{Answer, Call};
pub use connection::{Client, Connection};
pub use download::Download;
pub use error::{ClientError, Refusal};
pub use events::{Event, Events};
pub use fresh_key::FreshKey;
pub use printable::{printable, printable_json};
pub use renewal::Renewal;
