//! From a connection to a caller's name: the local CA, the server's TLS, who the peer is.
//!
//! Owns the certificates' form, the rules by which one is believed, and the files that hold them. A
//! certificate only authenticates: what a caller may do stands in its registration, which this room never
//! reads. Never falls back to a process-wide TLS provider, to TLS 1.2 or to the system's roots.
//!
//! ```text
//! Authority ──issues──▶ Issued (callers), ServerIdentity (the daemon)
//! TrustRoot ──▶ ClientVerifier ──┐
//! ServerCertificate ◀─ writer    ├─▶ server_config ──▶ connection ──▶ Presented, Peer
//! ServingCertificate ─ reader ───┘
//! ```

mod authority;
mod cgroup;
mod client;
mod error;
mod files;
#[cfg(fuzzing)]
pub mod fuzzing;
mod key;
mod new_file;
mod peer;
mod pem;
mod pidfd;
mod presented;
mod profile;
mod recent;
mod request;
mod server;
#[cfg(test)]
mod testing;
mod tls_directory;
mod trust;
mod user;
mod verifier;

pub use authority::{Authority, Issued, ServerIdentity, SubjectKey};
pub use client::{Existing, Identity, Protocols, write_identity};
pub use error::{CertificateFault, FileError, IdentityError, RequestFault, TrustFault, is_of_place, typed};
pub use files::{open_file, open_trusted, read_private};
pub use new_file::NewFile;
pub use peer::Peer;
pub use presented::Presented;
pub use request::CertificateRequest;
pub use server::{ServerCertificate, ServingCertificate, server_config};
pub use tls_directory::{KnownOperator, TlsDirectory};
pub use trust::{TrustRoot, is_bundle};
pub use user::as_user;
pub use verifier::ClientVerifier;
